"""Which pages and regions a search may return: the filter grammar and its evaluation.

A filter maps fields to conditions that must all hold. Fields are `doc_id`, `source`,
`page_number`, `kind`, `hidden_text` and `metadata.KEY`; `{"hidden_text": False}` leaves out regions
with text that a reader of the page would not see. A condition is a value (equal), a list (any of),
or a mapping of operators: `eq ne in nin gt gte lt lte`. A list of filters means all of them.

    {"doc_id": ["acme", "globex"], "page_number": {"gte": 1, "lte": 9}, "metadata.team": "x"}
"""

from __future__ import annotations

import operator
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from colregion.core.documents import Metadata
from colregion.core.regions import KINDS
from colregion.errors import InvalidInput

Filter: TypeAlias = Mapping[str, Any]

_FIELDS = ("doc_id", "source", "page_number", "kind", "hidden_text")
_REGION_FIELDS = ("kind", "hidden_text")
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "in": lambda value, values: value in values,
    "nin": lambda value, values: value not in values,
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}


@dataclass(frozen=True, slots=True)
class Condition:
    """`field` `op` `value`, already checked; a list value is a tuple."""

    field: str
    op: str
    value: Any

    def holds(self, actual: Any) -> bool:
        """Whether `actual` meets it. A missing or incomparable value meets only ne and nin."""
        try:
            return bool(_COMPARE[self.op](actual, self.value))
        except TypeError:  # 3 > "a", None >= 2: not a match, and not the caller's mistake
            return False


@dataclass(frozen=True, slots=True)
class Filters:
    """Conditions that must all hold; without any, everything passes."""

    conditions: tuple[Condition, ...] = ()

    def page(self, *, doc_id: str, source: str, page_number: int, metadata: Metadata) -> bool:
        """Whether a page passes; conditions on regions are left to `kind` and `hidden_text`."""
        values = {f"metadata.{key}": value for key, value in metadata.items()}
        values |= {"doc_id": doc_id, "source": source, "page_number": page_number}
        conditions = (c for c in self.conditions if c.field not in _REGION_FIELDS)
        return all(condition.holds(values.get(condition.field)) for condition in conditions)

    @property
    def document_ids(self) -> frozenset[str]:
        """The documents that conditions for equality name; none without such a condition."""
        conditions = [c for c in self.conditions if c.field == "doc_id"]
        equal = {c.value for c in conditions if c.op == "eq"}
        return frozenset(equal.union(*(c.value for c in conditions if c.op == "in")))

    def kind(self, kind: str) -> bool:
        """Whether a region of this kind passes."""
        return all(c.holds(kind) for c in self.conditions if c.field == "kind")

    def hidden_text(self, hidden_text: bool) -> bool:
        """Whether a region with (or without) hidden text passes."""
        return all(c.holds(hidden_text) for c in self.conditions if c.field == "hidden_text")

    def __bool__(self) -> bool:
        return bool(self.conditions)


EVERYTHING = Filters()
FilterInput: TypeAlias = Filter | Filters | Sequence[Filter | Filters] | None


def parse_filters(filters: FilterInput) -> Filters:
    """Check and normalise filters; everything passes None and {}. Raises InvalidInput for unknown
    fields, operators and kinds, and for values of a type that cannot match."""
    if isinstance(filters, Filters):
        return filters
    if filters is None:
        return EVERYTHING
    several = [filters] if isinstance(filters, Mapping) else filters
    if isinstance(several, str) or not isinstance(several, Sequence):
        raise InvalidInput(f"filters must be a mapping or a list of mappings, got {filters!r}")
    conditions: list[Condition] = []
    for one in several:
        if isinstance(one, Filters):
            conditions.extend(one.conditions)
        elif isinstance(one, Mapping):
            for name, condition in one.items():
                conditions.extend(_conditions(name, condition))
        else:
            raise InvalidInput(f"a filter must be a mapping, got {one!r}")
    return Filters(tuple(conditions))


def _conditions(name: str, condition: Any) -> list[Condition]:
    if name not in _FIELDS and not (isinstance(name, str) and re.match(r"metadata\..", name, re.S)):
        known = ", ".join(_FIELDS)
        raise InvalidInput(f"unknown filter key {name!r}; known are {known} and metadata.KEY")
    if not isinstance(condition, Mapping):
        return [_condition(name, "in" if _is_list(condition) else "eq", condition)]
    if not condition:
        raise InvalidInput(f"the filter on {name!r} has no operator; use {', '.join(_COMPARE)}")
    return [_condition(name, op, value) for op, value in condition.items()]


def _condition(name: str, op: str, value: Any) -> Condition:
    if op not in _COMPARE:
        known = ", ".join(_COMPARE)
        raise InvalidInput(f"unknown operator {op!r} in the filter on {name!r}; known are {known}")
    if (op in ("in", "nin")) != _is_list(value):
        raise InvalidInput(f"operator {op!r} on {name!r} cannot take {value!r}")
    values = tuple(value) if _is_list(value) else (value,)
    for single in values:
        _check_value(name, single)
    if name == "doc_id":  # the form of all ids
        values = tuple(unicodedata.normalize("NFC", single) for single in values)
    return Condition(name, op, values if _is_list(value) else values[0])


def _check_value(name: str, value: Any) -> None:
    if name == "kind" and value not in KINDS:
        raise InvalidInput(f"unknown kind {value!r}; known are {', '.join(KINDS)}")
    if name == "hidden_text" and not isinstance(value, bool):
        raise InvalidInput(f"hidden_text must be compared with True or False, got {value!r}")
    if name == "page_number" and (isinstance(value, bool) or not isinstance(value, int)):
        raise InvalidInput(f"page_number must be compared with an int, got {value!r}")
    if name in ("doc_id", "source") and not isinstance(value, str):
        raise InvalidInput(f"{name} must be compared with a string, got {value!r}")
    if not isinstance(value, str | int | float | bool | None):
        raise InvalidInput(f"the filter on {name!r} cannot take {value!r}")


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple | set | frozenset)
