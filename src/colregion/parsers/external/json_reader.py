"""JSON from anywhere, looked at with care: whatever is not as expected is said in its own terms."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from colregion.errors import UnreadableDocument

_LARGEST = 1e9  # coordinates and counts beyond are no page's, and would only overflow later


@dataclass(frozen=True, slots=True)
class Node:
    """A value of a JSON file and where it stands in it. What is absent reads as null.

    Every method raises UnreadableDocument for a value of another type.
    """

    value: Any
    where: str

    def __getitem__(self, key: str) -> Node:
        """A member of an object; null where it is absent, or where this is null itself."""
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
        """The members of an object; none of null."""
        if self.value is None:
            return {}
        if not isinstance(self.value, dict):
            raise self._not("an object")
        return {key: Node(value, f"{self.where}.{key}") for key, value in self.value.items()}

    def items(self) -> Iterator[Node]:
        """The items of a list; none of null."""
        if self.value is None:
            return
        if not isinstance(self.value, list):
            raise self._not("a list")
        for i, value in enumerate(self.value):
            yield Node(value, f"{self.where}[{i}]")

    def text(self) -> str:
        """A string; "" of null."""
        if self.value is None:
            return ""
        if not isinstance(self.value, str):
            raise self._not("a string")
        return self.value

    def number(self) -> float:
        """A number that a page's coordinates can be."""
        if isinstance(self.value, bool) or not isinstance(self.value, int | float):
            raise self._not("a number")
        if not -_LARGEST < self.value < _LARGEST:
            raise self._not("a number of a page's size")
        return float(self.value)

    def whole(self) -> int:
        """A whole number."""
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
        found = json.dumps(self.value, default=str)
        found = found if len(found) <= 40 else f"{found[:37]}..."
        return UnreadableDocument(f"{self.where} must be {expected}, got {found}")


def read_json(content: bytes, *, name: str) -> Node:
    """The file's value.

    Raises:
        UnreadableDocument: the content is no JSON, or is nested without measure.
    """
    try:
        return Node(json.loads(content), name)
    except (ValueError, RecursionError) as cause:
        raise UnreadableDocument(f"{name} is no JSON ({cause}); export it again") from cause
