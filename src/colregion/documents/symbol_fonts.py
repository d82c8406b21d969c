"""Check marks in symbol fonts of a PDF, whose codes are letters or private characters."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence

import pypdfium2.raw as raw

_WINGDINGS = {
    "o": "\u2610",
    "q": "\u2610",
    "r": "\u2610",
    "x": "\u2612",
    "\u00a8": "\u2610",
    "\u00fb": "\u2718",
    "\u00fc": "\u2714",
    "\u00fd": "\u2612",
    "\u00fe": "\u2611",
}
_WINGDINGS_2 = {
    "O": "\u2718",
    "P": "\u2714",
    "Q": "\u2612",
    "R": "\u2611",
    "S": "\u2612",
    "T": "\u2612",
    "\u00a3": "\u2610",
}
_FONTS = {"wingdings": _WINGDINGS, "wingdings2": _WINGDINGS_2}
_PRIVATE = 0xF000
_SIGNS = frozenset(sign for signs in _FONTS.values() for sign in signs)
_CANDIDATES = _SIGNS | {chr(_PRIVATE + ord(sign)) for sign in _SIGNS}


def with_check_marks(characters: Sequence[str], textpage: ctypes.c_void_p) -> list[str]:
    """The N characters of a text page, with the check marks and boxes of Wingdings and Wingdings 2
    as the characters that Unicode has for them."""
    return list(_named(characters, textpage))


def _named(characters: Sequence[str], textpage: ctypes.c_void_p) -> Iterator[str]:
    name, flags = ctypes.create_string_buffer(128), ctypes.c_int()
    for i, character in enumerate(characters):
        if character not in _CANDIDATES:
            yield character
            continue
        # 0 is a failure, and a longer name is not written.
        is_named = 0 < raw.FPDFText_GetFontInfo(textpage, i, name, len(name), flags) <= len(name)
        signs = _FONTS.get(_family(name.value), {}) if is_named else {}
        yield signs.get(chr(ord(character) % _PRIVATE), character)


def _family(name: bytes) -> str:
    """ "wingdings2" of b"ABCDEF+Wingdings 2" and b"Wingdings2-Regular"."""
    family = name.rpartition(b"+")[2].partition(b"-")[0]
    return family.decode("latin-1").replace(" ", "").lower()
