"""Marks are recognised however an answer writes them, and invented ones are reported."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from colregion.citations.marks import find_marks, make_mark

ACME_3, ACME_4, GLOBEX = "[acme-2024 p.3 r1]", "[acme-2024 p.4 r2]", "[globex, inc p.3 r3]"
ACME_3_TOO = "[acme-2024 p.3 r4]"
REGION_IDS = {
    ACME_3: "acme-2024#p3#2.4",
    ACME_4: "acme-2024#p4#1+2",
    GLOBEX: "globex, inc#p3#1",
    ACME_3_TOO: "acme-2024#p3#7",
}


def read(answer: str) -> list[tuple[str, str | None]]:
    """What is cited: the text as written, and the mark that it stands for."""
    return [(answer[one.start : one.end], one.mark) for one in find_marks(answer, REGION_IDS)]


@pytest.mark.parametrize(
    "answer",
    ["", "   ", "Nothing is cited.", "[]", "[ ]", "[sic]", "[1]", "[R2 = 0.9]", "R2", "(r2)"],
)
def test_text_without_citations_has_no_matches(answer: str) -> None:
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
def test_a_citation_alone_in_brackets_includes_the_brackets(written: str) -> None:
    assert read(f"It grew {written}.") == [(written, ACME_3)]


@pytest.mark.parametrize(
    "written", ["acme-2024 p.3 r1", "acme-2024 page 3, r1", "acme-2024#p3#2.4"]
)
def test_whole_marks_and_region_ids_are_recognised_without_brackets(written: str) -> None:
    assert read(f"As {written}. says") == [(written, ACME_3)]


def test_several_citations_in_one_pair_of_brackets_are_separated() -> None:
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


def test_a_document_id_with_commas_is_one_citation() -> None:
    assert read("[globex, inc p.3 r3, acme-2024 p.4 r2]") == [
        ("globex, inc p.3 r3", GLOBEX),
        ("acme-2024 p.4 r2", ACME_4),
    ]


def test_a_merged_region_may_be_cited_without_its_count() -> None:
    assert read("acme-2024#p4#1+2, acme-2024#p4#1") == [
        ("acme-2024#p4#1+2", ACME_4),
        ("acme-2024#p4#1", ACME_4),
    ]


def test_a_page_citation_means_its_only_region_and_is_refused_if_it_has_several() -> None:
    assert read("[acme-2024 p.4]") == [("[acme-2024 p.4]", ACME_4)]
    (match,) = find_marks("[acme-2024 p.3]", REGION_IDS)
    assert match.mark is None
    assert match.reason == "page 3 has several regions in the context: r1, r4"


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
    unknown = [one for one in find_marks(answer, REGION_IDS) if one.mark is None]
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
    other = make_mark("other", 3, 2)
    region_ids = {mark: f"{doc_id}#p1#1", other: "other#p3#1"}
    for answer in (mark, f"{mark}{other}", f"[{mark[1:-1]}; {other[1:-1]}]"):
        assert find_marks(answer, region_ids)[0].mark == mark
    assert find_marks(f"see {doc_id}#p1#1", region_ids)[0].mark == mark


@settings(max_examples=40)
@given(st.lists(st.text(min_size=1), min_size=1, max_size=4))
@pytest.mark.slow
def test_any_document_id_gives_marks_that_are_recognised(doc_ids: list[str]) -> None:
    marks = [make_mark(doc_id, rank, rank) for rank, doc_id in enumerate(doc_ids, start=1)]
    region_ids = {mark: f"{doc}#p1" for mark, doc in zip(marks, doc_ids, strict=True)}
    answer = " so, ".join(marks)
    assert [one.mark for one in find_marks(answer, region_ids)] == marks


@given(st.text())
def test_matches_of_any_text_are_ordered_and_do_not_overlap(answer: str) -> None:
    matches = find_marks(answer, REGION_IDS)
    assert all(match.start < match.end for match in matches)
    assert all(a.end <= b.start for a, b in pairwise(matches))
