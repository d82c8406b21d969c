"""Office files, with the real LibreOffice."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from colregion.documents import office, open_document
from colregion.documents.office import office_suffix, to_pdf
from colregion.errors import MissingDependency, UnreadableDocument
from tests.documents.office_files import excel_file, word_file

DRAWING = "http://schemas.openxmlformats.org/drawingml/2006"


def docx(text: str, *, image: str | None = None) -> bytes:
    """A letter, with a linked image of an inch."""
    body = f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"
    if image is not None:
        body += (
            f'<w:p><w:r><w:drawing><wp:inline xmlns:wp="{DRAWING}/wordprocessingDrawing">'
            '<wp:extent cx="914400" cy="914400"/><wp:docPr id="1" name="p"/>'
            f'<a:graphic xmlns:a="{DRAWING}/main"><a:graphicData uri="{DRAWING}/picture">'
            f'<pic:pic xmlns:pic="{DRAWING}/picture"><pic:nvPicPr><pic:cNvPr id="1" name="p"/>'
            '<pic:cNvPicPr/></pic:nvPicPr><pic:blipFill><a:blip r:link="link"/><a:stretch>'
            '<a:fillRect/></a:stretch></pic:blipFill><pic:spPr><a:xfrm><a:off x="0" y="0"/>'
            '<a:ext cx="914400" cy="914400"/></a:xfrm><a:prstGeom prst="rect"/></pic:spPr>'
            "</pic:pic></a:graphicData></a:graphic></wp:inline></w:drawing></w:r></w:p>"
        )
    size = '<w:sectPr><w:pgSz w:w="8000" w:h="6000"/></w:sectPr>'
    return word_file(body + size, image=image)


@pytest.mark.office
def test_a_docx_is_read_as_the_pdf_that_libreoffice_makes(tmp_path: Path) -> None:
    path = tmp_path / "-o evil; name.docx"
    path.write_bytes(docx("Seven crates of apples"))
    document = open_document(path)
    (page,) = document.pages()
    assert document.source == str(path)
    assert (page.width, page.height) == pytest.approx((400, 300), abs=0.1)
    assert page.load_text is not None
    assert "Seven crates of apples" in "".join(page.load_text().characters)


@pytest.mark.office
def test_links_are_not_followed_to_the_network_or_to_other_files(
    local_server: tuple[str, list[str]], tmp_path: Path
) -> None:
    address, paths = local_server
    Image.new("RGB", (50, 50), (255, 0, 0)).save(tmp_path / "secret.png")
    to_pdf(docx("a", image=f"{address}/beacon.png"), ".docx", name="a.docx")
    assert paths == []
    local = docx("a", image=(tmp_path / "secret.png").as_uri())
    (page,) = open_document(local).pages()
    colours = page.image.getcolors(1 << 24) or []
    assert (255, 0, 0) not in [colour for _, colour in colours]


@pytest.mark.office
def test_formulas_and_links_of_a_changed_file_are_not_followed_either(
    local_server: tuple[str, list[str]],
) -> None:
    address, paths = local_server
    calls = (f'WEBSERVICE("{address}/a.xml")', f"'{address}/[b.xlsx]Sheet1'!A1")
    formulas = "".join(f"<c><f>{call.replace(chr(34), '&quot;')}</f></c>" for call in calls)
    sheet = (
        f'<sheetData><row><c t="inlineStr"><is><t>apple</t></is></c>{formulas}</row></sheetData>'
    )
    assert b"%PDF-" in to_pdf(excel_file(sheet), ".xlsx", name="a.xlsx")
    change = 'a</w:t></w:r><w:ins w:id="1"><w:r><w:t>b</w:t></w:r></w:ins><w:r><w:t>'
    linked = docx(change, image=f"{address}/beacon.png")
    assert b"%PDF-" in to_pdf(linked, ".docx", name="a.docx")
    assert paths == []


@pytest.mark.office
def test_a_file_that_libreoffice_cannot_read_is_refused() -> None:
    broken = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "WordDocument".encode("utf-16-le") + b"\0" * 99
    with pytest.raises(UnreadableDocument, match=r"cannot turn bad\.doc into PDF"):
        open_document(broken, name="bad.doc")


@pytest.mark.office
def test_a_conversion_beyond_its_timeout_is_stopped() -> None:
    with pytest.raises(UnreadableDocument, match=r"took more than 0.01 seconds over a\.docx"):
        to_pdf(docx("a"), ".docx", name="a.docx", timeout_s=0.01)


def test_without_libreoffice_the_message_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(MissingDependency, match=r"a\.docx .*apt-get install .*libreoffice-writer"):
        open_document(docx("a"), name="a.docx")


def zipped(**parts: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name.replace("__", "/"), content)
    return file.getvalue()


def suffix_of(content: bytes) -> str | None:
    return office_suffix(content, content[:8], name="a")


def test_office_formats_are_told_by_content() -> None:
    kinds = {"text": ".odt", "spreadsheet": ".ods", "presentation": ".odp"}
    for kind, suffix in kinds.items():
        content = zipped(mimetype=f"application/vnd.oasis.opendocument.{kind}".encode())
        assert suffix_of(content) == suffix
    assert suffix_of(zipped(**{"[Content_Types].xml": b"", "xl__workbook.xml": b""})) == ".xlsx"
    assert suffix_of(b"{\\rtf1 a}") == ".rtf"
    assert suffix_of(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 something else") is None
    assert suffix_of(b"%PDF-1.7") is None


def test_archives_are_not_opened() -> None:
    content = zipped(**{"report.pdf": b"%PDF-1.7", "mimetype": b"application/zip"})
    with pytest.raises(UnreadableDocument, match="an archive, which is not opened"):
        open_document(content)


def test_a_zip_bomb_is_refused_before_it_is_unpacked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(office, "MAX_UNPACKED_BYTES", 10_000)
    bomb = zipped(**{"[Content_Types].xml": b"", "word__document.xml": b" " * 20_000})
    assert len(bomb) < 1000
    with pytest.raises(UnreadableDocument, match="2 parts of 20,000 bytes"):
        open_document(bomb)


def test_a_truncated_docx_is_unreadable() -> None:
    with pytest.raises(UnreadableDocument, match="damaged"):
        open_document(docx("a")[:200])
