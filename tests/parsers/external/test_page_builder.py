from __future__ import annotations

import pytest
from PIL import Image

from colregion.core.documents import Page
from colregion.core.geometry import Box, Upright
from colregion.core.regions import ParsedPage, Word
from colregion.errors import InvalidInput, UnreadableDocument
from colregion.parsers.external.page_builder import build_page
from colregion.parsers.external.regions import ExternalPage, ExternalRegion


def outline(parsed: ParsedPage) -> list[tuple[tuple[int, ...], str, str]]:
    return [(region.path, region.kind, region.text) for region in parsed.regions]


def page(*, width: float = 200, height: float = 400, rotation: int = 0) -> Page:
    return Page(
        "doc",
        1,
        width,
        height,
        "pt",
        lambda *, dpi=None: Image.new("RGB", (20, 40)),  # noqa: ARG005
        rotation=rotation,
    )


def built(*regions: ExternalRegion, words: tuple[Word, ...] = ()) -> ParsedPage:
    return build_page(page(), ExternalPage(regions), words)


def test_words_without_external_regions_are_in_no_region() -> None:
    word = Word("stray", Box(0.1, 0.1, 0.2, 0.12))
    parsed = built(words=(word,))
    assert parsed.regions == ()
    assert parsed.words == (word,)


def test_words_are_assigned_to_the_smallest_region_that_contains_half_of_them() -> None:
    large = ExternalRegion(Box(0.1, 0.1, 0.9, 0.5), kind="figure")
    small = ExternalRegion(Box(0.5, 0.4, 0.9, 0.5), "All of it.", "caption")
    words = (
        Word("axis", Box(0.15, 0.2, 0.25, 0.22)),
        Word("All", Box(0.55, 0.42, 0.6, 0.44), confidence=0.5),
        Word("of", Box(0.61, 0.42, 0.64, 0.44), confidence=0.7),
        Word("it.", Box(0.55, 0.46, 0.6, 0.48), confidence=0.9),
        Word("far", Box(0.1, 0.8, 0.2, 0.82)),
    )
    parsed = built(large, small, words=words)
    assert outline(parsed) == [
        ((1,), "figure", "axis"),
        ((1, 1), "text", "axis"),
        ((1, 1, 1), "text", "axis"),
        ((2,), "caption", "All of it."),
        ((2, 1), "caption", "All of\nit."),
        ((2, 1, 1), "caption", "All of"),
        ((2, 1, 2), "caption", "it."),
    ]
    assert [word.text for word in parsed.words] == ["axis", "All", "of", "it.", "far"]
    assert parsed.regions[3].ocr_confidence == pytest.approx(0.7)
    assert parsed.regions[0].ocr_confidence is None


def test_text_of_a_region_without_words_gets_the_regions_box() -> None:
    box = Box(0.25, 0.5, 0.75, 0.625)
    parsed = built(ExternalRegion(box, "net sum"))
    assert outline(parsed) == [((1,), "text", "net sum")]
    assert parsed.words == (Word("net", box), Word("sum", box))


def test_invisible_words_are_in_no_region() -> None:
    region = ExternalRegion(Box(0.1, 0.1, 0.9, 0.2), "seen")
    hidden = Word("hidden", Box(0.2, 0.12, 0.4, 0.15), visible=False)
    parsed = built(region, words=(hidden,))
    assert outline(parsed) == [((1,), "text", "seen")]
    assert parsed.words[-1] == hidden


def test_region_is_widened_to_its_parts_and_gets_their_text() -> None:
    parts = (
        ExternalRegion(Box(0.1, 0.1, 0.5, 0.15), "one", "row"),
        ExternalRegion(Box(0.1, 0.2, 0.6, 0.25), "two", "row"),
    )
    parsed = built(ExternalRegion(Box(0.1, 0.1, 0.55, 0.24), kind="table", parts=parts))
    assert outline(parsed) == [
        ((1,), "table", "one\ntwo"),
        ((1, 1), "row", "one"),
        ((1, 2), "row", "two"),
    ]
    assert parsed.regions[0].box == Box(0.1, 0.1, 0.6, 0.25)


def test_regions_are_clipped_to_the_page_or_dropped_off_it() -> None:
    parsed = built(
        ExternalRegion(Box(1.1, 0.1, 1.5, 0.2), "off"),
        ExternalRegion(Box(0.9, 0.5, 1.5, 0.6), "over"),
    )
    assert outline(parsed) == [((1,), "text", "over")]
    assert parsed.regions[0].box == Box(0.9, 0.5, 1.0, 0.6)


def test_external_words_without_regions_get_a_layout() -> None:
    words = (Word("Total", Box(0.1, 0.1, 0.2, 0.12)), Word("7.00", Box(0.22, 0.1, 0.3, 0.12)))
    parsed = build_page(page(), ExternalPage(words=words), ())
    assert outline(parsed)[-1] == ((1, 1, 1), "text", "Total 7.00")


def test_turn_of_the_external_page_becomes_upright() -> None:
    def upright(degrees: float | None) -> Upright | None:
        return build_page(page(), ExternalPage(degrees_clockwise=degrees), ()).page.upright

    assert upright(270.0) == Upright(270.0, 200, 400)
    assert upright(0.4) is None
    assert upright(359.7) is None
    assert upright(None) is None


def test_boxes_of_a_tool_that_ignores_page_rotation_are_turned() -> None:
    region = ExternalRegion(Box(0.1, 0.2, 0.4, 0.3), words=(Word("up", Box(0.1, 0.2, 0.4, 0.3)),))

    def box(rotation: int) -> tuple[float, ...]:
        external = ExternalPage((region,), size_wh=(800, 400))
        parsed = build_page(page(rotation=rotation), external, ())
        return tuple(round(value, 4) for value in parsed.words[0].box.xyxy)

    # What is left on the page as drawn is at the top after a quarter turn clockwise.
    assert box(90) == (0.7, 0.1, 0.8, 0.4)
    assert box(270) == (0.2, 0.6, 0.3, 0.9)


@pytest.mark.parametrize("rotation", [0, 90, 180])
def test_page_of_another_shape_is_refused(rotation: int) -> None:
    external = ExternalPage((ExternalRegion(Box(0, 0, 1, 1)),), size_wh=(300, 310))
    with pytest.raises(UnreadableDocument, match=r"doc#p1 is 200 x 400 pt, but .* 300 x 310"):
        build_page(page(rotation=rotation), external, ())


def test_lone_surrogate_is_replaced() -> None:
    parsed = built(ExternalRegion(Box(0, 0, 1, 0.1), "a\ud800b"))
    assert parsed.regions[0].text == "a?b"


def test_external_region_refuses_a_fourth_level_unknown_kinds_and_words_beside_parts() -> None:
    box = Box(0, 0, 1, 0.1)
    three = ExternalRegion(box, parts=(ExternalRegion(box, parts=(ExternalRegion(box, "x"),)),))
    with pytest.raises(InvalidInput, match="at most 3 levels, got 4"):
        ExternalRegion(box, parts=(three,))
    with pytest.raises(InvalidInput, match="'chart'"):
        ExternalRegion(box, kind="chart")
    with pytest.raises(InvalidInput, match="has parts"):
        ExternalRegion(box, parts=(three.parts[0],), words=(Word("x", box),))


def test_check_box_comes_before_the_first_line_of_its_region() -> None:
    mark = Word("[x]", Box(0.1, 0.1, 0.14, 0.12))
    region = ExternalRegion(Box(0.1, 0.1, 0.9, 0.2), "Smoker: yes, daily", "text", marks=(mark,))
    words = (
        Word("\u2612", Box(0.1, 0.1, 0.14, 0.12)),  # as drawn on the page
        Word("Smoker:", Box(0.15, 0.1, 0.3, 0.12)),
        Word("yes,", Box(0.31, 0.1, 0.4, 0.12)),
        Word("daily", Box(0.15, 0.14, 0.3, 0.16)),
    )
    parsed = built(region, words=words)
    assert outline(parsed) == [
        ((1,), "text", "[x] Smoker: yes, daily"),
        ((1, 1), "text", "[x] Smoker: yes,\ndaily"),
        ((1, 1, 1), "text", "[x] Smoker: yes,"),
        ((1, 1, 2), "text", "daily"),
    ]
    assert [word.text for word in parsed.words] == ["[x]", "Smoker:", "yes,", "daily"]


def test_check_box_of_a_region_without_words_or_text_is_its_text() -> None:
    mark = Word("[ ]", Box(0.1, 0.1, 0.14, 0.12))
    parsed = built(ExternalRegion(Box(0.1, 0.1, 0.9, 0.2), marks=(mark,)))
    assert outline(parsed) == [((1,), "text", "[ ]")]
    assert parsed.words == (mark,)


@pytest.mark.parametrize(("left", "top"), [(0.2, 0.1), (0.1, 0.15)], ids=["beside", "below"])
def test_check_boxes_of_a_region_without_words_keep_their_order(left: float, top: float) -> None:
    marks = (
        Word("[x]", Box(0.1, 0.1, 0.14, 0.12)),
        Word("[ ]", Box(left, top, left + 0.04, top + 0.02)),
    )
    region = ExternalRegion(Box(0.1, 0.1, 0.9, 0.2), "[x] Yes [ ] No", marks=marks)
    parsed = built(region)
    assert parsed.regions[0].text == "[x] Yes [ ] No"
    assert [word.text for word in parsed.words] == ["[x]", "[ ]", "Yes", "No"]


def test_check_box_turns_with_the_page() -> None:
    mark = Word("[x]", Box(0.1, 0.2, 0.14, 0.22))
    region = ExternalRegion(Box(0.1, 0.2, 0.9, 0.3), "Smoker", marks=(mark,))
    # The tool's page is 200 x 400; the file turns it by a quarter.
    external = ExternalPage((region,), size_wh=(200, 400))
    parsed = build_page(page(width=400, height=200, rotation=90), external, ())
    assert parsed.words[0].box.xyxy == pytest.approx((0.78, 0.1, 0.8, 0.14))
