"""Page images that an index stores, or reads again from their source."""

from __future__ import annotations

import pickle
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from PIL import Image

from colregion.documents import open_document
from colregion.errors import NotIndexed
from colregion.indexes.page_images import SourceImage, StoredImage, save_image


def test_a_stored_image_is_scaled_to_2400_px_and_its_checksum_returned(tmp_path: Path) -> None:
    path = tmp_path / "1.jpg"
    checksum = save_image(Image.new("RGB", (4800, 60), "navy"), path)
    assert checksum == zlib.crc32(path.read_bytes())
    assert StoredImage(path)().size == (2400, 30)


def test_a_deleted_stored_image_says_to_search_again(tmp_path: Path) -> None:
    with pytest.raises(NotIndexed, match="search again"):
        StoredImage(tmp_path / "gone.jpg")()


def test_a_source_image_is_read_again_from_its_document_after_pickling(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (6, 4), "navy").save(path)
    loader = SourceImage(str(path), 1, open_document(path).content_hash)
    assert pickle.loads(pickle.dumps(loader))().size == (6, 4)


def test_importing_page_images_loads_no_pdf_library() -> None:
    code = "import sys, colregion.indexes.page_images; assert 'pypdfium2' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
