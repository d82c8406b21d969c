"""Where the words of an answer stand on the pages that were searched."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from itertools import groupby, takewhile

from colregion.core.quotes import Quote, quote_words, words_in
from colregion.core.regions import ParsedPage, Word
from colregion.core.repr import one_line_repr
from colregion.core.results import Hit
from colregion.core.text import terms

_LEAST_MATCH = 0.75  # of the answer's terms, in a place
_SPELLING = 0.8  # least ratio of a word that was read wrongly, at this length or more
_SPELLED_LENGTH = 4


@one_line_repr("hit.id", "match", "quote.text", "reason")
@dataclass(frozen=True, slots=True, eq=False)
class Location:
    """A place of an answer.

    Args:
        hit: the smallest region around it, with the score and confidence of the hit it lies in.
        quote: the words that spell the answer.
        match: the share of the answer's terms that stand there, 0-1; 1 for all.
        reason: why it is ranked where it is.
    """

    hit: Hit
    quote: Quote
    match: float
    reason: str


class Locations(list[Location]):
    """Places of an answer, best first; `reason` says how many there are, or why there are none."""

    def __init__(self, places: Sequence[Location], reason: str) -> None:
        super().__init__(places)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class _Place:
    """Words on a page: the lines and the words in each, how much of the answer they are, and the
    rank of the hit that they lie in, counted from 0, else of the last on the page plus a half."""

    page: ParsedPage
    words: tuple[tuple[int, Word], ...]
    match: float
    rank: float


def locate(answer: str, hits: Sequence[Hit]) -> Locations:
    """Find an answer's words on the pages of hits.

    Words compare as in a search: without case and accents, numbers whatever their grouping. Where
    they stand nowhere whole, places with three quarters of them in a row of words are accepted,
    and words that recognition may have spelled wrongly (four letters and more, 80 % alike, no
    digits).

    Args:
        answer: a value that a model extracted, or a sentence.
        hits: best first. Places inside hits come before others on their pages.

    Returns:
        The places, those with more of the answer first, then by rank of their hit; empty, with the
        reason, where it stands nowhere.
    """
    asked = terms(answer)
    if not asked:
        return Locations((), f"the answer {answer!r} has no words to look for")
    by_page = {hit.page_id: hit.parsed for hit in hits}
    places = [p for page in by_page.values() for p in _places(page, asked, hits)]
    if not places:
        pages = f"{len(by_page)} page{'' if len(by_page) == 1 else 's'}"
        return Locations((), f"{answer!r} stands nowhere on the {pages} of the hits")
    best = max(place.match for place in places)
    places = [place for place in places if place.match == best]
    places.sort(key=lambda place: place.rank)
    count = "once" if len(places) == 1 else f"{len(places)} times"
    share = "" if best == 1 else f", {best:.0%} of its words"
    reason = f"{answer!r} stands {count} on the pages of the hits{share}"
    return Locations([_location(place, hits, reason) for place in places], reason)


def _places(page: ParsedPage, asked: Sequence[str], hits: Sequence[Hit]) -> Iterator[_Place]:
    lines = words_in(page, page.leaves)
    words = [(leaf, word) for leaf, line in zip(page.leaves, lines, strict=True) for word in line]
    # A word may have several terms ("12.50/h") or none ("-").
    flat = [(term, i) for i, (_, word) in enumerate(words) for term in terms(word.text)]
    ranks = [(rank, hit.region) for rank, hit in enumerate(hits) if hit.page_id == page.id]
    for start, end, match in _runs([term for term, _ in flat], asked):
        chosen = tuple(words[flat[start][1] : flat[end - 1][1] + 1])
        start_xy = chosen[0][1].box.center
        inside = [
            rank for rank, region in ranks if any(box.contains(start_xy) for box in region.boxes)
        ]
        rank = float(inside[0]) if inside else ranks[-1][0] + 0.5
        yield _Place(page, chosen, match, rank)


def _runs(terms_of_page: Sequence[str], asked: Sequence[str]) -> Iterator[tuple[int, int, float]]:
    """(start, end, match) of runs of the page's terms that are the answer; whole ones if there are
    any, else those with most of it, none overlapping."""
    n = len(asked)
    whole = [
        (i, i + n, 1.0)
        for i in range(len(terms_of_page) - n + 1)
        if terms_of_page[i] == asked[0] and list(terms_of_page[i : i + n]) == list(asked)
    ]
    if whole:
        yield from whole
        return
    # No digits: another number is another answer.
    words = [term for term in asked if _is_spelled(term)]
    spelled = {term: _spelled(term, asked, words) for term in set(terms_of_page)}
    read = [spelled[term] for term in terms_of_page]
    candidates = []
    for i, term in enumerate(read):
        if term in asked:
            window = read[i : i + n]
            match = (Counter(window) & Counter(asked)).total() / n
            if match >= _LEAST_MATCH:
                candidates.append((match, -i))
    free = 0
    best = max(candidates, default=(0.0, 0))[0]
    for match, negated in sorted(candidates, key=lambda one: -one[1]):
        if match == best and -negated >= free:
            free = -negated + n
            yield -negated, min(free, len(read)), match


def _spelled(term: str, asked: Sequence[str], words: Sequence[str]) -> str:
    """The word of the answer that a term of the page is, if it was read wrongly; else the term."""
    if term in asked or not words or not _is_spelled(term):
        return term
    ratio, nearest = max((SequenceMatcher(None, term, one).ratio(), one) for one in words)
    return nearest if ratio >= _SPELLING else term


def _is_spelled(term: str) -> bool:
    """Whether a term is a word long enough to be recognised with a letter read wrongly."""
    return term.isalpha() and len(term) >= _SPELLED_LENGTH


def _location(place: _Place, hits: Sequence[Hit], reason: str) -> Location:
    page = place.page
    lines = groupby(place.words, key=lambda word: word[0])
    by_line = {leaf: [word for _, word in words] for leaf, words in lines}
    # The paths of all lines have the smallest region around them in common.
    paths = zip(*(page.regions[leaf].path for leaf in by_line), strict=False)
    path = tuple(steps[0] for steps in takewhile(lambda steps: len(set(steps)) == 1, paths))
    region = page.regions[page.positions[path]] if path else page.whole()
    inside = place.rank.is_integer()
    where = f"in hit {int(place.rank) + 1}" if inside else "beside the hits of its page"
    hit = replace(hits[int(place.rank)], region=region)
    return Location(hit, quote_words(by_line.values()), place.match, f"{reason}; {where}")
