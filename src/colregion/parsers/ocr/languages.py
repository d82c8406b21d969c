"""Which of Tesseract's languages may be written in a script, by the names it has for both."""

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
    # The data of East Asian languages know Latin letters too.
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
"""Lists of codes to try one after another; Latin script is what is read to begin with."""


def languages_of(script: str, *, installed: Collection[str]) -> list[str]:
    """The lists of codes to try for a script, those only whose data are installed.

    >>> languages_of("Japanese", installed={"eng", "jpn"})
    ['jpn']
    >>> languages_of("Latin", installed={"eng", "jpn"})
    []
    """
    return [
        codes for codes in _LANGUAGES.get(script, ()) if set(codes.split("+")) <= set(installed)
    ]


def first_language_of(script: str) -> str | None:
    """The language whose data to install for a script; None for one that needs none."""
    lists = _LANGUAGES.get(script)
    return lists[0].split("+")[0] if lists else None
