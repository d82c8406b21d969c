"""Tesseract's languages by script, in its own names for both."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable

from colregion.core.regions import Word

LANGUAGES_OF_SCRIPT = {
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

_EAST_ASIAN = {"Cjk": "Han", "Hiragana": "Han", "Katakana": "Han"}


def script_of(words: Iterable[Word]) -> str:
    """The script that most letters are of, "Han" for Japanese too; "" without letters."""
    letters = Counter(c for word in words for c in word.text if c.isalpha())
    scripts: Counter[str] = Counter()
    for letter, count in letters.items():
        name = unicodedata.name(letter, "").split(" ")[0].title()
        scripts[_EAST_ASIAN.get(name, name)] += count
    return scripts.most_common(1)[0][0] if scripts else ""


def how_to_install(script: str) -> str:
    """A sentence that says how to install data for a script; "" for one without any."""
    codes = LANGUAGES_OF_SCRIPT.get(script)
    return f"Install it: apt-get install {package_of(codes[0].split('+')[0])}" if codes else ""


def package_of(code: str) -> str:
    """Debian's package with the data of a language."""
    return f"tesseract-ocr-{code.replace('_', '-').replace('/', '-').lower()}"
