"""Parsing of untrusted XML.

A document type can declare entities that expand to gigabytes or name files and addresses. No
format read here needs one, so a file with a document type is refused before any entity is
declared; the standard library's parser itself fetches nothing.
"""

from __future__ import annotations

import math
from typing import Any
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from colregion.errors import UnreadableDocument

_MAX_DEPTH = 100
_MAX_NUMBER = 1e9


def read_xml(content: bytes, *, name: str) -> Element:
    """The root element; tags and attributes are without their namespaces.

    Raises:
        UnreadableDocument: damaged, with a document type, or nested too deeply.
    """
    builder = TreeBuilder()
    depth = 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _MAX_DEPTH:
            raise UnreadableDocument(
                f"{name} is nested more than {_MAX_DEPTH} deep; export it again"
            )
        builder.start(_local(tag), {_local(key): value for key, value in attributes.items()})

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(_local(tag))

    def refuse(*_: Any) -> None:
        raise UnreadableDocument(
            f"{name} declares a document type, by which XML can name other files and grow without "
            "limit; export it without one"
        )

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(content, True)
        return builder.close()
    except (expat.ExpatError, ValueError, LookupError) as cause:
        raise UnreadableDocument(f"{name} is no XML ({cause}); export it again") from cause


def _local(tag: str) -> str:
    return tag.rpartition(" ")[2]


def page_size(element: Element, width: str, height: str, *, name: str) -> tuple[float, float]:
    """(width, height) from the attributes of these names. Raises UnreadableDocument."""
    size = (
        number_attribute(element, width, name=name),
        number_attribute(element, height, name=name),
    )
    if min(size) <= 0:
        raise UnreadableDocument(f"{name} has a page without a size")
    return size


def number_attribute(
    element: Element, key: str, *, name: str, default: float | None = None
) -> float:
    """The number in an attribute.

    Args:
        default: for an element without the attribute; None refuses it.

    Raises:
        UnreadableDocument: it is no number, or missing without a default.
    """
    text = element.get(key)
    if text is None and default is not None:
        return default
    return parse_number(text or "", of=f"{name}: {key} of {element.tag}")


def parse_number(text: str, *, of: str) -> float:
    """A number in the range of page coordinates. Raises UnreadableDocument."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not -_MAX_NUMBER < number < _MAX_NUMBER:
        raise UnreadableDocument(f"{of} must be a number of a page's size, got {text[:40]!r}")
    return number
