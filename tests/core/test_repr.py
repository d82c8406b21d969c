"""Every record with arrays or a whole page prints on one short line."""

from __future__ import annotations

from dataclasses import is_dataclass
from importlib import import_module

import numpy as np
import pytest

from colregion import Citation, Context, Engine, Progress, Resolution, UnknownMark
from colregion.citations.locate import Location
from colregion.core.documents import Document, DocumentEntry, Limits
from colregion.core.embeddings import Candidate, EmbeddedPage
from colregion.core.geometry import Box, BoxPlacement, GridPlacement
from colregion.core.quotes import Quote
from colregion.core.regions import Word
from colregion.core.results import AddReport, Hit, Outcome, PageHit, RelevanceMap
from colregion.export import Section
from colregion.indexes import MemoryIndex
from colregion.parsers import ExternalPage, ExternalRegion
from colregion.retrieval.evidence import collect_evidence
from colregion.retrieval.question import Question
from colregion.retrieval.scorer import ScoredPage
from colregion.server import ServerLimits
from colregion.testing import LineParser, PlainImage, WordEncoder, make_parsed_page
from tests.test_public_api import PUBLIC

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
    hit = Hit(parsed.regions[0], parsed, entry, 0.5)
    outcome = Outcome(text, text, "failed", reason=text, missing_pages=(1,) * 99)
    citation = Citation(0, 9, f"[{text} p.1 r1]", hit)
    unknown = UnknownMark(0, 9, text, text)
    word = Word(text, Box(1 / 3, 1 / 7, 2 / 3, 6 / 7), confidence=1 / 3, line=1, block=1)
    part = ExternalRegion(Box(1 / 3, 1 / 7, 2 / 3, 6 / 7), text, words=(word,))
    external = ExternalRegion(Box(1 / 3, 1 / 7, 2 / 3, 6 / 7), text, parts=(part,) * 9)
    return [
        *parsed.regions[:1],
        word,
        Box(1 / 3, 1 / 7, 2 / 3, 6 / 7),
        DocumentEntry(text, text, "hash", "parser", {text: text}, 99, (1,) * 99),
        Limits(),
        outcome,
        AddReport((outcome,) * 99),
        Progress(text, 10**6, 10**6, 10**6, 10**6, 1 / 3, 1 / 3),
        Context(text, {f"[{text} p.{n} r{n}]": hit for n in range(9)}, 10**6, text),
        citation,
        unknown,
        Resolution((citation,) * 9, (unknown,) * 9),
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
        Quote(text, (Box(1 / 3, 1 / 7, 2 / 3, 6 / 7),) * 9),
        Location(hit, Quote(text, (Box(0, 0, 1, 1),)), 1 / 3, text),
        Section(
            text, [hit] * 9, {text: RelevanceMap(candidate.similarity, candidate.placement, query)}
        ),
        ExternalPage((external,) * 9, (1 / 3, 1 / 3), 1 / 3, (word,) * 9),
        external,
        ServerLimits(),
        PlainImage(painted=((Box(1 / 3, 1 / 7, 2 / 3, 6 / 7), (200, 100, 100)),)),
    ]


@pytest.mark.parametrize("record", records(LONG), ids=lambda record: type(record).__name__)
def test_repr_of_a_large_record_is_one_line_of_at_most_300_characters(record: object) -> None:
    assert repr(record).startswith(type(record).__name__ + "(")
    assert len(repr(record)) <= 300
    assert "\n" not in repr(record)


def test_every_public_record_is_among_those_with_a_short_repr() -> None:
    # A framework's own class is shown as the framework does.
    modules = [module for module in PUBLIC if not module.endswith(("llama_index", "langchain"))]
    public = {
        name
        for module in map(import_module, modules)
        for name in module.__all__
        if is_dataclass(getattr(module, name))
    }
    assert public <= {type(record).__name__ for record in records(LONG)}


def test_repr_of_an_engine_names_its_encoder() -> None:
    engine = Engine(MemoryIndex(), encoder=WordEncoder(), parser=LineParser([]))
    assert repr(engine).startswith("Engine(index=<")
    assert repr(engine).endswith(f"fingerprint={engine.encoder.fingerprint!r})")


def test_repr_of_a_report_counts_pages_and_outcomes() -> None:
    outcomes = (Outcome("a", "a", "added", pages=3), Outcome("b", "b", "failed"))
    report = AddReport((*outcomes, outcomes[1]))
    assert repr(report) == "AddReport(pages=3, counts={'added': 1, 'failed': 2})"


def test_repr_names_the_record_and_summarises_arrays_and_long_text() -> None:
    entry = DocumentEntry("doc", "doc.pdf", "hash", "parser")
    hit = Hit(PAGE.regions[0], PAGE, entry, 0.5)
    assert repr(hit) == r"Hit(id='doc#p1#1', score=0.5, source='doc.pdf', text='total\ndue')"
    assert repr(BoxPlacement(np.zeros((3, 4)))) == "BoxPlacement(boxes_xyxy=float64[3, 4])"
    document = Document("d" * 100, "d.pdf", "hash", lambda: iter(()), 2)
    shown = "d" * 27 + "..." + "d" * 28
    assert repr(document) == f"Document(id='{shown}', source='d.pdf', page_count=2)"
