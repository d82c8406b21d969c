"""Regions for the notes on a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from colregion.core.geometry import Box
from colregion.core.regions import ParsedPage, Region, Word

_BESIDE_WIDTH = 0.03  # of the page, for a note that is put beside the words that it marks
_GAP = 0.005


def with_notes(parsed: ParsedPage) -> ParsedPage:
    """The page with an area behind the others for each of its notes.

    The area lies at the note's box or, where words are there, beside them in the margin: what lies
    in one place is one evidence. A note that repeats words of the page, as that of a highlight
    often does, is left out.
    """
    text = " ".join(word.text for word in parsed.words)
    words, regions = list(parsed.words), list(parsed.regions)
    occupied = [word.box for word in words]
    count = regions[-1].path[0] if regions else 0
    for note in parsed.page.notes:
        note_words = note.text.split()
        if not note_words or " ".join(note_words) in text:
            continue
        box = _free_place(note.box, occupied)
        occupied.append(box)
        count += 1
        words.extend(Word(word, box) for word in note_words)
        titled = f"{note.title} {note.text}".strip()
        regions.append(Region(page_id=parsed.id, path=(count,), box=box, text=titled))
    if len(words) == len(parsed.words):
        return parsed
    return replace(parsed, words=tuple(words), regions=tuple(regions))


def _free_place(box: Box, occupied: Sequence[Box]) -> Box:
    """The box, or one right or left of all that is at its height; itself where both margins are
    full."""
    if not any(box.overlap(other) > 0 for other in occupied):
        return box
    beside = [other for other in occupied if other.y0 < box.y1 and other.y1 > box.y0]
    right = max(other.x1 for other in beside) + _GAP
    left = min(other.x0 for other in beside) - _GAP
    if right + _BESIDE_WIDTH <= 1:
        return Box(right, box.y0, right + _BESIDE_WIDTH, box.y1)
    if left - _BESIDE_WIDTH >= 0:
        return Box(left - _BESIDE_WIDTH, box.y0, left, box.y1)
    return box
