"""Types of files that their content does not tell."""

from __future__ import annotations

import codecs
from pathlib import PurePath

TEXT_SUFFIXES = frozenset(".txt .md .markdown .html .htm .csv .tsv .eml".split())


def text_suffix(head: bytes, *, name: str) -> str | None:
    """The suffix of a text file, by its name; None for any other name, and for content that is no
    text."""
    suffix = PurePath(name).suffix.lower()
    is_text = b"\0" not in head or head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return suffix if suffix in TEXT_SUFFIXES and is_text and b"%PDF-" not in head else None
