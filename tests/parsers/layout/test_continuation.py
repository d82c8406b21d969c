"""Paragraphs over columns and pages. A page has areas of one block each unless a test says more;
lines are 0.02 high."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PIL import Image

from colregion.core.documents import Page
from colregion.core.geometry import Box
from colregion.core.regions import ParsedPage, Region, Word
from colregion.errors import BackendError
from colregion.parsers.external.regions import ExternalRegion
from colregion.parsers.layout.continuation import MAX_PAGES, carry_over, mark_continued
from colregion.parsers.layout.region_tree import parsed_page

OPEN = ("The boats of the old harbour lie at", "the quay, from which the fishermen")
REST = ("sail in the morning, when it is calm,", "to the banks.")


def area(*lines: str, kind: str = "text", y: float = 0.1, height: float = 0.02) -> ExternalRegion:
    parts = tuple(
        ExternalRegion(box, text, kind, words=tuple(Word(token, box) for token in text.split()))
        for i, text in enumerate(lines)
        for box in [Box(0.1, y + 0.03 * i, 0.5, y + 0.03 * i + height)]
    )
    block = ExternalRegion(Box.enclosing(part.box for part in parts), "", kind, parts)
    return ExternalRegion(block.box, "", kind, (block,))


def page(*areas: ExternalRegion, number: int = 1) -> ParsedPage:
    blank = Page("doc", number, 1000, 1000, "px", lambda *, dpi=None: Image.new("RGB", (9, 9)))  # noqa: ARG005
    return parsed_page(blank, areas, ())


def blocks(parsed: ParsedPage) -> list[Region]:
    return [region for region in parsed.regions if region.level == "block"]


def continued(*areas: ExternalRegion) -> list[bool]:
    return [block.continues for block in blocks(mark_continued(page(*areas)))]


FIGURE = area("Labels of a chart", kind="figure")
NOTE = area("1 The note at the foot of a column says", "more of this.", height=0.016)
HEADING = area("A heading", kind="title")


def test_paragraph_that_goes_on_in_the_next_column_is_marked_with_its_area() -> None:
    parsed = mark_continued(page(area(*OPEN), area(*REST)))

    assert [region.continues for region in parsed.regions] == [False] * 4 + [True, True] + [
        False
    ] * 2
    assert blocks(parsed)[0].text == "\n".join(OPEN)


@pytest.mark.parametrize("between", [(FIGURE,), (NOTE,), (FIGURE, NOTE)])
def test_figures_and_footnotes_do_not_end_a_paragraph(between: tuple[ExternalRegion, ...]) -> None:
    marks = continued(area(*OPEN), *between, area(*REST))

    assert marks == [False] * (1 + len(between)) + [True]


@pytest.mark.parametrize(
    "following",
    [
        (HEADING, area(*REST)),
        (area("(a) an item of a list"),),
        (area("Another paragraph begins"),),
        (area("sail in the morning", height=0.026),),
        (area("Figure 3: the boats of the harbour", "as they lie at the quay."),),
        (area("sail in the morning", kind="caption"),),
    ],
)
def test_what_starts_something_new_is_not_marked(following: tuple[ExternalRegion, ...]) -> None:
    assert not any(continued(area(*OPEN), *following))


@pytest.mark.parametrize(
    "text",
    [
        ("The boats lie at the quay, from which", "the fishermen sail."),
        ("The boats lie at the quay, from which", "they sail.2"),  # a note's sign
        ("Name of the boat",),  # a label
    ],
)
def test_text_that_has_ended_is_not_continued(text: tuple[str, ...]) -> None:
    assert continued(area(*text), area("date of registration")) == [False, False]


def test_name_goes_on_with_a_full_last_line_only() -> None:
    full = area(*OPEN, "who speak Norwegian sail to Little")
    short = area(*OPEN, "who sail to Little")
    name = area("Bergen, where the sea is calm and", "full of fish.")

    assert continued(full, name) == [False, True]
    assert continued(short, name) == [False, False]


def parse(*pages: ParsedPage) -> list[ParsedPage]:
    return list(carry_over(pages))


def test_no_pages_stay_none() -> None:
    assert parse() == []


def test_rest_of_a_paragraph_on_the_next_page_is_in_the_text_where_it_begins() -> None:
    header = area("The harbour", kind="header")
    first, second = parse(
        page(area("Before it."), area(*OPEN), NOTE, area("17", kind="footer")),
        page(header, area(*REST), area("After it."), number=2),
    )

    head, rest = blocks(first)[1], blocks(second)[1]
    assert head.text == "\n".join((*OPEN, *REST))
    assert head.continued_on == ((2, rest.box),)
    assert first.regions[3].text == head.text  # its area
    assert first.regions[3].continued_on == head.continued_on
    assert rest.continues
    assert rest.text == "\n".join(REST)
    assert not head.continues
    assert blocks(first)[0].continued_on == blocks(second)[2].continued_on == ()


@pytest.mark.parametrize("number", ["17", "– 17 –", "Page 17 of 90", "xvii", "Seite 17"])
def test_page_number_that_no_layout_calls_a_footer_may_be_between(number: str) -> None:
    pages = parse(page(area(*OPEN), area(number)), page(area(number), area(*REST), number=2))

    assert [number for number, _ in blocks(pages[0])[0].continued_on] == [2]


def test_word_broken_at_the_end_of_a_page_is_whole() -> None:
    first, _ = parse(
        page(area("The owner has to renew the", "boat's regis-")),
        page(area("tration in May."), number=2),
    )

    assert blocks(first)[0].text == "The owner has to renew the\nboat's registration\nin May."


def test_paragraph_over_three_pages_is_whole_on_the_first() -> None:
    middle = area("sail in the morning, when it is calm", "and the wind comes from the north")
    first, second, third = parse(
        page(area(*OPEN)), page(middle, number=2), page(area("to the banks."), number=3)
    )

    (head,) = blocks(first)
    assert head.text.split("\n") == [
        *OPEN,
        "sail in the morning, when it is calm",
        "and the wind comes from the north",
        "to the banks.",
    ]
    assert head.continued_on == ((2, blocks(second)[0].box), (3, blocks(third)[0].box))
    assert blocks(second)[0].continued_on == ()
    assert blocks(second)[0].continues
    assert blocks(third)[0].continues


@pytest.mark.parametrize("between", [(), (FIGURE,)])
def test_blank_pages_and_pages_of_figures_may_be_between(
    between: tuple[ExternalRegion, ...],
) -> None:
    pages = parse(page(area(*OPEN)), page(*between, number=2), page(area(*REST), number=3))

    assert [parsed.page.number for parsed in pages] == [1, 2, 3]
    assert [number for number, _ in blocks(pages[0])[0].continued_on] == [3]


def test_two_paragraphs_go_on_over_the_ends_of_two_pages() -> None:
    pages = parse(
        page(area(*OPEN)), page(area(*REST), area(*OPEN), number=2), page(area(*REST), number=3)
    )

    assert [r.continued_on[0][0] for p in pages for r in blocks(p) if r.continued_on] == [2, 3]


def test_pages_are_yielded_as_soon_as_their_last_paragraph_has_ended() -> None:
    taken: list[int] = []

    def source() -> Iterator[ParsedPage]:
        for number in range(1, 20):
            taken.append(number)
            yield page(*([] if number > 5 else [area(*OPEN, "and end.")]), number=number)

    for parsed in carry_over(source()):
        assert len(taken) == parsed.page.number


def test_a_paragraph_without_end_is_not_awaited_for_ever() -> None:
    taken: list[int] = []

    def source() -> Iterator[ParsedPage]:
        for number in range(1, 20):
            taken.append(number)
            yield page(area(*OPEN[::-1]), number=number)  # starts in lower case, does not end

    for parsed in carry_over(source()):
        assert len(taken) - parsed.page.number <= MAX_PAGES


def test_doing_it_twice_changes_nothing() -> None:
    pages = parse(page(area(*OPEN)), page(area(*REST), number=2))

    assert [parsed.regions for parsed in parse(*pages)] == [parsed.regions for parsed in pages]


def test_waiting_page_is_yielded_before_the_error_of_the_next_one() -> None:
    def source() -> Iterator[ParsedPage]:
        yield page(area(*OPEN))
        raise BackendError("page 2 is torn")

    pages = carry_over(source())

    assert next(pages).page.number == 1
    with pytest.raises(BackendError, match="page 2 is torn"):
        next(pages)
