"""Tesseract's languages by script, in its own names for both."""

from __future__ import annotations

from collections.abc import Collection

_LANGUAGES = {
    "Arabic": ("ara+eng", "fas+eng", "urd+eng"),
    "Armenian": ("hye",),
    "Bengali": ("ben",),
    "Cyrillic": ("rus+eng", "ukr+eng", "bul+eng", "srp+eng"),
    "Devanagari": ("hin+eng", "mar+eng", "nep+eng"),
    "Fraktur": ("deu_latf", "frk"),
    "Georgian": ("kat",),
    "Greek": ("ell+eng",),
    "Gujarati": ("guj",),
    "Gurmukhi": ("pan",),
    # East Asian language data include Latin letters.
    "Han": ("chi_sim", "chi_tra", "jpn", "chi_sim_vert", "chi_tra_vert", "jpn_vert"),
    "Hangul": ("kor", "kor_vert"),
    "Hebrew": ("heb+eng",),
    "Hiragana": ("jpn", "jpn_vert"),
    "Japanese": ("jpn", "jpn_vert"),
    "Kannada": ("kan",),
    "Katakana": ("jpn", "jpn_vert"),
    "Khmer": ("khm",),
    "Korean": ("kor", "kor_vert"),
    "Malayalam": ("mal",),
    "Tamil": ("tam",),
    "Telugu": ("tel",),
    "Thai": ("tha+eng",),
}
"""Codes to try in turn; Latin script is missing because it is tried first anyway."""


def languages_of(script: str, *, installed: Collection[str]) -> list[str]:
    """The codes to try for a script of which all data are installed.

    >>> languages_of("Japanese", installed={"eng", "jpn"})
    ['jpn']
    >>> languages_of("Latin", installed={"eng", "jpn"})
    []
    """
    return [
        codes for codes in _LANGUAGES.get(script, ()) if set(codes.split("+")) <= set(installed)
    ]


def first_language_of(script: str) -> str | None:
    """The language whose data to install for a script; None if it needs none."""
    candidates = _LANGUAGES.get(script)
    return candidates[0].split("+")[0] if candidates else None
