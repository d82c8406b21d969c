from __future__ import annotations

import asyncio
import base64
import copy
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
from langchain_classic.retrievers import ContextualCompressionRetriever
from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from PIL import Image
from pydantic import ValidationError

from colregion import Engine, InvalidInput
from colregion.core.geometry import Box
from colregion.demo import DOCUMENTS
from colregion.indexes import MemoryIndex
from colregion.langchain import RegionCompressor
from colregion.testing import LineParser, WordEncoder

REPORT = DOCUMENTS / "tarrow-annual-report-2024.pdf"
FUEL = "What did fuel and electricity cost in 2024, in million euros?"
LINES = [("total due", Box(0.1, 0.1, 0.6, 0.2)), ("address", Box(0.5, 0.6, 0.9, 0.7))]


class Pages(BaseRetriever):
    """A page retriever of somebody else: the whole report, a page a document."""

    keys: dict[str, Any] = {}  # noqa: RUF012

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,
        k: int = 5,
    ) -> list[Document]:
        del query, run_manager
        return [
            Document(page_content=f"page {n}", metadata={**self.keys, "page_number": n})
            for n in range(5, 5 - k, -1)
        ]


def png(colour: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (60, 80), colour).save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def reader() -> Engine:
    """Reads the same lines on every picture."""
    return Engine(MemoryIndex(), encoder=WordEncoder(), parser=LineParser(LINES))


def test_compressing_no_documents_returns_none(engine: Engine) -> None:
    assert RegionCompressor(engine=engine).compress_documents([], FUEL) == []


@pytest.mark.parametrize("keys", [{"doc_id": "report"}, {"source": str(REPORT)}])
async def test_compressor_turns_pages_of_another_retriever_into_regions(
    engine: Engine, keys: dict[str, Any]
) -> None:
    found = ContextualCompressionRetriever(
        base_compressor=RegionCompressor(engine=engine, k=2), base_retriever=Pages(keys=keys)
    )
    regions = found.invoke(FUEL)
    assert [region.id for region in regions] == [
        hit.id for hit in engine.rank(FUEL, [f"report#p{n}" for n in range(1, 6)], k=2)
    ]
    assert regions[0].metadata["score"] > regions[1].metadata["score"]
    assert await found.ainvoke(FUEL) == regions
    last = found.invoke(FUEL, k=1)
    assert {region.metadata["page_number"] for region in last} == {5}


@pytest.mark.parametrize("how", ["path", "base64", "content", "bytes"])
def test_compressor_reads_page_images_without_an_index(
    reader: Engine, tmp_path: Path, how: str
) -> None:
    (tmp_path / "7.png").write_bytes(png("red"))
    text = base64.b64encode(png("red")).decode()
    pictures: dict[str, dict[str, Any]] = {
        "path": {"image_path": str(tmp_path / "7.png")},
        "base64": {"base64": text},
        "content": {},
        "bytes": {"image": png("red")},
    }
    metadata = {"doc_id": "acme", "page_num": 7, "tenant": "t", "score": 0.1, **pictures[how]}
    document = Document(page_content=text if how == "content" else "", metadata=metadata)
    before = copy.deepcopy(document)
    (found,) = RegionCompressor(engine=reader, k=1).compress_documents([document], "total")
    assert (found.id, found.page_content) == ("acme#p7#1", "total due")
    assert found.metadata["tenant"] == "t"
    assert found.metadata["page_number"] == 7
    assert found.metadata["score"] > 0.1
    assert not {"image", "image_path", "base64"} & set(found.metadata)
    assert document == before


async def test_concurrent_compressions_run_concurrently(
    meeting_engine: Callable[[int], Engine],
) -> None:
    compressor = RegionCompressor(engine=meeting_engine(2), k=1)
    page = Document(page_content="", metadata={"page_id": "doc#p2"})
    found = await asyncio.gather(
        *(compressor.acompress_documents([page], "total") for _ in range(2))
    )
    assert [[region.id for region in regions] for regions in found] == [["doc#p2#1"]] * 2


def test_compressor_reads_files_without_an_index() -> None:
    page = Document(page_content="", metadata={"source": str(REPORT), "page": 4})
    found = RegionCompressor(first_page=0, k=3).compress_documents([page], FUEL)
    assert {region.metadata["page_number"] for region in found} == {5}
    assert any("8.6" in region.page_content for region in found)


def test_compressor_takes_an_index_by_name(folder: Path) -> None:
    page = Document(page_content="", metadata={"doc_id": "report", "page_number": 5})
    (found,) = RegionCompressor(index=folder, k=1).compress_documents([page], FUEL)
    assert found.metadata["doc_id"] == "report"
    Engine.shared(folder).close()


@pytest.mark.parametrize(
    ("metadata", "question", "message"),
    [
        ({"source": str(REPORT), "page": 4}, FUEL, "first_page=0"),
        ({"doc_id": "report", "page_number": 5}, " ", "empty"),
    ],
)
def test_compressor_refuses_an_ambiguous_page_and_an_empty_question(
    engine: Engine, metadata: dict[str, Any], question: str, message: str
) -> None:
    page = Document(page_content="The total is 42.", metadata=metadata)
    with pytest.raises(InvalidInput, match=message):
        RegionCompressor(engine=engine).compress_documents([page], question)


@pytest.mark.parametrize(("without_page", "kept"), [("keep", 2), ("drop", 0)])
def test_documents_without_a_page_follow_the_regions_or_are_dropped(
    engine: Engine, without_page: Literal["keep", "drop"], kept: int
) -> None:
    blog = Document(page_content="Ferries.", metadata={"source": "https://example.org/blog"})
    note = Document(page_content="A note.", metadata={"title": "x"})
    page = Document(page_content="", metadata={"doc_id": "report", "page_number": 5})
    compressor = RegionCompressor(engine=engine, k=2, without_page=without_page)
    found = compressor.compress_documents([blog, page, note], FUEL)
    expected = [hit.id for hit in engine.rank(FUEL, "report#p5", k=2)]
    assert [region.id for region in found[:2]] == expected
    assert found[2:] == [blog, note][:kept]


def test_compressor_warns_when_no_document_names_a_page(engine: Engine) -> None:
    note = Document(page_content="A note.", metadata={"title": "x"})
    with pytest.warns(UserWarning, match=r"none of 1 documents.*\['title'\]"):
        assert RegionCompressor(engine=engine).compress_documents([note], FUEL) == [note]


def test_compressor_finds_byaldis_documents_by_their_files() -> None:
    result = Document(page_content="", metadata={"doc_id": 0, "page_num": 5, "base64": None})
    compressor = RegionCompressor(files={0: REPORT}, k=1)
    (found,) = compressor.compress_documents([result], FUEL)
    assert found.metadata["source"] == str(REPORT)
    assert found.metadata["page_number"] == 5


def test_compressor_leaves_out_unlikely_regions(engine: Engine) -> None:
    page = Document(page_content="", metadata={"page_id": "report#p5"})
    hits = engine.rank(FUEL, "report#p5", k=None)
    confidences = sorted(hit.confidence or 0.0 for hit in hits)
    least = confidences[-2]
    found = RegionCompressor(engine=engine, k=9, min_confidence=least)
    regions = found.compress_documents([page], FUEL)
    assert [region.metadata["confidence"] for region in regions] == confidences[:-3:-1]
    certain = RegionCompressor(engine=engine, min_confidence=1)
    assert certain.compress_documents([page], FUEL) == []


def test_compressor_writes_crops_and_leaves_the_score_out(engine: Engine, tmp_path: Path) -> None:
    page = Document(page_content="", metadata={"page_id": "report#p5"})
    compressor = RegionCompressor(engine=engine, k=1, score_key=None, crops=tmp_path)
    (found,) = compressor.compress_documents([page], FUEL)
    assert not {"score", "confidence"} & found.metadata.keys()
    assert [found.metadata["crop_path"]] == [str(path) for path in tmp_path.iterdir()]


@pytest.mark.parametrize("arguments", [{"k": 0}, {"first_page": 2}, {"top_n": 3}])
def test_invalid_arguments_are_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(arguments))):
        RegionCompressor(**arguments)


class ByaldiResult:
    """As byaldi.objects.Result, which its LangChain retriever returns in place of documents."""

    def __init__(self, doc_id: int, page_num: int, base64: str | None) -> None:
        self.doc_id, self.page_num, self.base64 = doc_id, page_num, base64
        self.score = 9.5
        self.metadata = {"team": "x"}


@pytest.mark.parametrize("stored", [True, False])
def test_compressor_takes_the_results_of_byaldis_retriever(
    reader: Engine, tmp_path: Path, stored: bool
) -> None:
    (tmp_path / "one.png").write_bytes(png("red"))
    base64_image = base64.b64encode(png("red")).decode() if stored else None
    files: dict[int | str, str | Path] = {} if stored else {0: tmp_path / "one.png"}
    results: Any = [ByaldiResult(0, 1, base64_image)]
    compressor = RegionCompressor(engine=reader, k=1, files=files)
    (region,) = compressor.compress_documents(results, "total")
    assert (region.page_content, region.metadata["page_number"]) == ("total due", 1)
    assert region.metadata["team"] == "x"
    assert region.metadata["score"] != 9.5


def test_index_is_the_first_positional_argument() -> None:
    assert RegionCompressor("library", k=3) == RegionCompressor(index="library", k=3)
