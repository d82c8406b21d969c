from __future__ import annotations

import numpy as np
import pytest

from colregion.core.geometry import Box
from colregion.core.regions import ParsedPage, Region
from colregion.errors import InvalidInput
from colregion.evaluation.rankings import Pool, Ranking, chunks
from colregion.testing import make_page, make_parsed_page


def words(text: str) -> int:
    return len(text.split())


def page(*texts: str, doc_id: str = "doc") -> ParsedPage:
    """Lines of 0.05 below each other, each narrower than the one before."""
    return make_parsed_page(
        [(text, Box(0.1, 0.1 * i, 0.9 - 0.1 * i, 0.1 * i + 0.05)) for i, text in enumerate(texts)],
        doc_id=doc_id,
    )


class TestChunks:
    def test_lines_are_packed_in_order_up_to_the_size(self) -> None:
        packed = list(chunks(page("a b", "c", "d e f", "g"), size=3, count_tokens=words))
        assert [chunk.text for chunk in packed] == ["a b\nc", "d e f", "g"]
        first, second, _ = packed
        assert first.box.xyxy == pytest.approx((0.1, 0.0, 0.9, 0.15))
        assert [part.xyxy for part in first.parts] == [
            pytest.approx((0.1, 0.0, 0.9, 0.05)),
            pytest.approx((0.1, 0.1, 0.8, 0.15)),
        ]
        assert second.parts == ()
        assert second.box.xyxy == pytest.approx((0.1, 0.2, 0.7, 0.25))

    def test_line_longer_than_the_size_is_a_chunk(self) -> None:
        packed = chunks(page("a", "b c d e", "f"), size=3, count_tokens=words)
        assert [chunk.text for chunk in packed] == ["a", "b c d e", "f"]

    def test_figures_without_words_and_blank_pages_give_no_chunk(self) -> None:
        blank = make_page()
        figure = Region(page_id=blank.id, path=(1,), box=Box(0, 0, 1, 0.5), text="", kind="figure")
        for parsed in (ParsedPage(blank, (), ()), ParsedPage(blank, (), (figure,))):
            assert list(chunks(parsed, size=3, count_tokens=words)) == []


class TestPool:
    @pytest.mark.parametrize(
        ("division", "texts", "pages"),
        [
            ("line", ["a b", "c", "d"], [0, 0, 1]),
            ("page", ["a b\n\nc", "d"], [0, 1]),
            ("chunk_3", ["a b\nc", "d"], [0, 1]),
            ("chunk_2", ["a b", "c", "d"], [0, 0, 1]),
        ],
    )
    def test_pages_are_divided_by_name(
        self, division: str, texts: list[str], pages: list[int]
    ) -> None:
        pool = Pool([page("a b", "c"), page("d", doc_id="other")], division, words)
        assert pool.texts == texts
        assert pool.page_of.tolist() == pages

    def test_unknown_division_is_refused(self) -> None:
        with pytest.raises(InvalidInput, match="level must be one of area, block, line"):
            _ = Pool([page("a")], "word", words).members

    def test_pool_of_no_pages_is_empty(self) -> None:
        pool = Pool([], "line", words)
        assert (pool.texts, pool.boxes_xyxy.shape, pool.page_of.shape) == ([], (0, 4), (0,))

    def test_other_pages_are_moved_off_the_right_one(self) -> None:
        pool = Pool([page("a b", "c"), page("d", doc_id="other")], "chunk_3", words)
        ranking = pool.ranking(np.array([0, 1]), right=1)
        assert ranking.pages.tolist() == [-1, 0]
        assert ranking.on_right_page.tolist() == [False, True]
        assert ranking.texts == ["a b\nc", "d"]
        assert ranking.boxes_xyxy == pytest.approx(
            np.array([[0.1, -2.0, 0.9, -1.85], [0.1, 0.0, 0.9, 0.05]])
        )
        # The area of a chunk is that of its lines.
        assert ranking.parts_xyxy == pytest.approx(
            np.array([[0.1, -2.0, 0.9, -1.95], [0.1, -1.9, 0.8, -1.85], [0.1, 0.0, 0.9, 0.05]])
        )


def test_ranking_of_nothing_is_empty() -> None:
    ranking = Ranking.of([])
    assert ranking.boxes_xyxy.shape == ranking.parts_xyxy.shape == (0, 4)
    assert (list(ranking.texts), ranking.on_right_page.tolist()) == ([], [])
