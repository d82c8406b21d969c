from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pypdf
import pytest
from PIL import Image
from pypdf.constants import PageLabelStyle

from colregion import (
    Document,
    Engine,
    Hit,
    InvalidInput,
    NotIndexed,
    ParsedPage,
    UnreadableDocument,
)
from colregion.adapters.page_metadata import PageReference
from colregion.adapters.page_references import (
    RankedPages,
    WithoutPage,
    documents_without_page,
    engine_without_index,
    rank_pages,
)
from colregion.core.geometry import Box
from colregion.demo import DOCUMENTS
from colregion.documents import open_document
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


def ranked(
    engine: Engine, question: str, pages: Sequence[PageReference], *, k: int | None
) -> list[Hit]:
    """The hits on pages of one document each, all of which name their page."""
    result = rank_pages(engine, question, [[page] for page in pages], k=k)
    assert result.without_page == ()
    return result.hits


def test_ranking_no_pages_returns_no_hits(engine: Engine) -> None:
    assert ranked(engine, "total", [], k=3) == []
    with pytest.raises(InvalidInput, match="empty"):
        ranked(engine, " \n", [], k=3)


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
    found = ranked(report, FUEL, [reference], k=3)
    assert [(hit.id, hit.score) for hit in found] == [(hit.id, hit.score) for hit in expected]
    assert [hit.to_metadata() for hit in found] == [hit.to_metadata() for hit in expected]


def test_hits_on_indexed_pages_carry_both_metadata_and_the_index_has_precedence(
    report: Engine,
) -> None:
    given = PageReference(doc_id="report", page_number=5, metadata={"team": "y", "tenant": "t"})
    (hit,) = ranked(report, FUEL, [given], k=1)
    assert hit.entry.metadata == {"team": "x", "tenant": "t"}
    assert hit.source == str(REPORT)


def test_the_one_page_of_a_document_needs_no_number(engine: Engine) -> None:
    engine.add(image_bytes(), doc_id="scan", workers=0)
    assert ranked(engine, "total", [PageReference(doc_id="scan")], k=1)[0].page_id == "scan#p1"


def test_a_page_named_twice_counts_once(report: Engine) -> None:
    once = [PageReference(doc_id="report", page_number=5)]
    twice = [*once, PageReference(file=REPORT, page_number=5)]
    assert len(ranked(report, FUEL, twice, k=None)) == len(ranked(report, FUEL, once, k=None))


def test_a_page_of_a_file_that_is_not_indexed_is_read_alone() -> None:
    engine = Engine.open(MemoryIndex(), parser="text_layer+geometry")
    given = PageReference(doc_id="mine", page_number=5, file=REPORT, metadata={"tenant": "t"})
    hits = ranked(engine, FUEL, [given], k=None)
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
    (hit,) = ranked(engine, "total", [given], k=1)
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
    hits = ranked(engine, "total", references, k=None)
    assert len({hit.page_id for hit in hits}) == 4
    assert {str(path) for path in paths} < {hit.doc_id for hit in hits}


def test_two_images_of_one_page_are_refused(engine: Engine) -> None:
    pages = [PageReference(doc_id="a", image=image_bytes(colour)) for colour in ("red", "blue")]
    with pytest.raises(InvalidInput, match="two different images of page a#p1"):
        ranked(engine, "total", pages, k=1)


def test_a_page_is_read_again_only_when_its_content_changes(
    engine: Engine, parser: CountingParser, tmp_path: Path
) -> None:
    path = tmp_path / "page.png"
    path.write_bytes(image_bytes("red"))
    for colour in ("red", "red", "blue"):
        path.write_bytes(image_bytes(colour))
        (hit,) = ranked(engine, "total", [PageReference(file=path, page_number=3)], k=1)
    assert parser.read == [3, 3]
    assert hit.crop().getpixel((0, 0)) == (0, 0, 255)


@pytest.mark.parametrize(
    ("reference", "error", "message"),
    [
        (PageReference(doc_id="lost", page_number=2), NotIndexed, "no document 'lost'"),
        (PageReference(doc_id="held", page_number=9), NotIndexed, "held#p9"),
        (PageReference(file="/no/such.pdf", page_number=1), InvalidInput, "there is no file"),
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
        ranked(engine, "total", [reference], k=1)


class TestDocumentsWithoutPage:
    @pytest.mark.parametrize(
        "reference",
        [
            PageReference(file=REPORT),
            PageReference(file="https://example.org/blog"),
            PageReference(file="/no/such.pdf"),
            PageReference(doc_id="b7c1"),
            PageReference(doc_id="report"),
            PageReference(file=REPORT, label="cover"),
        ],
    )
    def test_a_reference_without_number_to_no_document_of_one_page_names_no_page(
        self, report: Engine, reference: PageReference
    ) -> None:
        page = PageReference(doc_id="report", page_number=5)
        result = rank_pages(report, FUEL, [[reference], [page], []], k=2)
        assert result.without_page == (0, 2)
        assert {hit.page_id for hit in result.hits} == {"report#p5"}

    @pytest.mark.parametrize(("action", "rest"), [("keep", ["b"]), ("drop", [])])
    def test_documents_without_page_follow_or_are_left_out(
        self, action: WithoutPage, rest: list[str]
    ) -> None:
        result = RankedPages([], (1,))
        assert (
            documents_without_page(["a", "b"], result, action=action, metadata=lambda _: {}) == rest
        )

    def test_a_warning_lists_the_keys_when_no_document_names_a_page(self) -> None:
        documents = [{"title": "x"}, {"url": "y"}]
        with pytest.warns(UserWarning, match=r"none of 2 documents.*\['title', 'url'\]"):
            rest = documents_without_page(
                documents, RankedPages([], (0, 1)), action="keep", metadata=lambda one: one
            )
        assert rest == documents
        assert documents_without_page([], RankedPages([], ()), action="keep", metadata=dict) == []


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six pages labelled i, ii, 1, 2, 3, A-1."""
    writer = pypdf.PdfWriter()
    for _ in range(6):
        writer.add_blank_page(width=200, height=300)
    for first, last, style, prefix in ((0, 1, "/r", ""), (2, 4, "/D", ""), (5, 5, "/D", "A-")):
        writer.set_page_label(first, last, PageLabelStyle(style), prefix)
    path = tmp_path_factory.mktemp("book") / "book.pdf"
    writer.write(path)
    return path


class TestLabels:
    @pytest.mark.parametrize("indexed", [True, False])
    @pytest.mark.parametrize(
        ("label", "near", "number"),
        [("ii", None, 2), ("2", None, 4), ("2", 3, 4), ("A-1", None, 6), ("6", None, 6)],
    )
    def test_a_label_names_the_page_that_shows_it(
        self, book: Path, indexed: bool, label: str, near: int | None, number: int
    ) -> None:
        engine = Engine(MemoryIndex(), encoder=WordEncoder(), parser=LineParser(LINES))
        if indexed:
            engine.add(book, workers=0)
        reference = PageReference(file=book, label=label, near=near)
        (hit,) = ranked(engine, "total", [reference], k=1)
        assert hit.page_number == number

    def test_labels_of_an_indexed_document_are_loaded_once_per_question(
        self, book: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        engine.add(book, workers=0)
        loaded: list[list[str]] = []
        load = engine.index.load

        def recorded(page_ids: Sequence[str]) -> Any:
            loaded.append([one.rpartition("#")[2] for one in page_ids])
            return load(page_ids)

        monkeypatch.setattr(engine.index, "load", recorded)
        references = [PageReference(file=book, label=label) for label in ("ii", "A-1", "i")]
        hits = ranked(engine, "total", references, k=None)
        assert {hit.page_number for hit in hits} == {1, 2, 6}
        assert loaded == [[f"p{n}" for n in range(1, 7)], ["p2"], ["p6"], ["p1"]]

    def test_pypdf_gives_the_same_labels(self, book: Path) -> None:
        labels = [page.label for page in open_document(book).pages()]
        assert labels == pypdf.PdfReader(book).page_labels == ["i", "ii", "1", "2", "3", "A-1"]

    @pytest.mark.parametrize("indexed", [True, False])
    def test_pages_without_labels_have_their_numbers(self, report: Engine, indexed: bool) -> None:
        engine = report if indexed else Engine.open(MemoryIndex(), parser="text_layer+geometry")
        hits = ranked(engine, FUEL, [PageReference(file=REPORT, label="5")], k=1)
        assert [hit.page_number for hit in hits] == [5]

    def test_a_label_of_several_pages_names_them_all_or_the_one_nearby(
        self, engine: Engine
    ) -> None:
        labels = ["1", "2", "1", "2"]
        pages = [
            replace(parsed, page=replace(parsed.page, label=label))
            for number, label in enumerate(labels, start=1)
            for parsed in [make_parsed_page(LINES, doc_id="parts", number=number)]
        ]
        engine.add(list(embed(pages, engine.encoder)))

        def numbers(near: int | None) -> set[int]:
            reference = PageReference(doc_id="parts", label="2", near=near)
            return {hit.page_number for hit in ranked(engine, "total", [reference], k=None)}

        assert numbers(None) == {2, 4}
        assert numbers(3) == numbers(4) == {4}
        assert numbers(1) == {2}


def test_a_file_name_alone_names_the_one_indexed_document_of_that_name(engine: Engine) -> None:
    for folder in ("a", "b"):
        pages = [make_parsed_page(LINES, doc_id=f"{folder}/x.pdf")]
        engine.add(list(embed(pages, engine.encoder)))
    engine.add(list(embed([make_parsed_page(LINES, doc_id="a/y.pdf")], engine.encoder)))
    (hit,) = ranked(engine, "total", [PageReference(file="y.pdf", page_number=1)], k=1)
    assert hit.doc_id == "a/y.pdf"
    with pytest.raises(InvalidInput, match=r"several documents of the index: a/x\.pdf, b/x\.pdf"):
        ranked(engine, "total", [PageReference(file="x.pdf", page_number=1)], k=1)


def test_ranked_pages_leave_out_unlikely_regions(report: Engine) -> None:
    page = [PageReference(doc_id="report", page_number=5)]
    hits = rank_pages(report, FUEL, [page], k=None, min_confidence=0.5).hits
    assert [hit.id for hit in hits] == [
        hit.id for hit in report.rank(FUEL, "report#p5", k=None, min_confidence=0.5)
    ]


def test_without_an_index_one_engine_serves_the_process() -> None:
    assert engine_without_index() is engine_without_index()
    assert engine_without_index().documents() == []
