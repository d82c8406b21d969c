"""Regions of a page from another retriever, without an index, and a heat map of their relevance.

python examples/regions_of_a_page.py scan.jpg "What is the total?"
"""

import sys
from pathlib import Path

from colregion import Engine
from colregion.export import draw_hits, draw_map
from colregion.indexes.memory import MemoryIndex


def main(path: str, question: str) -> None:
    with Engine.open(MemoryIndex()) as engine:
        hits = engine.rank(question, path, k=3)
        for hit in hits:
            print(f"{hit.score:.3f} {hit.kind}: {hit.text!r}")
        page = hits[0].parsed.page.image
        heat_map = draw_map(page, engine.explain(question, path))
        draw_hits(heat_map, hits).save(Path(path).stem + "-why.png")


if __name__ == "__main__":
    main(*sys.argv[1:])
