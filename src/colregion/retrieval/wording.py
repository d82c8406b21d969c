"""How a question is worded: which of its words ask, which name the document, and which matter.

English only; a question in another language has no such words, and each of its words counts alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from colregion.core.text import quoted_terms, terms
from colregion.retrieval.answer_types import REGION_WORDS

# Words of asking, not of what is asked about, whatever the document. They are rare on pages, so
# that their document frequency alone would make them the most important of a question.
_ASKING = frozenset(
    """many much find look identify determine extract read get give gives given tell show shows
    shown display displayed list listed state states stated say says said mention mentions
    mentioned indicate indicates indicated describe described provide provides provided specify
    specified write written print printed type typed enter entered entry entries fill filled put
    appear appears contain contains stand stands belong belongs correspond corresponds
    corresponding value values field fields box blank cell line item text word words content
    contents information detail details page pages answer called labeled labelled label marked
    titled entitled headed next beside opposite under below above following according based
    please""".split()
)
# Words for documents, and for what a document is about as a whole.
_DOCUMENTS = frozenset(
    """document documents form forms file files report reports paper papers article receipt receipts
    invoice invoices bill letter memo memorandum contract brochure manual prospectus filing slide
    slides presentation survey study order purchase transaction""".split()
)
_QUESTION_WORDS = frozenset(
    "what which who whom whose when where why how is are was were does do did".split()
)
_PREPOSITIONS = frozenset("at by concerning for from in of on per regarding to with".split())
_JOINING = frozenset(
    """about at bearing by called concerning dated entitled for from headed issued labeled labelled
    marked named of on titled with""".split()
)
_CLAUSE_END = re.compile(r"[,:;?!]\s|[?!.]?\s*$|\s[\u2013\u2014-]\s")


def asking_terms(text: str) -> frozenset[str]:
    """The terms that only ask: of asking itself and of documents in general, unless quoted.

    >>> sorted(asking_terms('Find the entry next to "Form" on the receipt'))
    ['entry', 'find', 'next', 'receipt']
    """
    return frozenset(terms(text)) & (_ASKING | _DOCUMENTS) - quoted_terms(text)


def naming_terms(text: str) -> frozenset[str]:
    """The terms that say which document is meant: of an opening clause such as "In the letter from
    Smith, ..." or "Acme receipt: ...", and of what follows "the receipt from ...".

    >>> sorted(naming_terms("How much was paid on the receipt from Acme dated May 3?"))
    ['3', 'acme', 'dated', 'from', 'may', 'receipt']
    >>> sorted(naming_terms("For the purchase at Acme, when was it paid?"))
    ['acme', 'at', 'for', 'purchase', 'the']
    >>> naming_terms("Total: how much was paid?")
    frozenset()
    """
    naming: set[str] = set()
    others: set[str] = set()
    for position, (clause, goes_on) in enumerate(_clauses(text)):
        if position == 0 and goes_on and _names_document(clause):
            naming.update(clause)
            continue
        start = _name_start(clause)
        others.update(clause[:start])
        naming.update(clause[start:])
    return frozenset(naming - others) if others else frozenset()


def _clauses(text: str) -> Iterator[tuple[list[str], bool]]:
    """The terms of each clause, and whether the sentence goes on after it."""
    start = 0
    for end in _CLAUSE_END.finditer(text):
        if clause := terms(text[start : end.start()]):
            yield clause, end.group().strip() not in ("", ".", "?", "!", ";")
        start = end.end()


def _names_document(clause: list[str]) -> bool:
    """Whether an opening clause says which document is meant, instead of asking or naming one of
    its figures."""
    words = set(clause)
    return bool(words & _DOCUMENTS) and not words & (_QUESTION_WORDS | REGION_WORDS)


def _name_start(clause: list[str]) -> int:
    """The position of a word for documents that is followed by its name; the length without one."""
    for i, word in enumerate(clause[:-1]):
        named = clause[i + 1] in _JOINING or (i > 1 and clause[i - 2] in _PREPOSITIONS)
        if word in _DOCUMENTS and named:
            return i
    return len(clause)
