"""XML from anywhere, without what XML can do to its reader.

A document type declares entities, and those can expand to gigabytes or name files and addresses.
None of the formats that are read here needs one, so a file with a document type is refused when
the parser meets it, before any entity is declared; the standard library's parser fetches nothing
by itself.
"""

from __future__ import annotations

import math
from typing import Any
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from colregion.errors import UnreadableDocument

_DEEPEST = 100
_LARGEST = 1e9


def read_xml(content: bytes, *, name: str) -> Element:
    """The root; tags and attributes are without their namespaces.

    Raises:
        UnreadableDocument: damaged, with a document type, or nested without measure.
    """
    builder = TreeBuilder()
    depth = 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _DEEPEST:
            raise UnreadableDocument(f"{name} is nested more than {_DEEPEST} deep; export it again")
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


def number_of(element: Element, key: str, *, name: str, otherwise: float | None = None) -> float:
    """The number in an attribute.

    Args:
        otherwise: of an element that has no such attribute; None refuses it.

    Raises:
        UnreadableDocument: it is no number, or not there.
    """
    given = element.get(key)
    if given is None and otherwise is not None:
        return otherwise
    return parsed_number(given or "", of=f"{name}: {key} of {element.tag}")


def parsed_number(text: str, *, of: str) -> float:
    """A number that a page's coordinates can be. Raises UnreadableDocument."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not -_LARGEST < number < _LARGEST:
        raise UnreadableDocument(f"{of} must be a number of a page's size, got {text[:40]!r}")
    return number
