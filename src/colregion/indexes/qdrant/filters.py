"""Filters of ours as Qdrant's, with the same meaning for every page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from qdrant_client import models

from colregion.core.documents import DocumentEntry
from colregion.core.filters import Condition, Filters
from colregion.core.regions import KINDS
from colregion.indexes.qdrant.points import (
    EXACT_BELOW,
    metadata_key_token,
    metadata_token,
    number_key,
    to_plain,
)


def translate(
    filters: Filters, documents: Callable[[], Iterable[DocumentEntry]]
) -> models.Filter | None:
    """The filters as one for the points with vectors; None if no page can pass.

    Args:
        documents: the documents of the index, to decide for each what Qdrant cannot compare, such
            as the order of texts.
    """
    groups: list[list[models.Condition]] = []  # of each group one condition has to hold
    must_not: list[models.Condition] = []
    by_document: list[Condition] = []
    for condition in filters.conditions:
        if condition.field in ("kind", "hidden_text"):  # about regions, not pages
            continue
        if condition.op in ("eq", "in"):
            groups.append(_equal(condition))
        elif condition.op in ("ne", "nin"):
            must_not += _equal(condition)
        elif _is_exact(condition.value):
            groups.append([_range(condition)])
        else:
            by_document.append(condition)
    if any(condition.field == "kind" for condition in filters.conditions):
        # All conditions on kinds have to hold for one and the same region.
        groups.append(_any_of("kinds", [kind for kind in KINDS if filters.kind(kind)]))
    if by_document:
        rest = Filters(tuple(by_document))
        ids = [to_plain(entry.id) for entry in documents() if _passes(rest, entry)]
        groups.append(_any_of("doc_id", ids))
    if not all(groups):
        return None
    return models.Filter(must=[models.Filter(should=group) for group in groups], must_not=must_not)


def any_of(key: str, values: Sequence[str]) -> models.Condition:
    """The field holds one of the values."""
    return models.FieldCondition(key=key, match=models.MatchAny(any=list(values)))


def _any_of(key: str, values: Sequence[str]) -> list[models.Condition]:
    return [any_of(key, values)] if values else []


def _equal(condition: Condition) -> list[models.Condition]:
    """Conditions of which one holds if the field has the value, or one of the values."""
    several = condition.op in ("in", "nin")
    values: Sequence[Any] = condition.value if several else [condition.value]
    if condition.field == "page_number":
        ranges = [models.Range(gte=float(n), lte=float(n)) for n in values if _is_exact(n)]
        return [models.FieldCondition(key="page_number", range=one) for one in ranges]
    if condition.field in ("doc_id", "source"):
        return _any_of(condition.field, [to_plain(value) for value in values])
    key = condition.field.removeprefix("metadata.")
    matches = _any_of("metadata", [metadata_token(key, v) for v in values if v is not None])
    if None in values:  # the same as a missing key
        matches.append(models.Filter(must_not=[any_of("metadata", [metadata_key_token(key)])]))
    return matches


def _range(condition: Condition) -> models.Condition:
    key = condition.field
    if key != "page_number":
        key = f"numbers.{number_key(key.removeprefix('metadata.'))}"
    bounds = models.Range(**{condition.op: float(condition.value)})
    return models.FieldCondition(key=key, range=bounds)


def _is_exact(value: Any) -> bool:
    """Whether the value is a number that a double holds exactly."""
    return isinstance(value, int | float) and abs(value) < EXACT_BELOW


def _passes(filters: Filters, entry: DocumentEntry) -> bool:
    return filters.page(
        doc_id=entry.id, source=entry.source, page_number=0, metadata=entry.metadata
    )
