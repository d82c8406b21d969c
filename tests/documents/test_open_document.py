"""Opening paths, bytes and images by their content."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from colregion.documents import open_document, read_image
from colregion.errors import InvalidInput, NotIndexed, UnreadableDocument


def png(color: str = "navy", *, size: tuple[int, int] = (6, 4)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, color).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b"plain words", "no known type"),
        (b"\x00\x00\x00\x18ftypheic0000", "save it as JPEG"),
        (b"PK\x03\x04 an office document", "damaged .*; save it again"),
        (b"%PDF-1.7 and nothing behind it", "damaged"),
        (b"\x89PNG\r\n\x1a\n and nothing behind it", "damaged"),
    ],
)
def test_bytes_that_are_no_document_are_unreadable_with_a_hint(data: bytes, message: str) -> None:
    with pytest.raises(UnreadableDocument, match=message):
        open_document(data)


def test_an_empty_file_is_unreadable_and_named(tmp_path: Path) -> None:
    path = tmp_path / "nothing.pdf"
    path.touch()
    with pytest.raises(UnreadableDocument, match=r"nothing\.pdf is empty"):
        open_document(path)


def test_a_missing_path_is_invalid_input(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no file"):
        open_document(tmp_path / "gone.pdf")


def test_a_folder_is_no_document(tmp_path: Path) -> None:
    with pytest.raises(UnreadableDocument, match="is a folder"):
        open_document(tmp_path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads all")
def test_a_file_that_may_not_be_read_says_so(tmp_path: Path) -> None:
    path = tmp_path / "secret.png"
    path.write_bytes(png())
    path.chmod(0)
    with pytest.raises(UnreadableDocument, match="no permission"):
        open_document(path)


def test_another_type_of_argument_is_invalid_input() -> None:
    with pytest.raises(InvalidInput, match="int"):
        open_document(3)  # type: ignore[arg-type]


def test_the_type_is_told_by_content_not_by_suffix(
    tmp_path: Path, make_pdf: Callable[..., bytes]
) -> None:
    image, pdf = tmp_path / "a.pdf", tmp_path / "b.png"
    image.write_bytes(png())
    pdf.write_bytes(make_pdf([("/MediaBox[0 0 300 200]", "")]))
    assert next(open_document(image).pages()).unit == "px"
    assert next(open_document(pdf).pages()).unit == "pt"


def test_a_pdf_may_have_other_bytes_before_its_header(make_pdf: Callable[..., bytes]) -> None:
    data = b"\n\n mail header\n" + make_pdf([("/MediaBox[0 0 300 200]", "")])
    assert open_document(data).page_count == 1


def test_a_file_is_named_by_its_path_and_hashed_by_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "scan 1.png"
    path.parent.mkdir()
    path.write_bytes(png())
    document = open_document(str(path), metadata={"team": "x"})
    assert (document.id, document.source) == ("scan 1.png", str(path))
    assert document.content_hash == hashlib.sha256(png()).hexdigest()
    assert document.metadata == {"team": "x"}
    assert [page.id for page in document.pages()] == ["scan 1.png#p1"]


def test_bytes_are_named_by_their_hash_unless_the_caller_names_them() -> None:
    digest = hashlib.sha256(png()).hexdigest()
    assert open_document(png()).id == f"sha256-{digest[:16]}"
    named = open_document(png(), name="inbox/7", doc_id="seven")
    assert (named.id, named.source) == ("seven", "inbox/7")
    assert open_document(png(), name="inbox/7").id == "inbox/7"


def test_an_image_in_memory_is_a_document_of_one_page() -> None:
    document = open_document(Image.new("L", (7, 5), 9), doc_id="d")
    (page,) = document.pages()
    assert (page.width, page.height, page.unit, document.page_count) == (7, 5, "px", 1)
    assert (page.image.mode, page.image.getpixel((3, 3))) == ("RGB", (9, 9, 9))
    assert page.load_text is None


def test_images_of_other_pixels_or_size_have_other_hashes() -> None:
    hashes = {
        open_document(Image.new("RGB", size, color)).content_hash
        for size, color in (((6, 4), "navy"), ((4, 6), "navy"), ((6, 4), "blue"))
    }
    assert len(hashes) == 3


def test_reserved_metadata_keys_are_refused() -> None:
    with pytest.raises(InvalidInput, match="page_number"):
        open_document(png(), metadata={"page_number": 3})


def test_a_path_still_reads_after_the_working_folder_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.png").write_bytes(png())
    monkeypatch.chdir(tmp_path)
    document = open_document("a.png")
    monkeypatch.chdir("/")
    assert next(document.pages()).image.size == (6, 4)


def test_read_image_reads_one_page_again_from_the_indexed_file(
    tmp_path: Path, make_pdf: Callable[..., bytes]
) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(make_pdf([(f"/MediaBox[0 0 {width} 72]", "") for width in (72, 144)]))
    content_hash = open_document(path).content_hash
    assert read_image(str(path), 2, content_hash=content_hash, dpi=72).size == (144, 72)
    assert read_image(str(path), 2, content_hash=content_hash, dpi=None).size == (300, 150)
    with pytest.raises(NotIndexed, match="has changed since it was indexed"):
        read_image(str(path), 2, content_hash="another", dpi=None)
    with pytest.raises(NotIndexed, match=r"gone\.pdf, from which page 2 would be read, is no"):
        read_image(str(tmp_path / "gone.pdf"), 2, content_hash=content_hash, dpi=None)


def test_opening_an_image_imports_no_xml(tmp_path: Path) -> None:
    (tmp_path / "page.png").write_bytes(png())
    code = (
        "import sys; from colregion.documents import open_document;"
        f"open_document({str(tmp_path / 'page.png')!r});"
        "print([name for name in sys.modules if name.startswith('xml.etree')])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout == "[]\n"
