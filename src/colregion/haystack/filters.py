"""Translates Haystack's filters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from colregion import InvalidInput
from colregion.adapters.filter_fields import filter_field
from colregion.core.filters import Filters, parse_filters

_OPERATORS = {
    "==": "eq",
    "!=": "ne",
    ">": "gt",
    ">=": "gte",
    "<": "lt",
    "<=": "lte",
    "in": "in",
    "not in": "nin",
}


def translate(filters: Mapping[str, Any] | None) -> Filters:
    """Check filters and translate them; None and {} match everything.

    They are Haystack's (`{"field": "meta.page_number", "operator": ">=", "value": 3}`, or several
    under "AND") or a mapping as `Engine.search` takes it. A field is one of a region (`doc_id`,
    `source`, `page_number`, `kind`, `hidden_text`) or a key of the documents' own metadata.

    Raises:
        InvalidInput: OR, NOT, an unknown operator, or what `parse_filters` refuses.
    """
    if filters and "operator" in filters:
        return parse_filters(list(_conditions(filters)))
    return parse_filters(filters)


def _conditions(filters: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    operator = filters.get("operator")
    if "field" in filters:
        if operator not in _OPERATORS:
            known = ", ".join(_OPERATORS)
            raise InvalidInput(f"filter operator {operator!r} is not supported; use one of {known}")
        yield {
            filter_field(filters["field"].removeprefix("meta.")): {
                _OPERATORS[operator]: filters.get("value")
            }
        }
    elif operator == "AND":
        for one in filters.get("conditions", ()):
            yield from _conditions(one)
    else:
        raise InvalidInput(
            f"filters combined by {operator!r} are not supported; use 'AND', with the operator "
            "'in' for one of several values"
        )
