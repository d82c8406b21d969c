"""A Streamlit page: a question, and the pages with the regions that answer it.

pip install streamlit
streamlit run examples/streamlit_app.py -- library
"""

import sys

from PIL import Image

from colregion import Engine
from colregion.export import draw_hits


def marked_pages(engine: Engine, question: str, k: int = 5) -> list[tuple[str, Image.Image]]:
    """A caption and an image of each page with hits, best first, the hits outlined by rank."""
    hits = engine.search(question, k=k)
    pages = []
    for page_id in dict.fromkeys(hit.page_id for hit in hits):
        ranked = [(rank, hit) for rank, hit in enumerate(hits, start=1) if hit.page_id == page_id]
        first = ranked[0][1]
        image = draw_hits(
            first.parsed.page.image,
            [hit for _, hit in ranked],
            ranks=[rank for rank, _ in ranked],
        )
        pages.append((f"{first.doc_id}, page {first.page_number}", image))
    return pages


def main(index: str) -> None:
    import streamlit as st  # type: ignore[import-not-found]

    engine = st.cache_resource(Engine.open)(index)
    question = st.text_input("Question")
    if question:
        pages = marked_pages(engine, question)
        if not pages:
            st.info("Nothing here answers that.")
        for caption, image in pages:
            st.image(image, caption=caption)


if __name__ == "__main__":
    main(*sys.argv[1:])
