from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from colregion import Document, Engine, InvalidInput, NotIndexed, ParsedPage, UnreadableDocument
from colregion.adapters.page_references import (
    PageReference,
    engine_without_index,
    is_image_text,
    page_reference,
    rank_pages,
)
from colregion.core.geometry import Box
from colregion.demo import DOCUMENTS
from colregion.indexes import MemoryIndex
from colregion.ingestion.pipeline import embed
from colregion.testing import LineParser, WordEncoder, make_parsed_page

REPORT = DOCUMENTS / "tarrow-annual-report-2024.pdf"
FUEL = "What did fuel and electricity cost in 2024, in million euros?"
LINES = [("total due", Box(0.1, 0.1, 0.6, 0.2)), ("address", Box(0.5, 0.6, 0.9, 0.7))]


class CountingParser(LineParser):
    def __init__(self) -> None:
        super().__init__(LINES)
        self.read: list[int] = []

    def parse(self, document: Document) -> Iterator[ParsedPage]:
        for page in super().parse(document):
            self.read.append(page.page.number)
            yield page


def image_bytes(colour: str = "white", *, kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (60, 80), colour).save(out, kind)
    return out.getvalue()


@pytest.fixture
def parser() -> CountingParser:
    return CountingParser()


@pytest.fixture
def engine(parser: CountingParser) -> Engine:
    return Engine(MemoryIndex(), encoder=WordEncoder(), parser=parser)


@pytest.fixture(scope="module")
def report() -> Engine:
    engine = Engine.open(MemoryIndex(), parser="text_layer+geometry")
    engine.add(REPORT, doc_id="report", metadata={"team": "x"}, workers=0)
    return engine


@pytest.mark.parametrize(
    ("metadata", "doc_id", "number", "file"),
    [
        ({"page_id": "a#p1#p12"}, "a#p1", 12, None),
        ({"page_id": "a#p3", "page_number": 9, "page": 2}, "a", 3, None),
        ({"doc_id": "a", "page_number": 3}, "a", 3, None),
        ({"document_id": "a", "page_num": "3"}, "a", 3, None),
        ({"doc_id": "a", "page_number": 3.0}, "a", 3, None),
        ({"source": "a.pdf", "page_number": 3, "page": 2}, None, 3, "a.pdf"),
        ({"file_path": Path("scans/a.png")}, None, None, "scans/a.png"),
        ({"doc_id": "", "path": "a.png", "page_number": None}, None, None, "a.png"),
    ],
)
def test_a_page_is_identified_by_any_of_the_usual_keys(
    metadata: dict[str, Any], doc_id: str | None, number: int | None, file: str | None
) -> None:
    reference = page_reference(metadata)
    assert (reference.doc_id, reference.page_number, reference.file) == (doc_id, number, file)
    assert reference.image is None


@pytest.mark.parametrize(("first_page", "number"), [(0, 4), (1, 3)])
def test_first_page_says_what_the_key_page_counts_from(first_page: int, number: int) -> None:
    reference = page_reference({"source": "a.pdf", "page": 3}, first_page=first_page)
    assert reference.page_number == number


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "TIFF"])
def test_base64_images_are_recognised_by_their_first_characters(kind: str) -> None:
    data = image_bytes(kind=kind)
    text = base64.b64encode(data).decode()
    assert is_image_text(text)
    assert page_reference({"image": text}).image == data
    assert page_reference({}, image=text).image == data
    assert page_reference({}, image=f"data:image/png;base64,{text}").image == data


@pytest.mark.parametrize("key", ["image_base64", "base64", "image_bytes", "image"])
def test_an_image_is_read_from_any_of_the_usual_keys(key: str) -> None:
    text = base64.b64encode(image_bytes()).decode()
    broken = "\n".join(text[i : i + 76] for i in range(0, len(text), 76))
    assert page_reference({key: broken}).image == image_bytes()
    assert page_reference({key: image_bytes()}).image == image_bytes()


def test_an_image_may_be_a_path_or_a_pil_image() -> None:
    image = Image.new("RGB", (6, 8))
    assert page_reference({"image": image}).image is image
    assert page_reference({"image": "scans/1.png"}).image == "scans/1.png"
    assert page_reference({"image_path": Path("1.png")}).image == "1.png"


def test_text_that_is_not_an_image_is_ignored() -> None:
    assert page_reference({"source": "a.png"}, image="The total is 42.").image is None
    with pytest.raises(InvalidInput, match="must name its page"):
        page_reference({}, image="The total is 42.")


def test_a_reference_keeps_flat_user_metadata_without_reserved_keys_and_images() -> None:
    metadata = {
        "source": "a.pdf",
        "page_number": 3,
        "score": 0.5,
        "image_base64": base64.b64encode(image_bytes()).decode(),
        "tenant": "t",
        "year": 2024,
        "nothing": None,
        "nested": {"a": 1},
        "nan": float("nan"),
        "small": np.float32(1.5),
    }
    assert page_reference(metadata).metadata == {"tenant": "t", "year": 2024, "nothing": None}


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({}, "got the keys"),
        ({"title": "x", "doc_id": "a"}, r"\['doc_id', 'title'\]"),
        ({"page_number": 3}, "must name its page"),
        ({"doc_id": "a", "page_number": 0}, "from 1 up, got 0"),
        ({"doc_id": "a", "page_number": True}, "got True"),
        ({"doc_id": "a", "page_number": 2.5}, r"got 2\.5"),
        ({"doc_id": "a", "page_number": "iv"}, "got 'iv'"),
        ({"source": "a.pdf", "page": 3}, "first_page=0"),
        ({"base64": "no image!"}, "cannot be decoded"),
        ({"image": "data:image/svg+xml,<svg/>"}, "is empty"),
    ],
)
def test_metadata_that_names_no_page_is_refused(metadata: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        page_reference(metadata)


def test_ranking_no_pages_returns_no_hits(engine: Engine) -> None:
    assert rank_pages(engine, "total", [], k=3) == []
    with pytest.raises(InvalidInput, match="empty"):
        rank_pages(engine, " \n", [], k=3)


@pytest.mark.parametrize(
    "reference",
    [
        PageReference(doc_id="report", page_number=5),
        PageReference(file=str(REPORT), page_number=5),
        PageReference(doc_id="of another tool", file=REPORT, page_number=5),
        PageReference(doc_id="report", page_number=5, image=b"not looked at"),
    ],
)
def test_an_indexed_page_is_loaded_from_the_index(report: Engine, reference: PageReference) -> None:
    expected = report.rank(FUEL, "report#p5", k=3)
    found = rank_pages(report, FUEL, [reference], k=3)
    assert [(hit.id, hit.score) for hit in found] == [(hit.id, hit.score) for hit in expected]
    assert [hit.to_metadata() for hit in found] == [hit.to_metadata() for hit in expected]


def test_hits_on_indexed_pages_carry_both_metadata_and_the_index_has_precedence(
    report: Engine,
) -> None:
    given = PageReference(doc_id="report", page_number=5, metadata={"team": "y", "tenant": "t"})
    (hit,) = rank_pages(report, FUEL, [given], k=1)
    assert hit.entry.metadata == {"team": "x", "tenant": "t"}
    assert hit.source == str(REPORT)


def test_the_one_page_of_a_document_needs_no_number(engine: Engine) -> None:
    engine.add(image_bytes(), doc_id="scan", workers=0)
    assert rank_pages(engine, "total", [PageReference(doc_id="scan")], k=1)[0].page_id == "scan#p1"


def test_a_page_named_twice_counts_once(report: Engine) -> None:
    once = [PageReference(doc_id="report", page_number=5)]
    twice = [*once, PageReference(file=REPORT, page_number=5)]
    assert len(rank_pages(report, FUEL, twice, k=None)) == len(
        rank_pages(report, FUEL, once, k=None)
    )


def test_a_page_of_a_file_that_is_not_indexed_is_read_alone() -> None:
    engine = Engine.open(MemoryIndex(), parser="text_layer+geometry")
    given = PageReference(doc_id="mine", page_number=5, file=REPORT, metadata={"tenant": "t"})
    hits = rank_pages(engine, FUEL, [given], k=None)
    assert {hit.page_id for hit in hits} == {"mine#p5"}
    assert "8.6" in hits[0].text
    assert hits[0].source == str(REPORT)
    assert hits[0].to_metadata()["tenant"] == "t"
    assert engine.documents() == []


@pytest.mark.parametrize("how", ["path", "bytes", "image"])
def test_an_image_is_ranked_as_the_page_that_it_shows(
    engine: Engine, tmp_path: Path, how: str
) -> None:
    path = tmp_path / "7.png"
    path.write_bytes(image_bytes("red"))
    images: dict[str, Any] = {
        "path": path,
        "bytes": image_bytes("red"),
        "image": Image.new("RGB", (60, 80), "red"),
    }
    given = PageReference(doc_id="acme", page_number=7, image=images[how], file="s3://b/a.pdf")
    (hit,) = rank_pages(engine, "total", [given], k=1)
    assert (hit.id, hit.page_number, hit.source) == ("acme#p7#1", 7, "s3://b/a.pdf")
    assert hit.box.xyxy == (0.1, 0.1, 0.6, 0.2)
    assert hit.crop().size == (30, 8)
    assert hit.crop().getpixel((0, 0)) == (255, 0, 0)


def test_images_without_a_document_get_distinct_document_ids(
    engine: Engine, tmp_path: Path
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    paths = [tmp_path / "a" / "1.png", tmp_path / "b" / "1.png"]
    for path, colour in zip(paths, ("red", "blue"), strict=True):
        path.write_bytes(image_bytes(colour))
    references = [
        *(PageReference(image=path) for path in paths),
        *(PageReference(image=image_bytes(colour)) for colour in ("red", "blue")),
    ]
    hits = rank_pages(engine, "total", references, k=None)
    assert len({hit.page_id for hit in hits}) == 4
    assert {str(path) for path in paths} < {hit.doc_id for hit in hits}


def test_two_images_of_one_page_are_refused(engine: Engine) -> None:
    pages = [PageReference(doc_id="a", image=image_bytes(colour)) for colour in ("red", "blue")]
    with pytest.raises(InvalidInput, match="two different images of page a#p1"):
        rank_pages(engine, "total", pages, k=1)


def test_a_page_is_read_again_only_when_its_content_changes(
    engine: Engine, parser: CountingParser, tmp_path: Path
) -> None:
    path = tmp_path / "page.png"
    path.write_bytes(image_bytes("red"))
    for colour in ("red", "red", "blue"):
        path.write_bytes(image_bytes(colour))
        (hit,) = rank_pages(engine, "total", [PageReference(file=path, page_number=3)], k=1)
    assert parser.read == [3, 3]
    assert hit.crop().getpixel((0, 0)) == (0, 0, 255)


@pytest.mark.parametrize(
    ("reference", "error", "message"),
    [
        (PageReference(doc_id="lost", page_number=2), NotIndexed, "no document 'lost'"),
        (PageReference(doc_id="held", page_number=9), NotIndexed, "held#p9"),
        (PageReference(file="/no/such.pdf", page_number=1), InvalidInput, "there is no file"),
        (PageReference(file=REPORT), InvalidInput, "has 5 pages; give page_number"),
        (PageReference(file=REPORT, page_number=6), InvalidInput, "has 5 pages, no page 6"),
        (PageReference(image=b"nothing known"), UnreadableDocument, "of no known type"),
    ],
)
def test_a_page_that_cannot_be_loaded_is_an_error(
    engine: Engine, reference: PageReference, error: type[Exception], message: str
) -> None:
    parsed = make_parsed_page(LINES, doc_id="held")
    engine.add(list(embed([parsed], engine.encoder)))
    with pytest.raises(error, match=message):
        rank_pages(engine, "total", [reference], k=1)


def test_without_an_index_one_engine_serves_the_process() -> None:
    assert engine_without_index() is engine_without_index()
    assert engine_without_index().documents() == []
