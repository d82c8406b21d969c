"""Filters of the report's templates, for what escaping leaves open: characters that HTML cannot
contain and writing directions that run on into the surrounding text."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator, Set
from typing import Any

from markupsafe import Markup, escape

from colregion.core.text import terms

_REPLACEMENT = "\ufffd"
# What HTML forbids or a browser would swallow: controls except tab and newline, lone surrogates,
# noncharacters.
_FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_BIDI_CONTROL = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_WORD = re.compile(r"\S+")
# A longer run of terms without a space is a script that writes none: marking it marks a sentence.
_MAX_TERMS_PER_WORD = 3


def clean(value: Any) -> Any:
    """Replace characters that HTML cannot contain by U+FFFD; markup and numbers pass."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return _FORBIDDEN.sub(_REPLACEMENT, value.replace("\r\n", "\n").replace("\r", "\n"))


def plain(text: str) -> str:
    """Text without direction controls, for where no element can isolate a direction."""
    return _BIDI_CONTROL.sub("", text)


def bdi(text: str) -> Markup:
    """Text in a `<bdi>`, so that its writing direction ends where it does."""
    return Markup("<bdi>{}</bdi>").format(clean(text))


def mark_terms(text: str, question_terms: Set[str]) -> Markup:
    """Text in a `<bdi>`, with each word that contains one of the terms in a `<mark>`."""
    text = clean(text)
    marked = mark_spans(text, term_spans(text, question_terms))
    return Markup("<bdi>{}</bdi>").format(marked)


def mark_spans(text: str, spans: Iterable[tuple[int, int]]) -> Markup:
    """Text, escaped, with each of its parts from a start to an end, in order, in a `<mark>`."""
    marked, end = Markup(), 0
    for start, stop in spans:
        marked += escape(clean(text[end:start]))
        marked += Markup("<mark>{}</mark>").format(clean(text[start:stop]))
        end = stop
    return marked + escape(clean(text[end:]))


def term_spans(text: str, question_terms: Set[str]) -> Iterator[tuple[int, int]]:
    """Start and end of each word of `text` that contains one of the terms, in order."""
    for match in _WORD.finditer(text):
        word_terms = terms(match.group())
        if len(word_terms) <= _MAX_TERMS_PER_WORD and not question_terms.isdisjoint(word_terms):
            yield match.span()


def sha256(text: str) -> str:
    """SHA-256 of the UTF-8 text, in base64 as a content security policy states it."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
