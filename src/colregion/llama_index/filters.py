"""Translates LlamaIndex's metadata filters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

from llama_index.core.vector_stores import FilterCondition, FilterOperator, MetadataFilters
from llama_index.core.vector_stores.types import MetadataFilter

from colregion import InvalidInput
from colregion.adapters.filter_fields import filter_field
from colregion.core.filters import FilterInput, Filters, parse_filters

NodeFilters: TypeAlias = FilterInput | MetadataFilters
"""A mapping, a list of mappings that all apply, or `MetadataFilters`."""

_OPERATORS = {
    FilterOperator[name.upper()]: name
    for name in ("eq", "ne", "in", "nin", "gt", "gte", "lt", "lte")
}
# LlamaIndex's stores call a node's document so.
_DOCUMENT = ("ref_doc_id", "document_id")


def translate(filters: NodeFilters) -> Filters:
    """Check filters and translate them; None matches everything.

    A key of `MetadataFilters` is a field of a region (`doc_id`, `source`, `page_number`, `kind`)
    or else one of the user's own metadata, with or without `metadata.` before it.

    Raises:
        InvalidInput: an operator, condition or key that cannot be translated, or what
            `parse_filters` refuses.
    """
    if isinstance(filters, MetadataFilters):
        return parse_filters(list(_conditions(filters)))
    return parse_filters(filters)


def _conditions(filters: MetadataFilters) -> Iterator[dict[str, Any]]:
    if filters.condition not in (None, FilterCondition.AND) and (
        filters.condition == FilterCondition.NOT or len(filters.filters) > 1
    ):
        raise InvalidInput(
            f"filters combined by {filters.condition.value!r} are not supported; use 'and', with "
            "the operator 'in' for one of several values"
        )
    for one in filters.filters:
        if isinstance(one, MetadataFilters):
            yield from _conditions(one)
        else:
            yield {_field(one.key): {_operator(one): one.value}}


def _operator(one: MetadataFilter) -> str:
    if one.operator not in _OPERATORS:
        known = ", ".join(repr(each.value) for each in _OPERATORS)
        operator = f"operator {one.operator.value!r} of the filter on {one.key!r}"
        raise InvalidInput(f"{operator} is not supported; use one of {known}")
    return _OPERATORS[one.operator]


def _field(key: str) -> str:
    return "doc_id" if key in _DOCUMENT else filter_field(key)
