"""Several regions as one, and what a better one covers; `test_relevance` has the rest."""

from __future__ import annotations

from colregion.core.geometry import Box
from colregion.core.regions import Region
from colregion.retrieval.regions import Scored, joined, without_repeats


class TestJoined:
    def test_one_region_is_itself(self) -> None:
        region = Region("d#p1", (2,), Box(0, 0, 1, 0.5), "a")
        assert joined([region]) is region

    def test_several_have_the_first_ones_id_and_the_largest_ones_kind(self) -> None:
        caption = Region("d#p1", (3,), Box(0.1, 0.6, 0.5, 0.65), "Figure 1", "caption", 0.5)
        figure = Region("d#p1", (2,), Box(0.1, 0.1, 0.6, 0.6), "", "figure")
        both = joined([figure, caption])
        assert (both.id, both.kind, both.text) == ("d#p1#2+1", "figure", "Figure 1")
        assert both.box == Box(0.1, 0.1, 0.6, 0.65)
        assert both.ocr_confidence == 0.5

    def test_what_is_suspect_in_one_is_in_all(self) -> None:
        plain = Region("d#p1", (1,), Box(0, 0, 1, 0.2), "a")
        hidden = Region("d#p1", (2,), Box(0, 0.3, 1, 0.5), "b", hidden_text=("invisible",))
        assert joined([plain, hidden]).hidden_text == ("invisible",)


class TestWithoutRepeats:
    def test_nothing_stays_nothing(self) -> None:
        assert without_repeats([]) == []

    def test_what_lies_in_a_better_one_is_dropped_and_ties_go_by_reading_order(self) -> None:
        whole = Scored(Region("d#p1", (1,), Box(0.1, 0.1, 0.9, 0.5), "all"), 2.0)
        inside = Scored(Region("d#p1", (1, 1), Box(0.1, 0.1, 0.9, 0.2), "part"), 1.0)
        second = Scored(Region("d#p1", (3,), Box(0.1, 0.8, 0.9, 0.9), "c"), 0.5)
        first = Scored(Region("d#p1", (2,), Box(0.1, 0.6, 0.9, 0.7), "b"), 0.5)
        assert without_repeats([second, inside, first, whole]) == [whole, first, second]
