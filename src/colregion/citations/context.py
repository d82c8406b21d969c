"""Prompt-ready text from hits, within a token budget, with a citation mark for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from colregion.citations.marks import make_mark
from colregion.citations.resolve import Resolution, resolve
from colregion.core.results import Hit
from colregion.errors import InvalidInput

CountTokens = Callable[[str], int]


@dataclass(frozen=True, slots=True, eq=False)
class Context:
    """Text for a prompt, and the hit behind every mark in it.

    Args:
        text: regions in reading order, each led by its mark, such as `[acme-2024 p.3 r2]`.
        citations: mark (with its brackets) -> hit.
        tokens: the length of `text`, by the counter that the budget was checked with.
    """

    text: str
    citations: Mapping[str, Hit]
    tokens: int

    def resolve(self, answer: str) -> Resolution:
        """Link the citations in an answer written from this context to their hits, as
        `colregion.citations.marks.find_marks` recognises them; an answer may have none."""
        return resolve(answer, self.citations)


def build_context(hits: Sequence[Hit], *, max_tokens: int, count_tokens: CountTokens) -> Context:
    """Write the best of `hits` that fit, in reading order.

    Hits are taken best first; one that exceeds the budget is left out and the next is tried.
    Each is led by a mark, `[acme-2024 p.3 r2]`, where r2 is its rank among `hits`, and by a
    warning in brackets if some of its text is hidden on the page. Hits without text (a figure
    without words) are left out. When not even one fits whole, the best is cut after the last
    line, or else the last word, that fits.

    Args:
        max_tokens: the budget for the whole text, marks included.
        count_tokens: the language model's tokenizer, or an estimate.

    Returns:
        An empty text when there are no hits or the budget does not hold even one word.

    Raises:
        InvalidInput: `max_tokens` < 1.
    """
    if max_tokens < 1:
        raise InvalidInput(f"max_tokens must be 1 or more, got {max_tokens}")
    chosen: list[tuple[int, Hit]] = []
    text = ""
    for rank, hit in enumerate(hits, start=1):
        if not hit.text:
            continue
        trial = _assemble([*chosen, (rank, hit)])
        if count_tokens(trial) <= max_tokens:
            chosen.append((rank, hit))
            text = trial
    if not chosen:
        return _cut_to_fit(hits, max_tokens=max_tokens, count_tokens=count_tokens)
    return Context(text, {_mark(rank, hit): hit for rank, hit in chosen}, count_tokens(text))


def _mark(rank: int, hit: Hit) -> str:
    return make_mark(hit.doc_id, hit.page_number, rank)


def _assemble(chosen: Sequence[tuple[int, Hit]]) -> str:
    ordered = sorted(
        chosen, key=lambda pair: (pair[1].doc_id, pair[1].page_number, pair[1].region.path)
    )
    return "\n\n".join(f"{_head(rank, hit)}\n{hit.text}" for rank, hit in ordered)


def _head(rank: int, hit: Hit) -> str:
    """The mark, and a warning if some of the text is hidden on the page."""
    return _mark(rank, hit) + (f" ({hit.hidden_text_warning})" if hit.hidden_text_warning else "")


def _cut_to_fit(hits: Sequence[Hit], *, max_tokens: int, count_tokens: CountTokens) -> Context:
    for rank, hit in enumerate(hits, start=1):
        for separator in ("\n", " "):
            parts = hit.text.split(separator)
            for n in range(len(parts) - 1, 0, -1):
                text = f"{_head(rank, hit)}\n{separator.join(parts[:n])}"
                if count_tokens(text) <= max_tokens:
                    return Context(text, {_mark(rank, hit): hit}, count_tokens(text))
    return Context("", {}, 0)
