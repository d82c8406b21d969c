"""Marks are found again however an answer writes them, and inventions are told apart."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colregion.citations.context import build_context
from colregion.citations.marks import Citable, find_marks, make_mark
from colregion.core.documents import DocumentEntry
from colregion.core.geometry import Box
from colregion.core.results import Context, Hit
from colregion.testing import HOSTILE, make_parsed_page

ACME_3, ACME_4, GLOBEX = "[acme-2024 p.3 r1]", "[acme-2024 p.4 r2]", "[globex, inc p.3 r3]"
ACME_3_TOO = "[acme-2024 p.3 r4]"
CITABLE = [
    Citable(ACME_3, "acme-2024#p3#2.4"),
    Citable(ACME_4, "acme-2024#p4#1+2"),
    Citable(GLOBEX, "globex, inc#p3#1"),
    Citable(ACME_3_TOO, "acme-2024#p3#7"),
]


def read(answer: str) -> list[tuple[str, str | None]]:
    """What is cited: the text as written, and the mark that it stands for."""
    return [(answer[one.start : one.end], one.mark) for one in find_marks(answer, CITABLE)]


@pytest.mark.parametrize(
    "answer",
    ["", "   ", "Nothing is cited.", "[]", "[ ]", "[sic]", "[1]", "[R2 = 0.9]", "R2", "(r2)"],
)
def test_text_without_citations_gives_none(answer: str) -> None:
    assert read(answer) == []


@pytest.mark.parametrize(
    "written",
    [
        "[acme-2024 p.3 r1]",
        "[ACME-2024 P.3 R1]",
        "[acme-2024p.3r1]",
        "[acme-2024  p. 3,  r 1]",
        "[acme-2024, page 3, region 1]",
        "[acme\u20112024 p.3 r1]",
        "［acme-2024　ｐ.３　ｒ１］",
        "【acme-2024 p.3 r1】",
        "(acme-2024 p.3 r1)",
        "[see acme-2024 p.3 r1]",
        "[source: acme-2024 p.3 r1]",
        "[*acme-2024* p.3 r1]",
        "[acme p.3 r1]",
        "[p.3 r1]",
        "[r1]",
        "[ R01 ]",
        "[acme-2024#p3#2.4]",
    ],
)
def test_one_citation_in_brackets_is_read_with_them(written: str) -> None:
    assert read(f"It grew {written}.") == [(written, ACME_3)]


@pytest.mark.parametrize(
    "written", ["acme-2024 p.3 r1", "acme-2024 page 3, r1", "acme-2024#p3#2.4"]
)
def test_whole_marks_and_ids_need_no_brackets(written: str) -> None:
    assert read(f"As {written}. says") == [(written, ACME_3)]


def test_several_in_one_pair_of_brackets_are_parted() -> None:
    assert read("[acme-2024 p.3 r1; acme-2024 p.4 r2]") == [
        ("acme-2024 p.3 r1", ACME_3),
        ("acme-2024 p.4 r2", ACME_4),
    ]
    assert read("[acme-2024 p.3 r1, p.4 r2 and r3]") == [
        ("acme-2024 p.3 r1", ACME_3),
        ("p.4 r2", ACME_4),
        ("r3", GLOBEX),
    ]
    assert read("[r1 r2][r3]") == [("r1", ACME_3), ("r2", ACME_4), ("[r3]", GLOBEX)]


def test_an_id_with_commas_is_one_citation() -> None:
    assert read("[globex, inc p.3 r3, acme-2024 p.4 r2]") == [
        ("globex, inc p.3 r3", GLOBEX),
        ("acme-2024 p.4 r2", ACME_4),
    ]


def test_a_merged_region_may_lose_its_count() -> None:
    assert read("acme-2024#p4#1+2, acme-2024#p4#1") == [
        ("acme-2024#p4#1+2", ACME_4),
        ("acme-2024#p4#1", ACME_4),
    ]


def test_a_page_stands_for_its_only_region() -> None:
    assert read("[acme-2024 p.4]") == [("[acme-2024 p.4]", ACME_4)]
    (found,) = find_marks("[acme-2024 p.3]", CITABLE)
    assert found.mark is None
    assert found.reason == "page 3 has several regions in the context: r1, r4"


@pytest.mark.parametrize(
    ("answer", "written", "reason"),
    [
        ("[acme-2024 p.3 r9]", "[acme-2024 p.3 r9]", "no r9"),
        ("[r1, r9]", "r9", "no r9"),
        ("[acme-2024 p.5 r1]", "[acme-2024 p.5 r1]", "r1 is on page 3, not 5"),
        ("[acme-2025 p.3 r1]", "[acme-2025 p.3 r1]", "r1 is of 'acme-2024', not 'acme-2025'"),
        ("[globex, inc p.3 r1]", "[globex, inc p.3 r1]", "r1 is of 'acme-2024'"),
        ("[acme-2024 p.9]", "[acme-2024 p.9]", "no region of page 9 of 'acme-2024'"),
        ("[acme-2024#p3#2.41]", "[acme-2024#p3#2.41]", "no region 'acme-2024#p3#2.41'"),
        ("see acme-2024#p3#2.4.1.", "acme-2024#p3#2.4.1", "no region 'acme-2024#p3#2.4.1'"),
        ("see old/acme-2024#p3#2.4", "old/acme-2024#p3#2.4", "no region 'old/acme"),
        ("beta p.3 r1 says", "p.3 r1", "no document of the context"),
        ("[r1-r3]", "[r1-r3]", "not 'r1-'"),
    ],
)
def test_an_invented_citation_is_reported_with_the_reason(
    answer: str, written: str, reason: str
) -> None:
    unknown = [one for one in find_marks(answer, CITABLE) if one.mark is None]
    assert [answer[one.start : one.end] for one in unknown] == [written]
    assert reason in unknown[0].reason


@pytest.mark.parametrize(
    ("doc_id", "mark"),
    [
        ("acme-2024", "[acme-2024 p.1 r1]"),
        ("a [draft]; b", "[a (draft), b p.1 r1]"),
        ("two\nlines\tand  spaces ", "[two lines and spaces p.1 r1]"),
        ("\u202etxt.exe", "[txt.exe p.1 r1]"),
        ("\n", "[p.1 r1]"),
        ("x p.3 r2", "[x p.3 r2 p.1 r1]"),
        ("r2", "[r2 p.1 r1]"),
        ("x#p3#1", "[x#p3#1 p.1 r1]"),
    ],
)
def test_a_mark_is_one_line_without_inner_brackets(doc_id: str, mark: str) -> None:
    assert make_mark(doc_id, 1, 1) == mark
    other = Citable(make_mark("other", 3, 2), "other#p3#1")
    citable = [Citable(mark, f"{doc_id}#p1#1"), other]
    for answer in (mark, f"{mark}{other.mark}", f"[{mark[1:-1]}; {other.mark[1:-1]}]"):
        assert find_marks(answer, citable)[0].mark == mark
    assert find_marks(f"see {doc_id}#p1#1", citable)[0].mark == mark


@given(st.lists(st.text(min_size=1), min_size=1, max_size=4))
def test_every_mark_of_every_id_leads_back(doc_ids: list[str]) -> None:
    marks = [make_mark(doc_id, rank, rank) for rank, doc_id in enumerate(doc_ids, start=1)]
    citable = [Citable(mark, f"{doc}#p1") for mark, doc in zip(marks, doc_ids, strict=True)]
    answer = " so, ".join(marks)
    assert [one.mark for one in find_marks(answer, citable)] == marks


@given(st.text())
def test_any_answer_is_read(answer: str) -> None:
    found = find_marks(answer, CITABLE)
    assert all(one.start < one.end for one in found)
    assert all(a.end <= b.start for a, b in pairwise(found))


def make_context(doc_id: str) -> Context:
    page = make_parsed_page(
        [("alpha beta", Box(0.1, 0.1, 0.9, 0.2)), ("gamma", Box(0.1, 0.3, 0.9, 0.4))],
        doc_id=doc_id,
        number=3,
    )
    entry = DocumentEntry(doc_id, "acme.pdf", "", "")
    at = {region.path: region for region in page.regions}
    hits = [Hit(at[2,], page, entry, 1.0), Hit(at[1,], page, entry, 0.5)]
    return build_context(hits, max_tokens=100, count_tokens=len)


def test_an_answer_leads_back_to_boxes() -> None:
    context = make_context("acme")
    answer = "Beta [acme p.3 r2], gamma [r1] and beta again [r2]; delta [acme p.3 r7]."
    resolution = context.resolve(answer)
    assert [(c.mark, c.hit.box.y0) for c in resolution.citations] == [
        ("[acme p.3 r2]", 0.1),
        ("[acme p.3 r1]", 0.3),
        ("[acme p.3 r2]", 0.1),
    ]
    assert [answer[c.start : c.end] for c in resolution.citations][1] == "[r1]"
    assert [hit.text for hit in resolution.hits] == ["alpha beta", "gamma"]
    (invented,) = resolution.unknown
    assert (invented.text, invented.reason) == ("[acme p.3 r7]", "no r7 in the context")
    assert answer[invented.start : invented.end] == invented.text


def test_an_answer_without_citations_resolves_to_none() -> None:
    resolution = make_context("acme").resolve("I do not know.")
    assert (resolution.citations, resolution.unknown, resolution.hits) == ((), (), ())


def test_a_context_without_regions_makes_every_citation_unknown() -> None:
    resolution = Context("", {}, 0).resolve("It is so [acme p.3 r2].")
    assert [one.text for one in resolution.unknown] == ["[acme p.3 r2]"]


def test_hostile_ids_are_cited_like_others() -> None:
    context = make_context(HOSTILE)
    marks = list(context.citations)
    assert all(mark in context.text for mark in marks)
    assert [c.mark for c in context.resolve(" ".join(marks)).citations] == marks
