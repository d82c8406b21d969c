"""Validated access to untrusted JSON."""

from __future__ import annotations

import json
import math
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
        where = f"{self.where}.{key}"
        if self.value is None:
            return Node(None, where)
        if not isinstance(self.value, dict):
            raise self._not("an object")
        return Node(self.value.get(key), where)

    def __bool__(self) -> bool:
        """Whether there is a value."""
        return self.value is not None

    def members(self) -> dict[str, Node]:
        """The members of an object; {} for null."""
        if self.value is None:
            return {}
        if not isinstance(self.value, dict):
            raise self._not("an object")
        return {key: Node(value, f"{self.where}.{key}") for key, value in self.value.items()}

    def items(self) -> Iterator[Node]:
        """The items of a list; none for null."""
        if self.value is None:
            return
        if not isinstance(self.value, list):
            raise self._not("a list")
        for i, value in enumerate(self.value):
            yield Node(value, f"{self.where}[{i}]")

    def text(self) -> str:
        """A string; "" for null."""
        if self.value is None:
            return ""
        if not isinstance(self.value, str):
            raise self._not("a string")
        return self.value

    def number(self) -> float:
        """A number in the range of page coordinates."""
        if isinstance(self.value, bool) or not isinstance(self.value, int | float):
            raise self._not("a number")
        if not -_MAX_NUMBER < self.value < _MAX_NUMBER:
            raise self._not("a number of a page's size")
        return float(self.value)

    def whole(self) -> int:
        """An integer."""
        number = self.number()
        if number != math.floor(number):
            raise self._not("a whole number")
        return int(number)

    def page_number(self) -> int:
        """A number from 1 up."""
        number = self.whole()
        if number < 1:
            raise self._not("a page number from 1 up")
        return number

    def length(self) -> float:
        """A number above 0."""
        number = self.number()
        if number <= 0:
            raise self._not("a length above 0")
        return number

    def _not(self, expected: str) -> UnreadableDocument:
        value = json.dumps(self.value, default=str)
        value = value if len(value) <= 40 else f"{value[:37]}..."
        return UnreadableDocument(f"{self.where} must be {expected}, got {value}")


def read_json(content: bytes, *, name: str) -> Node:
    """Parse a JSON file.

    Raises:
        UnreadableDocument: it is no JSON, or nested too deeply.
    """
    try:
        return Node(json.loads(content), name)
    except (ValueError, RecursionError) as cause:
        raise UnreadableDocument(f"{name} is no JSON ({cause}); export it again") from cause
