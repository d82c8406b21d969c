"""Paragraphs that go on in another column or on another page.

Only texts and the places of their lines are compared, so that it does not matter how the page is
turned or who divided it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from statistics import median

from colregion.core.regions import ParsedPage, Region
from colregion.errors import ColregionError
from colregion.parsers.layout.groups import MARKER, MIN_LINE_CHARS
from colregion.parsers.layout.line_ends import join_lines, strip_signs
from colregion.parsers.layout.paragraphs import SENTENCE_END
from colregion.parsers.layout.roles import CAPTION

MAX_PAGES = 4
"""The most pages that a paragraph is followed over; as many are in memory at a time."""

_BODY_KINDS = ("text", "list")
_SMALL = 0.9  # size of type, relative to the page's, of a footnote,
_SMALL_NOTE = 0.97  # and of one that starts with its sign
_NOTE_SIGN = re.compile(r"[\d*†‡§¶]+(?![.)\d])")
_SAME_SIZE = 1.15  # largest ratio of the type of two pieces
_PAGE_NUMBER = re.compile(
    r"\W*(?:page|seite|página|pagina|sida|strona|стр\.|p\.|s\.)?\s*(?:\d+|[ivxlc]+)"
    r"(?:\s*(?:/|of|von|de|sur|di|av|z|из)\s*\d+)?\W*",
    re.IGNORECASE,
)
_FULL = 0.85  # length of a full last line, relative to the paragraph's lines
_SENTENCE_WORDS = 6  # in a piece of one line that is running text
_LAST_CHARACTERS = ",-\u2010\u2013\u2014"


@dataclass(frozen=True, slots=True)
class _Piece:
    """A paragraph, or as much of it as stands in one column."""

    region: Region
    lines: tuple[str, ...]
    size: float  # of its type, in the page's units


def mark_continued(parsed: ParsedPage) -> ParsedPage:
    """The page with `continues` set on each block that goes on with the paragraph before it, from
    which the end of a column, a figure or a footnote separates it."""
    continued = set()
    previous: _Piece | None = None
    for piece in _body(parsed):
        if piece and previous and _is_first(piece.region):
            is_below = _is_below(piece.region, previous.region)
            if _goes_on(previous, piece, in_lower_case=is_below):
                continued.add(piece.region.path)
        previous = piece
    return _with_continued(parsed, continued)


def carry_over(pages: Iterable[ParsedPage]) -> Iterator[ParsedPage]:
    """The pages of a document in order, with each paragraph that goes on over a page's end whole
    in the region where it begins: its text, and in `continued_on` where the rest stands. The rest
    is marked with `continues`. Figures, footnotes, headers, footers and blank pages may be between.

    A page is yielded as soon as the last paragraph on it is known to end; `MAX_PAGES` are waited
    for at most. Pages that this has been done to do not change.
    """
    waiting: list[ParsedPage] = []  # the first has the start of a paragraph that may go on
    last: _Piece | None = None
    start: tuple[int, ...] = ()
    try:
        for page in pages:
            body = _body(page)
            first = body[0] if body else None
            rest = first if waiting and last and first and _goes_on(last, first) else None
            if rest and not rest.region.continues:
                waiting[0] = _with_rest(waiting[0], start, rest.region, page.page.number)
                page = _with_continued(page, {rest.region.path})
            is_between = not body or (rest and len(body) == 1 and _is_open(rest))
            if waiting and is_between and len(waiting) < MAX_PAGES:
                waiting.append(page)
                last = rest or last
                continue
            yield from waiting
            waiting = []
            last = body[-1] if body else None
            if last and _is_open(last):
                waiting, start = [page], last.region.path
            else:
                yield page
    except ColregionError:
        yield from waiting
        raise
    yield from waiting


def _body(parsed: ParsedPage) -> list[_Piece | None]:
    """The paragraphs of the page's running text in reading order; None for a heading, over which
    none goes on. What stands beside the text is left out."""
    blocks: list[_Piece | None] = []
    for at, region in enumerate(parsed.regions):
        area = region if len(region.path) == 1 else None
        if area is not None and area.kind == "title":
            blocks.append(None)
        if area is not None and area.kind in _BODY_KINDS:
            positions = parsed.parts[at] or [at]
            blocks += [_piece(parsed, i) for i in positions if parsed.regions[i].text.strip()]
    sizes = [piece.size for piece in blocks if piece for _ in piece.region.text.split()]
    usual = median(sizes) if sizes else 0.0
    return [piece for piece in blocks if piece is None or not _is_aside(piece, usual)]


def _is_aside(piece: _Piece, usual_size: float) -> bool:
    """Whether a text is a footnote, a page number, or a caption that no figure or table has."""
    text = piece.lines[0]
    if len(piece.lines) == 1 and _PAGE_NUMBER.fullmatch(text):
        return True
    share = _SMALL_NOTE if _NOTE_SIGN.match(text) else _SMALL
    return piece.size < share * usual_size or (
        text[0].isupper() and CAPTION.match(text) is not None
    )


def _piece(parsed: ParsedPage, position: int) -> _Piece:
    region, page = parsed.regions[position], parsed.page
    lines = [parsed.regions[i] for i in parsed.parts[position]] or [region]
    # Lines run down the page where its text is turned.
    sizes = (min(line.box.width * page.width, line.box.height * page.height) for line in lines)
    texts = tuple(text for line in lines for text in line.text.split("\n") if text.strip())
    return _Piece(region, texts, median(sizes))


def _is_open(piece: _Piece) -> bool:
    """Whether a piece of text is running text that ends in mid-sentence."""
    last = piece.lines[-1]
    return (
        piece.region.kind in _BODY_KINDS
        and SENTENCE_END.search(last) is None
        and median(map(len, piece.lines)) >= MIN_LINE_CHARS
        and (len(piece.lines) > 1 or len(last.split()) >= _SENTENCE_WORDS)
    )


def _is_first(region: Region) -> bool:
    """Whether it is an area or the first block of one."""
    return region.path[1:] in ((), (1,))


def _is_below(region: Region, other: Region) -> bool:
    """Whether a region stands below another in the same column."""
    return region.box.y0 >= other.box.center[1] and region.box.x0 < other.box.center[0]


def _goes_on(piece: _Piece, following: _Piece, *, in_lower_case: bool = False) -> bool:
    """Whether the second piece of text is in mid-sentence after the first; it has to start in
    lower case, if so asked, or else after a full line."""
    last, first = piece.lines[-1], following.lines[0]
    if not _is_open(piece) or following.region.kind not in _BODY_KINDS:
        return False
    if max(piece.size, following.size) > _SAME_SIZE * min(piece.size, following.size):
        return False
    if MARKER.fullmatch(first.split()[0]):
        return False
    if first[0].islower():
        return True
    if in_lower_case or not first[0].isalpha():
        return False
    is_long = len(following.lines) > 1 or len(first.split()) >= _SENTENCE_WORDS
    is_full = len(last) >= _FULL * median(map(len, piece.lines))
    is_cut = last[-1] in _LAST_CHARACTERS or last[-1].islower() or not last[-1].isascii()
    return is_long and is_full and is_cut and len(piece.lines) > 2


def _with_continued(parsed: ParsedPage, paths: Collection[tuple[int, ...]]) -> ParsedPage:
    """The page with `continues` set on these blocks and on areas that consist of one of them."""
    areas = [
        region.path
        for region, parts in zip(parsed.regions, parsed.parts, strict=True)
        if len(parts) == 1 and parsed.regions[parts[0]].path in paths
    ]
    marked = {*paths, *(path for path in areas if len(path) == 1)}
    if not marked:
        return parsed
    regions = (replace(r, continues=True) if r.path in marked else r for r in parsed.regions)
    return replace(parsed, regions=tuple(regions))


def _with_rest(parsed: ParsedPage, path: tuple[int, ...], rest: Region, number: int) -> ParsedPage:
    """The page with the rest of a paragraph, from page `number`, in the text of its region and of
    the area around that."""
    (region,) = (one for one in parsed.regions if one.path == path)
    words = frozenset(strip_signs(word.text) for word in parsed.words)
    whole = join_lines([*region.text.split("\n"), *rest.text.split("\n")], words)
    regions = []
    for one in parsed.regions:
        if one.path == path[: len(one.path)]:
            before, _, after = one.text.rpartition(region.text)
            place = (number, rest.box)
            one = replace(
                one,
                text=f"{before}{whole}{after}",
                continued_on=(*one.continued_on, place),
            )
        regions.append(one)
    return replace(parsed, regions=tuple(regions))
