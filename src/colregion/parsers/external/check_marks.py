"""Check boxes and radio buttons as words, beside the text that they belong to."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import TypeVar

from colregion.core.geometry import Box
from colregion.core.regions import Word
from colregion.core.text import has_unspaced
from colregion.parsers.external.regions import ExternalRegion
from colregion.parsers.external.shapes import make_word

SELECTED, UNSELECTED = "[x]", "[ ]"

_SAME_ROW = 0.5  # overlap, as a share of the lower of two heights
# What a tool's own text may begin with.
_GLYPHS = "\u2610\u2611\u2612\u25a1\u25a0\u25cb\u25cf\u2713\u2714\u2717\u2718 "
_GLYPH = re.compile(f"[{_GLYPHS.strip()}]")
_ALPHANUMERIC = r"[^\W_]"  # a label may be followed by a line of "_"

_Key = TypeVar("_Key")


def mark_of(box: Box | None, *, selected: bool, confidence: float | None = None) -> Word | None:
    """The word of a check box; None without a box on the page."""
    return make_word(SELECTED if selected else UNSELECTED, box, confidence)


def mark_at(box: Box, *, selected: bool, aspect: float) -> Word | None:
    """The word of a check box at the start of a box that has its label too: it is as wide as the
    box is high, on a page of this width over height. None off the page."""
    start = Box(box.x0, box.y0, box.x0 + min(box.height / aspect, box.width), box.y1)
    return mark_of(start, selected=selected)


def marked_region(
    box: Box, text: str, kind: str, *, selected: bool, aspect: float
) -> ExternalRegion:
    """A region that begins with a check box, whose own place the tool does not give."""
    mark = mark_at(box, selected=selected, aspect=aspect)
    return ExternalRegion(box, text.lstrip(_GLYPHS), kind, marks=(mark,) if mark else ())


def text_with_marks(text: str, checks: Sequence[tuple[Word, str]]) -> str:
    """A text with check boxes: instead of its own glyphs if there is one for each, else each
    before its label in the text, and first those whose label is not in it.

    Args:
        checks: the check boxes in reading order, each with its label or "". With one only, the
            text is returned without glyphs, as the mark stands before it.
    """
    if len(checks) == 1:
        return _one_line(text.strip(_GLYPHS))
    parts = _GLYPH.split(text)
    if len(parts) == len(checks) + 1:
        marks = [mark.text for mark, _ in checks]
        joined = " ".join(chain.from_iterable(zip(parts, [*marks, ""], strict=True)))
        return _one_line(joined)
    rest, unlabelled, labelled = _one_line(" ".join(parts)), [], []
    start = end = 0  # of the last label
    for mark, label in checks:
        match = _find_label(_one_line(label.strip(_GLYPHS)), rest, end)
        if match is None:
            unlabelled.append(mark.text)
        else:
            labelled += [rest[start : match.start()], mark.text]
            start, end = match.span()
    return _one_line(" ".join([*unlabelled, *labelled, rest[start:]]))


def _find_label(label: str, text: str, start: int) -> re.Match[str] | None:
    """The first place of a label from `start` on, as whole words where its script has spaces;
    None without one, and for ""."""
    pattern = re.escape(label)
    if not has_unspaced(label):
        pattern = rf"(?<!{_ALPHANUMERIC}){pattern}(?!{_ALPHANUMERIC})"
    return re.compile(pattern).search(text, start) if label else None


def _one_line(text: str) -> str:
    return " ".join(text.split())


def is_glyph(text: str) -> bool:
    """Whether a word is a drawn check box."""
    return not text.strip(_GLYPHS)


def with_labels(regions: Sequence[ExternalRegion]) -> list[ExternalRegion]:
    """The regions, with a check box without text in the nearest region of text in its row."""
    result = dict(enumerate(regions))
    for i, region in enumerate(regions):
        if not region.marks or region.text:
            continue
        labels = {
            j: other.box
            for j, other in result.items()
            if not other.marks and other.text and not other.parts
        }
        if (label := nearest_in_row(region.box, labels)) is not None:
            result[label] = replace(result[label], marks=region.marks)
            del result[i]
    return list(result.values())


def nearest_in_row(mark: Box, lines: Mapping[_Key, Box], *, turned: bool = False) -> _Key | None:
    """The key of the line beside a mark that is nearest to it; None for none.

    Args:
        turned: whether lines run up or down the page.
    """
    mark = _swapped(mark) if turned else mark
    beside: list[tuple[float, _Key]] = []
    for key, box in lines.items():
        line = _swapped(box) if turned else box
        shared = min(mark.y1, line.y1) - max(mark.y0, line.y0)
        if shared >= _SAME_ROW * min(mark.height, line.height):
            beside.append((max(line.x0 - mark.x1, mark.x0 - line.x1), key))
    return min(beside, key=lambda pair: pair[0])[1] if beside else None


def insert_marks(words: Sequence[Word], marks: Sequence[Word]) -> list[Word]:
    """The words of a line with marks among them, where they stand in the line's direction: to the
    right where all words have one place. Marks at one place keep their order."""
    if not words:
        return list(marks)
    (x0, y0), (x1, y1) = words[0].box.center, words[-1].box.center
    dx, dy = (x1 - x0, y1 - y0) if (x0, y0) != (x1, y1) else (1.0, 0.0)

    def place(word: Word) -> float:
        x, y = word.box.center
        return x * dx + y * dy

    result = list(words)
    for mark in marks:
        result.insert(sum(place(word) <= place(mark) for word in result), mark)
    return result


def _swapped(box: Box) -> Box:
    return Box(box.y0, box.x0, box.y1, box.x1)
