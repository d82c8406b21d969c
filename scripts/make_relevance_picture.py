"""Draws `docs/relevance.png`: a page of the demo, what a question lights up, what comes back."""

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
        page = hits[0].page_id
        lit = draw_map(hits[0].parsed.page.image, engine.explain(QUESTION, page))
        found = draw_hits(hits[0].parsed.page.image, [hit for hit in hits if hit.page_id == page])
        pictures = [one.convert("RGB") for one in (lit, found)]
    widths = [round(one.width * HEIGHT_PX / one.height) for one in pictures]
    sheet = Image.new("RGB", (sum(widths) + GAP_PX, HEIGHT_PX), "white")
    x = 0
    for one, width in zip(pictures, widths, strict=True):
        sheet.paste(one.resize((width, HEIGHT_PX), Image.Resampling.LANCZOS), (x, 0))
        x += width + GAP_PX
    colours = sheet.quantize(128)
    colours.save(Path(__file__).parent.parent / "docs" / "relevance.png", optimize=True)


if __name__ == "__main__":
    main()
