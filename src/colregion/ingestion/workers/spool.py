"""A page on its way from the process that read it to the one that keeps it: a file.

Plain data, no pickle: what a hostile file may have made of the process that read it must not run
in the one that keeps the index. The picture is its pixels, packed, so that no decoder is asked.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from colregion.core.documents import ImageLoader
from colregion.core.regions import ParsedPage
from colregion.core.serialization import parsed_from_json, parsed_to_json
from colregion.errors import BackendError

# A4 at 300 dpi stays as it is. No index keeps more, and no model looks at more.
_LONGEST_SIDE_PX = 3600
_FAST = 1  # zlib's level: the file lives for seconds


def write_page(parsed: ParsedPage, path: Path) -> None:
    """Write a page with its picture."""
    image = parsed.page.image.convert("RGB")
    if max(image.size) > _LONGEST_SIDE_PX:
        image.thumbnail((_LONGEST_SIDE_PX, _LONGEST_SIDE_PX), Image.Resampling.BICUBIC)
    head = json.dumps({"size": image.size, "page": parsed_to_json(parsed)})
    try:
        with path.open("wb") as file:
            file.write(head.encode() + b"\n")
            file.write(zlib.compress(image.tobytes(), _FAST))
    except OSError as cause:
        raise BackendError(
            f"cannot write pages that are being read to {path.parent}: {cause}; make room, or "
            "name another folder in the environment variable TMPDIR"
        ) from cause


def read_page(path: Path, *, otherwise: ImageLoader) -> ParsedPage:
    """The page that `write_page` wrote. Its picture is read when it is asked for.

    Args:
        otherwise: gives the picture when the file is gone, to an index that keeps pages as they
            are and no pictures of its own.
    """
    with path.open("rb") as file:
        line = file.readline()
    head = json.loads(line)
    width, height = head["size"]
    return parsed_from_json(
        head["page"], load_image=SpooledImage(path, len(line), int(width), int(height), otherwise)
    )


@dataclass(frozen=True, slots=True)
class SpooledImage:
    """The `ImageLoader` of a page in a file."""

    path: Path
    offset: int
    width: int
    height: int
    otherwise: ImageLoader

    def __call__(self, *, dpi: int | None = None) -> Image.Image:
        n_bytes = self.width * self.height * 3
        try:
            with self.path.open("rb") as file:
                file.seek(self.offset)
                pixels = zlib.decompressobj().decompress(file.read(), n_bytes)
        except FileNotFoundError:
            return self.otherwise(dpi=dpi)
        return Image.frombytes("RGB", (self.width, self.height), pixels)
