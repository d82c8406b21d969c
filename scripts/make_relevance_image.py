"""Draw `docs/relevance.png`: the relevance map of a page of the demo, and the returned regions."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from colregion import Engine
from colregion.demo import DOCUMENTS
from colregion.export import draw_hits, draw_map
from colregion.indexes import MemoryIndex

QUESTION = "What did fuel and electricity cost in 2024, in million euros?"
HEIGHT_PX = 900
GAP_PX = 24


def main() -> None:
    with Engine.open(MemoryIndex(), parser="text_layer") as engine:
        engine.add(DOCUMENTS / "tarrow-annual-report-2024.pdf")
        hits = engine.search(QUESTION, k=3)
        page_id, page = hits[0].page_id, hits[0].parsed.page
        relevance = draw_map(page.image, engine.explain(QUESTION, page_id))
        boxes = draw_hits(page.image, [hit for hit in hits if hit.page_id == page_id])
        images = [image.convert("RGB") for image in (relevance, boxes)]
    widths = [round(image.width * HEIGHT_PX / image.height) for image in images]
    sheet = Image.new("RGB", (sum(widths) + GAP_PX, HEIGHT_PX), "white")
    x = 0
    for image, width in zip(images, widths, strict=True):
        sheet.paste(image.resize((width, HEIGHT_PX), Image.Resampling.LANCZOS), (x, 0))
        x += width + GAP_PX
    path = Path(__file__).parent.parent / "docs" / "relevance.png"
    sheet.quantize(128).save(path, optimize=True)


if __name__ == "__main__":
    main()
