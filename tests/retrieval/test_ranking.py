"""One order over several pages: repeats, confidences, budgets."""

from __future__ import annotations

import pytest

from colregion.core.embeddings import EmbeddedPage
from colregion.core.geometry import Box
from colregion.retrieval.confidence import FEATURES, Calibration
from colregion.retrieval.ranking import Ranked, rank_pages
from colregion.testing import WordEncoder, make_parsed_page

# A tenth and a fifth of the page.
TOP, WIDE = Box(0.1, 0.1, 0.6, 0.3), Box(0.1, 0.5, 0.6, 0.9)
BY_OWN = Calibration(tuple(4.0 * (name == "own") for name in FEATURES), -2.0)


def page(*lines: tuple[str, Box], doc_id: str = "doc", number: int = 1) -> EmbeddedPage:
    parsed = make_parsed_page(lines, doc_id=doc_id, number=number)
    return EmbeddedPage(parsed, WordEncoder().encode_pages([parsed])[0])


def ranked(*pages: EmbeddedPage, question: str = "total", **options: object) -> list[Ranked]:
    options = {"k": None, **options}
    query = WordEncoder().encode_query(question)
    return rank_pages(pages, query, question=question, **options)  # type: ignore[arg-type]


def told(found: list[Ranked]) -> list[tuple[str, str]]:
    return [(one.page.parsed.id, one.scored.region.text) for one in found]


def test_no_pages_give_nothing() -> None:
    assert ranked() == []


def test_pages_are_mixed_by_score() -> None:
    first, second = page(("net", TOP), ("sum", WIDE)), page(("total", TOP), number=2)
    assert told(ranked(first, second))[0] == ("doc#p2", "total")
    assert len(ranked(first, second, k=2)) == 2


class TestRepeats:
    NOTICE = "total of all four words"

    def test_a_long_text_is_not_told_again_from_another_page_of_its_document(self) -> None:
        pages = [page((self.NOTICE, TOP), number=n) for n in (1, 2)]
        assert told(ranked(*pages)) == [("doc#p1", self.NOTICE)]

    def test_it_is_from_another_document_and_where_it_is_short(self) -> None:
        other = page((self.NOTICE, TOP), doc_id="other")
        assert len(ranked(page((self.NOTICE, TOP)), other)) == 2
        assert len(ranked(page(("total 5", TOP)), page(("total 5", TOP), number=2))) == 2


class TestConfidence:
    def test_without_a_calibration_there_is_none(self) -> None:
        assert {one.confidence for one in ranked(page(("total", TOP)))} == {None}

    def test_it_is_the_calibrations_and_only_for_its_method(self) -> None:
        both = page(("total", TOP), ("net", WIDE))
        found = ranked(both, calibration=BY_OWN)
        assert [one.confidence for one in found] == pytest.approx([0.880797, 0.119203], abs=1e-6)
        paper = ranked(both, calibration=BY_OWN, method="paper")
        assert {one.confidence for one in paper} == {None}

    def test_what_is_less_likely_is_left_out(self) -> None:
        both = page(("total", TOP), ("net", WIDE))
        assert [text for _, text in told(ranked(both, calibration=BY_OWN, min_confidence=0.5))] == [
            "total"
        ]
        assert ranked(both, calibration=BY_OWN, min_confidence=0.9) == []


def test_an_area_budget_is_filled_with_what_fits() -> None:
    pages = [page(("total", WIDE), ("net", TOP))]
    assert [text for _, text in told(ranked(*pages, max_area=0.3))] == ["total", "net"]
    assert [text for _, text in told(ranked(*pages, max_area=0.25))] == ["total"]
    assert [text for _, text in told(ranked(*pages, max_area=0.15))] == ["net"]
    assert [text for _, text in told(ranked(*pages, max_area=0.3, k=1))] == ["total"]
