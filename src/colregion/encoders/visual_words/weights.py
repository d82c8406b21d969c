"""Weights that ship with the package."""

from __future__ import annotations

import hashlib
from pathlib import Path

from colregion.errors import BackendError


def read_weights(path: Path, *, sha256: str) -> bytes:
    """The content of a file. Raises BackendError where it cannot be read or has another hash."""
    try:
        weights = path.read_bytes()
    except OSError as cause:
        raise BackendError(
            f"{path} is part of colregion and cannot be read; install colregion again"
        ) from cause
    if hashlib.sha256(weights).hexdigest() != sha256:
        raise BackendError(f"{path} is damaged; install colregion again")
    return weights
