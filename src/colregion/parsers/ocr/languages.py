"""Tesseract's languages by script, in its own names for both."""

from __future__ import annotations

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
