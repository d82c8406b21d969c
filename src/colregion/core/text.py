"""Folding text and splitting it into terms, the same wherever words are counted or compared."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

# Scripts that set no spaces between words: their terms are pairs of neighbouring characters.
_UNSPACED = (
    "\u0e00-\u0eff"  # Thai, Lao
    "\u1000-\u109f\u1780-\u17ff"  # Burmese, Khmer
    "\u3040-\u30ff\u31f0-\u31ff"  # kana
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"  # Han
    "\U00020000-\U0003134f"
)
_RUN = re.compile(rf"[{_UNSPACED}]+|(?:[^\W_{_UNSPACED}]|(?<=\d)[.,](?=\d))+")
_TOKEN = re.compile(rf"([^\W\d_{_UNSPACED}]+)|(\d+)|([{_UNSPACED}]|[^\w\s]|_)")
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# A single mark may be an apostrophe: it opens before a word and closes after one.
_QUOTED = re.compile(
    r"""["\u201c\u201d\u201e]([^"\u201c\u201d\u201e]+)["\u201c\u201d]"""
    r"""|(?<!\w)['\u2018\u201a](\S(?:[^'\u2018\u2019]*\S)?)['\u2018\u2019](?!\w)"""
    "|[\u00ab\u00bb]([^\u00ab\u00bb]+)[\u00ab\u00bb]|[\u300c\u300e]([^\u300d\u300f]+)[\u300d\u300f]"
)
_UNSPACED_RUN = re.compile(rf"[{_UNSPACED}]+")

# English comes first: it wins where another language has no more words of a question.
_STOP_WORDS = [
    frozenset(line.split()[1:])
    for line in Path(__file__).with_name("stop_words.txt").read_text("utf-8").splitlines()
    if not line.startswith("#")
]


def fold(text: str) -> str:
    """Fold case, compatibility forms and accents: "Ｃａｆé" and "cafe" compare equal."""
    if text.isascii():  # the same as below, ten times as fast
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    return unicodedata.normalize(
        "NFC", "".join(c for c in decomposed if unicodedata.category(c) != "Mn")
    )


def terms(text: str) -> list[str]:
    """The folded terms of a text in order: words, numbers with their inner points and commas, and
    pairs of neighbouring characters in scripts without spaces. No text gives [].

    >>> terms("Total: 1,234.50 EUR (net)")
    ['total', '1,234.50', 'eur', 'net']
    >>> terms("東京都")
    ['東京', '京都']
    """
    if text.isascii():
        return _RUN.findall(text.lower())
    result: list[str] = []
    for run in _RUN.findall(fold(text)):
        if len(run) > 2 and _UNSPACED_RUN.fullmatch(run):
            result.extend(run[i : i + 2] for i in range(len(run) - 1))
        else:
            result.append(run)
    return result


def word_spans(text: str) -> list[tuple[int, int, bool]]:
    """(start, end, unspaced) of each run of letters or digits that `terms` splits; `unspaced` when
    it is of a script without spaces between words.

    >>> word_spans("Total: 1,234.50")
    [(0, 5, False), (7, 15, False)]
    """
    runs = _RUN.finditer(text)
    return [(*run.span(), _UNSPACED_RUN.fullmatch(run.group()) is not None) for run in runs]


def has_unspaced(text: str) -> bool:
    """Whether any character is of a script without spaces between words."""
    return _UNSPACED_RUN.search(text) is not None


def content_terms(text: str) -> list[str]:
    """`terms` without the stop words of the language that has most of them, but with all that is
    quoted; all terms when they are stop words only.

    >>> content_terms("Quel est le montant de la facture ?")
    ['montant', 'facture']
    >>> content_terms('What is filled in for "FROM"?')
    ['filled', 'from']
    """
    every, quoted = terms(text), quoted_terms(text)
    stop_words = max(_STOP_WORDS, key=lambda words: sum(term in words for term in every))
    return [term for term in every if term not in stop_words or term in quoted] or every


def quoted_terms(text: str) -> frozenset[str]:
    """The terms that stand in quotation marks; none when all of the text does.

    >>> sorted(quoted_terms("the entry next to 'Ship to', please"))
    ['ship', 'to']
    """
    quoted = [inside for groups in _QUOTED.findall(text) for inside in groups]
    inside = frozenset(term for one in quoted for term in terms(one))
    return inside if inside < set(terms(text)) else frozenset()


def estimate_tokens(text: str) -> int:
    """About how many tokens a language model's tokenizer makes of a text; 0 for none.

    Counts a token for every four letters or part of them in a word, for every three digits, every
    other sign and every character of a script without spaces. Byte-pair tokenizers make fewer of
    common English words, so a budget within this estimate is seldom exceeded.

    >>> estimate_tokens("Total: 1234 EUR")
    6
    """
    total = 0
    for letters, digits, _sign in _TOKEN.findall(text):
        total += -(-len(letters) // 4) + -(-len(digits) // 3) if letters or digits else 1
    return total


def printable(text: str) -> str:
    """The text with control characters, terminal escapes and controls of writing direction
    replaced by U+FFFD; line breaks and tabs stay."""
    return "".join("\ufffd" if _is_control(c) else c for c in text)


def _is_control(character: str) -> bool:
    if unicodedata.category(character) in ("Cc", "Cs"):
        return character not in "\n\t"
    return character in _BIDI
