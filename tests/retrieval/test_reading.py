"""Which unread areas are read for a question, and when reading ends."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from threading import Barrier

import numpy as np
import pytest

from colregion.core.documents import DocumentEntry
from colregion.core.embeddings import Candidate, EmbeddedPage, PageEmbedding
from colregion.core.filters import EVERYTHING
from colregion.core.geometry import Box, BoxPlacement
from colregion.core.interfaces import AreaReader, AreaReading, IndexSetting
from colregion.core.regions import ParsedPage, Region, Word
from colregion.core.results import Hit
from colregion.errors import InvalidInput
from colregion.indexes.memory import MemoryIndex
from colregion.ingestion.filling import fill_leaves
from colregion.retrieval.confidence import FEATURES, Calibration
from colregion.retrieval.parts import join_regions
from colregion.retrieval.question import Question
from colregion.retrieval.ranking import Limits, RankedRegion
from colregion.retrieval.reading import Reading, leaves_around
from colregion.retrieval.regions import RegionScorer
from colregion.retrieval.retriever import Retriever
from colregion.retrieval.scorer import ScoredPage
from colregion.testing import WordEncoder, make_page

HEIGHT = 0.05


class FloorEncoder(WordEncoder):
    noise_floor = 0.2


def line_box(row: int) -> Box:
    return Box(0.1, 0.1 * row + 0.02, 0.9, 0.1 * row + 0.02 + HEIGHT)


def seen_page(*lines: str, number: int = 1) -> EmbeddedPage:
    """An unread page of lines, on which the image shows one word per line."""
    page = make_page(number=number)
    regions = tuple(
        Region(page.id, (n + 1,), line_box(n), "", unread=True) for n in range(len(lines))
    )
    places = np.array([line_box(n).xyxy for n in range(len(lines))])
    vectors = WordEncoder()._vectors(lines)
    return EmbeddedPage(ParsedPage(page, (), regions), PageEmbedding(vectors, BoxPlacement(places)))


class ListReader(AreaReader):
    """Reads "read N" in the N-th line; each reading takes a second. Several threads that read pages
    at once wait for each other."""

    def __init__(
        self, index: MemoryIndex, *, problem: str = "", text: str = "read", pages_at_once: int = 1
    ) -> None:
        self.index, self.problem, self.text = index, problem, text
        self.pages_at_once = pages_at_once
        self.barrier = Barrier(pages_at_once)
        self.calls: list[tuple[str, list[int]]] = []
        self.limits: list[float] = []

    def read(
        self, page_id: str, paths: Iterable[tuple[int, ...]], *, limit_s: float
    ) -> AreaReading:
        paths = list(paths)
        self.calls.append((page_id, [path[0] for path in paths]))
        self.barrier.wait(timeout=30)
        self.limits.append(limit_s)
        if self.problem:
            return AreaReading(None, 1.0, self.problem)
        (page,) = self.index.load([page_id])
        own = self.words(paths)
        areas = {one.path: one.box for one in page.parsed.regions if one.path in paths}
        parsed = fill_leaves(page.parsed, areas, own, page.parsed.page)
        changed = replace(page, parsed=parsed)
        entry = self.index.entry("doc")
        self.index.update_page(entry, page.parsed.page.number, lambda _: changed)
        return AreaReading(changed, 1.0)

    def words(self, paths: Sequence[tuple[int, ...]]) -> list[Word]:
        read = []
        for path in paths:
            words = f"{self.text} {path[0]}".split()
            box, width = line_box(path[0] - 1), 0.8 / len(words)
            for i, word in enumerate(words):
                x0 = box.x0 + i * width
                read.append(Word(word, replace(box, x0=x0, x1=x0 + width), 0.9))
        return read


def asked(
    *pages: EmbeddedPage,
    question: str = "apple",
    k: int = 3,
    budget_s: float = 10.0,
    problem: str = "",
    text: str = "read",
    calibrated: bool = False,
    pages_at_once: int = 1,
) -> tuple[list[Hit], ListReader]:
    index, encoder = MemoryIndex(), FloorEncoder()
    index.replace(DocumentEntry("doc", "doc.pdf", "h", "p"), pages)
    if calibrated:
        weights = tuple(4.0 * name.startswith("maxsim") for name in FEATURES)
        index.set_setting(IndexSetting.CALIBRATION, Calibration(weights, -2.0).to_json())
    reader = ListReader(index, problem=problem, text=text, pages_at_once=pages_at_once)
    retriever = Retriever(index, encoder, RegionScorer(noise_floor=0.2), reader)
    limits = Limits(reading_budget_s=budget_s)
    return retriever.search(question, k=k, filters=EVERYTHING, limits=limits), reader


FAR = ("apple", "berry", "cherry", "dill")


def test_the_line_that_the_question_lights_up_is_read_and_returned_with_its_text() -> None:
    hits, reader = asked(seen_page(*FAR), k=1)
    assert reader.calls == [("doc#p1", [1])]
    assert [(hit.text, hit.unread, hit.unread_reason) for hit in hits] == [("read 1", False, "")]


def test_the_strip_around_a_region_is_read_with_it() -> None:
    page = seen_page("apple", "berry").parsed
    beside = Region(page.id, (3,), Box(0.92, 0.04, 0.99, 0.07), "", unread=True)
    just_below = Region(page.id, (4,), Box(0.1, 0.075, 0.2, 0.105), "", unread=True)
    page = replace(page, regions=(*page.regions, beside, just_below))
    # The strip ends at .02 + .05 + .02 = .09: half of the last leaf is inside.
    assert leaves_around(page, page.regions[0]) == {(1,), (3,), (4,)}


def test_all_leaves_of_a_large_region_are_read() -> None:
    page = make_page()
    area = Region(page.id, (1,), Box(0.1, 0.1, 0.9, 0.3), "", unread=True)
    leaves = [
        Region(page.id, (1, n), Box(0.1, 0.1 * n, 0.9, 0.1 * n + 0.05), "", unread=True)
        for n in (1, 2)
    ]
    parsed = ParsedPage(page, (), (area, *leaves))
    assert leaves_around(parsed, area) == {(1, 1), (1, 2)}


def test_the_paragraph_of_a_line_is_read_with_it_and_the_next_paragraph_is_not() -> None:
    page = make_page()
    places = {(1,): (1, 5), (1, 1): (1, 3), (1, 2): (4, 5)}
    lines = {(1, 1, n): (n, n) for n in (1, 2, 3)} | {(1, 2, n): (n + 3, n + 3) for n in (1, 2)}
    regions = tuple(
        Region(page.id, path, Box(0.1, 0.1 * top, 0.9, 0.1 * bottom + 0.05), "", unread=True)
        for path, (top, bottom) in sorted((places | lines).items())
    )
    parsed = ParsedPage(page, (), regions)
    line = parsed.regions[parsed.positions[1, 1, 2]]
    assert leaves_around(parsed, line) == {(1, 1, 1), (1, 1, 2), (1, 1, 3)}


def test_pages_that_are_read_are_not_ranked_to_choose_what_to_read() -> None:
    def rank(_pages: Sequence[ScoredPage]) -> list[RankedRegion]:
        raise AssertionError("ranked")

    index, encoder, scorer = MemoryIndex(), FloorEncoder(), RegionScorer(noise_floor=0.2)
    page = seen_page("apple")
    read = fill_leaves(
        page.parsed, {(1,): line_box(0)}, [Word("apple", line_box(0), 0.9)], page.parsed.page
    )
    question = Question.ask("apple", encoder=encoder, index=index)
    candidate = Candidate.of(replace(page, parsed=read), question.embedding)
    scored = list(scorer.score_pages(question, [candidate]))
    reading = Reading(question, scorer, ListReader(index), 10.0, rank)
    assert reading.read(scored) == scored


def test_reading_goes_on_until_the_best_regions_are_read() -> None:
    pages = [seen_page("apple", number=n) for n in (1, 2, 3, 4)]
    hits, reader = asked(*pages, k=3)
    assert sorted(page_id for page_id, _ in reader.calls) == ["doc#p1", "doc#p2", "doc#p3"]
    assert [hit.text for hit in hits] == ["read 1"] * 3


def test_at_most_eight_regions_are_read_however_many_are_asked_for() -> None:
    pages = [seen_page("apple", number=n) for n in range(1, 13)]
    hits, reader = asked(*pages, k=12, budget_s=100)
    assert len(reader.calls) == 8
    assert [hit.unread for hit in hits] == [False] * 8 + [True] * 4
    assert hits[-1].unread_reason == "only the best 8 regions are read"


def test_the_budget_ends_the_reading_after_the_area_that_exceeds_it() -> None:
    pages = [seen_page("apple", number=n) for n in (1, 2, 3, 4)]
    hits, reader = asked(*pages, k=4, budget_s=1.5)
    assert len(reader.calls) == 2
    assert [(hit.text, hit.unread) for hit in hits] == [
        ("read 1", False),
        ("read 1", False),
        ("", True),
        ("", True),
    ]
    assert hits[2].unread_reason == "the reading budget of 1.5 s was used up"
    assert reader.limits == [1.5 + 3.0, 0.5 + 3.0]  # what is left, and twice the budget


def test_pages_that_are_read_at_once_cost_the_budget_the_time_of_one() -> None:
    pages = [seen_page("apple", number=n) for n in range(1, 7)]
    hits, reader = asked(*pages, k=6, budget_s=1.5, pages_at_once=2)
    assert sorted(page_id for page_id, _ in reader.calls) == [
        "doc#p1",
        "doc#p2",
        "doc#p3",
        "doc#p4",
    ]
    assert sorted(reader.limits) == [0.5 + 3.0] * 2 + [1.5 + 3.0] * 2
    assert [hit.unread for hit in hits] == [False] * 4 + [True] * 2
    assert hits[5].unread_reason == "the reading budget of 1.5 s was used up"


def test_a_budget_of_zero_reads_nothing() -> None:
    hits, reader = asked(seen_page(*FAR), k=1, budget_s=0)
    assert reader.calls == []
    assert [(hit.text, hit.unread) for hit in hits] == [("", True)]
    assert hits[0].unread_reason == "no time was given to read it (reading_budget_s is 0)"


@pytest.mark.parametrize("budget_s", [-1, float("nan")])
def test_a_budget_below_zero_is_refused(budget_s: float) -> None:
    with pytest.raises(InvalidInput, match="reading_budget_s must be 0 or more"):
        Limits(reading_budget_s=budget_s)


def test_a_page_that_cannot_be_read_is_tried_once_and_its_hit_says_why() -> None:
    hits, reader = asked(seen_page(*FAR), k=1, problem="install OCR")
    assert len(reader.calls) == 1
    assert [(hit.text, hit.unread, hit.unread_reason) for hit in hits] == [
        ("", True, "install OCR")
    ]


def test_where_a_form_of_answer_is_expected_and_not_read_the_rest_of_the_page_is() -> None:
    page = seen_page("total", "apple", "berry", "cherry")
    _, reader = asked(page, question="total amount", k=1, text="no form")
    assert reader.calls == [("doc#p1", [1]), ("doc#p1", [2, 3, 4])]
    _, reader = asked(page, question="total amount", k=1, text="$ 12.50")
    assert reader.calls == [("doc#p1", [1])]


def test_an_unread_hit_has_no_confidence_and_a_read_one_has() -> None:
    unread, _ = asked(seen_page(*FAR), k=1, budget_s=0, calibrated=True)
    read, _ = asked(seen_page(*FAR), k=1, calibrated=True)
    assert unread[0].confidence is None
    assert read[0].confidence is not None


def test_a_label_joined_with_a_value_that_is_unread_is_unread() -> None:
    page = make_page()
    label = Region(page.id, (1,), Box(0.1, 0.1, 0.2, 0.2), "Total:")
    value = Region(page.id, (2,), Box(0.3, 0.1, 0.4, 0.2), "", unread=True)
    joined = join_regions([label, value])
    assert (joined.text, joined.unread) == ("Total:", True)
    assert not join_regions([label, replace(value, text="5", unread=False)]).unread
