"""LlamaIndex's metadata filters, and ours, in its retriever."""

from __future__ import annotations

from typing import Any

import pytest
from llama_index.core.vector_stores import FilterCondition, FilterOperator, MetadataFilters
from llama_index.core.vector_stores.types import MetadataFilter

from colregion import Engine, InvalidInput
from colregion.llama_index import RegionQueryBundle, RegionRetriever

QUESTION = "total"
OP = FilterOperator


def metadata_filters(
    *filters: tuple[str, Any, FilterOperator] | MetadataFilters,
    condition: FilterCondition = FilterCondition.AND,
) -> MetadataFilters:
    return MetadataFilters(
        filters=[
            one
            if isinstance(one, MetadataFilters)
            else MetadataFilter(key=one[0], value=one[1], operator=one[2])
            for one in filters
        ],
        condition=condition,
    )


@pytest.mark.parametrize(
    ("given", "same_as"),
    [
        ([], {}),
        ([("doc_id", "b", OP.EQ)], {"doc_id": "b"}),
        ([("ref_doc_id", "b", OP.EQ)], {"doc_id": "b"}),
        ([("document_id", "a", OP.NE)], {"doc_id": {"ne": "a"}}),
        ([("doc_id", ["a", "x"], OP.IN)], {"doc_id": ["a", "x"]}),
        ([("doc_id", ["a"], OP.NIN)], {"doc_id": {"nin": ["a"]}}),
        ([("page_number", 1, OP.GT)], {"page_number": {"gt": 1}}),
        ([("page_number", 2, OP.GTE)], {"page_number": {"gte": 2}}),
        ([("page_number", 2, OP.LT)], {"page_number": {"lt": 2}}),
        ([("page_number", 1, OP.LTE)], {"page_number": {"lte": 1}}),
        ([("kind", "text", OP.EQ)], {"kind": "text"}),
        ([("team", "team b", OP.EQ)], {"metadata.team": "team b"}),
        ([("metadata.year", 2024, OP.EQ)], {"metadata.year": 2024}),
        ([("year", 2025, OP.EQ)], {"metadata.year": 2025}),
        (
            [
                metadata_filters(("doc_id", "a", OP.EQ)),
                metadata_filters(("page_number", 2, OP.EQ), condition=FilterCondition.OR),
            ],
            {"doc_id": "a", "page_number": 2},
        ),
    ],
)
def test_metadata_filters_are_equivalent_to_our_filters(
    engine: Engine, given: list[Any], same_as: dict[str, Any]
) -> None:
    theirs = metadata_filters(*given)
    expected = [hit.id for hit in engine.search(QUESTION, k=9, filters=same_as)]
    always = RegionRetriever(engine=engine, k=9, filters=theirs).retrieve(QUESTION)
    asked = RegionQueryBundle(QUESTION, filters=theirs)
    once = RegionRetriever(engine=engine, k=9).retrieve(asked)
    assert [node.node_id for node in always] == [node.node_id for node in once] == expected


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        (metadata_filters(("team", "x", OP.CONTAINS)), r"'contains'.*'team'.*'nin'"),
        (metadata_filters(("team", "x", OP.TEXT_MATCH)), "'text_match'"),
        (metadata_filters(("team", ["x"], OP.ANY)), "'any'"),
        (metadata_filters(("team", ["x"], OP.ALL)), "'all'"),
        (metadata_filters(("team", None, OP.IS_EMPTY)), "'is_empty'"),
        (metadata_filters(("x0", 0.5, OP.LT)), "'x0'.*doc_id"),
        (metadata_filters(("page_number", "2", OP.EQ)), "int"),
        (metadata_filters(("kind", "chart", OP.EQ)), "unknown kind"),
        (metadata_filters(("doc_id", "a", OP.IN)), "cannot take"),
        (
            metadata_filters(
                ("doc_id", "a", OP.EQ), ("doc_id", "b", OP.EQ), condition=FilterCondition.OR
            ),
            "'or'.*'in'",
        ),
        (
            metadata_filters(("doc_id", "a", OP.EQ), condition=FilterCondition.NOT),
            "'not'",
        ),
        ({"docid": "a"}, "unknown filter key 'docid'"),
        ({"doc_id": {"like": "a"}}, "unknown operator"),
    ],
)
def test_unsupported_metadata_filters_are_refused(
    engine: Engine, filters: Any, message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        RegionRetriever(engine=engine, filters=filters)
    with pytest.raises(InvalidInput, match=message):
        RegionRetriever(engine=engine).retrieve(RegionQueryBundle(QUESTION, filters=filters))
