from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest

from colregion.core import serialization
from colregion.core.documents import Document, Page
from colregion.core.geometry import Box
from colregion.core.interfaces import Parser
from colregion.core.regions import ParsedPage, Region, Word
from colregion.errors import BackendError
from colregion.evaluation.parse_cache import CachedParser, default_cache_folder
from colregion.testing import PlainImage, make_page


class CountingParser(Parser):
    """One word and one area a page; counts the documents it was asked for."""

    def __init__(self, name: str = "counting/1") -> None:
        self.name = name
        self.asked = 0

    @property
    def fingerprint(self) -> str:
        return self.name

    def parse(self, document: Document) -> Iterator[ParsedPage]:
        self.asked += 1
        for page in document.pages():
            box = Box(0.1, 0.2, 0.35, 0.25)
            word = Word(f"w{page.number}é", box, confidence=0.9, line=2)
            yield ParsedPage(page, (word,), (Region(page.id, (1,), box, word.text),))


def document(*, doc_id: str = "doc", content_hash: str = "c1", pages: int = 2) -> Document:
    def open_pages() -> Iterator[Page]:
        for number in range(1, pages + 1):
            yield make_page(doc_id=doc_id, number=number, image=PlainImage(width_px=30 + number))

    return Document(doc_id, f"{doc_id}.png", content_hash, open_pages, pages)


def data(pages: Iterator[ParsedPage]) -> list[object]:
    return [serialization.parsed_to_json(page) for page in pages]


def test_second_parse_reads_the_same_result_from_the_cache(tmp_path: Path) -> None:
    parser = CountingParser()
    first = data(CachedParser(parser, folder=tmp_path).parse(document()))
    again = data(CachedParser(parser, folder=tmp_path).parse(document()))
    assert parser.asked == 1
    assert again == first == data(CountingParser().parse(document()))


def test_same_content_under_another_id_has_that_id_and_its_own_images(
    tmp_path: Path,
) -> None:
    parser = CountingParser()
    cached = CachedParser(parser, folder=tmp_path)
    list(cached.parse(document()))
    pages = list(cached.parse(document(doc_id="other")))
    assert parser.asked == 1
    assert [page.id for page in pages] == ["other#p1", "other#p2"]
    assert [page.regions[0].id for page in pages] == ["other#p1#1", "other#p2#1"]
    assert [page.page.image.width for page in pages] == [31, 32]


def test_other_content_and_other_parsers_are_parsed_again(tmp_path: Path) -> None:
    parser, newer = CountingParser(), CountingParser("counting/2")
    list(CachedParser(parser, folder=tmp_path).parse(document()))
    list(CachedParser(parser, folder=tmp_path).parse(document(content_hash="c2")))
    list(CachedParser(newer, folder=tmp_path).parse(document()))
    assert (parser.asked, newer.asked) == (2, 1)
    assert CachedParser(newer, folder=tmp_path).fingerprint == "counting/2"


def test_document_without_pages_is_cached(tmp_path: Path) -> None:
    parser = CountingParser()
    empty = document(pages=0)
    assert list(CachedParser(parser, folder=tmp_path).parse(empty)) == []
    assert list(CachedParser(parser, folder=tmp_path).parse(empty)) == []
    assert parser.asked == 1


def test_document_that_was_not_read_to_its_end_is_not_cached(tmp_path: Path) -> None:
    parser = CountingParser()
    pages = CachedParser(parser, folder=tmp_path).parse(document())
    next(pages)
    del pages
    assert list(tmp_path.iterdir()) == []


def test_folder_contains_finished_files_only(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    list(CachedParser(CountingParser(), folder=folder).parse(document()))
    assert [path.suffixes for path in folder.iterdir()] == [[".jsonl", ".gz"]]


@pytest.mark.parametrize(
    "damage",
    [b"", b"not gzip", gzip.compress(b"{not json", mtime=0), gzip.compress(b"2\n{}", mtime=0)],
)
def test_damaged_cache_file_is_an_error_that_says_what_to_delete(
    tmp_path: Path, damage: bytes
) -> None:
    cached = CachedParser(CountingParser(), folder=tmp_path)
    list(cached.parse(document()))
    (path,) = tmp_path.iterdir()
    path.write_bytes(damage)
    with pytest.raises(BackendError, match=f"{path.name} cannot be read; delete it"):
        list(cached.parse(document()))


def test_unwritable_cache_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cached = CachedParser(CountingParser(), folder=tmp_path / "file" / "below")
    with pytest.raises(BackendError, match="cannot be written"):
        list(cached.parse(document()))


def test_default_folder_is_in_the_users_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache_folder() == tmp_path / "colregion"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert default_cache_folder() == tmp_path / "home" / ".cache" / "colregion"
