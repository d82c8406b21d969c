"""Images embedded in the HTML file as data URIs."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from PIL import Image

from colregion.core.geometry import FloatArray
from colregion.export.colors import heat_rgba

_JPEG_QUALITIES = (80, 62, 45, 30)
_HEAT_LEVELS = 48


@dataclass(frozen=True, slots=True)
class EmbeddedImage:
    """A data URI with the image's size in pixels."""

    uri: Markup
    width: int
    height: int


def embed_jpeg(image: Image.Image, *, size_px: tuple[int, int], max_bytes: int) -> EmbeddedImage:
    """Embed an image as JPEG, shrunk to fit into `size_px` (width, height), at the best quality
    that fits into `max_bytes` or at the lowest: grainy scans take many times what print does."""
    fitted = image.convert("RGB")
    fitted.thumbnail(size_px, Image.Resampling.LANCZOS)
    for quality in _JPEG_QUALITIES:
        buffer = io.BytesIO()
        fitted.save(buffer, format="JPEG", quality=quality, optimize=True, progressive=True)
        if buffer.tell() <= max_bytes:
            break
    return EmbeddedImage(_data_uri(buffer, "image/jpeg"), fitted.width, fitted.height)


def embed_heat(values: FloatArray) -> Markup:
    """Data URI of a map (rows, cols) of values 0..1 as a small PNG, transparent where NaN."""
    levels = np.nan_to_num(np.round(values * (_HEAT_LEVELS - 1)), nan=0.0).astype(np.uint8)
    palette = heat_rgba(np.linspace(0.0, 1.0, _HEAT_LEVELS)[None, :])[0]
    image = Image.fromarray(levels, mode="P")
    image.putpalette(palette[:, :3].tobytes())
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True, transparency=palette[:, 3].tobytes())
    return _data_uri(buffer, "image/png")


def _data_uri(file: io.BytesIO, media_type: str) -> Markup:
    data = base64.b64encode(file.getvalue()).decode("ascii")
    return Markup(f"data:{media_type};base64,{data}")
