"""Prompt-ready text from hits, within a token budget, with a citation mark for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeAlias

from colregion.citations.marks import make_mark
from colregion.citations.resolve import Resolution, resolve
from colregion.core.regions import Region
from colregion.core.repr import ShowsItself, one_line_repr
from colregion.core.results import Hit
from colregion.errors import InvalidInput
from colregion.retrieval.parts import cut_to_fit, join_pieces

CountTokens: TypeAlias = Callable[[str], int]

MIN_CONFIDENCE = 0.1
"""The confidence at which a context ends unless it is asked to go further."""

_RUNNING_HEADS = frozenset(("header", "footer"))


@one_line_repr("text", "tokens", "marks", "reason")
@dataclass(frozen=True, slots=True, eq=False)
class Context(ShowsItself):
    """Text for a prompt, and the hit behind every mark in it.

    Args:
        text: regions in reading order, each led by its mark, such as `[acme-2024 p.3 r2]`.
        citations: mark (with its brackets) -> hit.
        tokens: the length of `text`, by the counter that the budget was checked with.
        reason: why there is no text; "" where there is some.
        unread: the hits that `text` lacks, in whole or in part, because they were seen on the page
            and not read.
    """

    text: str
    citations: Mapping[str, Hit]
    tokens: int
    reason: str = ""
    unread: tuple[Hit, ...] = ()

    @property
    def marks(self) -> tuple[str, ...]:
        """The marks in the order of the text."""
        return tuple(self.citations)

    def resolve(self, answer: str) -> Resolution:
        """Link the citations in an answer written from this context to their hits, as
        `colregion.citations.marks.find_marks` recognises them; an answer may have none."""
        return resolve(answer, self.citations)


def build_context(
    hits: Sequence[Hit],
    *,
    max_tokens: int,
    count_tokens: CountTokens,
    min_confidence: float = MIN_CONFIDENCE,
) -> Context:
    """Write the best of `hits` that fit, in reading order.

    Hits are taken best first. One that exceeds the budget is cut to its parts that answer best:
    rows of a table with its header, paragraphs, lines. Pieces of one area become one entry, led by
    the mark of its best hit, `[acme-2024 p.3 r2]`, where r2 is the rank among `hits`, and by a
    warning in brackets if some of its text is hidden on the page. Hits without text (a figure
    without words), running heads and page numbers are left out; hits that are not read, too, and
    named in `unread`. When not even a line fits, the
    best hit is cut after the last word that fits.

    Args:
        max_tokens: the budget for the whole text, marks included.
        count_tokens: the language model's tokenizer, or an estimate.
        min_confidence: 0-1; less likely hits are left out, those without a confidence stay.

    Returns:
        No text, and the reason, when there are no hits, none is likely enough or has text, or the
        budget does not hold even one word.

    Raises:
        InvalidInput: `max_tokens` < 1.
    """
    if max_tokens < 1:
        raise InvalidInput(f"max_tokens must be 1 or more, got {max_tokens}")
    likely = [
        (rank, hit)
        for rank, hit in enumerate(hits, start=1)
        if hit.confidence is None or hit.confidence >= min_confidence
    ]
    usable = [(rank, hit) for rank, hit in likely if hit.text and hit.kind not in _RUNNING_HEADS]
    unread = tuple(hit for _, hit in likely if hit.unread)
    if not usable:
        reason = _why_nothing(hits, likely=bool(likely), least=min_confidence)
        return Context("", {}, 0, reason, unread)
    draft = _Draft(max_tokens, count_tokens)
    for rank, hit in usable:
        draft.add(rank, hit)
    if not draft.entries:
        draft.add_words(*usable[0])
    text = draft.text
    citations = {entry.mark: entry.hit for entry in draft.ordered()}
    reason = "" if text else f"the first words of the best region need over {max_tokens} tokens"
    return Context(text, citations, count_tokens(text), reason, unread)


def _why_nothing(hits: Sequence[Hit], *, likely: bool, least: float) -> str:
    if not hits:
        return "nothing in the documents is similar to the question"
    if unread := next((hit for hit in hits if hit.unread), None):
        return f"the regions that match have not been read: {unread.unread_reason}"
    if likely:
        return "the regions that match have no text: figures, or running heads"
    best = max(hit.confidence or 0.0 for hit in hits)
    return (
        f"perhaps nothing in the documents answers: the best region is {best:.0%} likely right, "
        f"and {least:.0%} is the least that counts; lower min_confidence to see it"
    )


@dataclass(frozen=True, eq=False)
class _Entry:
    """Pieces of one area, the best first, under the mark of the best."""

    rank: int
    pieces: tuple[Hit, ...]

    @cached_property
    def hit(self) -> Hit:
        """The pieces as one hit, in reading order, none twice."""
        best = self.pieces[0]
        pieces = [piece.region for piece in self.pieces]
        outer = [one for one in pieces if not any(_contains(other, one) for other in pieces)]
        if len(outer) == 1:
            return replace(best, region=outer[0])
        outer.sort(key=lambda region: region.path)
        return replace(best, region=join_pieces(best.parsed, outer))

    @property
    def mark(self) -> str:
        return make_mark(self.pieces[0].doc_id, self.pieces[0].page_number, self.rank)

    @cached_property
    def text(self) -> str:
        hit = self.hit
        warning = f" ({hit.hidden_text_warning})" if hit.hidden_text_warning else ""
        return f"{self.mark}{warning}\n{hit.text}"


def _contains(outer: Region, inner: Region) -> bool:
    """Whether one region is in another, or a merged one begins with it."""
    if outer is inner or outer.parts:
        return False
    return len(outer.path) < len(inner.path) and inner.path[: len(outer.path)] == outer.path


@dataclass(slots=True)
class _Draft:
    """A text that grows by one hit at a time within its budget."""

    max_tokens: int
    count_tokens: CountTokens
    entries: dict[tuple[str, int], _Entry] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return "\n\n".join(entry.text for entry in self.ordered())

    def ordered(self) -> list[_Entry]:
        """The entries in reading order."""

        def place(entry: _Entry) -> tuple[str, int, tuple[int, ...]]:
            hit = entry.hit
            return hit.doc_id, hit.page_number, hit.region.path

        return sorted(self.entries.values(), key=place)

    def add(self, rank: int, hit: Hit) -> None:
        """Add a hit, or what answers best of it, if that fits."""
        if self._try(rank, hit) or hit.evidence is None:
            return

        def fits(region: Region) -> bool:
            trial = self._with(rank, replace(hit, region=region))
            return self.count_tokens(trial.text) <= self.max_tokens

        cut = cut_to_fit(hit.parsed, hit.region, hit.evidence.regions, fits=fits)
        if cut is not None:
            self._try(rank, replace(hit, region=cut))

    def add_words(self, rank: int, hit: Hit) -> None:
        """Add as many of a hit's first words as fit."""
        words = hit.text.split()
        for n in range(len(words) - 1, 0, -1):
            if self._try(rank, replace(hit, region=replace(hit.region, text=" ".join(words[:n])))):
                return

    def _try(self, rank: int, hit: Hit) -> bool:
        trial = self._with(rank, hit)
        if self.count_tokens(trial.text) > self.max_tokens:
            return False
        self.entries = trial.entries
        return True

    def _with(self, rank: int, hit: Hit) -> _Draft:
        area = hit.page_id, next(iter(hit.region.path), 0)
        entry = self.entries.get(area)
        pieces = (*entry.pieces, hit) if entry else (hit,)
        added = _Entry(entry.rank if entry else rank, pieces)
        return _Draft(self.max_tokens, self.count_tokens, {**self.entries, area: added})
