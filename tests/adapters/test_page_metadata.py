from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from docling_core.types.doc import (
    BoundingBox,
    DocItemLabel,
    DocumentOrigin,
    ProvenanceItem,
    TextItem,
)
from PIL import Image
from unstructured.documents.elements import ElementMetadata

from colregion import InvalidInput
from colregion.adapters.page_metadata import PageReference, is_image_text, referenced_pages


def image_bytes(*, kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (60, 80), "white").save(out, kind)
    return out.getvalue()


def only(metadata: dict[str, Any], **options: Any) -> PageReference:
    (reference,) = referenced_pages(metadata, **options)
    return reference


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
    reference = only(metadata)
    assert (reference.doc_id, reference.page_number, reference.file) == (doc_id, number, file)
    assert reference.image is None


@pytest.mark.parametrize(("first_page", "number"), [(0, 4), (1, 3)])
def test_first_page_says_what_the_key_page_counts_from(first_page: int, number: int) -> None:
    reference = only({"source": "a.pdf", "page": 3}, first_page=first_page)
    assert reference.page_number == number


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "TIFF"])
def test_base64_images_are_recognised_by_their_first_characters(kind: str) -> None:
    data = image_bytes(kind=kind)
    text = base64.b64encode(data).decode()
    assert is_image_text(text)
    assert only({"image": text}).image == data
    assert only({}, image=text).image == data
    assert only({}, image=f"data:image/png;base64,{text}").image == data


@pytest.mark.parametrize("key", ["image_base64", "base64", "image_bytes", "image"])
def test_an_image_is_read_from_any_of_the_usual_keys(key: str) -> None:
    text = base64.b64encode(image_bytes()).decode()
    broken = "\n".join(text[i : i + 76] for i in range(0, len(text), 76))
    assert only({key: broken}).image == image_bytes()
    assert only({key: image_bytes()}).image == image_bytes()


def test_an_image_may_be_a_path_or_a_pil_image() -> None:
    image = Image.new("RGB", (6, 8))
    assert only({"image": image}).image is image
    assert only({"image": "scans/1.png"}).image == "scans/1.png"
    assert only({"image_path": Path("1.png")}).image == "1.png"


def test_text_that_is_not_an_image_is_ignored() -> None:
    assert only({"source": "a.png"}, image="The total is 42.").image is None
    assert referenced_pages({}, image="The total is 42.") == []


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
    assert only(metadata).metadata == {"tenant": "t", "year": 2024, "nothing": None}


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"doc_id": "a", "page_number": 0}, "from 1 up, got 0"),
        ({"doc_id": "a", "page_number": True}, "got True"),
        ({"doc_id": "a", "page_number": 2.5}, r"got 2\.5"),
        ({"doc_id": "a", "page_number": "iv"}, "got 'iv'"),
        ({"source": "a.pdf", "page": 3}, "first_page=0"),
        ({"base64": "no image!"}, "cannot be decoded"),
        ({"image": "data:image/svg+xml,<svg/>"}, "is empty"),
    ],
)
def test_metadata_with_an_ambiguous_or_impossible_page_is_refused(
    metadata: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        referenced_pages(metadata)


@pytest.mark.parametrize(
    "metadata", [{}, {"title": "x"}, {"page_number": 3}, {"doc_id": None, "source": ""}]
)
def test_metadata_without_a_document_names_no_page(metadata: dict[str, Any]) -> None:
    assert referenced_pages(metadata) == []


class TestDocling:
    @staticmethod
    def chunk_meta(*pages: tuple[int, ...]) -> dict[str, Any]:
        """A chunk's metadata as docling's chunker exports it: one item with these places each."""
        items = [
            TextItem(
                self_ref=f"#/texts/{i}",
                label=DocItemLabel.TEXT,
                orig="",
                text="",
                prov=[
                    ProvenanceItem(
                        page_no=number, bbox=BoundingBox(l=0, t=9, r=9, b=0), charspan=(0, 0)
                    )
                    for number in numbers
                ],
            )
            for i, numbers in enumerate(pages)
        ]
        origin = DocumentOrigin(mimetype="application/pdf", binary_hash=7, filename="a.pdf")
        return {
            "schema_name": "docling_core.transforms.chunker.DocMeta",
            "version": "1.0.0",
            "doc_items": [item.model_dump(mode="json", by_alias=True) for item in items],
            "origin": origin.model_dump(mode="json", by_alias=True),
        }

    def test_a_chunk_of_the_loader_names_every_page_that_it_runs_over(self) -> None:
        # The metadata of DoclingLoader(export_type=DOC_CHUNKS).
        metadata = {"source": "reports/a.pdf", "dl_meta": self.chunk_meta((4,), (5, 4), (12,))}
        references = referenced_pages(metadata)
        assert [one.page_number for one in references] == [4, 5, 12]
        assert {one.file for one in references} == {"reports/a.pdf"}
        assert references[0].metadata == {}

    def test_a_node_of_the_node_parser_names_page_and_file(self) -> None:
        reference = only(self.chunk_meta((2,)))
        assert (reference.page_number, reference.file) == (2, "a.pdf")

    def test_an_item_without_a_place_names_the_file_alone(self) -> None:
        reference = only({"source": "a.docx", "dl_meta": self.chunk_meta(())})
        assert (reference.page_number, reference.file) == (None, "a.docx")


@pytest.mark.parametrize(
    ("metadata", "label", "near"),
    [
        # LlamaIndex's SimpleDirectoryReader with its default reader of PDFs (PDFReader).
        ({"page_label": "iv", "file_name": "a.pdf", "file_path": "in/a.pdf"}, "iv", None),
        # LlamaParse counts without regard to printed numbers.
        ({"page_label": 4, "file_name": "a.pdf", "file_path": "in/a.pdf"}, "4", None),
        # LangChain's PyPDFLoader.
        ({"source": "in/a.pdf", "page": 3, "page_label": "4", "total_pages": 9}, "4", 3),
    ],
)
def test_a_printed_page_number_is_a_label_to_look_up(
    metadata: dict[str, Any], label: str, near: int | None
) -> None:
    reference = only(metadata)
    assert (reference.page_number, reference.label, reference.near) == (None, label, near)
    assert reference.file == "in/a.pdf"


@pytest.mark.parametrize(
    "numbered", [{"page_number": 3}, {"page": 2}, {"page_num": 3.0}, {"page_no": "3"}]
)
def test_a_page_number_has_precedence_over_a_label(numbered: dict[str, Any]) -> None:
    reference = only({"source": "a.pdf", "page_label": "iv", **numbered}, first_page=0)
    assert (reference.page_number, reference.label) == (3, None)


@pytest.mark.parametrize("base64_image", [None, base64.b64encode(image_bytes()).decode()])
def test_byaldi_results_name_a_page_of_a_document_with_a_whole_number_for_an_id(
    base64_image: str | None,
) -> None:
    # byaldi.objects.Result; base64 is None unless the index stores the pages.
    result = {"doc_id": 0, "page_num": 3, "score": 9.5, "metadata": {}, "base64": base64_image}
    reference = only(result)
    assert (reference.doc_id, reference.page_number, reference.file) == ("0", 3, None)
    assert reference.image == (None if base64_image is None else image_bytes())
    # The mapping is that of its `get_doc_ids_to_file_names`.
    assert only(result, files={0: "in/a.pdf", 1: "in/b.pdf"}).file == "in/a.pdf"


@pytest.mark.parametrize(
    ("metadata", "files", "file"),
    [
        ({"doc_id": "x7", "page_number": 1}, {"x7": Path("a.pdf")}, "a.pdf"),
        ({"file_name": "a.pdf", "page_number": 1}, {"a.pdf": "in/a.pdf"}, "in/a.pdf"),
        ({"source": "a.pdf", "page_number": 1}, {"b.pdf": "in/b.pdf"}, "a.pdf"),
        ({"doc_id": "1", "page_number": 1}, {1: "one.pdf"}, "one.pdf"),
    ],
)
def test_files_are_looked_up_by_what_the_metadata_calls_the_document(
    metadata: dict[str, Any], files: dict[Any, str | Path], file: str
) -> None:
    assert only(metadata, files=files).file == file


def test_elements_of_unstructured_name_page_and_file() -> None:
    place = ElementMetadata(filename="in/a.pdf", page_number=3)
    metadata = place.to_dict()
    assert metadata == {"file_directory": "in", "filename": "a.pdf", "page_number": 3}
    reference = only(metadata)
    assert (reference.page_number, reference.file) == (3, "in/a.pdf")
    # LangChain's UnstructuredLoader adds the path.
    assert only({**metadata, "source": "/x/in/a.pdf"}).file == "/x/in/a.pdf"


def test_azure_regions_name_their_pages() -> None:
    # Document Intelligence's JSON, and its Python client's attributes.
    polygon = [1.0, 1.0, 2.0, 1.0, 2.0, 2.0, 1.0, 2.0]
    for keys, number in (("boundingRegions", "pageNumber"), ("bounding_regions", "page_number")):
        regions = [{number: n, "polygon": polygon} for n in (7, 8, 7)]
        references = referenced_pages({"source": "a.pdf", keys: regions})
        assert [one.page_number for one in references] == [7, 8]
    # LangChain's AzureAIDocumentIntelligenceLoader(mode="page") counts `page` from 1.
    assert only({"source": "a.pdf", "page": 7}, first_page=1).page_number == 7


def test_pages_of_pymupdf_are_named_by_either_frameworks_reader() -> None:
    # LangChain's PyMuPDFLoader.
    metadata = {"source": "in/a.pdf", "file_path": "in/a.pdf", "page": 2, "total_pages": 9}
    reference = only(metadata, first_page=0)
    assert (reference.page_number, reference.file) == (3, "in/a.pdf")
    # LlamaIndex's PyMuPDFReader.
    reference = only({"total_pages": 9, "file_path": "in/a.pdf", "source": "3"})
    assert (reference.page_number, reference.file) == (3, "in/a.pdf")


def test_a_link_to_a_page_names_page_and_file() -> None:
    reference = only({"source": "in/a.pdf#page=3"})
    assert (reference.page_number, reference.file) == (3, "in/a.pdf")


_PDF = {"producer": "ReportLab PDF Library", "creator": "x", "author": "y", "title": "Report"}


@pytest.mark.parametrize(
    ("metadata", "options", "number", "label"),
    [
        pytest.param(
            {**_PDF, "source": "in/a.pdf", "total_pages": 5, "page": 1, "page_label": "2"},
            {},
            None,
            "2",
            id="LangChain PyPDFLoader, PyPDFDirectoryLoader",
        ),
        pytest.param(
            {**_PDF, "source": "in/a.pdf", "total_pages": 5, "page": 1},
            {"first_page": 0},
            2,
            None,
            id="LangChain PyPDFium2Loader",
        ),
        pytest.param(
            {
                **_PDF,
                "source": "in/a.pdf",
                "file_path": "in/a.pdf",
                "total_pages": 5,
                "format": "PDF 1.4",
                "modDate": "D:20000101000000+00'00'",
                "page": 1,
            },
            {"first_page": 0},
            2,
            None,
            id="LangChain PyMuPDFLoader, PyMuPDF4LLMLoader, PDFPlumberLoader",
        ),
        pytest.param(
            {
                **_PDF,
                "file_path": "in/a.pdf",
                "encryption": None,
                "page_count": 5,
                "page_number": 2,
            },
            {},
            2,
            None,
            id="pymupdf4llm page_chunks",
        ),
        pytest.param(
            {
                "page_label": "2",
                "file_name": "a.pdf",
                "file_path": "in/a.pdf",
                "file_type": "application/pdf",
                "file_size": 17866,
                "creation_date": "2026-11-27",
            },
            {},
            None,
            "2",
            id="LlamaIndex SimpleDirectoryReader",
        ),
        pytest.param(
            {"page_label": "2", "file_name": "a.pdf"},
            {"files": {"a.pdf": "in/a.pdf"}},
            None,
            "2",
            id="LlamaIndex PDFReader",
        ),
        pytest.param(
            {"total_pages": 5, "file_path": "in/a.pdf", "source": "2"},
            {},
            2,
            None,
            id="LlamaIndex PyMuPDFReader",
        ),
        pytest.param(
            {"page_number": 2, "file_name": "a.pdf"},
            {"files": {"a.pdf": "in/a.pdf"}},
            2,
            None,
            id="LlamaParse documents by page",
        ),
        pytest.param(
            {"source": "in/a.pdf"}, {}, None, None, id="DoclingLoader, Markdown of a whole file"
        ),
    ],
)
def test_metadata_as_the_loaders_write_it_names_file_and_page(
    metadata: dict[str, Any], options: dict[str, Any], number: int | None, label: str | None
) -> None:
    # Written down from runs of these loaders on the demo's report; LlamaParse's from its source.
    reference = only(metadata, **options)
    assert (reference.page_number, reference.label, reference.file) == (number, label, "in/a.pdf")


def test_pages_of_azures_loader_name_no_document() -> None:
    # LangChain's AzureAIDocumentIntelligenceLoader(mode="page") writes the page and nothing else.
    assert referenced_pages({"page": 2}, first_page=1) == []
