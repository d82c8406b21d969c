"""Pictures of pages as an index keeps them: JPEG files, small enough to keep for every page."""

from __future__ import annotations

import io
import os
import zlib
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from colregion.core.interfaces import ImageReader
from colregion.errors import BackendError, NotIndexed

# A4 at 200 dpi stays as it is; larger than that shows no more of a page that is read.
_LONGEST_SIDE_PX = 2400
_QUALITY = 85


def save_image(image: Image.Image, path: Path) -> int:
    """Write a page's picture, scaled down where it is larger than can be of use, onto the disk.

    Returns:
        The CRC-32 of the file.
    """
    kept = image.convert("RGB")
    if max(kept.size) > _LONGEST_SIDE_PX:
        kept.thumbnail((_LONGEST_SIDE_PX, _LONGEST_SIDE_PX), Image.Resampling.BICUBIC)
    packed = io.BytesIO()
    kept.save(packed, "JPEG", quality=_QUALITY)
    with path.open("xb") as file:
        file.write(packed.getbuffer())
        file.flush()
        os.fsync(file.fileno())
    return zlib.crc32(packed.getbuffer())


@dataclass(frozen=True, slots=True)
class StoredImage:
    """The `ImageLoader` of a page of an index."""

    path: Path

    def __call__(self, *, dpi: int | None = None) -> Image.Image:  # noqa: ARG002
        try:
            with Image.open(self.path) as image:
                return image.convert("RGB")
        except FileNotFoundError as cause:
            raise NotIndexed(
                f"the page's picture {self.path} is gone: its document has been replaced or "
                f"removed since the page was loaded; search again"
            ) from cause
        except OSError as cause:
            raise BackendError(f"the page's picture {self.path} cannot be read: {cause}") from cause


@dataclass(frozen=True, slots=True)
class SourceImage:
    """The `ImageLoader` of a page of an index that keeps no pictures, only where they are from.

    Args:
        read: reads a page of the source; None where nobody has said how.
    """

    source: str
    number: int
    content_hash: str
    read: ImageReader | None

    def __call__(self, *, dpi: int | None = None) -> Image.Image:
        if self.read is None:
            raise BackendError(
                f"the index keeps no pictures and cannot read page {self.number} of "
                f"{self.source} by itself; use it through an Engine, or give it a folder for "
                f"pictures"
            )
        return self.read(self.source, self.number, content_hash=self.content_hash, dpi=dpi)
