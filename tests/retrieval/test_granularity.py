"""Which level of a page's tree is returned, and which value belongs to which label."""

from __future__ import annotations

import numpy as np
import pytest

from colregion.core.geometry import Box
from colregion.core.regions import ParsedPage, Region
from colregion.retrieval.granularity import (
    caption_of,
    chosen_levels,
    is_label,
    is_running_text,
    loose_lines,
    value_of,
)
from colregion.testing import make_page


def region(path: tuple[int, ...], box: Box, text: str = "a", kind: str = "text") -> Region:
    return Region(make_page().id, path, box, text, kind)


def page_of(*regions: Region) -> ParsedPage:
    return ParsedPage(make_page(), (), regions)


FULL = Box(0.1, 0.1, 0.9, 0.14)
PROSE = "one two three four five six"


class TestChosenLevels:
    def test_no_regions_choose_nothing(self) -> None:
        assert chosen_levels(page_of(), np.zeros(0)).tolist() == []

    def test_an_area_of_one_block_is_not_divided(self) -> None:
        parsed = page_of(region((1,), FULL), region((1, 1), FULL))
        assert chosen_levels(parsed, np.ones(2), concentration=0.5).tolist() == [True, False]

    def test_blocks_stand_for_their_area_when_one_holds_nearly_all(self) -> None:
        parsed = page_of(region((1,), FULL), region((1, 1), FULL), region((1, 2), FULL))
        held = np.array([1.0, 0.9, 0.5])
        assert chosen_levels(parsed, held, concentration=0.9).tolist() == [False, True, True]
        assert chosen_levels(parsed, held, concentration=0.91).tolist() == [True, False, False]


class TestRunningText:
    @pytest.mark.parametrize(
        ("widths", "text", "running"),
        [
            ((0.8, 0.8, 0.3), PROSE, True),  # the last line may end early
            ((0.8, 0.4, 0.8), PROSE, False),  # one of two is full
            ((0.8, 0.8, 0.8), "one two", False),  # cells, not sentences
            ((0.8,), "one two three", False),
            ((0.8,), f"{PROSE} seven eight nine", True),
        ],
    )
    def test_lines_of_one_width_with_words_enough(
        self, widths: tuple[float, ...], text: str, running: bool
    ) -> None:
        lines = [
            region((1, 1, i), Box(0.1, i / 10, 0.1 + width, i / 10 + 0.05), text)
            for i, width in enumerate(widths, start=1)
        ]
        assert is_running_text(lines) is running


class TestLooseLines:
    def lines(self, parsed: ParsedPage, position: int) -> list[int]:
        return list(loose_lines(parsed, position))

    def test_a_region_that_is_not_divided_is_its_own_line(self) -> None:
        assert self.lines(page_of(region((1,), FULL)), 0) == [0]

    def test_lines_of_a_row_are_loose_and_those_of_a_table_are_not(self) -> None:
        cells = (region((1, 1, 1), FULL), region((1, 1, 2), FULL))
        row = page_of(region((1,), FULL), region((1, 1), FULL, kind="row"), *cells)
        assert self.lines(row, 1) == [2, 3]
        table = page_of(region((1,), FULL), region((1, 1), FULL, kind="table"), *cells)
        assert self.lines(table, 1) == []

    def test_an_area_of_blocks_has_none(self) -> None:
        parsed = page_of(region((1,), FULL), region((1, 1), FULL), region((1, 2), FULL))
        assert self.lines(parsed, 0) == []


class TestIsLabel:
    @pytest.mark.parametrize(
        ("text", "asked", "label"),
        [
            ("Date:", {"date"}, True),
            ("Submission date", {"date"}, True),  # half of it
            ("Date of the submission", {"date"}, False),
            ("", {"date"}, False),
            ("12.50", set(), False),
        ],
    )
    def test_half_of_its_terms_are_asked_for(self, text: str, asked: set[str], label: bool) -> None:
        assert is_label(region((1,), FULL, text), frozenset(asked)) is label


class TestValueOf:
    LABEL = Box(0.1, 0.30, 0.2, 0.34)

    def found(self, *others: Box) -> int | None:
        boxes = (self.LABEL, *others)
        parsed = page_of(*(region((i,), box) for i, box in enumerate(boxes, start=1)))
        return value_of(parsed, 0, range(len(boxes)))

    def test_a_label_alone_has_none(self) -> None:
        assert self.found() is None

    def test_beside_goes_before_below_and_near_before_far(self) -> None:
        below, near = Box(0.1, 0.35, 0.2, 0.39), Box(0.3, 0.30, 0.4, 0.34)
        far = Box(0.5, 0.30, 0.6, 0.34)
        assert self.found(below, far, near) == 3
        assert self.found(below) == 1

    @pytest.mark.parametrize(
        "other",
        [
            Box(0.75, 0.30, 0.8, 0.34),  # more than half a page away
            Box(0.3, 0.33, 0.4, 0.37),  # hardly in the row
            Box(0.1, 0.42, 0.2, 0.46),  # two heights below
            Box(0.3, 0.35, 0.4, 0.39),  # below, but not under it
            Box(0.1, 0.25, 0.2, 0.29),  # above
        ],
    )
    def test_what_stands_elsewhere_is_no_value(self, other: Box) -> None:
        assert self.found(other) is None

    def test_a_value_that_begins_a_block_is_the_block(self) -> None:
        block = Box(0.1, 0.35, 0.4, 0.45)
        parsed = page_of(
            region((1,), self.LABEL),
            region((2,), block),
            region((2, 1), block),
            region((2, 1, 1), Box(0.1, 0.35, 0.4, 0.39)),
            region((2, 1, 2), Box(0.1, 0.41, 0.4, 0.45)),
            region((2, 2), Box(0.5, 0.6, 0.6, 0.7)),
        )
        leaves = [i for i, parts in enumerate(parsed.parts) if not parts]
        assert value_of(parsed, 0, leaves) == 2


class TestCaptionOf:
    FIGURE = Box(0.1, 0.3, 0.5, 0.6)

    @pytest.mark.parametrize(
        ("box", "kind", "found"),
        [
            (Box(0.1, 0.61, 0.5, 0.64), "caption", 1),
            (Box(0.1, 0.26, 0.5, 0.29), "title", 1),  # over it
            (Box(0.1, 0.61, 0.5, 0.64), "text", None),
            (Box(0.1, 0.65, 0.5, 0.68), "caption", None),  # too far
            (Box(0.45, 0.61, 0.9, 0.64), "caption", None),  # beside
        ],
    )
    def test_it_is_what_stands_close_over_or_under(
        self, box: Box, kind: str, found: int | None
    ) -> None:
        parsed = page_of(region((1,), self.FIGURE, kind="figure"), region((2,), box, kind=kind))
        assert caption_of(parsed, 0) == found

    def test_text_has_none(self) -> None:
        under = region((2,), Box(0.1, 0.61, 0.5, 0.64), kind="caption")
        assert caption_of(page_of(region((1,), self.FIGURE), under), 0) is None
