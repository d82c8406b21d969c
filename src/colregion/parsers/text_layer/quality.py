"""Whether a page's text layer is sound enough to be used instead of OCR."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from colregion.core.documents import Page
from colregion.core.geometry import Box, FloatArray, IntArray
from colregion.parsers.ocr.orientation import BoolArray, has_lines, stroke_mask

# Fewer characters than this, without those in the margins, may be a stamp, header or page number
# on a page whose text is a scan or drawn as outlines.
_STAMP_CHARACTERS = 100
_MARGIN = 0.08

# Share of unmapped, private and control characters; formulas and bullets of sound pages make up a
# few percent.
_MAX_UNREADABLE = 0.1
_MAX_UNREADABLE_BROKEN = 0.5  # of a page whose other words are kept
_MAX_BROKEN = 0.2  # share of words that contain one; ligatures without a name are in one of twenty
_CID = re.compile(r"\(cid:\d+\)")  # some writers' placeholder for a glyph without a name
_LEADERS = re.compile(r"(.)\1{2,}")

# Share of letters, marks and digits: 0.84-1.0 on sound pages of text and tables.
_MIN_ALPHANUMERIC = 0.5
# Share of vowels among at least this many Latin letters: 0.36-0.45 on sound pages of many
# languages, below 0.2 if letters are shifted by a font's own numbering. Codes and abbreviations
# have few vowels too, but few letters in a row.
_WORDLIKE = re.compile(r"[^\W\d_]{4,}")
_MIN_LATIN = 100
_MIN_VOWELS, _MAX_VOWELS = 0.2, 0.65
_VOWELS = frozenset("aeiouyæœøıəɛɔ")
_MAX_MIXED = 0.2  # share of words that mix alphabets
_MAX_SWAPPED = 0.5  # share of characters U+xx00: text with its bytes swapped

_MIN_STROKES = 100  # points, at a size of at most 1000 pixels: a dozen letters
_BLOCK_GAP = 0.025  # of the page's longer side: two empty lines
_ROUND = 0.01  # space left around the unread part, share of the page

_BLANK_PX = 12
_INK = 32  # gray levels (of 255) from the paper's


@dataclass(frozen=True, slots=True)
class Assessment:
    """What a page's text layer is good for.

    Args:
        verdict: "" if the layer has all that the page shows, else what is wrong with it.
        unread: the part of a "partial" page in which lines of text are drawn outside the words.
    """

    verdict: str
    unread: Box | None = None


def assess_text_layer(page: Page) -> Assessment:
    """Assess whether the page's text layer matches what the page shows.

    It does not if it has no characters and something is drawn ("missing"); if most are drawn
    without ink, as OCR software puts them under a scan ("invisible"); if they are no text of any
    language ("garbled") or part of them is none ("broken"). Images are always "missing".

    It is "partial" if more lines of text are drawn outside it than in it (`unread_part`): a scan
    pasted on a page, or a font without a mapping to characters. It is "sparse" if it has few
    characters and more is drawn outside them: a stamp on a scan, labels beside a drawing. An
    empty page is "blank".
    """
    if page.load_text is None:
        return Assessment("missing")
    layer = page.load_text()
    inked = np.array([not c.isspace() for c in layer.characters], dtype=bool)
    shown = inked & layer.visible
    boxes = layer.boxes_xyxy[shown]
    if not inked.any():
        return Assessment("blank" if _drawn_px(page, boxes)[1] <= _BLANK_PX else "missing")
    if 2 * shown.sum() < inked.sum():
        return Assessment("invisible")
    text = "".join(c for c, v in zip(layer.characters, layer.visible, strict=True) if v)
    if unreadable := _unreadable(text):
        return Assessment(unreadable)
    inner = np.abs(boxes[:, [1, 3]].mean(axis=1) - 0.5) < 0.5 - _MARGIN
    if inner.sum() < _STAMP_CHARACTERS:
        inside, outside = _drawn_px(page, boxes)
        if outside > inside and _outside_strokes(page, boxes).sum() >= _MIN_STROKES:
            return Assessment("sparse")
    unread = unread_part(page, boxes)
    return Assessment("partial" if unread else "", unread)


def unread_part(page: Page, boxes_xyxy: FloatArray) -> Box | None:
    """The part of the page in which lines of text are drawn outside the boxes (N, 4), fractions;
    None unless these lines have more strokes than there are inside the boxes."""
    strokes = stroke_mask(page.image)
    within = _within(boxes_xyxy, strokes.shape)
    inside = int((strokes & within).sum())
    if int(strokes.sum()) <= 2 * inside:
        return None
    outside = _outside_strokes(page, boxes_xyxy)
    gap = max(round(_BLOCK_GAP * max(outside.shape)), 1)
    blocks = [block for block in _blocks(outside, gap=gap) if has_lines(outside[block])]
    if sum(int(outside[block].sum()) for block in blocks) <= inside:
        return None
    height, width = outside.shape
    part = Box.enclosing(
        Box.from_pixels((x.start, y.start, x.stop, y.stop), width_px=width, height_px=height)
        for y, x in blocks
    )
    return Box(part.x0 - _ROUND, part.y0 - _ROUND, part.x1 + _ROUND, part.y1 + _ROUND).clip()


def _outside_strokes(page: Page, boxes_xyxy: FloatArray) -> BoolArray:
    """(H, W) the strokes outside the boxes (N, 4), without rules and the edges of fills."""
    strokes = stroke_mask(page.image, with_rules=False)
    return strokes & ~_within(boxes_xyxy, strokes.shape)


def _blocks(strokes: BoolArray, *, gap: int) -> list[tuple[slice, slice]]:
    """(rows, columns) of the blocks of strokes that are more than `gap` points apart, cut along
    rows and columns in turn until neither divides them."""
    blocks = []
    whole = (slice(0, strokes.shape[0]), slice(0, strokes.shape[1]))
    pending = [(whole, 0, 0)]
    while pending:
        block, axis, uncut = pending.pop()
        profile: BoolArray = np.any(strokes[block], axis=1 - axis)
        spans = _spans(profile, start=block[axis].start, gap=gap)
        uncut = uncut + 1 if len(spans) == 1 else 0
        for span in spans:
            part = (block[0], span) if axis else (span, block[1])
            if uncut == 2:
                blocks.append(part)
            else:
                pending.append((part, 1 - axis, uncut))
    return blocks


def _spans(profile: BoolArray, *, start: int, gap: int) -> list[slice]:
    """The runs of true entries that are more than `gap` apart, counted from `start`."""
    at = np.flatnonzero(profile) + start
    cuts = np.flatnonzero(np.diff(at) > gap)
    firsts, lasts = at[[0, *(cuts + 1)]] if len(at) else at, at[[*cuts, -1]] if len(at) else at
    return [slice(int(a), int(b) + 1) for a, b in zip(firsts, lasts, strict=True)]


def _within(boxes_xyxy: FloatArray, shape: tuple[int, ...]) -> BoolArray:
    """(H, W) true inside the boxes (N, 4), rounded outward."""
    size = np.array([shape[1], shape[0]] * 2)
    edges = np.clip(boxes_xyxy * size, 0, size)
    rounded = np.hstack([np.floor(edges[:, :2]), np.ceil(edges[:, 2:])]).astype(int)
    within = np.zeros(shape, dtype=bool)
    for x0, y0, x1, y1 in _joined(rounded).tolist():
        within[y0:y1, x0:x1] = True
    return within


def _joined(boxes: IntArray) -> IntArray:
    """Boxes (M, 4) that cover the same as these (N, 4): one for those of a word, each of which
    starts in the one before it and is as high."""
    if not len(boxes):
        return boxes
    x0, y0, x1, y1 = boxes.T
    joins = (x0[:-1] <= x0[1:]) & (x0[1:] <= x1[:-1]) & (y0[:-1] == y0[1:]) & (y1[:-1] == y1[1:])
    starts = np.flatnonzero(np.concatenate([[True], ~joins]))
    joined: IntArray = boxes[starts]
    joined[:, 2] = np.maximum.reduceat(x1, starts)
    return joined


def _drawn_px(page: Page, boxes_xyxy: FloatArray) -> tuple[int, int]:
    """Number of inked pixels inside the boxes (N, 4) and outside them."""
    # The cached page image, which later steps use too, at half its size.
    gray = np.asarray(page.image.convert("L").reduce(2), dtype=np.int16)
    drawn = np.abs(gray - np.median(gray)) > _INK
    outside = int((drawn & ~_within(boxes_xyxy, drawn.shape)).sum())
    return int(drawn.sum()) - outside, outside


def _unreadable(text: str) -> str:
    """What is wrong with a text: "garbled" if it is of no language, "broken" if many words lack
    letters, else "".
    """
    characters, texts = [c for c in text if not c.isspace()], text.split()
    unreadable = _unreadable_share(characters, texts)
    readable = [text for text in texts if not is_broken(text)]
    is_garbled = (
        unreadable > _MAX_UNREADABLE_BROKEN
        or sum(ord(c) > 0xFF and ord(c) & 0xFF == 0 for c in characters)
        > _MAX_SWAPPED * len(characters)
        or _alphanumeric_share(readable) < _MIN_ALPHANUMERIC
        or _mixed_share(readable) > _MAX_MIXED
        or not _MIN_VOWELS <= _vowel_share(readable) <= _MAX_VOWELS
    )
    if is_garbled:
        return "garbled"
    is_part = unreadable > _MAX_UNREADABLE or len(texts) - len(readable) > _MAX_BROKEN * len(texts)
    return "broken" if is_part else ""


def is_broken(text: str) -> bool:
    """Whether a word lacks letters: the file maps some of its glyphs to no character."""
    return len(text) > 1 and any(map(_is_unreadable, text))


def _unreadable_share(characters: list[str], texts: list[str]) -> float:
    unreadable = sum(map(_is_unreadable, characters))
    # A single private character is a bullet or a tick box.
    unreadable -= sum(len(text) == 1 and unicodedata.category(text) == "Co" for text in texts)
    unreadable += sum(map(len, _CID.findall("".join(characters))))
    return unreadable / len(characters)


@lru_cache(maxsize=8192)
def _is_unreadable(character: str) -> bool:
    return character == "\ufffd" or unicodedata.category(character) in ("Cc", "Cn", "Co", "Cs")


def _alphanumeric_share(texts: list[str]) -> float:
    """Runs of one sign (leaders, rules) count as two; 1 for no text."""
    text = _LEADERS.sub(r"\1\1", "".join(texts))
    return sum(unicodedata.category(c)[0] in "LMN" for c in text) / len(text) if text else 1.0


def _vowel_share(texts: list[str]) -> float:
    """Among the Latin letters of words, accents ignored; a normal share for too few."""
    runs = "".join(_WORDLIKE.findall(" ".join(texts)))
    latin = [c for c in runs if _script(c) == "LATIN"]
    if len(latin) < _MIN_LATIN:
        return (_MIN_VOWELS + _MAX_VOWELS) / 2
    return sum(_is_vowel(c) for c in latin) / len(latin)


@lru_cache(maxsize=8192)
def _is_vowel(character: str) -> bool:
    return unicodedata.normalize("NFD", character.lower())[0] in _VOWELS


def _mixed_share(texts: list[str]) -> float:
    """Among the words of alphabets; Han, kana and hangul are often mixed with them."""
    alphabets = [{_script(c) for c in text} - {""} for text in texts]
    alphabetic = [scripts for scripts in alphabets if scripts]
    return sum(len(s) > 1 for s in alphabetic) / len(alphabetic) if alphabetic else 0.0


@lru_cache(maxsize=8192)
def _script(character: str) -> str:
    """The first word of a letter's Unicode name, of an ordinary letter for one of formulas; "" for
    other characters and East Asian letters."""
    if not character.isalpha() or unicodedata.east_asian_width(character) in "WFH":
        return ""
    return unicodedata.name(unicodedata.normalize("NFKC", character)[0], "").split(" ")[0]
