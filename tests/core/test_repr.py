"""Every record with arrays or a whole page prints on one short line."""

from __future__ import annotations

import numpy as np
import pytest

from colregion.core.documents import Document, DocumentEntry
from colregion.core.embeddings import Candidate, EmbeddedPage
from colregion.core.geometry import Box, BoxPlacement, GridPlacement
from colregion.core.results import Hit, PageHit, RelevanceMap
from colregion.retrieval.evidence import collect_evidence
from colregion.retrieval.question import Question
from colregion.retrieval.scorer import ScoredPage
from colregion.testing import WordEncoder, make_parsed_page

LONG = "a very long line of text " * 30
PAGE = make_parsed_page([("total\ndue", Box(0.1, 0.1, 0.6, 0.2))])


def records(text: str) -> list[object]:
    parsed = make_parsed_page([(text, Box(0, 0.1 * i, 1, 0.1 * i + 0.1)) for i in range(9)])
    entry = DocumentEntry("doc", text, "hash", "parser")
    encoder = WordEncoder()
    embedded = EmbeddedPage(parsed, encoder.encode_pages([parsed])[0])
    query = encoder.encode_query(text)
    question, candidate = Question.of(text, query), Candidate.of(embedded, query)
    (evidence,) = collect_evidence(question, [candidate], noise_floor=0.1)
    return [
        parsed.page,
        parsed,
        Document(text, text, "hash", lambda: iter(()), 9),
        embedded,
        embedded.embedding,
        query,
        Hit(parsed.regions[0], parsed, entry, 0.5),
        PageHit(parsed, entry, 0.5),
        RelevanceMap(candidate.similarity, candidate.placement, query),
        GridPlacement((np.arange(1024).reshape(32, 32),), n_vectors=1024),
        GridPlacement((np.arange(1024).reshape(32, 32),) * 9, n_vectors=1024),
        BoxPlacement(parsed.region_boxes),
        candidate,
        evidence,
        ScoredPage(candidate, 0.5),
        question,
    ]


@pytest.mark.parametrize("record", records(LONG), ids=lambda record: type(record).__name__)
def test_repr_of_a_large_record_is_one_line_of_at_most_300_characters(record: object) -> None:
    assert repr(record).startswith(type(record).__name__ + "(")
    assert len(repr(record)) <= 300
    assert "\n" not in repr(record)


def test_repr_names_the_record_and_summarises_arrays_and_long_text() -> None:
    entry = DocumentEntry("doc", "doc.pdf", "hash", "parser")
    hit = Hit(PAGE.regions[0], PAGE, entry, 0.5)
    assert repr(hit) == r"Hit(id='doc#p1#1', score=0.5, source='doc.pdf', text='total\ndue')"
    assert repr(BoxPlacement(np.zeros((3, 4)))) == "BoxPlacement(boxes_xyxy=float64[3, 4])"
    document = Document("d" * 100, "d.pdf", "hash", lambda: iter(()), 2)
    shown = "d" * 27 + "..." + "d" * 28
    assert repr(document) == f"Document(id='{shown}', source='d.pdf', page_count=2)"
