"""From a question to hits: each candidate is met once; `test_engine` has whole searches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from colregion.core.documents import DocumentEntry
from colregion.core.embeddings import Candidate, EmbeddedPage
from colregion.core.filters import EVERYTHING, parse_filters
from colregion.core.geometry import Box
from colregion.core.interfaces import IndexSetting
from colregion.core.regions import Region
from colregion.errors import InvalidInput, NotIndexed
from colregion.indexes.memory import MemoryIndex
from colregion.retrieval import evidence
from colregion.retrieval.confidence import FEATURES, Calibration
from colregion.retrieval.paper import PaperScorer
from colregion.retrieval.ranking import Limits
from colregion.retrieval.regions import RegionScorer
from colregion.retrieval.retriever import Retriever
from colregion.testing import WordEncoder, make_parsed_page

# A tenth and a fifth of the page.
TOP, WIDE = Box(0.1, 0.1, 0.6, 0.3), Box(0.1, 0.5, 0.6, 0.9)
NO_LIMITS = Limits()
BY_MAXSIM = Calibration(tuple(4.0 * name.startswith("maxsim") for name in FEATURES), -2.0)


class FloorEncoder(WordEncoder):
    noise_floor = 0.2


def page_of(*lines: tuple[str, Box], doc_id: str = "doc", number: int = 1) -> EmbeddedPage:
    parsed = make_parsed_page(lines, doc_id=doc_id, number=number)
    return EmbeddedPage(parsed, WordEncoder().encode_pages([parsed])[0])


def retriever(*pages: EmbeddedPage, scorer: Any = None, calibrated: bool = False) -> Retriever:
    index, encoder = MemoryIndex(), FloorEncoder()
    for doc_id in {page.parsed.page.doc_id for page in pages}:
        own = [page for page in pages if page.parsed.page.doc_id == doc_id]
        index.replace(DocumentEntry(doc_id, f"{doc_id}.pdf", "h", "p"), own)
    if calibrated:
        index.set_setting(IndexSetting.CALIBRATION, BY_MAXSIM.to_json())
    return Retriever(index, encoder, scorer or RegionScorer(noise_floor=encoder.noise_floor))


def test_one_page_has_one_relevance_in_page_scores_and_region_scores() -> None:
    pages = [page_of((f"total w{n} w{n + 1} total", TOP), number=n) for n in range(1, 30)]
    searching = retriever(*pages)
    of_pages = searching.search_pages("total w3", k=5, filters=EVERYTHING)
    question = searching.ask("total w3")
    by_id = {hit.id: hit.score for hit in of_pages}
    hits = searching.search("total w3", k=5, filters=EVERYTHING, limits=NO_LIMITS)
    assert hits
    for hit in hits:
        assert hit.score is not None
        # A page of one line: its own evidence, a quarter for its area, and 36 times its page's.
        own = (hit.score - 36 * by_id[hit.page_id]) / 1.25
        assert 0 < own < 1 + 1e-6
    assert question.content_length == 2


def test_search_collects_the_evidence_of_all_candidates_in_one_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[int] = []
    collect = evidence.collect_evidence

    def counted(question: Any, candidates: Sequence[Candidate], **options: Any) -> Any:
        calls.append(len(candidates))
        return collect(question, candidates, **options)

    monkeypatch.setattr("colregion.retrieval.regions.collect_evidence", counted)
    pages = [page_of(("total due", TOP), doc_id=f"d{n}") for n in range(40)]
    searching = retriever(*pages)
    searching.search("total", k=5, filters=EVERYTHING, limits=NO_LIMITS)
    assert calls == [25]


def test_pages_in_the_order_of_late_interaction_are_compared_by_ten() -> None:
    class Asked(MemoryIndex):
        k = 0

        def search(self, *args: Any, k: int, **options: Any) -> list[Candidate]:
            self.k = k
            return super().search(*args, k=k, **options)

    index = Asked()
    searching = Retriever(index, WordEncoder(), RegionScorer())
    for k, candidates in ((1, 10), (10, 10), (11, 20)):
        searching.search("total", k=k, filters=EVERYTHING, limits=NO_LIMITS)
        assert index.k == candidates


def test_search_computes_no_similarity_that_the_index_has_computed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    searching = retriever(*(page_of(("total due", TOP), doc_id=f"d{n}") for n in range(3)))
    candidates = searching.index.search(searching.ask("total").embedding, k=9)

    class Stored(MemoryIndex):
        def search(self, *_: Any, **__: Any) -> list[Candidate]:
            return candidates

    monkeypatch.setattr(np, "matmul", None)
    monkeypatch.setattr("colregion.core.embeddings.similarity", None)
    stored = Retriever(Stored(), searching.encoder, searching.scorer)
    assert len(stored.search("total", k=3, filters=EVERYTHING, limits=NO_LIMITS)) == 3


def test_pages_beyond_the_first_25_candidates_follow_where_these_have_too_few_regions() -> None:
    pages = [page_of(("total", TOP), doc_id=f"d{n}") for n in range(30)]
    hits = retriever(*pages).search("total", k=30, filters=EVERYTHING, limits=NO_LIMITS)
    assert len({hit.doc_id for hit in hits}) == 30
    scores = [hit.score or 0.0 for hit in hits]
    assert scores == sorted(scores, reverse=True)


def test_first_hits_and_pages_are_the_same_for_every_k() -> None:
    words = "total due net paid tax sum".split()
    lines = [" ".join(words[(i * j) % 6] for j in range(1, 4)) for i in range(60)]
    searching = retriever(*(page_of((line, TOP), doc_id=f"d{n}") for n, line in enumerate(lines)))
    many = searching.search("total net tax", k=60, filters=EVERYTHING, limits=NO_LIMITS)
    pages = searching.search_pages("total net tax", k=60, filters=EVERYTHING)
    assert len(many) == len(pages) == 60
    assert [page.score for page in pages] == sorted((p.score for p in pages), reverse=True)
    for k in (1, 5, 30):
        hits = searching.search("total net tax", k=k, filters=EVERYTHING, limits=NO_LIMITS)
        assert [(hit.id, hit.score) for hit in hits] == [(hit.id, hit.score) for hit in many[:k]]
        first = searching.search_pages("total net tax", k=k, filters=EVERYTHING)
        assert [page.id for page in first] == [page.id for page in pages[:k]]


class TestDocumentFilters:
    PAGES = (page_of(("total", TOP), doc_id="2023/report.pdf"), page_of(("x", TOP), doc_id="other"))

    @pytest.mark.parametrize(
        ("names", "message"),
        [
            (
                "report",
                r"no document 'report' in the index; did you mean '2023/report.pdf'\? The doc",
            ),
            ("report.pdf", "did you mean '2023/report.pdf'"),
            ("othr", "did you mean 'other'"),
            (
                ["zzz", "yyy"],
                "'yyy', 'zzz' in the index; The documents are: 2023/report.pdf, other$",
            ),
        ],
    )
    def test_documents_of_which_none_is_there_are_refused(self, names: Any, message: str) -> None:
        filters = parse_filters({"doc_id": names})
        with pytest.raises(NotIndexed, match=message):
            retriever(*self.PAGES).search("total", k=1, filters=filters, limits=NO_LIMITS)
        with pytest.raises(NotIndexed, match=message):
            retriever(*self.PAGES).search_pages("total", k=1, filters=filters)

    def test_document_that_is_there_may_have_no_page_that_passes(self) -> None:
        filters = parse_filters({"doc_id": ["other", "zzz"], "page_number": 9})
        assert retriever(*self.PAGES).search("total", k=1, filters=filters, limits=NO_LIMITS) == []


def test_page_that_is_not_indexed_has_an_entry_named_by_its_document() -> None:
    page = page_of(("total due", TOP), doc_id="loose")
    (hit, *_) = retriever().rank("total", [page], k=1, limits=NO_LIMITS)
    assert (hit.doc_id, hit.text, hit.source) == ("loose", "total due", "loose")
    assert retriever().rank("total", [], k=None, limits=NO_LIMITS) == []


class TestConfidence:
    # Too far below to be the value of the label above.
    BOTH = page_of(("total", TOP), ("net", Box(0.1, 0.65, 0.6, 0.95)))

    def test_hits_without_a_calibration_have_none(self) -> None:
        hits = retriever().rank("total", [self.BOTH], k=None, limits=NO_LIMITS)
        assert {hit.confidence for hit in hits} == {None}
        with pytest.raises(InvalidInput, match="colregion calibrate"):
            retriever().rank("total", [self.BOTH], k=None, limits=Limits(min_confidence=0.5))

    def test_calibration_of_the_index_gives_the_confidences(self) -> None:
        searching = retriever(calibrated=True)
        hits = searching.rank("total", [self.BOTH], k=None, limits=NO_LIMITS)
        assert [hit.confidence for hit in hits] == pytest.approx([0.880797, 0.119203], abs=1e-6)

    def test_other_scorers_are_not_calibrated(self) -> None:
        searching = retriever(scorer=PaperScorer(), calibrated=True)
        hits = searching.rank("total", [self.BOTH], k=None, limits=NO_LIMITS)
        assert {hit.confidence for hit in hits} == {None}

    def test_hits_below_min_confidence_are_left_out(self) -> None:
        searching = retriever(calibrated=True)
        for floor, expected in ((0.5, ["total"]), (0.9, [])):
            hits = searching.rank("total", [self.BOTH], k=None, limits=Limits(min_confidence=floor))
            assert [hit.text for hit in hits] == expected


@pytest.mark.parametrize(
    ("max_area", "k", "expected"),
    [
        (0.3, None, ["total", "net"]),
        (0.25, None, ["total"]),
        (0.15, None, ["net"]),
        (0.3, 1, ["total"]),
    ],
)
def test_area_budget_is_filled_with_the_best_regions_that_fit(
    max_area: float, k: int | None, expected: list[str]
) -> None:
    page = page_of(("total", WIDE), ("net", TOP))
    hits = retriever().rank("total", [page], k=k, limits=Limits(max_area=max_area))
    assert [hit.text for hit in hits] == expected


def test_region_over_the_area_budget_is_cut_to_the_part_that_answers() -> None:
    top, bottom = Box(0.1, 0.1, 0.6, 0.3), Box(0.1, 0.3, 0.6, 0.9)
    lines = make_parsed_page([("total here", top), ("net", bottom)])
    table = [Region("doc#p1", (1,), Box(0.1, 0.1, 0.6, 0.9), "total here\nnet", "table")]
    table += [
        replace(region, path=(1, i), kind="row")
        for i, region in enumerate(lines.regions[::3], start=1)
    ]
    parsed = replace(lines, regions=tuple(table))
    page = EmbeddedPage(parsed, WordEncoder().encode_pages([parsed])[0])
    for budget, text in ((0.5, "total here\nnet"), (0.2, "total here")):
        (hit, *_) = retriever().rank("total net", [page], k=None, limits=Limits(max_area=budget))
        assert hit.text == text


def test_hit_quotes_the_words_that_carry_its_evidence() -> None:
    page = page_of(("the total is 42", TOP))
    (hit,) = retriever(page).search("total", k=1, filters=EVERYTHING, limits=NO_LIMITS)
    assert [quote.text for quote in hit.quotes] == ["the total is 42"]
    assert hit.evidence is not None
    assert hit.evidence.term_weights == {"total": 1.0}
