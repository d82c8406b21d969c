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
_ACCENT_BLOCKS = (
    (0x0300, 0x0750),  # Latin, Greek, Cyrillic; points of Hebrew, Arabic and Syriac
    (0x0810, 0x0900),
    (0x1AB0, 0x1B00),
    (0x1DC0, 0x1E00),
    (0x20D0, 0x2100),
    (0x2CEF, 0x2CF2),
    (0xA66F, 0xA6F2),
    (0xFE00, 0xFE30),  # variation selectors, halves of accents
)
_SIGN_BLOCKS = (
    (0x0780, 0x0810),
    (0x0900, 0x0E00),
    (0x0F00, 0x1000),
    (0x1700, 0x1780),
    (0x1800, 0x1AB0),
    (0x1B00, 0x1C80),
    (0xA800, 0xAC00),
)


def _of_category(blocks: tuple[tuple[int, int], ...], *categories: str) -> str:
    characters = (chr(code) for block in blocks for code in range(*block))
    return "".join(c for c in characters if unicodedata.category(c) in categories)


# Marks that a reader may leave out, and characters that show nothing or lengthen a line only.
_OMITTED = re.compile(
    f"[{_of_category(_ACCENT_BLOCKS, 'Mn', 'Cf')}\u00ad\u0640\u07fa\u200c-\u200f\u202a-\u202e"
    "\u2060-\u206f\ufeff\U000e0100-\U000e01ef]"
)
# Vowel signs, and what joins consonants, in scripts where other signs make another word (India,
# Tibet, Java, ...). To `\w` most of them are no part of a word.
_SIGNS = _of_category(_SIGN_BLOCKS, "Mn", "Mc")

# Raised, lowered and circled digits and fractions: folded, they would be digits of the number
# before them.
_LOWERED = "\u2080\u2081\u2082\u2083\u2084\u2085\u2086\u2087\u2088\u2089"
_DIGIT_SIGNS = (
    f"\u00b2\u00b3\u00b9\u00bc-\u00be\u2070-\u2079{_LOWERED}"
    "\u2150-\u215f\u2189\u2460-\u249b\u24ea-\u24ff\u2776-\u2793"
)
_SIGN = re.compile(rf"[{_DIGIT_SIGNS}]+|[\u2116\u2120\u2122]")  # and the signs No, SM and TM
_NOTE_AFTER = 4  # letters; "m²" and "R³" are one term
_DECIMAL_FRACTIONS = frozenset("¼½¾⅒⅕⅖⅗⅘⅛⅜⅝⅞")
_FOREIGN_DIGIT = re.compile(r"[^\D0-9]")

_ASCII_RUN = re.compile(r"[a-z0-9]+(?:(?<=[0-9])[.,](?=[0-9])[a-z0-9]+)*")
_RUN = re.compile(
    rf"[{_UNSPACED}]+"
    rf"|[^\W_{_UNSPACED}]+(?:[{_SIGNS}]+[^\W_{_UNSPACED}]*|(?<=\d)[.,](?=\d)[^\W_{_UNSPACED}]+)*"
)

# Thousands parted by an apostrophe or a space that does not end a line are one number. Those
# parted by a plain space may be two numbers of a row.
_GROUPED = re.compile(
    "(?<![\\d.,])\\d{1,3}(['\u2019\u00a0\u2007\u2009\u202f])\\d{3}(?:\\1\\d{3})*(?!\\1?\\d)"
)
SPACED_NUMBER = re.compile(
    r"(?<!\w)(?<!\d[., ])[^\D0]\d{0,2}(?: \d{3}){1,4}(?:[.,]\d+)?(?!\w|[.,]\d| \d)"
)
"""Groups of three digits parted by plain spaces, with no other number beside them."""

# Quick to rule out.
_MAY_BE_GROUPED = re.compile("\\d[' \u2019\u00a0\u2007\u2009\u202f]\\d\\d\\d(?!\\d)")

SOFT_HYPHENS = "\u00ad\u00ac\u2e17"
"""Hyphens that only a broken word has: the soft hyphen and what OCR writes for it."""

HYPHENS = "-\u2010" + SOFT_HYPHENS
_MAY_BE_BROKEN = re.compile(rf"[{HYPHENS}]\s")
_BROKEN = re.compile(rf"(\S+[{HYPHENS}])\s+(\S+)")
# In "pre- and postwar" a word is left out, none broken.
_CONJUNCTIONS = frozenset("and or und oder sowie bzw et ou y och eller og en".split())

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
    """Fold case, compatibility forms, accents and digits: "Ｃａｆé" and "cafe" compare equal.

    Points of Arabic and Hebrew count as accents, vowel signs of Indian and other scripts do not.
    Digits of all scripts become 0-9; raised ones stay apart from the number before them, and a
    fraction after a number becomes its decimals.

    >>> fold("Ｃａｆé"), fold("٢٠٢٤"), fold("2½")
    ('cafe', '2024', '2.5')
    """
    if text.isascii():  # the same as below, ten times as fast
        return text.lower()
    text = _SIGN.sub(_apart, text).replace("\u066b", ".").replace("\u066c", ",")  # Arabic marks
    text = unicodedata.normalize("NFKD", text).casefold()
    text = _FOREIGN_DIGIT.sub(lambda digit: str(unicodedata.decimal(digit[0])), text)
    return unicodedata.normalize("NFC", _OMITTED.sub("", text))


def _apart(sign: re.Match[str]) -> str:
    text, start, end = sign[0], sign.start(), sign.end()
    before = sign.string[max(start - _NOTE_AFTER, 0) : start]
    after_number, before_number = before[-1:].isdecimal(), sign.string[end : end + 1].isdecimal()
    if text in "\u2120\u2122":
        return " "
    if text == "\u2116":
        return " no "
    if text in _DECIMAL_FRACTIONS and after_number and not before_number:
        return f"{unicodedata.numeric(text):g}"[1:]
    is_note = len(before) == _NOTE_AFTER and before.isalpha() and text[0] not in _LOWERED
    return f" {text} " if after_number or before_number or is_note else text


def terms(text: str) -> list[str]:
    """The folded terms of a text in order: words, numbers with their inner points and commas, and
    pairs of neighbouring characters in scripts without spaces. No text gives [].

    A number whose thousands are parted by spaces or apostrophes is written without these. Where
    plain spaces may part several numbers as well, these follow. So do the parts of a word that is
    broken, which ends with a hyphen before a space or line break, unless the hyphen is soft; see
    `join_broken`.

    >>> terms("Total: 1,234.50 EUR (net)")
    ['total', '1,234.50', 'eur', 'net']
    >>> terms("9'876.50 or 48 250,00")
    ['9876.50', 'or', '48250,00', '48', '250,00']
    >>> terms("東京都")
    ['東京', '京都']
    """
    if _MAY_BE_BROKEN.search(text):
        text = _BROKEN.sub(_with_whole_word, text)
    has_groups = _MAY_BE_GROUPED.search(text) is not None
    if has_groups:
        text = _GROUPED.sub(_whole_number, text)
    text = fold(text)
    if has_groups:
        text = SPACED_NUMBER.sub(_with_whole_number, text)
    if text.isascii():
        return _ASCII_RUN.findall(text)
    result: list[str] = []
    for run in _RUN.findall(text):
        if len(run) > 2 and _UNSPACED_RUN.fullmatch(run):
            result.extend(run[i : i + 2] for i in range(len(run) - 1))
        else:
            result.append(run)
    return result


def _whole_number(grouped: re.Match[str]) -> str:
    return grouped[0].replace(grouped[1], "")


def _with_whole_number(spaced: re.Match[str]) -> str:
    return f"{spaced[0].replace(' ', '')} {spaced[0]}"


def _with_whole_word(broken: re.Match[str]) -> str:
    before, after = broken.groups()
    whole = join_broken(before, after)
    if not whole:
        return broken[0]
    return whole if before[-1] in SOFT_HYPHENS else f"{whole} {broken[0]}"


def join_broken(before: str, after: str) -> str:
    """The word that the end of a line breaks, without its hyphen; "" for two words.

    Args:
        before: the line's last word. It ends with a hyphen after a letter, if the word is broken.
        after: the next line's first word. It does not start with a capital, unless both are in
            capitals or `before` ends with one of `SOFT_HYPHENS`. With another hyphen the word may
            also be a compound that has it anywhere, as "well-known": a search looks for both.

    >>> join_broken("(regis-", "tration,")
    '(registration,'
    >>> join_broken("pre-", "and"), join_broken("Rhine-", "Main"), join_broken("3-", "year")
    ('', '', '')
    """
    stem, hyphen, start = before[:-1], before[-1:], after[:1]
    if not hyphen or hyphen not in HYPHENS or not start.isalpha():
        return ""
    if not stem or not (stem[-1].isalpha() or stem[-1] in _SIGNS):
        return ""
    if hyphen in SOFT_HYPHENS:
        return stem + after
    starts_anew = start.isupper() and not (len(stem) > 1 and (stem + after).isupper())
    return "" if starts_anew or after.rstrip(",.") in _CONJUNCTIONS else stem + after


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
