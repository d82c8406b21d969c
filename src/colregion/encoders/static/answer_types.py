"""The type of answer that a word looks like: a date, an amount, a check mark, ..."""

from __future__ import annotations

import re

DATE = ("date",)
AMOUNT = ("amount", "price", "cost")
PERCENT = ("percent", "percentage", "rate")

# Forms print "Date" and "Amount due" next to values that do not contain these words. Each type is
# recognized by its punctuation, which `text.terms` drops, and maps to the words that ask for it.
_TYPES: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = tuple(
    (re.compile(pattern), words)
    for pattern, words in (
        (
            r"(?<!\d)(?:\d{1,2}[/.-](?:\d{1,2}|[^\W\d]{3,9})[/.-](?:\d{4}|\d{2})"
            r"|\d{4}[/.-]\d{1,2}[/.-]\d{1,2})(?!\d)",
            DATE,
        ),
        (r"\d\s?%", PERCENT),
        (r"(?<!\d)\d{1,2}:\d{2}(?!\d)", ("time",)),
        (r"[$£€¥₹₩]\s?\d|\d\s?[$£€¥₹₩]|\d[.,]\d{2}(?!\d)", AMOUNT),
        (r"^[+(]?\d{2,4}[)-][\d-]{5,}$", ("phone", "telephone")),
        (r"\w@\w[\w-]*\.\w", ("email",)),
        (r"^(?:www\.|https?:)", ("website",)),
        (r"^(?:\[x\]|[\u2611\u2612\u2713\u2714])$", ("checked", "selected", "marked")),
    )
)


def answer_words(text: str) -> tuple[str, ...]:
    """The question words that a page's word looks like an answer to; () for most words.

    >>> answer_words("28/12/1994"), answer_words("(RM12.30)"), answer_words("Total")
    (('date',), ('amount', 'price', 'cost'), ())
    """
    for pattern, words in _TYPES:
        if pattern.search(text):
            return words
    return ()
