"""Parsed pages as files, on their way from the process that reads to the one that indexes.

Plain data, no pickle: whatever a hostile file did to the reading process, no code of it runs where
the index is written. The page image is raw pixels, deflated, so no image decoder is involved.
"""

from __future__ import annotations

import json
import zlib
from functools import partial
from pathlib import Path

from PIL import Image, ImageChops

from colregion.core.documents import ImageLoader, Page
from colregion.core.regions import ParsedPage
from colregion.core.serialization import parsed_from_json, parsed_to_json
from colregion.errors import BackendError

# A4 at 300 dpi is not scaled. No index stores more, and no model looks at more.
_LONGEST_SIDE_PX = 3600
_FAST = 1  # zlib level: the file lives for seconds
_A4_PT = (595, 842)


def write_page(parsed: ParsedPage, path: Path) -> None:
    """Write a page with its image."""
    image = _gray_where_gray(parsed.page.image.convert("RGB"))
    if max(image.size) > _LONGEST_SIDE_PX:
        image.thumbnail((_LONGEST_SIDE_PX, _LONGEST_SIDE_PX), Image.Resampling.BICUBIC)
    head = json.dumps({"mode": image.mode, "size": image.size, "page": parsed_to_json(parsed)})
    try:
        with path.open("wb") as file:
            file.write(head.encode() + b"\n")
            file.write(zlib.compress(image.tobytes(), _FAST))
    except OSError as cause:
        raise BackendError(
            f"cannot write pages that are being read to {path.parent}: {cause}; make room, or "
            "name another folder in the environment variable TMPDIR"
        ) from cause


def read_page(path: Path, *, doc_id: str, fallback: ImageLoader) -> ParsedPage:
    """The page that `write_page` wrote, of a document of this id; its image is loaded on first
    use.

    Args:
        fallback: loads the image once the file is gone, for an index that stores no images.
    """
    with path.open("rb") as file:
        line = file.readline()
    head = json.loads(line)
    width, height = map(int, head["size"])
    mode = "L" if head["mode"] == "L" else "RGB"
    load_image = partial(_load_image, path, len(line), mode, (width, height), fallback)
    return parsed_from_json({**head["page"], "doc_id": doc_id}, load_image=load_image)


def _gray_where_gray(image: Image.Image) -> Image.Image:
    """An RGB image, of one channel where all three are equal, as on most scans: to deflate and
    inflate three takes as long as to divide the page by its ink."""
    red, green, blue = image.split()
    channels = ((red, green), (green, blue))
    is_gray = not any(ImageChops.difference(*pair).getbbox() for pair in channels)
    return red if is_gray else image


def _load_image(
    path: Path,
    offset: int,
    mode: str,
    size: tuple[int, int],
    fallback: ImageLoader,
    *,
    dpi: int | None = None,
) -> Image.Image:
    try:
        with path.open("rb") as file:
            file.seek(offset)
            n_bytes = size[0] * size[1] * len(mode)
            pixels = zlib.decompressobj().decompress(file.read(), n_bytes)
    except FileNotFoundError:
        return fallback(dpi=dpi)
    return Image.frombytes(mode, size, pixels).convert("RGB")


def blank_page(doc_id: str, number: int, *, missing: str) -> ParsedPage:
    """A white A4 page without words, in place of one that could not be read.

    Args:
        missing: the reason, for people.
    """
    page = Page(doc_id, number, *_A4_PT, "pt", load_image=_white_image, missing=missing)
    return ParsedPage(page, (), ())


def _white_image(*, dpi: int | None = None) -> Image.Image:  # noqa: ARG001  (an `ImageLoader`)
    return Image.new("RGB", _A4_PT, "white")
