"""Links the citations in a model's answer to the hits that they cite."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from colregion.citations.marks import MarkMatch, find_marks
from colregion.core.quotes import Evidence, Quote, find_quotes
from colregion.core.repr import one_line_repr
from colregion.core.results import Hit
from colregion.core.text import content_terms, terms

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")


@one_line_repr("start", "end", "mark", "hit.text")
@dataclass(frozen=True, slots=True, eq=False)
class Citation:
    """A place in an answer that cites a hit.

    `answer[start:end]` is the citation as written, with its brackets when nothing else is in them;
    `mark` is how the context writes it; `quotes` are the words of the hit that the sentence before
    the citation rests on.
    """

    start: int
    end: int
    mark: str
    hit: Hit
    quotes: tuple[Quote, ...] = ()


@one_line_repr("start", "end", "text", "reason")
@dataclass(frozen=True, slots=True)
class UnknownMark:
    """A place in an answer, `answer[start:end]`, that looks like a citation of the context but
    names none of its regions; `reason` says why."""

    start: int
    end: int
    text: str
    reason: str


@one_line_repr("marks", "unknown")
@dataclass(frozen=True, slots=True, eq=False)
class Resolution:
    """The citations of an answer, in the order of the answer, and the invented ones."""

    citations: tuple[Citation, ...]
    unknown: tuple[UnknownMark, ...]

    @property
    def marks(self) -> tuple[str, ...]:
        """The marks of the citations, in the order of the answer."""
        return tuple(citation.mark for citation in self.citations)

    @property
    def hits(self) -> tuple[Hit, ...]:
        """The cited hits, each once, in the order of their first citation."""
        return tuple({citation.mark: citation.hit for citation in self.citations}.values())


def resolve(answer: str, hits: Mapping[str, Hit]) -> Resolution:
    """Link every citation in an answer to its hit.

    Args:
        answer: see `marks.find_marks` for the spellings that count as citations. An answer
            without any gives an empty resolution.
        hits: the marks that can be cited, with their brackets, and the hit of each.
    """
    citations: list[Citation] = []
    unknown: list[UnknownMark] = []
    matches = find_marks(answer, {mark: hit.id for mark, hit in hits.items()})
    for match in matches:
        start, end = match.start, match.end
        if match.mark is None:
            unknown.append(UnknownMark(start, end, answer[start:end], match.reason))
        else:
            hit = hits[match.mark]
            claim = _claim(answer, matches, start)
            citations.append(Citation(start, end, match.mark, hit, _quotes(claim, hit)))
    return Resolution(tuple(citations), tuple(unknown))


def _claim(answer: str, matches: Sequence[MarkMatch], end: int) -> str:
    """The sentence that ends at a citation, without the citations in it."""
    before = answer[:end]
    for match in matches:
        if match.end <= end:
            blank = " " * (match.end - match.start)
            before = before[: match.start] + blank + before[match.end :]
    sentences = _SENTENCE_END.split(before.strip())
    return sentences[-1]


def _quotes(claim: str, hit: Hit) -> tuple[Quote, ...]:
    """The words of a hit that a claim rests on; those of its question if it shares none."""
    evidence = Evidence(np.zeros(len(hit.parsed.regions)), dict.fromkeys(content_terms(claim), 1.0))
    if not set(evidence.term_weights) & set(terms(hit.text)):
        return hit.quotes
    return find_quotes(hit.parsed, hit.region, evidence)
