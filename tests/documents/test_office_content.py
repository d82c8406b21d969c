"""What a reader of an office file sees is on its pages, and nothing else; with LibreOffice."""

from __future__ import annotations

import re

import pytest

from colregion.core.documents import Document
from colregion.documents import open_document
from tests.documents.office_files import cells, excel_file, slides, word_file

pytestmark = pytest.mark.office


def texts(document: Document) -> list[str]:
    """The characters of each page, with single spaces."""
    layers = [page.load_text() for page in document.pages() if page.load_text is not None]
    return [" ".join("".join(layer.characters).split()) for layer in layers]


def table(rows: int, columns: int) -> list[list[str]]:
    heads = [f"Column {n} of {columns}" for n in range(columns)]
    return [heads, *([f"r{row}c{n}" for n in range(columns)] for row in range(1, rows))]


def test_all_columns_of_a_sheet_are_on_one_page() -> None:
    (page,) = open_document(excel_file(cells(*table(9, 30)))).pages()
    assert page.load_text is not None
    characters = "".join(page.load_text().characters)
    assert len(re.findall(r"Column \d+ of 30", characters)) == 30
    assert "r8c29" in characters
    assert page.height / page.width >= 0.749


def test_every_page_of_a_long_sheet_has_its_column_headings() -> None:
    title = ["Stock of the year"]
    pages = texts(open_document(excel_file(cells(title, *table(200, 3)))))
    assert len(pages) > 1
    assert all("Column 0 of 3 Column 1 of 3 Column 2 of 3" in page for page in pages)
    assert [page.count("Stock of the year") for page in pages] == [1] + [0] * (len(pages) - 1)
    assert all(f"r{row}c1" in "".join(pages) for row in range(1, 200))


def test_the_columns_of_a_very_wide_sheet_go_on_behind_the_first_one() -> None:
    pages = texts(open_document(excel_file(cells(*table(3, 90)))))
    assert len(pages) > 1
    assert all("Column 0 of 90" in page for page in pages)
    assert all(f"Column {n} of 90" in " ".join(pages) for n in range(90))


LONG = (
    "The contractor insures the scaffolding against storm damage for two million euros",
    "Подрядчик страхует леса от ущерба, причиненного бурей, не менее чем на два миллиона",
    "請負業者は、少なくとも二百万ユーロの暴風雨による損害に対して足場を保証する",
    "pneumonoultramicroscopicsilicovolcanoconiosis" * 3,
)


def test_texts_longer_than_their_column_are_whole_beside_a_filled_cell() -> None:
    rows = [["7.2", text, "x"] for text in LONG]
    (page,) = texts(open_document(excel_file(cells(["Clause", "Text"], *rows))))
    assert [text.replace(" ", "") in page.replace(" ", "") for text in LONG] == [True] * 4


def test_a_number_wider_than_its_column_is_not_hash_signs() -> None:
    narrow = '<cols><col min="1" max="9" width="3" customWidth="1"/></cols>'
    (page,) = texts(open_document(excel_file(narrow + cells([123456789, 3.14159]))))
    assert page == "123456789 3.14159"


def test_a_row_that_is_too_low_for_its_text_is_raised() -> None:
    low = cells(["one two three " * 40]).replace("<row>", '<row ht="8" customHeight="1">')
    (page,) = texts(open_document(excel_file(low)))
    assert page.split() == ["one", "two", "three"] * 40


def test_hidden_sheets_rows_and_columns_stay_out() -> None:
    shown = '<cols><col min="2" max="2" hidden="1"/></cols>' + cells(
        ["apple", "secret1", "pear"], ["secret2"], ["plum"], hidden=[1]
    )
    pages = texts(open_document(excel_file(shown, cells(["secret3"]), hidden=[1])))
    assert pages == ["apple pear plum"]


def word(text: str, change: str = "") -> str:
    tag = "delText" if change in ("del", "moveFrom") else "t"
    run = f'<w:r><w:{tag} xml:space="preserve">{text}</w:{tag}></w:r>'
    return f'<w:{change} w:id="1" w:author="A">{run}</w:{change}>' if change else run


def test_tracked_changes_are_read_as_accepted() -> None:
    paragraphs = [
        word("The rent is ") + word("900", "del") + word("1,150", "ins") + word(" euros."),
        word("Старый", "del") + word("Новый", "ins") + word(" договор."),
        word("All of it", "del"),
        word("Moved away", "moveFrom"),
        word("Only new.", "ins"),
    ]
    body = "".join(f"<w:p>{runs}</w:p>" for runs in paragraphs)
    expected = "The rent is 1,150 euros. Новый договор. Only new."
    assert texts(open_document(word_file(body))) == [expected]


def test_a_comment_in_the_margin_is_a_note() -> None:
    rtf = (
        rb"{\rtf1 The deposit is {\*\atrfstart 1}two{\*\atrfend 1}{\*\atnid AN}{\*\atnauthor Ana}"
        rb"\chatn{\*\annotation{\*\atnref 1}\pard\plain ask Helga} rents}"
    )
    (page,) = open_document(rtf).pages()
    (note,) = page.notes
    assert note.text == "ask Helga"
    assert note.title.startswith("[Note by Ana")


def test_tracked_changes_of_rtf_are_read_as_accepted() -> None:
    changes = rb"{\deleted\revauthdel1 900 }{\revised 1,150}"
    rtf = rb"{\rtf1{\*\revtbl{Unknown;}{A;}}The rent is " + changes + b" euros}"
    assert texts(open_document(rtf)) == ["The rent is 1,150 euros"]


def test_speaker_notes_are_pages_behind_the_slides_and_hidden_slides_are_read() -> None:
    deck = slides(("Crates", "Say pears"), ("Oranges", ""), ("Third", "Сказать 5"), hidden=[1])
    pages = texts(open_document(deck))
    assert [page.split()[0] for page in pages[:3]] == ["Crates", "Oranges", "Third"]
    assert ["Say pears" in page for page in pages] == [False] * 3 + [True, False]
    assert len(pages) == 5
    assert "Сказать 5" in pages[4]
