"""Embedding behind the reading: one stream of pages over all documents."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence

import pytest
from PIL import Image

from colregion import Engine, InvalidInput
from colregion.core.embeddings import PageEmbedding
from colregion.core.regions import ParsedPage
from colregion.errors import ColregionError
from colregion.indexes.memory import MemoryIndex
from colregion.testing import WordEncoder
from tests.ingestion.hostile_parsers import TroubledParser


class Patient(WordEncoder):
    """Waits for all pages of all documents, and encodes them in one batch."""

    batch_pages = 100

    def __init__(self, *refused: str) -> None:
        super().__init__()
        self.refused = refused
        self.batches: list[list[str]] = []

    def encode_stream(
        self, pages: Iterable[ParsedPage | None]
    ) -> Iterator[PageEmbedding | ColregionError]:
        yield from super().encode_stream([page for page in pages if page is not None])

    def encode_pages(self, pages: Sequence[ParsedPage]) -> list[PageEmbedding]:
        self.batches.append([page.id for page in pages])
        if bad := [page.id for page in pages if page.id in self.refused]:
            raise InvalidInput(f"{bad} refused")
        return super().encode_pages(pages)


def tiff(pages: int, *, grey: int) -> bytes:
    frames = [Image.new("L", (30, 40), grey) for _ in range(pages)]
    file = io.BytesIO()
    frames[0].save(file, "TIFF", save_all=True, append_images=frames[1:])
    return file.getvalue()


def engine_with(encoder: WordEncoder) -> Engine:
    return Engine(MemoryIndex(), encoder=encoder, parser=TroubledParser())


SOURCES = [tiff(pages, grey=grey) for grey, pages in enumerate((1, 2, 1))]


def test_batch_has_pages_of_several_documents() -> None:
    encoder = Patient()
    with engine_with(encoder) as engine:
        report = engine.add(SOURCES, workers=0)
        assert [(o.status, o.pages) for o in report.outcomes] == [
            ("added", 1),
            ("added", 2),
            ("added", 1),
        ]
        (batch,) = encoder.batches
        assert len(batch) == 4
        ids = [page for o in report.outcomes for page in engine.index.page_ids(o.doc_id)]
        assert batch == ids
        for page in engine.index.load(ids):
            (alone,) = WordEncoder().encode_pages([page.parsed])
            assert (page.embedding.vectors == alone.vectors).all()


@pytest.mark.parametrize("stream", [Patient, None])
def test_page_that_cannot_be_encoded_costs_its_document_only(stream: type[Patient] | None) -> None:
    with engine_with(WordEncoder()) as engine:
        ids = [o.doc_id for o in engine.add(SOURCES, workers=0).outcomes]
    encoder = Patient(f"{ids[1]}#p1")
    if stream is None:  # batches as they come
        encoder.encode_stream = super(Patient, encoder).encode_stream  # type: ignore[method-assign]
    with engine_with(encoder) as engine:
        outcomes = engine.add(SOURCES, workers=0).outcomes
        assert [o.status for o in outcomes] == ["added", "failed", "added"]
        assert outcomes[1].reason == f"['{ids[1]}#p1'] refused"
        assert [entry.id for entry in engine.documents()] == sorted([ids[0], ids[2]])


def test_bug_of_an_encoder_is_raised_and_leaves_the_document_out() -> None:
    class Buggy(WordEncoder):
        def encode_pages(self, pages: Sequence[ParsedPage]) -> list[PageEmbedding]:
            raise ZeroDivisionError(f"a bug at {len(pages)} pages")

    with engine_with(Buggy()) as engine:
        with pytest.raises(ZeroDivisionError, match="a bug"):
            engine.add(SOURCES, workers=0)
        assert engine.documents() == []
