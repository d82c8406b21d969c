"""Expected answer types: a region of the kind, or with the form of text, that a question's wording
names scores a little higher."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np

from colregion.core.geometry import FloatArray
from colregion.core.regions import Region
from colregion.core.text import fold, terms

KIND_BONUS = 0.3
FORM_BONUS = 0.25
"""Added to the evidence of the words, 1 for a region that contains every word of the question."""

_KIND_WORDS = {
    "figure": frozenset(
        """figure figures fig chart charts graph graphs diagram diagrams map maps picture pictures
        image images photo photos photograph plot plots illustration logo drawing screenshot
        flowchart infographic""".split()
    ),
    "table": frozenset("table tables column columns".split()),
    "title": frozenset("title titles heading headline".split()),
    "caption": frozenset("caption captions".split()),
}
REGION_WORDS = frozenset[str]().union(*_KIND_WORDS.values())
"""Words for figures, tables and other kinds of region."""

_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\b"
)
_FORMS = {
    "date": re.compile(
        r"\b\d{1,2}\s?[/.-]\s?\d{1,2}\s?[/.-]\s?\d{2,4}\b|\b\d{4}-\d{1,2}-\d{1,2}\b"
        rf"|\b\d{{1,2}}(?:st|nd|rd|th)?[\s-]+{_MONTH}"
        rf"|\b{_MONTH}\.?[\s-]+\d{{1,4}}(?:st|nd|rd|th)?\b"
        r"|\b(?:19|20)\d\d\b",
        re.IGNORECASE,
    ),
    "amount": re.compile(
        r"[$€£¥₩]\s?\d|\b\d{1,3}(?:[,.]\d{3})*[.,]\d{2}(?!\d)|\b\d+(?:[.,]\d+)?\s?(?:million|billion"
        r"|thousand|usd|eur|gbp|rm)\b",
        re.IGNORECASE,
    ),
    "percentage": re.compile(r"\d\s?%|\bper\s?cent\b", re.IGNORECASE),
    "number": re.compile(r"\d"),
    "address": re.compile(
        r"\b(?:street|st|road|rd|avenue|ave|boulevard|blvd|lane|drive|suite|floor|building|square"
        r"|plaza|highway|parkway|zip|lot|p\.?\s?o\.?\s?box|strasse|straße|platz|rue|via|piazza"
        r"|calle|avenida|rua|jalan|jln|lorong|taman)\b"
        r"|\b\d{5}(?:-\d{4})?\b\s*,?\s*[^\W\d_]|[^\W\d_],?\s+\d{5}\b",
        re.IGNORECASE,
    ),
    "name": re.compile(
        r"\b(?:inc|ltd|llc|corp|co|company|corporation|limited|gmbh|ag|plc|sdn|bhd|s\.?a|enterprise"
        r"|store|shop|restaurant|mart|trading|group|associates|bank|university|laborator(?:y|ies))"
        r"\b",
        re.IGNORECASE,
    ),
}
_FORM_WORDS = {
    "date": frozenset("when date dates dated day year years month".split()),
    "amount": frozenset(
        """amount amounts price prices cost costs fee fees total sum revenue revenues
        income profit sales salary budget expenses tax pay paid spend spent charged""".split()
    ),
    "percentage": frozenset("percentage percentages percent proportion rate".split()),
    "number": frozenset("number numbers count".split()),
    "address": frozenset("address where location located".split()),
    "name": frozenset("who company shop store name seller vendor".split()),
}
_GIVEN_WITHIN, _LONGEST_GIVEN = 8, 24  # characters after the cue
_QUANTITIES = frozenset("many long old far often large big high tall".split())


@dataclass(frozen=True, slots=True)
class AnswerTypes:
    """The `KINDS` of region and forms of text that a question expects: "date", "amount",
    "percentage", "number", "address", "name" (of a company or place)."""

    kinds: frozenset[str] = frozenset()
    forms: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.kinds or self.forms)

    def bonuses(self, regions: Sequence[Region], *, gain: float = 1.0) -> FloatArray:
        """(R,) additions to the evidence of regions: `KIND_BONUS` for an expected kind and
        `FORM_BONUS` for each expected form in the text, times `gain` (1 or more) except for a
        number, which many lines have."""
        if not self:
            return np.zeros(len(regions))
        bonuses = np.array([KIND_BONUS * gain * (region.kind in self.kinds) for region in regions])
        for form in self.forms:
            has = np.array([_has_form(region.text, form) for region in regions], dtype=bool)
            bonuses += FORM_BONUS * (1.0 if form == "number" else gain) * has
        return bonuses

    def largest_bonus(self, *, gain: float = 1.0) -> float:
        """The upper bound of `bonuses`; 0 when nothing is expected."""
        return gain * (KIND_BONUS * bool(self.kinds) + FORM_BONUS * len(self.forms))

    def match(self, region: Region) -> bool:
        """Whether the region's text has an expected form."""
        return any(_has_form(region.text, form) for form in self.forms)

    @property
    def several_lines(self) -> bool:
        """Whether the answer is likely to run over several lines, as an address does."""
        return "address" in self.forms


@lru_cache(maxsize=1 << 15)
def _has_form(text: str, form: str) -> bool:
    # The same pages answer many questions.
    return _FORMS[form].search(text) is not None


def expected_answer_types(question: str) -> AnswerTypes:
    """The kinds of region and the one form of text that a question's words (English) name; none
    for most questions. The first cue counts: what follows often says which one is meant. Only an
    address comes before it, because "the shop's address" asks for no name.

    >>> expected_answer_types("When was the total amount paid?").forms
    frozenset({'date'})
    """
    words = terms(question)
    forms = [
        form
        for word, following in pairwise([*words, ""])
        for form, cues in _FORM_WORDS.items()
        if (word in cues and not _is_given(word, form, question))
        or ((form, word) == ("number", "how") and following in _QUANTITIES)
    ]
    if not forms and ("how", "much") in pairwise(words):
        forms = ["number"]  # the other cues say of what, mostly of money
    first = ["address"] if "address" in forms else forms[:1]
    kinds = (kind for kind, cues in _KIND_WORDS.items() if cues.intersection(words))
    return AnswerTypes(frozenset(kinds), frozenset(first))


def _is_given(cue: str, form: str, question: str) -> bool:
    """Whether a value follows the cue, as in "dated 3 May 2019" or "with a total of $ 12.50"."""
    after = fold(question).partition(cue)[2]
    value = _FORMS[form].search(after[:_LONGEST_GIVEN])
    return value is not None and value.start() <= _GIVEN_WITHIN
