"""Page images of an index: JPEG files, or read again from the source."""

from __future__ import annotations

import io
import os
import zlib
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from colregion.errors import BackendError, NotIndexed

_LONGEST_SIDE_PX = 2400  # above A4 at 200 dpi
_QUALITY = 85


def save_image(image: Image.Image, path: Path) -> int:
    """Write a page image to a new JPEG file, scaled to at most 2,400 px per side, and fsync it.
    Returns the CRC-32 of the file."""
    scaled = image.convert("RGB")
    if max(scaled.size) > _LONGEST_SIDE_PX:
        scaled.thumbnail((_LONGEST_SIDE_PX, _LONGEST_SIDE_PX), Image.Resampling.BICUBIC)
    packed = io.BytesIO()
    scaled.save(packed, "JPEG", quality=_QUALITY)
    with path.open("xb") as file:
        file.write(packed.getbuffer())
        file.flush()
        os.fsync(file.fileno())
    return zlib.crc32(packed.getbuffer())


@dataclass(frozen=True, slots=True)
class StoredImage:
    """The `ImageLoader` of a page whose image the index stores."""

    path: Path

    def __call__(self, *, dpi: int | None = None) -> Image.Image:  # noqa: ARG002
        try:
            with Image.open(self.path) as image:
                return image.convert("RGB")
        except FileNotFoundError as cause:
            raise NotIndexed(
                f"the page image {self.path} is gone, because its document has been replaced or "
                "removed; search again"
            ) from cause
        except OSError as cause:
            raise BackendError(f"the page image {self.path} cannot be read: {cause}") from cause


@dataclass(frozen=True, slots=True)
class SourceImage:
    """The `ImageLoader` of a page whose image is read from its source. Raises as
    `documents.read_image`."""

    source: str
    number: int
    content_hash: str

    def __call__(self, *, dpi: int | None = None) -> Image.Image:
        from colregion.documents import read_image  # slow to import

        return read_image(self.source, self.number, content_hash=self.content_hash, dpi=dpi)
