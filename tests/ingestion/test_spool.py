from __future__ import annotations

import zlib
from pathlib import Path

import pytest
from PIL import Image

from colregion.core.documents import Page
from colregion.core.regions import ParsedPage
from colregion.ingestion.workers.spool import read_page, write_page


def no_image(*, dpi: int | None = None) -> Image.Image:  # noqa: ARG001
    raise AssertionError("the image is on disk")


@pytest.mark.parametrize(("color", "mode"), [((90, 90, 90), "L"), ((90, 90, 91), "RGB")])
def test_image_of_a_page_comes_back_in_rgb_and_is_written_as_one_channel_where_it_is_gray(
    tmp_path: Path, color: tuple[int, int, int], mode: str
) -> None:
    image = Image.new("RGB", (30, 40), "white")
    image.paste(color, (3, 4, 10, 20))
    page = Page("doc", 2, 30, 40, "px", lambda *, dpi=None: image)  # noqa: ARG005
    path = tmp_path / "2"
    write_page(ParsedPage(page, (), ()), path)
    assert len(zlib.decompress(path.read_bytes().partition(b"\n")[2])) == 30 * 40 * len(mode)
    read = read_page(path, doc_id="other", fallback=no_image).page
    assert read.id == "other#p2"
    assert read.image.mode == "RGB"
    assert read.image.tobytes() == image.tobytes()
