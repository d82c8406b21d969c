"""Pages that are ranked without being indexed are read once."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from colregion import Box, Document, InvalidInput, ParsedPage
from colregion.demo import DOCUMENTS
from colregion.documents import open_document
from colregion.ingestion.page_cache import PageCache
from colregion.testing import LineParser, WordEncoder

REPORT = DOCUMENTS / "tarrow-annual-report-2024.pdf"  # 5 pages


class CountingParser(LineParser):
    def __init__(self) -> None:
        super().__init__([("total", Box(0.1, 0.1, 0.6, 0.2))])
        self.parsed: list[str] = []

    def parse(self, document: Document) -> Iterator[ParsedPage]:
        for page in super().parse(document):
            self.parsed.append(page.id)
            yield page


@pytest.fixture
def parser() -> CountingParser:
    return CountingParser()


def png(colour: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (60, 80), colour).save(out, "PNG")
    return out.getvalue()


def test_a_source_is_read_again_only_when_its_content_changes(
    parser: CountingParser, tmp_path: Path
) -> None:
    cache = PageCache(parser, WordEncoder())
    path = tmp_path / "scan.png"
    for colour in ("red", "red", "blue"):
        path.write_bytes(png(colour))
        (page,) = cache.read(path)
    assert parser.parsed == ["scan.png#p1", "scan.png#p1"]
    assert page.parsed.page.image.getpixel((0, 0)) == (0, 0, 255)


def test_equal_files_of_different_names_keep_their_document_ids(
    parser: CountingParser, tmp_path: Path
) -> None:
    cache = PageCache(parser, WordEncoder())
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(png("red"))
    pages = [page for name in ("a.png", "b.png") for page in cache.read(tmp_path / name)]
    assert [page.id for page in pages] == ["a.png#p1", "b.png#p1"]


def test_a_single_page_is_read_alone_and_gets_its_number(parser: CountingParser) -> None:
    cache = PageCache(parser, WordEncoder())
    document = open_document(REPORT, doc_id="report")
    assert cache.read_page(document, position=5, number=7).id == "report#p7"
    assert parser.parsed == ["report#p7"]
    with pytest.raises(InvalidInput, match="has 5 pages, no page 6"):
        cache.read_page(document, position=6, number=6)


def test_the_least_recently_used_pages_are_evicted(parser: CountingParser) -> None:
    cache = PageCache(parser, WordEncoder(), max_pages=2)
    document = open_document(REPORT, doc_id="report")
    for number in (1, 2, 1, 3, 1, 2):
        cache.read_page(document, position=number, number=number)
    assert parser.parsed == [f"report#p{number}" for number in (1, 2, 3, 2)]


def test_a_document_longer_than_the_cache_is_kept_alone(parser: CountingParser) -> None:
    cache = PageCache(parser, WordEncoder(), max_pages=2)
    cache.read(png("red"))
    cache.read(REPORT)
    assert len(cache.read(REPORT)) == 5
    assert len(parser.parsed) == 1 + 5


def test_a_source_that_does_not_exist_is_an_error(parser: CountingParser, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="check the path"):
        PageCache(parser, WordEncoder()).read(tmp_path / "missing.pdf")
