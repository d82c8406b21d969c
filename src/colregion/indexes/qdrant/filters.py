"""Filters of ours as filters of Qdrant's, with the same meaning to the last page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from qdrant_client import models

from colregion.core.filters import EVERYTHING, Condition, Filters
from colregion.core.regions import KINDS
from colregion.indexes.qdrant.stored import (
    EXACT_BELOW,
    metadata_key_token,
    metadata_token,
    number_key,
    to_plain,
)

_RANGES = ("gt", "gte", "lt", "lte")


@dataclass(slots=True)
class Translated:
    """Args:
    must, must_not: conditions on the points that stand beside the vectors.
    nothing: no point can hold.
    of_documents: what Qdrant has no condition for, such as an order of texts; each asks of
        documents alone, so that it can be decided for each of those.
    """

    must: list[models.Condition] = field(default_factory=list)
    must_not: list[models.Condition] = field(default_factory=list)
    nothing: bool = False
    of_documents: Filters = EVERYTHING


def translate(filters: Filters) -> Translated:
    """The filters as conditions on points."""
    translated = Translated()
    left: list[Condition] = []
    for condition in filters.conditions:
        if condition.field in ("kind", "hidden_text"):  # asked of regions
            continue
        if condition.op not in _RANGES:
            _add_equality(condition, translated)
        elif _is_plain_number(condition.value):
            translated.must.append(_range(condition))
        else:
            left.append(condition)
    if any(condition.field == "kind" for condition in filters.conditions):
        # Several conditions have to hold of one and the same region.
        kinds = [kind for kind in KINDS if filters.kind(kind)]
        translated.must.append(any_of("kinds", kinds))
        translated.nothing |= not kinds
    translated.of_documents = Filters(tuple(left))
    return translated


def any_of(key: str, values: Sequence[str]) -> models.Condition:
    """The field holds one of the values."""
    return models.FieldCondition(key=key, match=models.MatchAny(any=list(values)))


def _add_equality(condition: Condition, translated: Translated) -> None:
    several = condition.op in ("in", "nin")
    values: Sequence[Any] = condition.value if several else [condition.value]
    if condition.field == "page_number":
        matches = [_number_is(value) for value in values if abs(value) < EXACT_BELOW]
    elif condition.field in ("doc_id", "source"):
        matches = [any_of(condition.field, [to_plain(value) for value in values])]
    else:
        matches = _metadata_is(condition.field.removeprefix("metadata."), values)
    if condition.op in ("eq", "in"):
        translated.must.append(models.Filter(should=matches))
        translated.nothing |= not values or not matches
    else:
        translated.must_not.extend(matches)


def _metadata_is(key: str, values: Sequence[Any]) -> list[models.Condition]:
    tokens = [metadata_token(key, value) for value in values if value is not None]
    matches: list[models.Condition] = [any_of("metadata", tokens)] if tokens else []
    if None in values:  # as good as missing
        present = any_of("metadata", [metadata_key_token(key)])
        matches.append(models.Filter(must_not=[present]))
    return matches


def _range(condition: Condition) -> models.Condition:
    if condition.field == "page_number":
        key = condition.field
    else:
        key = f"numbers.{number_key(condition.field.removeprefix('metadata.'))}"
    bounds = {condition.op: float(condition.value)}
    return models.FieldCondition(key=key, range=models.Range(**bounds))


def _is_plain_number(value: Any) -> bool:
    """A number that a double holds exactly."""
    return isinstance(value, int | float) and abs(value) < EXACT_BELOW


def _number_is(number: int) -> models.Condition:
    return models.FieldCondition(
        key="page_number", range=models.Range(gte=float(number), lte=float(number))
    )
