"""Images as pages: one per file, one per frame of a TIFF; upright by EXIF and in RGB."""

from __future__ import annotations

import io
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import (
    BmpImagePlugin,
    ExifTags,
    GifImagePlugin,
    Image,
    ImageFile,
    ImageOps,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from colregion.core.documents import Page
from colregion.errors import InvalidInput, UnreadableDocument

# By content; `Image.open` would also try other formats, and warn of a decompression bomb at half
# of the default limit.
_OPENERS: tuple[tuple[bytes, type[ImageFile.ImageFile]], ...] = (
    (b"\x89PNG\r\n\x1a\n", PngImagePlugin.PngImageFile),
    (b"\xff\xd8\xff", JpegImagePlugin.JpegImageFile),
    (b"RIFF????WEBP", WebPImagePlugin.WebPImageFile),
    (b"GIF87a", GifImagePlugin.GifImageFile),
    (b"GIF89a", GifImagePlugin.GifImageFile),
    (b"II*\0", TiffImagePlugin.TiffImageFile),
    (b"MM\0*", TiffImagePlugin.TiffImageFile),
    (b"II+\0", TiffImagePlugin.TiffImageFile),
    (b"MM\0+", TiffImagePlugin.TiffImageFile),
    *((b"P%d" % kind, PpmImagePlugin.PpmImageFile) for kind in range(1, 7)),
    (b"BM", BmpImagePlugin.BmpImageFile),
)

# Raised by Pillow's decoders on damaged files.
_DAMAGE = (
    *(OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, OverflowError),
    *(struct.error, zlib.error),
)

_WARNINGS_LOCK = threading.Lock()  # warning filters are global to the process

_REDUCED_RESOLUTION = 1  # bit of TIFF's tag NewSubfileType (254)
_SIDEWAYS = (5, 6, 7, 8)  # EXIF orientations that swap width and height


def image_opener(head: bytes) -> type[ImageFile.ImageFile] | None:
    """The class that decodes images of these first bytes (12 are enough); None if none does."""
    for magic, decoder in _OPENERS:
        pairs = zip(head, magic, strict=False)
        if len(head) >= len(magic) and all(a == b or b == ord("?") for a, b in pairs):
            return decoder
    return None


@dataclass(frozen=True, slots=True, eq=False)
class ImageSource:
    """An image file or its bytes. A frame that declares more than `max_pixels` is refused before
    anything is decoded; frames are counted up to `max_frames`."""

    data: Path | bytes
    name: str
    max_pixels: int
    max_frames: int

    @contextmanager
    def open(self) -> Iterator[ImageFile.ImageFile]:
        """The image with its header read. Raises UnreadableDocument for one that is damaged or too
        large, also when the caller's block finds that out."""
        data = self.data
        try:
            with io.BytesIO(data) if isinstance(data, bytes) else data.open("rb") as file:
                if (decoder := image_opener(file.read(12))) is None:
                    raise UnreadableDocument(f"{self.name} is no image of a known type")
                file.seek(0)
                with _no_warnings():
                    image = decoder(file)
                with closing(image):
                    self._check_size(image)
                    yield image
        except UnreadableDocument:
            raise
        except Image.DecompressionBombError as cause:
            raise UnreadableDocument(self._too_large("too many")) from cause
        except _DAMAGE as cause:
            raise UnreadableDocument(
                f"the image {self.name} is damaged ({cause}); export or scan it again"
            ) from cause

    def frames(self) -> list[tuple[int, int, int]]:
        """(frame, width, height as displayed) of each page: every frame of a TIFF except
        thumbnails, the first frame of animations and of other formats."""
        with self.open() as image:
            if not isinstance(image, TiffImagePlugin.TiffImageFile):
                return [(0, *_size_as_displayed(image))]
            pages: list[tuple[int, int, int]] = []
            thumbnails: list[tuple[int, int, int]] = []
            for frame in range(self.max_frames + 1):
                try:
                    image.seek(frame)
                except EOFError:  # `n_frames` would read all of them
                    break
                self._check_size(image)
                reduced = int(image.tag_v2.get(254, 0)) & _REDUCED_RESOLUTION
                (thumbnails if reduced else pages).append((frame, *_size_as_displayed(image)))
            return pages or thumbnails

    def load(self, frame: int, *, dpi: int | None = None) -> Image.Image:  # noqa: ARG002
        """One frame, upright and in RGB."""
        with self.open() as image:
            if frame:
                image.seek(frame)
            image.load()
            return upright_rgb(image)

    def _check_size(self, image: Image.Image) -> None:
        if image.width * image.height > self.max_pixels:
            raise UnreadableDocument(self._too_large(f"{image.width} x {image.height}"))

    def _too_large(self, declared: str) -> str:
        return (
            f"{self.name} declares {declared} pixels; images of up to {self.max_pixels:,} are "
            "read. Scale it down, or raise the limit `pixels`"
        )


def in_memory_image(image: Image.Image, *, dpi: int | None = None) -> Image.Image:  # noqa: ARG001
    """The `ImageLoader` of an image that the caller passed."""
    return image


def frame_page(
    source: ImageSource, frames: list[tuple[int, int, int]], number: int, *, doc_id: str
) -> Page:
    """The page of one frame (1-based). Raises InvalidInput for a number that is not there."""
    if not 1 <= number <= len(frames):
        raise InvalidInput(f"{source.name} has {len(frames)} pages, no page {number}")
    frame, width, height = frames[number - 1]
    return Page(doc_id, number, width, height, "px", load_image=partial(source.load, frame))


def upright_rgb(image: Image.Image) -> Image.Image:
    """The image turned by EXIF, in RGB on white; deeper channels are scaled to eight bits, not
    truncated."""
    _exif(image)
    image = ImageOps.exif_transpose(image)
    if image.mode == "F" or image.mode.startswith("I"):
        image = _scaled_to_8_bit(image)
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return image.convert("RGB")


def _scaled_to_8_bit(image: Image.Image) -> Image.Image:
    values = np.nan_to_num(np.asarray(image).astype(np.float64))
    low, high = min(0.0, float(values.min())), float(values.max())
    # White is the first of the usual depths that the brightest pixel fits in, because scanners of
    # ten or twelve bits write sixteen. Values beyond all of them are scaled by their maximum.
    depths = (1, 8, 10, 12, 14, 16) if image.mode == "F" else (8, 10, 12, 14, 16)
    white = next((2.0**bits - 1 for bits in depths if high <= 2**bits - 1), high)
    return Image.fromarray(np.round((values - low) * (255 / (white - low))).astype(np.uint8))


def _size_as_displayed(image: ImageFile.ImageFile) -> tuple[int, int]:
    width, height = image.size
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        # From the tags, because newer versions of Pillow apply the orientation to `size`.
        width, height = int(image.tag_v2[256]), int(image.tag_v2[257])
    if _exif(image).get(ExifTags.Base.Orientation) in _SIDEWAYS:
        return height, width
    return width, height


def _exif(image: Image.Image) -> Image.Exif:
    """The EXIF data, cached by the image, so that later access to damaged data does not warn."""
    with _no_warnings():
        return image.getexif()


@contextmanager
def _no_warnings() -> Iterator[None]:
    with _WARNINGS_LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
