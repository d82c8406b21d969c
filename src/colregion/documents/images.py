"""Pictures as pages: one a file, one a frame for TIFF; upright by EXIF and in RGB."""

from __future__ import annotations

import io
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
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

# By content; `Image.open` would also try formats that are not meant, and warn of a decompression
# bomb at half of what is allowed here.
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

# What Pillow's decoders raise on damaged files.
_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    OverflowError,
    struct.error,
    zlib.error,
)

_WARNINGS_LOCK = threading.Lock()  # the filters of warnings are the process's

_REDUCED_RESOLUTION = 1
_SIDEWAYS = (5, 6, 7, 8)  # EXIF orientations that swap width and height


def opener(head: bytes) -> type[ImageFile.ImageFile] | None:
    """The class that reads a picture whose first bytes (12 are enough) are `head`; None when
    they are of no known picture."""
    for magic, reader in _OPENERS:
        known = zip(head, magic, strict=False)
        if len(head) >= len(magic) and all(a == b or b == ord("?") for a, b in known):
            return reader
    return None


@dataclass(frozen=True, slots=True, eq=False)
class PictureSource:
    """The bytes of a picture, or where they are.

    Args:
        max_pixels: that a frame may declare; looked at before anything is decoded.
        max_frames: how many pages are told apart; a file may declare any number of frames.
    """

    data: Path | bytes
    name: str
    max_pixels: int
    max_frames: int

    @contextmanager
    def open(self) -> Iterator[ImageFile.ImageFile]:
        """The picture with its header read. Raises UnreadableDocument, also for what the
        caller's block finds damaged."""
        data = self.data
        try:
            with io.BytesIO(data) if isinstance(data, bytes) else data.open("rb") as file:
                reader = opener(file.read(12))
                file.seek(0)
                if reader is None:
                    raise UnreadableDocument(f"{self.name} is no picture of a known type")
                with _no_warnings():
                    image = reader(file)
                with closing(image):
                    self._check_size(image)
                    yield image
        except UnreadableDocument:
            raise
        except Image.DecompressionBombError as cause:
            raise UnreadableDocument(self._too_large("too many")) from cause
        except _DAMAGE as cause:
            raise UnreadableDocument(
                f"the picture {self.name} is damaged ({cause}); export or scan it again"
            ) from cause

    def frames(self) -> list[tuple[int, int, int]]:
        """(frame, width, height as displayed) of each page in it.

        Every frame of a TIFF but its thumbnails; of animations and of other formats the first.
        """
        with self.open() as image:
            if not isinstance(image, TiffImagePlugin.TiffImageFile):
                return [(0, *_size_as_displayed(image))]
            pages: list[tuple[int, int, int]] = []
            thumbnails: list[tuple[int, int, int]] = []
            for frame in range(self.max_frames + 1):
                try:
                    image.seek(frame)
                except EOFError:  # counting the frames beforehand would read them all
                    break
                self._check_size(image)
                reduced = int(image.tag_v2.get(254, 0)) & _REDUCED_RESOLUTION
                (thumbnails if reduced else pages).append((frame, *_size_as_displayed(image)))
            return pages or thumbnails

    def _check_size(self, image: Image.Image) -> None:
        if image.width * image.height > self.max_pixels:
            raise UnreadableDocument(self._too_large(f"{image.width} x {image.height}"))

    def _too_large(self, declared: str) -> str:
        return (
            f"{self.name} declares {declared} pixels; pictures of up to {self.max_pixels:,} are "
            "read. Scale it down, or raise the limit `pixels`"
        )


@dataclass(frozen=True, slots=True, eq=False)
class PictureImage:
    """Loads one frame."""

    source: PictureSource
    frame: int

    def __call__(self, *, dpi: int | None = None) -> Image.Image:  # noqa: ARG002
        with self.source.open() as image:
            if self.frame:
                image.seek(self.frame)
            image.load()
            return upright_rgb(image)


@dataclass(frozen=True, slots=True, eq=False)
class HeldImage:
    """Gives a picture that is already in memory."""

    image: Image.Image

    def __call__(self, *, dpi: int | None = None) -> Image.Image:  # noqa: ARG002
        return self.image


def picture_page(
    source: PictureSource, frames: list[tuple[int, int, int]], number: int, *, doc_id: str
) -> Page:
    """The page of one frame, counted from 1. Raises InvalidInput for a number that is not there."""
    if not 1 <= number <= len(frames):
        raise InvalidInput(f"{source.name} has {len(frames)} pages, no page {number}")
    frame, width_px, height_px = frames[number - 1]
    return Page(
        doc_id=doc_id,
        number=number,
        width=width_px,
        height=height_px,
        unit="px",
        load_image=PictureImage(source, frame),
    )


def held_page(image: HeldImage, number: int, *, doc_id: str) -> Page:
    """The page of a picture that is in memory."""
    width_px, height_px = image.image.size
    return Page(
        doc_id=doc_id,
        number=number,
        width=width_px,
        height=height_px,
        unit="px",
        load_image=image,
    )


def upright_rgb(image: Image.Image) -> Image.Image:
    """Turned by EXIF; RGB on white; more than eight bits a channel scaled to eight, not cut
    off."""
    _exif(image)
    image = ImageOps.exif_transpose(image)
    if image.mode == "F" or image.mode.startswith("I"):
        image = _scaled_to_8_bit(image)
    if image.has_transparency_data:
        over = image.convert("RGBA")
        under = Image.new("RGBA", over.size, "white")
        image = Image.alpha_composite(under, over)
    return image.convert("RGB")


def _scaled_to_8_bit(image: Image.Image) -> Image.Image:
    values = np.nan_to_num(np.asarray(image).astype(np.float64))
    low, high = min(0.0, float(values.min())), float(values.max())
    # White is the first of the usual depths that holds the brightest pixel, because scanners of
    # ten or twelve bits write sixteen; a scale of its own is for values that were no brightness.
    depths = (1, 8, 10, 12, 14, 16) if image.mode == "F" else (8, 10, 12, 14, 16)
    white = next((2.0**bits - 1 for bits in depths if high <= 2**bits - 1), high)
    return Image.fromarray(np.round((values - low) * (255 / (white - low))).astype(np.uint8))


def _size_as_displayed(image: ImageFile.ImageFile) -> tuple[int, int]:
    width, height = image.size
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        # The tags, because `size` already holds the turned size in newer versions of Pillow.
        width, height = int(image.tag_v2[256]), int(image.tag_v2[257])
    if _exif(image).get(ExifTags.Base.Orientation) in _SIDEWAYS:
        return height, width
    return width, height


def _exif(image: Image.Image) -> Image.Exif:
    """Kept by the image, so that what asks later for damaged EXIF warns no more either."""
    with _no_warnings():
        return image.getexif()


@contextmanager
def _no_warnings() -> Iterator[None]:
    with _WARNINGS_LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
