"""Detection of words in the text layer that a person would not see on the page.

They may be harmless, as under a scan, or written to mislead a language model.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from colregion.core.documents import Page
from colregion.core.geometry import Box, boxes_to_array
from colregion.core.regions import Word

_TINY_PT = 2.0  # smaller type cannot be read on paper; labels of shrunk charts have 3 and more
_FAINT = 12  # range of levels (of 255) in a word's box, in any channel, that shows no text
_WIDE = 3  # characters from which a word's shorter side is the height of its type
_INSET = 0.15  # share of a box's height ignored at top and bottom, where neighbours reach in


def mark_hidden_text(page: Page, words: Sequence[Word]) -> tuple[Word, ...]:
    """Set `Word.hidden_text` of the words that a person would not see.

    "invisible": drawn without ink. "tiny": below 2 points. "faint": nothing stands out at their
    place. OCR words, words already marked and pages without a text layer are not checked.
    """
    own = [i for i, word in enumerate(words) if word.confidence is None and not word.hidden_text]
    if page.load_text is None or not own:
        return tuple(words)
    marked = list(words)
    faint = _faint(page, [words[i].box for i in own])
    for i, is_faint in zip(own, faint, strict=True):
        sides = (words[i].box.width * page.width, words[i].box.height * page.height)
        type_height = min(sides) if len(words[i].text) >= _WIDE else max(sides)
        if not words[i].visible:
            reason = "invisible"
        elif page.unit == "pt" and type_height < _TINY_PT:
            reason = "tiny"
        else:
            reason = "faint" if is_faint else ""
        if reason:
            marked[i] = replace(words[i], hidden_text=reason)
    return tuple(marked)


def hidden_text_reasons(words: Iterable[Word]) -> tuple[str, ...]:
    """The reasons why words are hidden, sorted, without repetition."""
    reasons = {word.hidden_text or ("" if word.visible else "invisible") for word in words}
    return tuple(sorted(reasons - {""}))


def _faint(page: Page, boxes: Sequence[Box]) -> list[bool]:
    """Whether nothing stands out in each box."""
    image = page.image
    edges = boxes_to_array(boxes)
    inset = _INSET * (edges[:, 3] - edges[:, 1])
    edges += np.stack([np.zeros_like(inset), inset, np.zeros_like(inset), -inset], axis=1)
    edges *= [image.width, image.height, image.width, image.height]
    low = np.floor(edges[:, :2]).astype(int)
    high = np.maximum(np.ceil(edges[:, 2:]).astype(int), low + 1)
    gray = np.asarray(image.convert("L"))
    faint = []
    for (x0, y0), (x1, y1) in zip(low.tolist(), high.tolist(), strict=True):
        inside = gray[y0:y1, x0:x1]
        # Colors of one brightness stand out too, but few boxes are plain in gray.
        plain = int(inside.max()) - int(inside.min()) <= _FAINT
        colors = np.asarray(image.crop((x0, y0, x1, y1)).convert("RGB")) if plain else None
        faint.append(colors is not None and int(np.ptp(colors, axis=(0, 1)).max()) <= _FAINT)
    return faint
