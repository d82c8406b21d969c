"""Which of a file's own words a reader of the page would not see.

Text can be put on a page for machines only: drawn without ink, in the paper's colour, beneath a
picture, or too small to notice. It may be harmless, as under a scan, or written to mislead whoever
has the page read out. Such words are marked; what is made of them says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from PIL import Image

from colregion.core.documents import Page
from colregion.core.geometry import Box, boxes_to_array
from colregion.core.regions import Word

_TINY_PT = 2.0
"""Type below this many points cannot be read from paper; labels of charts that were made smaller
have three and more."""

_FAINT = 12
"""Grey levels of 255 between the lightest and the darkest point of a word's box, in any colour,
up to which nothing can be seen to be written there."""

_WIDE = 3  # characters from which on a word's shorter side is the height of its type
_MIDDLE = 0.15  # share of a box's height left out at top and bottom, where neighbours reach in


def mark_hidden_text(page: Page, words: Sequence[Word]) -> tuple[Word, ...]:
    """The words, those that a reader would not see with `Word.hidden_text` set.

    "invisible": the file says that they are drawn without ink. "tiny": below 2 points. "faint":
    nothing stands out where they are said to be. Recognised words were seen, and those of pages
    without characters of their own are not looked at. What lies off the page no reader of words
    gives.
    """
    own = [i for i, word in enumerate(words) if word.confidence is None]
    if page.load_text is None or not own:
        return tuple(words)
    marked = list(words)
    faint = _faint(page, [words[i].box for i in own])
    for i, unseen in zip(own, faint, strict=True):
        if not words[i].visible:
            reason = "invisible"
        elif page.unit == "pt" and _type_pt(page, words[i]) < _TINY_PT:
            reason = "tiny"
        else:
            reason = "faint" if unseen else ""
        if reason:
            marked[i] = replace(words[i], hidden_text=reason)
    return tuple(marked)


def suspicions(words: Iterable[Word]) -> tuple[str, ...]:
    """Why words are hidden, each reason once, sorted."""
    found = {word.hidden_text or ("" if word.visible else "invisible") for word in words}
    return tuple(sorted(found - {""}))


def _type_pt(page: Page, word: Word) -> float:
    sides = (word.box.width * page.width, word.box.height * page.height)
    return min(sides) if len(word.text) >= _WIDE else max(sides)


def _faint(page: Page, boxes: Sequence[Box]) -> list[bool]:
    """Of each box, whether nothing stands out in it."""
    image = page.image
    edges = boxes_to_array(boxes)
    inset = _MIDDLE * (edges[:, 3] - edges[:, 1])
    edges += np.stack([np.zeros_like(inset), inset, np.zeros_like(inset), -inset], axis=1)
    edges *= [image.width, image.height, image.width, image.height]
    low = np.floor(edges[:, :2]).astype(int)
    high = np.maximum(np.ceil(edges[:, 2:]).astype(int), low + 1)
    grey = np.asarray(image.convert("L"))
    found = []
    for (x0, y0), (x1, y1) in zip(low.tolist(), high.tolist(), strict=True):
        within = grey[y0:y1, x0:x1]
        # Colours of one brightness stand out too; there are few boxes to ask that of.
        plain = int(within.max()) - int(within.min()) <= _FAINT
        found.append(plain and _colour_range(image.crop((x0, y0, x1, y1))) <= _FAINT)
    return found


def _colour_range(image: Image.Image) -> int:
    colours = np.asarray(image).reshape(-1, 3).astype(int)
    return int((colours.max(axis=0) - colours.min(axis=0)).max())
