"""The filter grammar: what it accepts, what it refuses, what it lets through."""

from __future__ import annotations

from typing import Any

import pytest

from colregion.core.filters import EVERYTHING, FilterInput, parse_filters
from colregion.errors import InvalidInput

PAGE: dict[str, Any] = {
    "doc_id": "acme",
    "source": "in/acme.pdf",
    "page_number": 3,
    "metadata": {"team": "x", "year": 2024},
}


@pytest.mark.parametrize("nothing", [None, {}, [], [{}]])
def test_everything_passes_without_a_filter(nothing: Any) -> None:
    assert parse_filters(nothing).page(**PAGE)
    assert not parse_filters(nothing)


@pytest.mark.parametrize(
    ("filters", "passes"),
    [
        ({"doc_id": "acme"}, True),
        ({"doc_id": "other"}, False),
        ({"doc_id": ["other", "acme"]}, True),
        ({"doc_id": []}, False),  # any of none
        ({"doc_id": {"nin": ["acme"]}}, False),
        ({"source": {"ne": "in/acme.pdf"}}, False),
        ({"page_number": 3}, True),
        ({"page_number": {"gte": 1, "lte": 3}}, True),
        ({"page_number": {"gt": 3}}, False),
        ({"page_number": {"lt": 3}}, False),
        ({"metadata.team": "x", "metadata.year": {"gte": 2020}}, True),
        ({"metadata.team": "x", "metadata.year": {"gte": 2025}}, False),
        ({"metadata.missing": "x"}, False),
        ({"metadata.missing": {"ne": "x"}}, True),
        ({"metadata.missing": None}, True),
        ({"metadata.team": {"gt": 5}}, False),  # a string is not above a number
        ([{"doc_id": "acme"}, {"page_number": 4}], False),  # all of several
        ([{"doc_id": "acme"}, {"page_number": 3}], True),
        ({"kind": "table"}, True),  # a page cannot tell
    ],
)
def test_a_page_passes_when_every_condition_holds(filters: Any, passes: bool) -> None:
    assert parse_filters(filters).page(**PAGE) is passes


def test_kind_condition_applies_to_regions_not_pages() -> None:
    tables = parse_filters({"kind": ["table", "figure"], "doc_id": "x"})
    assert tables.kind("table")
    assert not tables.kind("text")
    assert EVERYTHING.kind("text")


@pytest.mark.parametrize(
    ("filters", "named"),
    [
        ({"docid": "x"}, "docid"),  # a typo names what is known
        ({"metadata.": "x"}, "metadata"),
        ({"doc_id": {"like": "x"}}, "like"),
        ({"doc_id": {}}, "operator"),
        ({"doc_id": 3}, "string"),
        ({"page_number": "3"}, "int"),
        ({"page_number": True}, "int"),
        ({"page_number": {"in": 3}}, "in"),
        ({"page_number": {"gte": [1]}}, "gte"),
        ({"kind": "tabel"}, "tabel"),
        ({"metadata.team": object()}, "metadata.team"),
        ("doc_id=x", "mapping"),
        (["doc_id"], "mapping"),
    ],
)
def test_invalid_filter_is_refused_by_name(filters: Any, named: str) -> None:
    with pytest.raises(InvalidInput, match=named):
        parse_filters(filters)


def test_parsed_filters_can_be_combined_with_others() -> None:
    both = parse_filters([parse_filters({"doc_id": "acme"}), {"page_number": 4}])
    assert not both.page(**PAGE)
    assert parse_filters(both) is both


@pytest.mark.parametrize(
    ("filters", "ids"),
    [
        (None, set()),
        ({"doc_id": "a"}, {"a"}),
        ([{"doc_id": ["a", "b"]}, {"doc_id": {"eq": "c"}}], {"a", "b", "c"}),
        ({"doc_id": {"ne": "a", "nin": ["b"]}, "source": "c"}, set()),
    ],
)
def test_documents_that_filters_name(filters: FilterInput, ids: set[str]) -> None:
    assert parse_filters(filters).document_ids == ids
