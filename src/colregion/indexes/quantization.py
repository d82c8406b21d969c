"""Vectors as an index stores them: float16, int8 with one step per page, or int4 (see `int4`)."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from colregion.core.geometry import FloatArray
from colregion.errors import InvalidInput

Precision: TypeAlias = Literal["float16", "int8", "int4"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)

_LARGEST_HALF = 65504


def to_float16(vectors: FloatArray) -> NDArray[np.float16]:
    """Convert to float16. Raises InvalidInput as `check_range`."""
    check_range(vectors)
    return vectors.astype(np.float16)


def check_range(vectors: FloatArray) -> None:
    """Raise InvalidInput for numbers beyond the range of float16."""
    largest = float(np.abs(vectors).max(initial=0.0))
    if largest > _LARGEST_HALF:
        raise InvalidInput(
            f"numbers of vectors are stored up to {_LARGEST_HALF}, the largest float16; got "
            f"{largest:.0f}. Normalise them"
        )


def quantize_int8(vectors: FloatArray) -> tuple[NDArray[np.int8], float]:
    """(V, D) int8 and the step, by which to multiply them; the largest number is 127 steps. Only
    for finite numbers."""
    step = float(np.abs(vectors).max(initial=0.0)) / 127 or 1.0
    return np.rint(vectors / np.float32(step)).astype(np.int8), step
