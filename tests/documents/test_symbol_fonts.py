"""Check marks in symbol fonts, on PDFs written by hand: no font is embedded."""

from __future__ import annotations

import pytest

from colregion.documents import open_document


def pdf(font: str, codes: bytes) -> bytes:
    """A page of 300 x 200 points with codes in the font, and the word "Box" in Helvetica."""
    content = b"BT /F1 14 Tf 40 100 Td (%s) Tj ET BT /F2 14 Tf 140 100 Td (Box) Tj ET" % codes
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 200]/Contents 4 0 R/Resources"
        b"<</Font<</F1 5 0 R/F2 6 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(content), content),
        b"<</Type/Font/Subtype/TrueType/BaseFont/%s/Encoding/WinAnsiEncoding>>" % font.encode(),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    body = b"%PDF-1.4\n"
    places = []
    for number, content in enumerate(objects, start=1):
        places.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    return (
        body
        + b"xref\n0 7\n0000000000 65535 f \n%s" % table
        + b"trailer<</Size 7/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % len(body)
    )


@pytest.mark.parametrize(
    ("font", "codes", "text"),
    [
        ("Wingdings", b"\xfe\xfd\xa8oqrx\xfc\xfb", "☑☒☐☐☐☐☒✔✘"),
        ("ABCDEF+Wingdings-Regular", b"ox", "☐☒"),
        ("Wingdings2", b"RQ\xa3P", "☑☒☐✔"),
        ("ABCDEF+Wingdings#202", b"OST", "✘☒☒"),
        ("Wingdings", b"abc", "abc"),
        ("Wingdings3", b"ox", "ox"),
        ("Helvetica", b"oxR\xa8\xfe", "oxR\u00a8\u00fe"),
    ],
)
def test_check_marks_of_symbol_fonts_have_their_characters(
    font: str, codes: bytes, text: str
) -> None:
    (page,) = open_document(pdf(font, codes)).pages()
    assert page.load_text is not None
    assert "".join(page.load_text().characters).split() == [text, "Box"]
