"""Regions of a page that some other retriever found, without an index, and a picture of why.

python examples/regions_of_a_page.py scan.jpg "What is the total?"
"""

import sys
from pathlib import Path

from colregion import Engine
from colregion.export import draw_hits, draw_map
from colregion.indexes.memory import MemoryIndex


def main(picture: str, question: str) -> None:
    with Engine.open(MemoryIndex()) as engine:
        hits = engine.rank(question, picture, k=3)
        for hit in hits:
            print(f"{hit.score:.3f} {hit.kind}: {hit.text!r}")
        page = hits[0].parsed.page.image
        lit = draw_map(page, engine.explain(question, picture))
        draw_hits(lit, hits).save(Path(picture).stem + "-why.png")


if __name__ == "__main__":
    main(*sys.argv[1:])
