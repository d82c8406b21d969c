"""Which lines are labels, and which value belongs to a label."""

from __future__ import annotations

import pytest

from colregion.core.geometry import Box
from colregion.core.regions import ParsedPage, Region
from colregion.retrieval.labels import is_label, value_of
from colregion.testing import make_page


def region(path: tuple[int, ...], box: Box, text: str = "a", kind: str = "text") -> Region:
    return Region(make_page().id, path, box, text, kind)


def page_of(*regions: Region) -> ParsedPage:
    return ParsedPage(make_page(), (), regions)


FULL = Box(0.1, 0.1, 0.9, 0.14)


class TestIsLabel:
    @pytest.mark.parametrize(
        ("text", "question", "label"),
        [
            ("Date:", {"date"}, True),
            ("Submission date", {"date"}, True),  # half of it
            ("Date of the submission", {"date"}, False),
            ("", {"date"}, False),
            ("12.50", set(), False),
        ],
    )
    def test_label_has_half_of_its_terms_in_the_question(
        self, text: str, question: set[str], label: bool
    ) -> None:
        assert is_label(region((1,), FULL, text), frozenset(question)) is label


class TestValueOf:
    LABEL = Box(0.1, 0.30, 0.2, 0.34)

    def value(self, *others: Box) -> int | None:
        boxes = (self.LABEL, *others)
        parsed = page_of(*(region((i,), box) for i, box in enumerate(boxes, start=1)))
        return value_of(parsed, 0)

    def test_label_alone_has_no_value(self) -> None:
        assert self.value() is None

    def test_value_beside_goes_before_below_and_near_before_far(self) -> None:
        below, near = Box(0.1, 0.35, 0.2, 0.39), Box(0.3, 0.30, 0.4, 0.34)
        far = Box(0.5, 0.30, 0.6, 0.34)
        assert self.value(below, far, near) == 3
        assert self.value(below) == 1

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
    def test_region_elsewhere_is_no_value(self, other: Box) -> None:
        assert self.value(other) is None

    def test_value_that_begins_a_block_is_the_block(self) -> None:
        block = Box(0.1, 0.35, 0.4, 0.45)
        parsed = page_of(
            region((1,), self.LABEL),
            region((2,), block),
            region((2, 1), block),
            region((2, 1, 1), Box(0.1, 0.35, 0.4, 0.39)),
            region((2, 1, 2), Box(0.1, 0.41, 0.4, 0.45)),
            region((2, 2), Box(0.5, 0.6, 0.6, 0.7)),
        )
        assert value_of(parsed, 0) == 2
