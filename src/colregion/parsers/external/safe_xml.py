"""Parsing of untrusted XML.

A document type can declare entities that expand to gigabytes or name files and addresses. No
format read here needs one, so a file with a document type is refused before any entity is
declared; the standard library's parser itself fetches nothing.
"""

from __future__ import annotations

import math
from typing import Any
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser

from colregion.errors import UnreadableDocument

_MAX_DEPTH = 100
_MAX_NUMBER = 1e9


class _Builder(TreeBuilder):
    """Drops namespaces; refuses document types and deep nesting."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name, self.depth = name, 0

    def start(self, tag: str, attributes: Any, /) -> Element:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise UnreadableDocument(
                f"{self.name} is nested more than {_MAX_DEPTH} deep; export it again"
            )
        return super().start(_local(tag), {_local(key): text for key, text in attributes.items()})

    def end(self, tag: str, /) -> Element:
        self.depth -= 1
        return super().end(_local(tag))

    def doctype(self, *_: Any) -> None:
        raise UnreadableDocument(
            f"{self.name} declares a document type, by which XML can name other files and grow "
            "without limit; export it without one"
        )


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def read_xml(content: bytes, *, name: str) -> Element:
    """The root element; tags and attributes are without their namespaces. Raises
    UnreadableDocument."""
    parser = XMLParser(target=_Builder(name))
    try:
        parser.feed(content)
        root: Element = parser.close()
    except (ParseError, ValueError, LookupError) as cause:
        raise UnreadableDocument(f"{name} is no XML ({cause}); export it again") from cause
    return root


def page_size(element: Element, width: str, height: str, *, name: str) -> tuple[float, float]:
    """(width, height) from the attributes of these names. Raises UnreadableDocument."""
    size = tuple(number_attribute(element, key, name=name) for key in (width, height))
    if min(size) <= 0:
        raise UnreadableDocument(f"{name} has a page without a size")
    return size[0], size[1]


def number_attribute(element: Element, key: str, *, name: str) -> float:
    """The number in an attribute. Raises UnreadableDocument if it is no number, or missing."""
    return parse_number(element.get(key, ""), of=f"{name}: {key} of {element.tag}")


def parse_number(text: str, *, of: str) -> float:
    """A number in the range of page coordinates. Raises UnreadableDocument."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not -_MAX_NUMBER < number < _MAX_NUMBER:
        raise UnreadableDocument(f"{of} must be a number of a page's size, got {text[:40]!r}")
    return number
