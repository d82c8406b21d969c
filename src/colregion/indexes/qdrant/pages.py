"""Pages of an index, current or stale: upload, late-interaction query, reading, deletion."""

from __future__ import annotations

import shutil
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from qdrant_client import models

from colregion.core.documents import DocumentEntry, ImageLoader, Metadata, Page
from colregion.core.embeddings import EmbeddedPage, QueryEmbedding
from colregion.core.geometry import FloatArray
from colregion.errors import BackendError, InvalidInput
from colregion.indexes.coarse_vectors import coarse_vectors
from colregion.indexes.page_images import SourceImage, StoredImage, save_image
from colregion.indexes.qdrant import schema
from colregion.indexes.qdrant.connection import Connection
from colregion.indexes.qdrant.options import QdrantOptions
from colregion.indexes.qdrant.payloads import (
    IS_UNREAD,
    StoredDocument,
    any_of,
    from_plain,
    number_key,
    page_payload,
    point_id,
    read_page,
)
from colregion.indexes.qdrant.schema import FIRST, PAGE, page_collection

_SERVER_ELEMENTS = 1_048_576  # a server refuses multivectors of this many numbers
_UPLOAD_ELEMENTS = 500_000  # per request: about 10 MB as JSON, and a server accepts 32 MB
_ANSWER_ELEMENTS = 2_200_000  # some 45 MB as JSON
_PAGES_PER_REQUEST = 64
_CACHED_PAGES = 128  # transfer is most of a search's time; 64 MB at 1,024 x 128
MOST_VALUES = 100_000  # of a field that are counted
_LARGEST_HALF = float(np.finfo(np.float16).max)
_SPARE_HITS = 8  # beyond k, so that one query usually shows all pages that tie with the k-th
# Rescore the best by quantized vectors with the stored ones; other queries are exact anyway.
_RESCORED = models.SearchParams(
    quantization=models.QuantizationSearchParams(rescore=True, oversampling=3.0)
)


class PageHit(NamedTuple):
    """A page point that a query returned. Its generation may be stale."""

    point: str
    doc_id: str
    number: int
    generation: str
    score: float


class Pages:
    """Pages of an index, in one collection for each D. Safe to use from threads."""

    def __init__(self, connection: Connection, name: str, options: QdrantOptions) -> None:
        self._connection, self._name, self._options = connection, name, options
        self._prepared: set[tuple[int, str]] = set()
        # By point, the last used at the end; only pages without unread parts, which do not change
        # but for the text of paragraphs that `Engine.read` joins over the ends of pages.
        self._cache: dict[str, EmbeddedPage] = {}
        self._lock = threading.Lock()

    def upload(
        self, entry: DocumentEntry, pages: Iterable[EmbeddedPage], *, generation: str
    ) -> StoredDocument:
        """Upload a generation of a document, in batches, and return its point. Raises InvalidInput
        for vectors that a server does not accept."""
        numbers: list[int] = []
        batch: list[EmbeddedPage] = []
        dim = elements = largest = unread = 0
        try:
            for embedded in pages:
                _check_storable(embedded)
                self._save_image(embedded.parsed.page, generation)
                vectors = embedded.embedding.vectors
                numbers.append(int(embedded.parsed.page.number))
                dim = dim or (int(vectors.shape[1]) if len(vectors) else 0)
                batch.append(embedded)
                unread += bool(embedded.parsed.is_unread.any())
                elements, largest = elements + vectors.size, max(largest, vectors.size)
                # The first page with vectors decides the collection.
                if dim and (elements >= _UPLOAD_ELEMENTS or len(batch) >= _PAGES_PER_REQUEST):
                    self._put(entry, batch, generation, dim=dim)
                    batch, elements = [], 0
            self._put(entry, batch, generation, dim=dim)
        except BackendError:
            raise  # the uploaded pages stay, because deleting them would most likely fail too
        except BaseException:
            with suppress(BackendError):
                self.delete_generation(generation, dim=dim)
            raise
        stored = replace(entry, page_count=len(numbers), unread_pages=unread)
        return StoredDocument(stored, generation, tuple(sorted(numbers)), dim, largest)

    def uploaded(self, document: StoredDocument, number: int) -> float:
        """When a page of the document's generation was written; 0 where it is gone."""
        collection = page_collection(self._name, document.dim)
        point = point_id("page", document.generation, number)
        records = self._connection.ask(
            self._connection.client.retrieve, collection, [point], with_payload=["uploaded"]
        )
        return next((float((one.payload or {})["uploaded"]) for one in records), 0.0)

    def rewrite(self, document: StoredDocument, page: EmbeddedPage, *, over: float) -> bool:
        """Write a page of the document's generation again, unless another writer has done so since
        it was `uploaded`; its image stays. Returns whether it was written. A server before version
        1.16 writes it in any case. Raises InvalidInput as `upload`."""
        _check_storable(page)
        same = models.FieldCondition(key="uploaded", range=models.Range(gte=over, lte=over))
        written = self._put(
            document.entry,
            [page],
            document.generation,
            dim=document.dim,
            over=models.Filter(must=[same]),
        )
        with self._lock:
            self._cache.pop(point_id("page", document.generation, page.parsed.page.number), None)
        return self.uploaded(document, page.parsed.page.number) == written

    def unread(self, dims: Iterable[int]) -> Iterator[tuple[str, int, float]]:
        """Generation, number and unread share of each page with unread parts."""
        fields = ["generation", "page_number", "unread"]
        for dim in dims:
            collection = page_collection(self._name, dim)
            for one in self._connection.scroll(collection, IS_UNREAD, fields=fields):
                yield one["generation"], one["page_number"], one["unread"]

    def unread_counts(self, dims: Iterable[int]) -> Counter[str]:
        """The number of pages with unread parts by generation."""
        counts: Counter[str] = Counter()
        for dim in dims:
            answer = self._connection.ask(
                self._connection.client.facet,
                page_collection(self._name, dim),
                "generation",
                facet_filter=models.Filter(must=[IS_UNREAD]),
                limit=MOST_VALUES,
                exact=True,
            )
            # The client's local mode writes them with hyphens.
            counts.update({uuid.UUID(str(hit.value)).hex: hit.count for hit in answer.hits})
        return counts

    def count(self, condition: models.Condition, dims: Iterable[int]) -> int:
        """The number of pages of these D that meet a condition."""
        ask, count = self._connection.ask, self._connection.client.count
        chosen = models.Filter(must=[condition])
        return sum(ask(count, page_collection(self._name, dim), chosen).count for dim in dims)

    def query(
        self, query: QueryEmbedding, *, k: int, filters: models.Filter, first_stage: bool
    ) -> list[PageHit]:
        """The k best page points that pass the filters, ties by document id and page number; with
        `first_stage` only among the best by few vectors per page."""
        vectors, prefetch, limit = weighted(query).tolist(), None, k + _SPARE_HITS
        while True:
            if first_stage:
                most = max(self._options.candidates, 2 * limit)
                prefetch = models.Prefetch(query=vectors, using=FIRST, filter=filters, limit=most)
            answer = self._connection.ask(
                self._connection.client.query_points,
                page_collection(self._name, query.vectors.shape[1]),
                query=vectors,
                using=PAGE,
                prefetch=prefetch,
                query_filter=filters,
                # The client's local mode is exact, and warns about every parameter.
                search_params=_RESCORED if self._connection.remote else None,
                limit=limit,
                with_payload=["generation", "doc_id", "page_number"],
            )
            hits = [_hit(point) for point in answer.points]
            if len(hits) < limit or hits[-1].score < hits[k - 1].score:
                return sorted(hits, key=lambda hit: (-hit.score, hit.doc_id, hit.number))[:k]
            limit *= 2  # there may be more pages that tie with the k-th

    def load(self, points: Mapping[str, tuple[StoredDocument, int]]) -> dict[str, EmbeddedPage]:
        """The pages of the existing points, by point, from their documents and page numbers.
        Raises IndexCorrupt for a damaged page."""
        with self._lock:
            pages = {point: self._cache.pop(point) for point in points if point in self._cache}
            self._cache.update(pages)
        documents = [document for document, _ in points.values()]
        largest = max((document.largest for document in documents), default=0)
        step = max(1, _ANSWER_ELEMENTS // (largest + 1))
        for dim in {document.dim for document in documents}:
            ids = [p for p, (one, _) in points.items() if one.dim == dim and p not in pages]
            for start in range(0, len(ids), step):
                records = self._connection.ask(
                    self._connection.client.retrieve,
                    page_collection(self._name, dim),
                    ids[start : start + step],
                    with_payload=["record"],
                    with_vectors=[PAGE] if dim else False,
                )
                pages |= {str(one.id): self._read(one, *points[str(one.id)]) for one in records}
        with self._lock:
            # Others may read more of a page of which a part is unread.
            self._cache |= {p: one for p, one in pages.items() if not one.parsed.is_unread.any()}
            while len(self._cache) > _CACHED_PAGES:
                del self._cache[next(iter(self._cache))]
        return pages

    def delete(self, chosen: models.Filter, dims: Iterable[int], *, images: Iterable[str]) -> None:
        """Delete the images of generations, and the pages of these D that pass a filter."""
        if folder := self._options.images:
            for generation in images:
                shutil.rmtree(folder / generation, ignore_errors=True)
        for dim in set(dims):
            self._connection.delete(page_collection(self._name, dim), chosen)

    def delete_generation(self, generation: str, *, dim: int) -> None:
        """Delete the pages of a generation, and their images."""
        chosen = models.Filter(must=[any_of("generation", [generation])])
        self.delete(chosen, [dim], images=[generation])

    def image_folders(self, age_s: float) -> set[str]:
        """Generations with images, the last of them written at least `age_s` ago."""
        images = self._options.images
        folders = images.iterdir() if images and images.is_dir() else ()
        return {one.name for one in folders if one.stat().st_mtime < time.time() - age_s}

    def _save_image(self, page: Page, generation: str) -> None:
        if self._options.images is None:
            return
        image = page.image
        image.load()  # outside `try`: an error of a lazy image is not one of the index
        path = self._options.images / generation / f"{page.number}.jpg"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            save_image(image, path)
        except OSError as cause:
            raise BackendError(f"cannot write the page image {path}: {cause}") from cause

    def _put(
        self,
        entry: DocumentEntry,
        batch: Sequence[EmbeddedPage],
        generation: str,
        *,
        dim: int,
        over: models.Filter | None = None,
    ) -> float:
        """Write pages, if they are there only over those that pass a filter; the time that they
        bear."""
        points: list[models.PointStruct] = []
        self._prepare(dim, entry.metadata)
        now = time.time()
        for page in batch:
            point = point_id("page", generation, page.parsed.page.number)
            payload = page_payload(page, entry, generation=generation, uploaded=now)
            rows = page.embedding.vectors.astype(np.float32)
            few = coarse_vectors(rows)  # none for a page with fewer than 256 vectors
            first = few if len(few) else rows
            vectors = {PAGE: rows.tolist(), FIRST: first.tolist()} if len(rows) else {}
            points.append(models.PointStruct(id=point, payload=payload, vector=vectors))
        for start in range(0, len(points), _PAGES_PER_REQUEST):
            chunk = points[start : start + _PAGES_PER_REQUEST]
            collection = page_collection(self._name, dim)
            self._connection.ask(
                self._connection.client.upsert,
                collection,
                chunk,
                wait=True,
                update_filter=over,
            )
        return now

    def _prepare(self, dim: int, metadata: Metadata) -> None:
        if (dim, "") not in self._prepared:
            schema.prepare_pages(self._connection, self._name, self._options, dim=dim)
        numbers = {number_key(k) for k, v in metadata.items() if isinstance(v, int | float)}
        missing = {f"numbers.{key}" for key in numbers if (dim, key) not in self._prepared}
        fields = dict.fromkeys(missing, models.PayloadSchemaType.FLOAT)
        schema.index_fields(self._connection, page_collection(self._name, dim), fields)
        self._prepared |= {(dim, key) for key in (*numbers, "")}

    def _read(self, record: models.Record, document: StoredDocument, number: int) -> EmbeddedPage:
        image: ImageLoader = SourceImage(document.entry.source, number, document.entry.content_hash)
        if self._options.images is not None:
            image = StoredImage(self._options.images / document.generation / f"{number}.jpg")
        named = record.vector if isinstance(record.vector, dict) else {}
        rows = np.asarray(named.get(PAGE, []), dtype=np.float32)
        rows = rows.reshape(len(rows), document.dim)
        return read_page(record.payload or {}, rows, load_image=image)


def weighted(query: QueryEmbedding) -> FloatArray:
    """(T', D) float32 rows whose unweighted late interaction is the query's weighted one.

    w max_j q.d_j = max_j (w q).d_j for w >= 0. Rows of weight 0 are dropped; a query without other
    rows becomes one row of zeros, which scores 0 with every page.
    """
    rows = (query.vectors * query.weights[:, None])[query.weights > 0]
    return np.asarray(rows if len(rows) else np.zeros((1, rows.shape[1])), dtype=np.float32)


def _hit(point: models.ScoredPoint) -> PageHit:
    payload = point.payload or {}
    doc_id, number = from_plain(payload["doc_id"]), payload["page_number"]
    return PageHit(str(point.id), doc_id, number, payload["generation"], point.score)


def _check_storable(page: EmbeddedPage) -> None:
    vectors = page.embedding.vectors
    largest = np.abs(vectors).max(initial=0)
    if vectors.size >= _SERVER_ELEMENTS or largest > _LARGEST_HALF:
        raise InvalidInput(
            f"the vectors of page {page.id}, {vectors.shape} up to {largest:g}, exceed Qdrant's "
            f"limit of {_SERVER_ELEMENTS - 1} 16-bit floats up to {_LARGEST_HALF:g}. Use a local "
            f"index, a larger pool_factor or a smaller max_num_visual_tokens, or normalise them"
        )
