"""Text and pictures from anywhere, made safe and whole for an HTML file."""

from __future__ import annotations

import base64
import html
import io
import re
from collections.abc import Set

import numpy as np
from PIL import Image

from colregion.core.geometry import FloatArray
from colregion.core.text import terms
from colregion.export.colours import heat_rgba

_REPLACEMENT = "\ufffd"
# What HTML forbids or a browser would swallow: controls but tab and newline, lone surrogates,
# noncharacters.
_FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_BIDI_CONTROL = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_BETWEEN_SPACES = re.compile(r"\S+")
_HEAT_LEVELS = 48
_QUALITIES = (80, 62, 45, 30)
# A longer run of terms without a space is a script that sets none; marking it marks a sentence.
_MOST_TERMS_IN_A_WORD = 3


def clean(text: str) -> str:
    """The text with everything that HTML cannot hold replaced by U+FFFD."""
    return _FORBIDDEN.sub(_REPLACEMENT, text.replace("\r\n", "\n").replace("\r", "\n"))


def plain(text: str) -> str:
    """Escaped, for attributes and the title, where no element can isolate a direction: the
    controls of writing direction are taken out."""
    return html.escape(_BIDI_CONTROL.sub("", clean(text)))


def isolated(text: str) -> str:
    """Escaped and kept in a `<bdi>`, so that its writing direction ends where it does."""
    return f"<bdi>{html.escape(clean(text))}</bdi>"


def marked(text: str, wanted: Set[str]) -> str:
    """Escaped in a `<bdi>`, each word that holds a term of `wanted` in a `<mark>`."""

    def mark(found: re.Match[str]) -> str:
        inside = terms(found.group())
        word = html.escape(found.group())
        if len(inside) <= _MOST_TERMS_IN_A_WORD and not wanted.isdisjoint(inside):
            return f"<mark>{word}</mark>"
        return word

    return f"<bdi>{_BETWEEN_SPACES.sub(mark, clean(text))}</bdi>"


def jpeg_uri(image: Image.Image, *, max_bytes: int) -> str:
    """A data URI of the picture as JPEG: as good as fits into `max_bytes`, or the coarsest that
    is still legible where none does. Grainy scans weigh many times what set pages do."""
    rgb = image.convert("RGB")
    data = b""
    for quality in _QUALITIES:
        file = io.BytesIO()
        rgb.save(file, format="JPEG", quality=quality, optimize=True, progressive=True)
        data = file.getvalue()
        if len(data) <= max_bytes:
            break
    return _data_uri(data, kind="image/jpeg")


def heat_uri(values: FloatArray) -> str:
    """A data URI of a map (rows, cols) of values 0..1 or NaN as a small PNG, clear where NaN."""
    levels = np.nan_to_num(np.round(values * (_HEAT_LEVELS - 1)), nan=0.0).astype(np.uint8)
    colours = heat_rgba(np.linspace(0.0, 1.0, _HEAT_LEVELS)[None, :])[0]
    picture = Image.fromarray(levels, mode="P")
    picture.putpalette(colours[:, :3].tobytes())
    file = io.BytesIO()
    picture.save(file, format="PNG", optimize=True, transparency=colours[:, 3].tobytes())
    return _data_uri(file.getvalue(), kind="image/png")


def fitted(image: Image.Image, *, width_px: int, height_px: int) -> Image.Image:
    """The picture, made smaller if it has to be to fit."""
    if image.width <= width_px and image.height <= height_px:
        return image
    factor = min(width_px / image.width, height_px / image.height)
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    return image.convert("RGB").resize(size, Image.Resampling.LANCZOS)


def _data_uri(data: bytes, *, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
