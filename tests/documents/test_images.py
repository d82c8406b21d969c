"""Images of every format, as they look on a screen."""

from __future__ import annotations

import io
import pickle
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from colregion.core.documents import Limits, Page
from colregion.documents import open_document
from colregion.errors import UnreadableDocument

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def pages(data: bytes) -> list[Page]:
    return list(open_document(data).pages())


def top_red_bottom_blue() -> Image.Image:
    """2 wide, 4 high: the upper half red, the lower blue, and the top-left pixel green."""
    image = Image.new("RGB", (2, 4), BLUE)
    image.paste(RED, (0, 0, 2, 2))
    image.putpixel((0, 0), GREEN)
    return image


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "BMP", "TIFF", "GIF", "PPM"])
def test_each_format_gives_one_rgb_page_of_its_pixels(kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    (page,) = pages(encoded(top_red_bottom_blue(), kind, **options))
    assert (page.width, page.height, page.unit, page.rotation) == (2, 4, "px", 0)
    assert page.image.mode == "RGB"
    corners = [page.image.getpixel(at) for at in ((0, 0), (1, 0), (0, 3), (1, 3))]
    assert corners == [GREEN, RED, BLUE, BLUE]


def test_a_jpeg_gives_one_page() -> None:
    (page,) = pages(encoded(Image.new("RGB", (32, 16), RED), "JPEG"))
    red = page.image.getpixel((20, 10))
    assert isinstance(red, tuple)
    assert (page.image.size, red[0] > 250) == ((32, 16), True)


def test_dpi_does_not_change_the_size_of_an_image_page() -> None:
    (page,) = pages(encoded(top_red_bottom_blue(), "PNG"))
    assert page.load_image(dpi=600).size == (2, 4)


# EXIF orientation -> the displayed size of the 2 x 4 image and where its green corner goes.
ORIENTATIONS = {
    1: ((2, 4), (0, 0)),
    2: ((2, 4), (1, 0)),
    3: ((2, 4), (1, 3)),
    4: ((2, 4), (0, 3)),
    5: ((4, 2), (0, 0)),
    6: ((4, 2), (3, 0)),
    7: ((4, 2), (3, 1)),
    8: ((4, 2), (0, 1)),
}


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_exif_orientation_is_applied_to_image_and_size(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if kind == "WEBP" else {}
    (page,) = pages(encoded(top_red_bottom_blue(), kind, exif=exif, **options))
    size, corner = ORIENTATIONS[orientation]
    assert (page.width, page.height) == size
    assert page.image.size == size
    assert page.image.getpixel(corner) == GREEN


def test_exif_orientation_of_a_jpeg_is_applied() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    (page,) = pages(encoded(Image.new("RGB", (32, 16)), "JPEG", exif=exif))
    assert (page.width, page.height, page.image.size) == (16, 32, (16, 32))


def test_damaged_exif_neither_warns_nor_fails() -> None:
    data = encoded(Image.new("RGB", (32, 16)), "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\x05\0\x12")
    assert pages(data)[0].image.size == (32, 16)


def greys(*values: float, mode: str) -> Image.Image:
    kind = {"I;16": np.uint16, "I": np.int32, "F": np.float32}[mode]
    return Image.fromarray(np.array([values], dtype=kind))


@pytest.mark.parametrize(
    ("image", "kind", "expected"),
    [
        (greys(0, 32768, 65535, mode="I;16"), "PNG", [0, 128, 255]),
        (greys(0, 32768, 65535, mode="I;16"), "TIFF", [0, 128, 255]),
        (greys(0, 65, 255, mode="I;16"), "TIFF", [0, 65, 255]),
        (greys(0, 2048, 4095, mode="I;16"), "TIFF", [0, 128, 255]),
        (greys(0, 4096, 16383, mode="I;16"), "TIFF", [0, 64, 255]),
        (greys(0, 65535, mode="I"), "TIFF", [0, 255]),
        (greys(0, 500_000, 1_000_000, mode="I"), "TIFF", [0, 128, 255]),
        (greys(0, 1, mode="F"), "TIFF", [0, 255]),
        (greys(0, 51, 255, mode="F"), "TIFF", [0, 51, 255]),
        (greys(0, 1.5, mode="F"), "TIFF", [0, 2]),
    ],
)
def test_deep_grays_are_scaled_and_not_truncated(
    image: Image.Image, kind: str, expected: list[int]
) -> None:
    (page,) = pages(encoded(image, kind))
    assert np.asarray(page.image)[0, :, 1].tolist() == expected


def test_one_bit_and_palette_and_cmyk_become_rgb() -> None:
    bit = Image.new("1", (3, 2), 1)
    bit.putpixel((1, 1), 0)
    rgb = pages(encoded(bit, "TIFF", compression="group4"))[0].image
    assert (rgb.getpixel((1, 1)), rgb.getpixel((0, 0))) == ((0, 0, 0), WHITE)
    palette = top_red_bottom_blue().convert("P")
    assert pages(encoded(palette, "PNG"))[0].image.getpixel((0, 3)) == BLUE
    cmyk = Image.new("CMYK", (3, 2), (0, 255, 255, 0))
    assert pages(encoded(cmyk, "TIFF"))[0].image.getpixel((1, 1)) == RED


def test_transparent_pixels_become_white() -> None:
    image = Image.new("RGBA", (2, 1), (0, 0, 0, 0))
    image.putpixel((1, 0), (255, 0, 0, 255))
    rgb = pages(encoded(image, "PNG"))[0].image
    assert [rgb.getpixel((x, 0)) for x in (0, 1)] == [WHITE, RED]
    keyed = Image.new("P", (2, 1), 0)
    keyed.putpalette([*RED, *BLUE])
    keyed.putpixel((1, 0), 1)
    rgb = pages(encoded(keyed, "PNG", transparency=0))[0].image
    assert [rgb.getpixel((x, 0)) for x in (0, 1)] == [WHITE, BLUE]


def test_a_tiff_has_one_page_per_frame_of_the_frame_s_size() -> None:
    first, second = Image.new("RGB", (4, 2), RED), Image.new("L", (3, 5), 7)
    both = pages(encoded(first, "TIFF", save_all=True, append_images=[second]))
    assert [(page.number, page.width, page.height) for page in both] == [(1, 4, 2), (2, 3, 5)]
    assert [page.image.getpixel((1, 1)) for page in both] == [RED, (7, 7, 7)]


def test_thumbnails_of_a_tiff_are_no_pages() -> None:
    small = Image.new("RGB", (2, 1), RED)
    small.encoderinfo = {"tiffinfo": {254: 1}}
    data = encoded(Image.new("RGB", (4, 2)), "TIFF", save_all=True, append_images=[small])
    assert [page.width for page in pages(data)] == [4]


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_an_animation_gives_its_first_frame(kind: str) -> None:
    frames = [Image.new("RGB", (4, 2), color) for color in (RED, BLUE)]
    options = {"lossless": True} if kind == "WEBP" else {}
    (page,) = pages(
        encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=50, **options)
    )
    assert page.image.getpixel((1, 1)) == RED


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "GIF"])
def test_a_truncated_image_is_unreadable(kind: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(noise), kind)
    with pytest.raises(UnreadableDocument, match="damaged"):
        assert pages(data[: len(data) // 2])[0].image


def png_of(width: int, height: int) -> bytes:
    """A PNG that declares a size and holds no pixels."""
    written = b"\x89PNG\r\n\x1a\n"
    for chunk in (b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0), b"IDAT"):
        written += struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return written


def gif_of(width: int, height: int) -> bytes:
    """A GIF that declares a size, and a frame of it, and holds no pixels."""
    size = struct.pack("<HH", width, height)
    return b"GIF89a" + size + bytes(3) + b"," + bytes(4) + size + b"\x80" + bytes(6) + b"\x08\x02;"


@pytest.mark.parametrize(
    "data",
    [png_of(20_000, Limits().pixels // 20_000 + 1), gif_of(65_535, 65_535)],
    ids=["PNG", "GIF"],
)
def test_an_image_that_declares_too_many_pixels_is_refused_undecoded(data: bytes) -> None:
    with pytest.raises(UnreadableDocument, match="up to 178,000,000"):
        open_document(data)


def test_a_large_image_within_the_limit_does_not_warn() -> None:
    # Pillow itself warns from 89 million pixels on; warnings are errors here.
    data = encoded(Image.new("1", (10_000, 9_000)), "TIFF", compression="group4")
    assert open_document(data).page_count == 1


def test_a_page_is_picklable_before_and_after_its_image_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encoded(top_red_bottom_blue(), "PNG"))
    (page,) = open_document(path).pages()
    for _ in range(2):
        assert pickle.loads(pickle.dumps(page)).image.getpixel((0, 0)) == GREEN
        assert page.image.getpixel((0, 0)) == GREEN
