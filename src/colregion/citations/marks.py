"""The marks that lead the regions of a context, and how they are found again in an answer.

A mark is `[acme-2024 p.3 r2]`: document, page, and the region's rank, which alone names it. Models
copy marks loosely, so an answer is read generously, but never so that two readings could be
meant: what names nothing, or contradicts itself, is reported as such.

This is about text only; what a mark stands for, the caller knows.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

_BRACKETS = str.maketrans("[]［］【】〔〕;；", "()()()(),,")
_DASHES = "-\u2010\u2011\u2012\u2013\u2014\u2212"
_OPENING, _CLOSING = "[［【〔(（", "]］】〕)）"
_ROUND = "(（"
_GROUP_CHARACTERS = 4000

# Digits are bounded: Python refuses to turn thousands of them into an int.
_PAGE = r"(?:page|pp|pg|p)\s*\.?\s*{page}"
_RANK = r"(?:region|r)\s*\.?\s*{rank}"
_ANY_PAGE = _PAGE.format(page=r"\d{1,99}")
_ANY_RANK = _RANK.format(rank=r"\d{1,99}")
_NO_LETTER_BEFORE = r"(?<![^\W\d_])"
_ID_TAIL = r"#p\d{1,9}(?:#\d{1,9}(?:\.\d{1,9})*)?(?:\+\d{1,9})?"
_ID_CHARACTERS = 300

_MARK = re.compile(r"\[(?:(?P<label>.*) )?p\.(?P<page>\d{1,9}) r(?P<rank>\d{1,9})\]")
_GROUP = re.compile(
    rf"[{re.escape(_OPENING)}]"
    rf"([^{re.escape(_OPENING + _CLOSING)}]{{1,{_GROUP_CHARACTERS}}})"
    rf"[{re.escape(_CLOSING)}]"
)
_BETWEEN = re.compile(
    r"[\s;,；，、|&/]+|(?:and|or|see|also|cf|sources?|refs?|from|in)\b[.:]?", re.IGNORECASE
)
_ITEM_END = re.compile(
    rf"(?:{_NO_LETTER_BEFORE}(?:{_ANY_PAGE}[\s,:]*)?{_ANY_RANK}|{_NO_LETTER_BEFORE}{_ANY_PAGE}"
    rf"|{_ID_TAIL})"
    rf"(?=\s*(?:$|[;,；，、|&/]|and\b|or\b)|\s+{_ANY_RANK})",
    re.IGNORECASE,
)
_ITEM = re.compile(
    rf"(?P<doc>.*?)[\s,:]*"
    rf"(?:{_NO_LETTER_BEFORE}{_PAGE.format(page=r'(?P<page>[0-9]{1,99})')})?[\s,:]*"
    rf"(?:{_NO_LETTER_BEFORE}{_RANK.format(rank=r'(?P<rank>[0-9]{1,99})')})?",
    re.IGNORECASE | re.DOTALL,
)
_BARE_PLACE = re.compile(
    rf"{_NO_LETTER_BEFORE}{_ANY_PAGE}[\s,]*{_NO_LETTER_BEFORE}{_ANY_RANK}(?!\w)", re.IGNORECASE
)
_BARE_ID = re.compile(_ID_TAIL + r"(?!\w)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Citable:
    """What an answer may cite: a mark with its brackets, or the region's id."""

    mark: str
    region_id: str


@dataclass(frozen=True, slots=True)
class Found:
    """A citation in an answer.

    Args:
        start, end: where it stands; with its brackets when nothing else is in them.
        mark: of the `Citable` that is meant; None when none is, for the `reason` given.
    """

    start: int
    end: int
    mark: str | None
    reason: str = ""


def make_mark(doc_id: str, page_number: int, rank: int) -> str:
    """`[acme-2024 p.3 r2]`, on one line whatever the id: brackets in it become round, semicolons
    commas, and what cannot be printed a space."""
    printable = "".join(c if c.isprintable() else " " for c in doc_id.translate(_BRACKETS))
    label = " ".join(printable.split())
    return f"[{label} p.{page_number} r{rank}]" if label else f"[p.{page_number} r{rank}]"


def find_marks(answer: str, citable: Sequence[Citable]) -> list[Found]:
    """The citations in an answer, in order, none overlapping.

    Understood are, in any case and with spaces missing or added: marks; several in one pair of
    brackets, `[acme p.3 r2; p.4 r1]`; full-width and lenticular brackets; a rank alone, `[r2]`;
    a page alone, `[acme p.3]`, when one region of it can be meant; region ids (`acme#p3#2.4`),
    with or without a merged region's `+n`. In round brackets, or in none, a mark must name its
    page and its rank; with no brackets its document too.

    What looks like one of these but names none of `citable` is found with mark None. Other text
    in brackets is left alone. No citations give [].
    """
    reader = _Reader(citable)
    found: list[Found] = []
    for group in _GROUP.finditer(answer):
        found.extend(reader.read_group(answer, group))
    for candidate in reader.read_prose(answer):
        if all(candidate.end <= one.start or candidate.start >= one.end for one in found):
            found.append(candidate)
    return sorted(found, key=lambda one: one.start)


@dataclass(frozen=True, slots=True)
class _Place:
    """What a mark says."""

    mark: str
    label: str
    page: int
    rank: int


class _Reader:
    """Knows what can be cited, by every name that it has."""

    def __init__(self, citable: Sequence[Citable]) -> None:
        self.places = list(_places(citable))
        self.by_rank = {place.rank: place for place in self.places}
        names = [(_loosely(place), place.mark) for place in self.places]
        ids = {one.region_id: one.mark for one in citable}
        for one in citable:
            # A merged region may be cited without its `+n`, unless that is another's id.
            ids.setdefault(re.sub(r"\+\d+$", "", one.region_id), one.mark)
        names += [(rf"{_flexible(name)}(?![\w+#]|\.\d)", mark) for name, mark in ids.items()]
        names.sort(key=lambda name: len(name[0]), reverse=True)
        self.marks = [mark for _, mark in names]
        choices = "|".join(f"({pattern})" for pattern, _ in names)
        # Without names there is nothing to find: (?!) never matches.
        self.known = re.compile(rf"(?<![\w/#.-])(?:{choices or '(?!)'})", re.IGNORECASE)

    def read_group(self, answer: str, group: re.Match[str]) -> list[Found]:
        """The citations in one pair of brackets."""
        at, end = group.span(1)
        is_round = group[0][0] in _ROUND
        found: list[Found] = []
        alone = True
        while at < end:
            start = at
            if known := self.known.match(answer, at, end):
                at = known.end()
                found.append(Found(start, at, self._meant(known)))
            elif between := _BETWEEN.match(answer, at, end):
                at = between.end()
            else:
                at = _item_end(answer, at, end)
                item = self._read_item(answer[start:at], in_round_brackets=is_round)
                if item is None:
                    alone = False
                else:
                    found.append(Found(start, at, *item))
        if len(found) == 1 and alone:
            (only,) = found
            return [Found(*group.span(), only.mark, only.reason)]
        return found

    def read_prose(self, answer: str) -> Iterator[Found]:
        """Citations without brackets: whole marks, region ids, and what would be one."""
        for known in self.known.finditer(answer):
            yield Found(*known.span(), self._meant(known))
        for place in _BARE_PLACE.finditer(answer):
            yield Found(*place.span(), None, f"no document of the context before {place[0]!r}")
        for tail in _BARE_ID.finditer(answer):
            before = answer[max(tail.start() - _ID_CHARACTERS, 0) : tail.start()]
            name = re.split(rf"[\s{re.escape(_OPENING + _CLOSING)}]", before)[-1]
            start = tail.start() - len(name)
            if name:
                text = answer[start : tail.end()]
                yield Found(start, tail.end(), None, f"no region {text!r} in the context")

    def _meant(self, known: re.Match[str]) -> str:
        return self.marks[(known.lastindex or 1) - 1]

    def _read_item(self, text: str, *, in_round_brackets: bool) -> tuple[str | None, str] | None:
        """(mark, reason) of a citation; None for text that is none."""
        if _BARE_ID.search(text):
            return None, f"no region {text!r} in the context"
        parts = _ITEM.fullmatch(unicodedata.normalize("NFKC", text).strip())
        if parts is None or (parts["page"] is None and parts["rank"] is None):
            return None
        if in_round_brackets and None in (parts["page"], parts["rank"]):
            return None
        page = None if parts["page"] is None else int(parts["page"])
        if parts["rank"] is None:
            return self._by_page(parts["doc"], page)
        place = self.by_rank.get(int(parts["rank"]))
        if place is None:
            return None, f"no r{int(parts['rank'])} in the context"
        if page not in (None, place.page):
            return None, f"r{place.rank} is on page {place.page}, not {page}"
        if not self._may_name(parts["doc"], place):
            return None, f"r{place.rank} is of {place.label!r}, not {parts['doc']!r}"
        return place.mark, ""

    def _by_page(self, doc: str, page: int | None) -> tuple[str | None, str]:
        meant = [
            place for place in self.places if place.page == page and self._may_name(doc, place)
        ]
        if len(meant) == 1:
            return meant[0].mark, ""
        if meant:
            ranks = ", ".join(f"r{place.rank}" for place in meant)
            return None, f"page {page} has several regions in the context: {ranks}"
        named = f"page {page} of {doc!r}" if doc else f"page {page}"
        return None, f"no region of {named} in the context"

    def _may_name(self, doc: str, place: _Place) -> bool:
        """Whether `doc` is the place's document, or whole words of its name that are not the
        name of another."""
        given, label = _plain(doc), _plain(place.label)
        if given in ("", label):
            return True
        if any(given == _plain(other.label) for other in self.places):
            return False
        return re.search(rf"(?<!\w){re.escape(given)}(?!\w)", label) is not None


def _places(citable: Iterable[Citable]) -> Iterator[_Place]:
    for one in citable:
        if parts := _MARK.fullmatch(one.mark):
            yield _Place(one.mark, parts["label"] or "", int(parts["page"]), int(parts["rank"]))


def _item_end(answer: str, start: int, end: int) -> int:
    """Where the item that starts at `start` ends: behind its rank, page or id, at the latest
    where a semicolon parts it from the next."""
    semicolon = re.compile("[;；]").search(answer, start, end)
    stop = semicolon.start() if semicolon else end
    found = _ITEM_END.search(answer, start, stop)
    return found.end() if found else stop


def _loosely(place: _Place) -> str:
    page = _PAGE.format(page=f"0*{place.page}")
    rank = _RANK.format(rank=f"0*{place.rank}")
    return rf"{_flexible(place.label)}[\s,:]*{page}[\s,:]*{rank}(?!\w)"


def _flexible(text: str) -> str:
    """A pattern for `text` with any white space, or none, and any dash where it has one."""
    parts = []
    for run in re.findall(rf"\s+|[{re.escape(_DASHES)}]|.", text, re.DOTALL):
        if run.isspace():
            parts.append(r"\s*")
        else:
            parts.append(f"[{re.escape(_DASHES)}]" if run in _DASHES else re.escape(run))
    return "".join(parts)


def _plain(text: str) -> str:
    """For comparison: one form of every letter, dash, space; no quotes or emphasis around."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    dashed = "".join("-" if c in _DASHES else c for c in folded)
    return " ".join(dashed.split()).strip("\"'`*_,:. ")
