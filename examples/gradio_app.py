"""A Gradio page: a question, a table of regions, and images of them.

pip install gradio
python examples/gradio_app.py library
"""

import sys
from typing import Any

from PIL import Image

from colregion import Engine

COLUMNS = ["document", "page", "text", "confidence"]


def answer(
    engine: Engine, question: str, k: int = 5
) -> tuple[list[list[Any]], list[tuple[Image.Image, str]]]:
    """Rows of `COLUMNS`, and a crop with its region's id for each."""
    hits = engine.search(question, k=k)
    rows = [[hit.doc_id, hit.page_number, hit.text, hit.confidence] for hit in hits]
    return rows, [(hit.crop(margin=0.01), hit.id) for hit in hits]


def main(index: str) -> None:
    import gradio as gr  # type: ignore[import-not-found]

    engine = Engine.open(index)
    page = gr.Interface(
        fn=lambda question: answer(engine, question),
        inputs=gr.Textbox(label="Question"),
        outputs=[gr.Dataframe(headers=COLUMNS), gr.Gallery(label="Regions")],
        flagging_mode="never",
    )
    page.launch()


if __name__ == "__main__":
    main(*sys.argv[1:])
