"""Validated access to untrusted JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from colregion.errors import UnreadableDocument

_MAX_NUMBER = 1e9  # larger ones are no page coordinates or counts, and would overflow later


@dataclass(frozen=True, slots=True)
class Node:
    """A value of a JSON file and its path there; a missing value is null.

    Every method raises UnreadableDocument for a value of another type.
    """

    value: Any
    where: str

    def __getitem__(self, key: str) -> Node:
        """A member of an object; null if it is missing or this is null."""
        members = self._checked(isinstance(self.value, dict | None), "an object") or {}
        return Node(members.get(key), f"{self.where}.{key}")

    def __bool__(self) -> bool:
        """Whether there is a value."""
        return self.value is not None

    def items(self) -> Iterator[Node]:
        """The items of a list; none for null."""
        values = self._checked(isinstance(self.value, list | None), "a list") or []
        return (Node(value, f"{self.where}[{i}]") for i, value in enumerate(values))

    def text(self) -> str:
        """A string; "" for null."""
        return str(self._checked(isinstance(self.value, str | None), "a string") or "")

    def number(self) -> float:
        """A number in the range of page coordinates."""
        is_number = isinstance(self.value, int | float) and not isinstance(self.value, bool)
        number = self._checked(is_number, "a number")
        in_range = -_MAX_NUMBER < number < _MAX_NUMBER
        return float(self._checked(in_range, "a number of a page's size"))

    def whole(self) -> int:
        """An integer."""
        return int(self._checked(self.number().is_integer(), "a whole number"))

    def count(self, least: int) -> int:
        """An integer from `least` up."""
        return int(self._checked(self.whole() >= least, f"a whole number from {least} up"))

    def page_number(self) -> int:
        """A number from 1 up."""
        return int(self._checked(self.whole() >= 1, "a page number from 1 up"))

    def length(self) -> float:
        """A number above 0."""
        return float(self._checked(self.number() > 0, "a length above 0"))

    def confidence(self, *, scale: float = 1.0) -> float | None:
        """A number divided by `scale`; None for null."""
        return self.number() / scale if self else None

    def _checked(self, is_valid: bool, expected: str) -> Any:
        if is_valid:
            return self.value
        value = json.dumps(self.value, default=str)
        value = value if len(value) <= 40 else f"{value[:37]}..."
        raise UnreadableDocument(f"{self.where} must be {expected}, got {value}")


def read_json(content: bytes, *, name: str) -> Node:
    """Parse a JSON file. Raises UnreadableDocument if it is no JSON, or nested too deeply."""
    try:
        return Node(json.loads(content), name)
    except (ValueError, RecursionError) as cause:
        raise UnreadableDocument(f"{name} is no JSON ({cause}); export it again") from cause
