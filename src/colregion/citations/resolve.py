"""Links the citations in a model's answer to the hits that they cite."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from colregion.citations.marks import find_marks
from colregion.core.results import Hit


@dataclass(frozen=True, slots=True, eq=False)
class Citation:
    """A place in an answer that cites a hit.

    `answer[start:end]` is the citation as written, with its brackets when nothing else is in them;
    `mark` is how the context writes it.
    """

    start: int
    end: int
    mark: str
    hit: Hit


@dataclass(frozen=True, slots=True)
class UnknownMark:
    """A place in an answer, `answer[start:end]`, that looks like a citation of the context but
    names none of its regions; `reason` says why."""

    start: int
    end: int
    text: str
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Resolution:
    """The citations of an answer, in the order of the answer, and the invented ones."""

    citations: tuple[Citation, ...]
    unknown: tuple[UnknownMark, ...]

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
    for match in find_marks(answer, {mark: hit.id for mark, hit in hits.items()}):
        start, end = match.start, match.end
        if match.mark is None:
            unknown.append(UnknownMark(start, end, answer[start:end], match.reason))
        else:
            citations.append(Citation(start, end, match.mark, hits[match.mark]))
    return Resolution(tuple(citations), tuple(unknown))
