"""Two drawn pages and a question for each, whose answers are known: a first test of a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from colregion.core.embeddings import PageEmbedding, maxsim_score, region_cover, similarity
from colregion.core.geometry import Box, boxes_to_array
from colregion.core.interfaces import Encoder
from colregion.core.regions import ParsedPage
from colregion.encoders.colvision.proof import page_of

_WIDTH_PX, _HEIGHT_PX, _LINE_PX, _TEXT_PX = 850, 1100, 150, 34
_LINES = (
    (
        "Invoice 2024-117",
        "Delivery address: 12 Harbour Street",
        "Total amount due: 1,482.50 EUR",
        "Please pay within 30 days",
    ),
    (
        "Weather in the valley",
        "Rainfall in July: 88 mm",
        "Highest temperature: 31.4 degrees",
        "Wind mostly from the south-west",
    ),
)
# Each question, its page and its line there.
_QUESTIONS = (
    ("What is the total amount due?", 0, 2),
    ("How much rain fell in July?", 1, 1),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """Where the model sees the answer to a question, and whether that is right."""

    question: str
    right_page: bool
    line: str
    right_line: bool


def drawn_pages() -> list[ParsedPage]:
    """The two pages, without words or regions."""
    pages = []
    for number, lines in enumerate(_LINES, start=1):
        image = Image.new("RGB", (_WIDTH_PX, _HEIGHT_PX), "white")
        draw, font = ImageDraw.Draw(image), ImageFont.load_default(size=_TEXT_PX)
        for i, line in enumerate(lines):
            draw.text((80, 100 + i * _LINE_PX), line, fill="black", font=font)
        pages.append(page_of(np.asarray(image), number=number))
    return pages


def ask(encoder: Encoder, embeddings: Sequence[PageEmbedding]) -> list[Answer]:
    """Ask each question of the two pages' embeddings: the page with the higher score, and the line
    of the right page whose vectors are most similar to the question's words."""
    boxes = boxes_to_array(
        [
            Box(0, (75 + i * _LINE_PX) / _HEIGHT_PX, 1, (100 + _LINE_PX * (i + 0.5)) / _HEIGHT_PX)
            for i in range(len(_LINES[0]))
        ]
    )
    answers = []
    for question, page, line in _QUESTIONS:
        query = encoder.encode_query(question)
        sims = [similarity(query.vectors, one.vectors) for one in embeddings]
        scores = [maxsim_score(sim, query.weights) for sim in sims]
        cover = region_cover(embeddings[page].placement, boxes)
        words = sims[page][query.content]
        of_lines = [
            words[:, cover.indices[start:end]].max(axis=1).sum()
            for start, end in zip(cover.indptr, cover.indptr[1:], strict=False)
        ]
        seen = int(np.argmax(of_lines))
        right_page = int(np.argmax(scores)) == page
        answers.append(Answer(question, right_page, _LINES[page][seen], seen == line))
    return answers
