"""Draw the images of the documentation from the demo's report: python -m scripts.make_docs_images

`docs/hit.png`: a hit on its page and cut out. `docs/relevance.png`: the relevance map of a page,
and the returned regions.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from colregion import Engine, Hit
from colregion.demo import DOCUMENTS
from colregion.export import draw_hits, draw_map
from colregion.export.overlay import tint_quotes
from colregion.indexes import MemoryIndex

DOCS = Path(__file__).parent.parent / "docs"
QUESTION = "What did fuel and electricity cost in 2024?"
MAP_QUESTION = "What did fuel and electricity cost in 2024, in million euros?"
HEIGHT_PX = 900
GAP_PX = 24
COLORS = 128
CROP_WIDTH_PX = 760


def beside(images: Sequence[Image.Image]) -> Image.Image:
    """Images of one height in a row on white."""
    width = sum(image.width for image in images) + GAP_PX * (len(images) - 1)
    sheet = Image.new("RGB", (width, images[0].height), "white")
    x = 0
    for image in images:
        sheet.paste(image, (x, 0))
        x += image.width + GAP_PX
    return sheet


def of_height(image: Image.Image) -> Image.Image:
    size = (round(image.width * HEIGHT_PX / image.height), HEIGHT_PX)
    return image.convert("RGB").resize(size, Image.Resampling.LANCZOS)


def framed(image: Image.Image) -> Image.Image:
    ImageDraw.Draw(image).rectangle((0, 0, image.width - 1, image.height - 1), outline="#bbbbbb")
    return image


def cut_out(hit: Hit) -> Image.Image:
    """The region with its quote tinted, beneath the question and above its place."""
    page = tint_quotes(hit.parsed.page.image, [hit])
    crop = page.crop(hit.box.to_pixels(width_px=page.width, height_px=page.height))
    size = (CROP_WIDTH_PX, round(crop.height * CROP_WIDTH_PX / crop.width))
    crop = framed(crop.resize(size, Image.Resampling.LANCZOS))
    sides = ", ".join(f"{side:.2f}" for side in hit.box.xyxy)
    sheet = Image.new("RGB", (CROP_WIDTH_PX, HEIGHT_PX), "white")
    draw = ImageDraw.Draw(sheet)
    top = (HEIGHT_PX - crop.height) // 2
    sheet.paste(crop, (0, top))
    draw.text((0, top - 56), QUESTION, fill="black", font=ImageFont.load_default(30))
    place = f"page {hit.page_number}, {hit.kind}, box ({sides})"
    draw.text((0, top + crop.height + 20), place, fill="#444444", font=ImageFont.load_default(24))
    return sheet


def main() -> None:
    with Engine.open(MemoryIndex(), parser="text_layer") as engine:
        engine.add(DOCUMENTS / "tarrow-annual-report-2024.pdf")
        hit = engine.search(QUESTION, k=1)[0]
        answer = beside([framed(of_height(hit.show())), cut_out(hit)])
        hits = engine.search(MAP_QUESTION, k=3)
        page_id, page = hits[0].page_id, hits[0].parsed.page
        relevance = draw_map(page.image, engine.explain(MAP_QUESTION, page_id))
        boxes = draw_hits(page.image, [hit for hit in hits if hit.page_id == page_id])
    pages = beside([of_height(relevance), of_height(boxes)])
    for name, image in (("hit.png", answer), ("relevance.png", pages)):
        image.quantize(COLORS).save(DOCS / name, optimize=True)


if __name__ == "__main__":
    main()
