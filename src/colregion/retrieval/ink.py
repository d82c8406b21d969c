"""Which vectors look at blank paper."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colregion.core.geometry import GridPlacement, Placement

_CONTRAST = 32  # grey levels away from the page's commonest grey
_LEAST_INK = 0.002  # share of a cell: a full stop is more
_SEEN_PX = 1024  # the page's longer side while it is looked at


def blank_vectors(image: Image.Image, placement: Placement) -> NDArray[np.bool_]:
    """(V,) true for vectors all of whose cells are blank: less than 0.2 % of their pixels differ
    from the page's commonest grey by more than 32 of 255.

    Vectors that look nowhere, and those of words (`BoxPlacement`), are not blank.

    Args:
        image: the page as displayed.
    """
    blank = np.zeros(len(placement), dtype=bool)
    if not isinstance(placement, GridPlacement):
        return blank
    small = image.convert("L")
    small.thumbnail((_SEEN_PX, _SEEN_PX))
    grey = np.asarray(small, dtype=np.int16)
    paper = int(np.bincount(grey.ravel()).argmax())
    ink = Image.fromarray(np.where(np.abs(grey - paper) > _CONTRAST, 255, 0).astype(np.uint8))
    inked = np.zeros(len(placement), dtype=bool)
    for layer in placement.layers:
        rows, cols = layer.shape
        share = np.asarray(ink.convert("F").resize((cols, rows), Image.Resampling.BOX)) / 255
        seen = layer >= 0
        blank[layer[seen]] = True
        inked[layer[seen & (share >= _LEAST_INK)]] = True
    return blank & ~inked
