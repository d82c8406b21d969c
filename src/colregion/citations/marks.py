"""Citation marks: how they are written, and how they are recognised in a model's answer.

A mark is `[acme-2024 p.3 r2]`: document, page, and the region's rank, which alone identifies it.
Models copy marks loosely, so the parser accepts many spellings, but never an ambiguous one: a mark
that names nothing, or contradicts itself, is reported as such.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
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
class MarkMatch:
    """A citation in an answer.

    Args:
        start, end: `answer[start:end]` is the citation, with its brackets when nothing else is in
            them.
        mark: the mark that is cited; None when there is no such mark, for the `reason` given.
    """

    start: int
    end: int
    mark: str | None
    reason: str = ""


def make_mark(doc_id: str, page_number: int, rank: int) -> str:
    """Format a mark, `[acme-2024 p.3 r2]`.

    Always one line: brackets in the id become round, semicolons commas, and unprintable characters
    spaces.
    """
    printable = "".join(c if c.isprintable() else " " for c in doc_id.translate(_BRACKETS))
    label = " ".join(printable.split())
    return f"[{label} p.{page_number} r{rank}]" if label else f"[p.{page_number} r{rank}]"


def find_marks(answer: str, region_ids: Mapping[str, str]) -> list[MarkMatch]:
    """Find the citations in an answer, in order and without overlaps.

    Recognised, in any case and with spaces missing or added: marks; several in one pair of
    brackets, `[acme p.3 r2; p.4 r1]`; full-width and lenticular brackets; a rank alone, `[r2]`;
    a page alone, `[acme p.3]`, when only one region of it can be meant; region ids
    (`acme#p3#2.4`), with or without a merged region's `+n`. In round brackets, or in none, a mark
    must name its page and its rank; without brackets also its document.

    Args:
        answer: any text; without citations the result is [].
        region_ids: the marks that can be cited, with their brackets, and the region id of each.

    Returns:
        Text that looks like a citation but names none of these has mark None. Other text in
        brackets is ignored.
    """
    parser = _Parser(region_ids)
    matches = [match for group in _GROUP.finditer(answer) for match in parser.group(answer, group)]
    for match in parser.prose(answer):
        if all(match.end <= other.start or match.start >= other.end for other in matches):
            matches.append(match)
    return sorted(matches, key=lambda match: match.start)


@dataclass(frozen=True, slots=True)
class _Place:
    """A mark, parsed."""

    mark: str
    label: str
    page: int
    rank: int


class _Parser:
    """Recognises the citable regions by every name that they have."""

    def __init__(self, region_ids: Mapping[str, str]) -> None:
        self.places = list(_places(region_ids))
        self.by_rank = {place.rank: place for place in self.places}
        names = [(_mark_pattern(place), place.mark) for place in self.places]
        ids = {region_id: mark for mark, region_id in region_ids.items()}
        for mark, region_id in region_ids.items():
            # A merged region may be cited without its `+n`, unless that is another's id.
            ids.setdefault(re.sub(r"\+\d+$", "", region_id), mark)
        names += [(rf"{_flexible(name)}(?![\w+#]|\.\d)", mark) for name, mark in ids.items()]
        names.sort(key=lambda name: len(name[0]), reverse=True)
        self.marks = [mark for _, mark in names]
        choices = "|".join(f"({pattern})" for pattern, _ in names)
        # (?!) never matches: without names nothing can be cited.
        self.known = re.compile(rf"(?<![\w/#.-])(?:{choices or '(?!)'})", re.IGNORECASE)

    def group(self, answer: str, group: re.Match[str]) -> list[MarkMatch]:
        """The citations in one pair of brackets."""
        position, end = group.span(1)
        is_round = group[0][0] in _ROUND
        matches: list[MarkMatch] = []
        only_citations = True
        while position < end:
            start = position
            if known := self.known.match(answer, position, end):
                position = known.end()
                matches.append(MarkMatch(start, position, self._mark_of(known)))
            elif between := _BETWEEN.match(answer, position, end):
                position = between.end()
            else:
                position = _item_end(answer, position, end)
                item = self._read_item(answer[start:position], in_round_brackets=is_round)
                if item is None:
                    only_citations = False
                else:
                    matches.append(MarkMatch(start, position, *item))
        if len(matches) == 1 and only_citations:
            (match,) = matches
            return [MarkMatch(*group.span(), match.mark, match.reason)]
        return matches

    def prose(self, answer: str) -> Iterator[MarkMatch]:
        """Citations without brackets: whole marks, region ids, and text that looks like one."""
        for known in self.known.finditer(answer):
            yield MarkMatch(*known.span(), self._mark_of(known))
        for place in _BARE_PLACE.finditer(answer):
            yield MarkMatch(*place.span(), None, f"no document of the context before {place[0]!r}")
        for tail in _BARE_ID.finditer(answer):
            before = answer[max(tail.start() - _ID_CHARACTERS, 0) : tail.start()]
            name = re.split(rf"[\s{re.escape(_OPENING + _CLOSING)}]", before)[-1]
            start = tail.start() - len(name)
            if name:
                text = answer[start : tail.end()]
                yield MarkMatch(start, tail.end(), None, f"no region {text!r} in the context")

    def _mark_of(self, known: re.Match[str]) -> str:
        return self.marks[(known.lastindex or 1) - 1]

    def _read_item(self, text: str, *, in_round_brackets: bool) -> tuple[str | None, str] | None:
        """(mark, reason) of a citation; None for other text."""
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
        on_page = [
            place for place in self.places if place.page == page and self._may_name(doc, place)
        ]
        if len(on_page) == 1:
            return on_page[0].mark, ""
        if on_page:
            ranks = ", ".join(f"r{place.rank}" for place in on_page)
            return None, f"page {page} has several regions in the context: {ranks}"
        named = f"page {page} of {doc!r}" if doc else f"page {page}"
        return None, f"no region of {named} in the context"

    def _may_name(self, doc: str, place: _Place) -> bool:
        """Whether `doc` is the place's document, or whole words of its name that are not the
        name of another."""
        name, label = _normalised(doc), _normalised(place.label)
        if name in ("", label):
            return True
        if any(name == _normalised(other.label) for other in self.places):
            return False
        return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", label) is not None


def _places(marks: Iterable[str]) -> Iterator[_Place]:
    for mark in marks:
        if parts := _MARK.fullmatch(mark):
            yield _Place(mark, parts["label"] or "", int(parts["page"]), int(parts["rank"]))


def _item_end(answer: str, start: int, end: int) -> int:
    """The end of the item that starts at `start`: after its rank, page or id, at the latest
    before the next semicolon."""
    semicolon = re.compile("[;；]").search(answer, start, end)
    stop = semicolon.start() if semicolon else end
    item_end = _ITEM_END.search(answer, start, stop)
    return item_end.end() if item_end else stop


def _mark_pattern(place: _Place) -> str:
    page = _PAGE.format(page=f"0*{place.page}")
    rank = _RANK.format(rank=f"0*{place.rank}")
    return rf"{_flexible(place.label)}[\s,:]*{page}[\s,:]*{rank}(?!\w)"


def _flexible(text: str) -> str:
    """A pattern for `text` with any or no white space, and any dash, where it has one."""
    parts = []
    for run in re.findall(rf"\s+|[{re.escape(_DASHES)}]|.", text, re.DOTALL):
        if run.isspace():
            parts.append(r"\s*")
        else:
            parts.append(f"[{re.escape(_DASHES)}]" if run in _DASHES else re.escape(run))
    return "".join(parts)


def _normalised(text: str) -> str:
    """One form of every letter, dash and space, without surrounding quotes or emphasis."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    dashed = "".join("-" if c in _DASHES else c for c in folded)
    return " ".join(dashed.split()).strip("\"'`*_,:. ")
