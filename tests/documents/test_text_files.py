"""Text, Markdown, HTML, tables in text and mail, on the way to LibreOffice."""

from __future__ import annotations

import codecs
from email.message import EmailMessage
from pathlib import Path

import pytest

from colregion.documents import open_document
from colregion.documents.file_types import TEXT_SUFFIXES, text_suffix
from colregion.documents.html_cleaner import clean_html
from colregion.documents.text_files import printable
from colregion.errors import MissingDependency, UnreadableDocument


def body(text: str) -> str:
    """The body of the page that is made from a page."""
    page = clean_html(text)
    assert page.startswith("<html><body>")
    assert page.endswith("</body></html>")
    return page[12:-14]


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        (
            "<h1 class=a>Müll</h1><p>a <b>b</b> &lt;c&gt;",
            "<h1>M&#252;ll</h1><p>a <b>b</b> &lt;c&gt;",
        ),
        ("<script>x()</script><style>p{}</style>a<iframe src=b>c</iframe>", "a"),
        ("<link rel=stylesheet href=http://a/><body background=b.png>a", "a"),
        ("<img src=http://a/b.png alt='a &quot;b&quot;'><br/>c", "a &quot;b&quot;<br>c"),
        ("<a href=http://a onclick=x()>a</a><section>b</section>", "a<div>b</div>"),
        ("<div hidden>a<div>b</div>c</div>d", "d"),
        ("<span style='color:red; DISPLAY : none'>a</span>b", "b"),
        ("<p hidden>a<p>b", "<p>a<p>b"),  # it may have no end
        ("<table><tr><td colspan=2 rowspan=x>a", '<table border="1"><tr><td colspan="2">a'),
        ("<title>T</title></script>a", "<div>T</div>a"),
        ("a<!-- b --><![CDATA[c]]>", "a"),
        ("", ""),
    ],
)
def test_html_is_reduced_to_what_is_read(page: str, expected: str) -> None:
    assert body(page) == expected


def test_markdown_becomes_headings_lists_and_tables() -> None:
    text = printable(b"# Boiler\n\n- one\n\n|a|b|\n|-|-|\n|1|2|\n", ".md", name="a.md")
    page = "".join(text.content.decode().split("\n"))
    assert page == (
        "<html><body><h1>Boiler</h1><ul><li>one</li></ul>"
        '<table border="1"><thead><tr><th>a</th><th>b</th></tr></thead><tbody><tr><td>1</td>'
        "<td>2</td></tr></tbody></table></body></html>"
    )


@pytest.mark.parametrize(
    ("content", "suffix", "expected"),
    [
        (b"part,price\n007,4.20\n", ".csv", b'"part","price"\r\n"007","4.20"\r\n'),
        (b"part;price\nO'Neill;4,20\n", ".csv", b'"part","price"\r\n"O\'Neill","4,20"\r\n'),
        (b'"a\nb"\t"c ""d"""\n1\t2\n', ".tsv", b'"a\nb","c ""d"""\r\n"1","2"\r\n'),
        (b"one\ntwo\n", ".csv", b'"one"\r\n"two"\r\n'),
        (b"\xff\xfea\x00,\x00b\x00", ".csv", b'"a","b"\r\n'),
    ],
)
def test_tables_keep_the_texts_of_their_cells(content: bytes, suffix: str, expected: bytes) -> None:
    assert printable(content, suffix, name="a").content == expected


def test_a_table_with_an_endless_cell_is_refused() -> None:
    with pytest.raises(UnreadableDocument, match=r"a\.csv is no table"):
        printable(b'"' + b"x" * 200_000, ".csv", name="a.csv")


@pytest.mark.parametrize(
    ("content", "suffix", "is_guess"),
    [
        ("Müll".encode(), ".txt", False),
        (codecs.BOM_UTF8 + "Müll".encode(), ".txt", False),
        ("Müll".encode("utf-16"), ".txt", False),
        ("Müll".encode("cp1252"), ".txt", True),
        (b"<meta charset=iso-8859-1><p>" + "Müll".encode("cp1252"), ".html", False),
        (b"<meta charset=no-such><p>" + "Müll".encode("cp1252"), ".html", True),
    ],
)
def test_text_is_decoded_and_a_guess_is_reported(
    content: bytes, suffix: str, is_guess: bool
) -> None:
    text = printable(content, suffix, name="a")
    assert ("M&#252;ll" if suffix == ".html" else "Müll") in text.content.decode()
    assert text.unread.startswith("its encoding is not") == is_guess


def mail(text: str, *, html: str = "", attached: tuple[str, ...] = ()) -> bytes:
    message = EmailMessage()
    message["From"], message["Subject"] = "Ana <ana@example.org>", "Kessel – Reparatur"
    message.set_content(text)
    if html:
        message.add_alternative(html, subtype="html")
    for name in attached:
        message.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename=name)
    return bytes(message)


HEADERS = "<div>From: Ana &lt;ana@example.org&gt;</div><div>Subject: Kessel &#8211; Reparatur</div>"


def test_a_mail_is_its_headers_and_its_text() -> None:
    text = printable(mail("On Tuesday\n\nat <9>\n"), ".eml", name="a.eml")
    lines = "<div>On Tuesday</div><div><br></div><div>at &lt;9&gt;</div>"
    assert text.content.decode() == f"<html><body>{HEADERS}<hr>{lines}</body></html>"
    assert (text.suffix, text.unread) == (".html", "")


def test_the_formatted_text_of_a_mail_is_read_and_attached_files_are_named() -> None:
    content = mail("plain", html="<p>On <b>Tuesday</b></p>", attached=("bill.pdf", "plan.pdf"))
    text = printable(content, ".eml", name="a.eml")
    assert text.content.decode().strip().endswith("<hr><p>On <b>Tuesday</b></p>\n</body></html>")
    assert text.unread.startswith("attached files are not read (bill.pdf, plan.pdf);")


def test_a_mail_in_another_encoding_is_read() -> None:
    head = (
        b"Subject: a\nContent-Type: text/plain; charset=koi8-r\nContent-Transfer-Encoding: 8bit\n\n"
    )
    text = printable(head + "Котёл".encode("koi8-r"), ".eml", name="a.eml")
    assert body(text.content.decode()).endswith("".join(f"&#{ord(c)};" for c in "Котёл") + "</div>")


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"no mail at all", b"Content-Type: multipart/mixed"]
)
def test_what_is_hardly_a_mail_is_read_as_far_as_it_goes(content: bytes) -> None:
    assert printable(content, ".eml", name="a.eml").suffix == ".html"


def test_text_is_told_by_its_name_and_only_if_it_is_text() -> None:
    assert {text_suffix(b"a", name=f"d/a{suffix.upper()}") for suffix in TEXT_SUFFIXES} == (
        TEXT_SUFFIXES
    )
    assert text_suffix("a".encode("utf-16"), name="a.txt") == ".txt"
    for head, name in ((b"a\0b", "a.txt"), (b"%PDF-1.7", "a.txt"), (b"a", "a"), (b"a", "txt")):
        assert text_suffix(head, name=name) is None


def test_a_file_of_another_type_is_refused_with_all_types_that_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.xyz"
    path.write_bytes(b"what is this")
    with pytest.raises(UnreadableDocument, match=r"PDF, images .*PNG.* \.docx .*\.csv \.eml"):
        open_document(path)


def test_without_libreoffice_a_text_file_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(MissingDependency, match=r"turn a\.txt into PDF. Install it: apt-get"):
        open_document(b"a", name="a.txt")


@pytest.mark.office
def test_a_page_fetches_nothing(local_server: tuple[str, list[str]]) -> None:
    address, paths = local_server
    page = (
        f'<link rel="stylesheet" href="{address}/a.css">'
        f"<style>@import url({address}/b.css);</style>"
        f'<body background="{address}/c.png" style="background:url({address}/d.png)">'
        f'<img src="{address}/e.png"><iframe src="{address}/f.html"></iframe>Seven crates'
    )
    (opened,) = open_document(page.encode(), name="a.html").pages()
    assert opened.load_text is not None
    assert "".join(opened.load_text().characters).strip() == "Seven crates"
    assert paths == []


@pytest.mark.office
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", "Котёл 007\nвторая".encode()),
        ("a.csv", "Котёл;007\nвторая;1\n".encode()),
        ("a.md", "# Котёл\n\n007 вторая".encode()),
    ],
)
def test_text_files_are_pages_with_their_words(name: str, content: bytes) -> None:
    (page,) = open_document(content, name=name).pages()
    assert page.load_text is not None
    words = "".join(page.load_text().characters).split()
    assert words[:3] == ["Котёл", "007", "вторая"]
