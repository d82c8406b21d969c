"""Page points of an index, current or stale: upload, late-interaction query, reading, deletion."""

from __future__ import annotations

import shutil
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from qdrant_client import QdrantClient, models

from colregion.core.documents import DocumentEntry, ImageLoader, Page
from colregion.core.embeddings import EmbeddedPage, QueryEmbedding
from colregion.core.geometry import FloatArray
from colregion.errors import BackendError, InvalidInput
from colregion.indexes.coarse_vectors import sketch
from colregion.indexes.page_images import SourceImage, StoredImage, save_image
from colregion.indexes.qdrant import schema
from colregion.indexes.qdrant.connection import Connection, Point
from colregion.indexes.qdrant.filters import any_of
from colregion.indexes.qdrant.options import QdrantOptions
from colregion.indexes.qdrant.points import (
    StoredDocument,
    filter_payload,
    from_plain,
    page_point,
    page_record,
    read_page,
)
from colregion.indexes.qdrant.schema import FIRST, PAGE, vector_collection

SERVER_ELEMENTS = 1_048_576
"""A server refuses multivectors of so many numbers or more."""

# Numbers of the vectors in one upload: about 10 MB as JSON, of 32 MB that a server accepts.
_UPLOAD_ELEMENTS = 500_000
# Numbers of the vectors in one answer: some 45 MB as JSON.
_ANSWER_ELEMENTS = 2_200_000
_PAGES_PER_REQUEST = 64
# Pages in memory, because transfer of vectors is most of a search's time: 64 MB at 1,024 x 128.
_CACHED_PAGES = 128
_LARGEST_HALF = float(np.finfo(np.float16).max)
# Hits beyond k, so that one query usually shows all pages that tie with the k-th.
_SPARE_HITS = 8
_OVERSAMPLING = 3.0
_IS_PAGE = any_of("type", ["page"])


class PageHit(NamedTuple):
    """A page point that a query returned. Its generation may be stale."""

    doc_id: str
    number: int
    generation: str
    score: float

    @property
    def point(self) -> str:
        """The id of the page's points."""
        return page_point(self.generation, self.number)


class Pages:
    """Page points in both collections of an index. Safe to use from threads.

    Args:
        name: of the collection of records.
    """

    def __init__(self, connection: Connection, name: str, options: QdrantOptions) -> None:
        self._connection, self._name, self._options = connection, name, options
        self._prepared: set[tuple[int, str]] = set()
        self._quantized: dict[str, bool] = {}
        # By point, the last used at the end; a point never changes.
        self._cache: OrderedDict[str, EmbeddedPage] = OrderedDict()
        self._lock = threading.Lock()

    def upload(
        self, entry: DocumentEntry, pages: Iterable[EmbeddedPage], *, generation: str
    ) -> StoredDocument:
        """Upload a generation of a document, in batches, and return what its point has to say.

        Raises:
            InvalidInput: vectors that a server does not accept.
            BackendError: the server is down, late, or refuses; an image cannot be written.
        """
        numbers: list[int] = []
        batch: list[EmbeddedPage] = []
        dim = None
        try:
            for embedded in pages:
                _check_storable(embedded)
                self._save_image(embedded.parsed.page, generation)
                numbers.append(int(embedded.parsed.page.number))
                if embedded.embedding.vectors.size:
                    dim = int(embedded.embedding.vectors.shape[1])
                batch.append(embedded)
                elements = sum(page.embedding.vectors.size for page in batch)
                if elements >= _UPLOAD_ELEMENTS or len(batch) >= _PAGES_PER_REQUEST:
                    self._put(entry, batch, generation)
                    batch = []
            self._put(entry, batch, generation)
        except BackendError:
            raise  # what was uploaded stays: to delete it now would most likely fail too
        except BaseException:
            with suppress(BackendError):
                self.delete(models.Filter(must=[any_of("generation", [generation])]), [dim])
                self.delete_images([generation])
            raise
        stored = replace(entry, page_count=len(numbers))
        return StoredDocument(stored, generation, tuple(sorted(numbers)), dim)

    def count(self, condition: models.Condition) -> int:
        """How many pages meet a condition, by their records."""
        chosen = models.Filter(must=[_IS_PAGE, condition])
        return self._connection.ask(
            lambda client: client.count(self._name, count_filter=chosen, exact=True)
        ).count

    def query(
        self, query: QueryEmbedding, *, k: int, filters: models.Filter, first_stage: bool
    ) -> list[PageHit]:
        """The k best page points that pass the filters, ties by document id and page number.

        Args:
            first_stage: score only the best pages of a first stage with few vectors per page.
        """
        limit = k + _SPARE_HITS
        while True:
            hits = self._query(query, filters, limit=limit, first_stage=first_stage)
            if len(hits) < limit or hits[-1].score < hits[k - 1].score:
                return sorted(hits, key=lambda hit: (-hit.score, hit.doc_id, hit.number))[:k]
            limit *= 2  # there may be more pages that tie with the k-th

    def cached(self, points: Iterable[str]) -> dict[str, EmbeddedPage]:
        """The pages of those points that are in memory."""
        with self._lock:
            pages = {point: self._cache[point] for point in points if point in self._cache}
            for point in pages:
                self._cache.move_to_end(point)
        return pages

    def fetch(
        self,
        records: Mapping[str, Mapping[str, Any]],
        points: Mapping[str, tuple[StoredDocument, int]],
    ) -> dict[str, EmbeddedPage]:
        """The pages with these records, with their vectors; without those deleted meanwhile.

        Args:
            records, points: by point, the latter with document and page number.

        Raises:
            IndexCorrupt: a page is damaged.
        """
        pages: dict[str, EmbeddedPage] = {}
        for dim in {points[point][0].dim for point in records}:
            counts = {p: records[p]["n_vectors"] for p in records if points[p][0].dim == dim}
            matrices = {p: np.zeros((0, dim or 0), np.float32) for p, n in counts.items() if not n}
            if dim is not None:
                matrices |= self._vectors(dim, {p: n for p, n in counts.items() if n})
            for point, rows in matrices.items():
                if len(rows) == counts[point]:
                    image = self._image(*points[point])
                    pages[point] = read_page(records[point], rows, load_image=image)
        with self._lock:
            self._cache.update(pages)
            while len(self._cache) > _CACHED_PAGES:
                self._cache.popitem(last=False)
        return pages

    def delete(self, chosen: models.Filter, dims: Iterable[int | None]) -> None:
        """Delete the pages that pass a filter, but no images; `dims`: of all their vectors."""
        for dim in set(dims) - {None}:
            self._connection.delete(vector_collection(self._name, dim or 0), chosen)
        self._connection.delete(self._name, models.Filter(must=[_IS_PAGE, chosen]))

    def delete_images(self, generations: Iterable[str]) -> None:
        """Delete the images of generations."""
        if self._options.images is not None:
            for generation in generations:
                shutil.rmtree(self._options.images / generation, ignore_errors=True)

    def image_folders(self, age_s: float) -> set[str]:
        """Generations with images, the last of them written at least so long ago."""
        images = self._options.images
        folders = images.iterdir() if images and images.is_dir() else ()
        return {one.name for one in folders if one.stat().st_mtime < time.time() - age_s}

    def _save_image(self, page: Page, generation: str) -> None:
        if self._options.images is None:
            return
        image = page.image
        image.load()  # outside: what a lazy image raises is not an error of the index
        path = self._options.images / generation / f"{page.number}.jpg"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            save_image(image, path)
        except OSError as cause:
            raise BackendError(f"cannot write the page image {path}: {cause}") from cause

    def _put(self, entry: DocumentEntry, batch: Sequence[EmbeddedPage], generation: str) -> None:
        if not batch:
            return
        records: list[Point] = []
        vectors: list[Point] = []
        for embedded in batch:
            point = page_point(generation, embedded.parsed.page.number)
            records.append((point, page_record(embedded, generation=generation), {}))
            rows = embedded.embedding.vectors
            if len(rows):
                payload = filter_payload(embedded, entry, generation=generation)
                self._prepare(int(rows.shape[1]), payload["numbers"])
                few = first_stage(rows)
                matrices = {PAGE: rows.astype(np.float32).tolist(), FIRST: few.tolist()}
                vectors.append((point, payload, matrices))
        # Records first: whoever deletes abandoned pages looks for them there.
        self._connection.put(self._name, records)
        if vectors:
            dim = len(vectors[0][2][PAGE][0])
            self._connection.put(vector_collection(self._name, dim), vectors)

    def _prepare(self, dim: int, number_keys: Iterable[str]) -> None:
        if (dim, "") not in self._prepared:
            schema.prepare_vectors(self._connection, self._name, self._options, dim=dim)
            self._prepared.add((dim, ""))
        for key in number_keys:
            if (dim, key) not in self._prepared:
                schema.index_numbers(self._connection, vector_collection(self._name, dim), key)
                self._prepared.add((dim, key))

    def _query(
        self, query: QueryEmbedding, filters: models.Filter, *, limit: int, first_stage: bool
    ) -> list[PageHit]:
        rows = weighted(query)
        collection, vectors = vector_collection(self._name, rows.shape[1]), rows.tolist()
        prefetch = None
        if first_stage:
            most = max(self._options.candidates, 2 * limit)
            prefetch = models.Prefetch(query=vectors, using=FIRST, filter=filters, limit=most)
        params = self._search_params(collection)
        answer = self._connection.ask(
            lambda client: client.query_points(
                collection,
                query=vectors,
                using=PAGE,
                prefetch=prefetch,
                query_filter=filters,
                search_params=params,
                limit=limit,
                with_payload=["generation", "doc_id", "page_number"],
            )
        )
        return [_hit(point) for point in answer.points]

    def _search_params(self, collection: str) -> models.SearchParams | None:
        if not self._connection.remote:
            return None  # the client's local mode is exact, and warns about every parameter
        if collection not in self._quantized:
            info = self._connection.ask(lambda client: client.get_collection(collection))
            vectors = info.config.params.vectors
            params = vectors[PAGE] if isinstance(vectors, dict) else None
            self._quantized[collection] = bool(params and params.quantization_config)
        if not self._quantized[collection]:
            return models.SearchParams(exact=True)
        # The best by quantized vectors are scored again with the stored ones.
        rescored = models.QuantizationSearchParams(rescore=True, oversampling=_OVERSAMPLING)
        return models.SearchParams(quantization=rescored)

    def _vectors(self, dim: int, counts: Mapping[str, int]) -> dict[str, FloatArray]:
        """The (V, D) float32 vectors of points of which the numbers of vectors are known."""
        matrices: dict[str, FloatArray] = {}
        ids = list(counts)
        step = max(1, _ANSWER_ELEMENTS // (dim * max(counts.values(), default=1)))
        for start in range(0, len(ids), step):
            request = partial(
                QdrantClient.retrieve,
                collection_name=vector_collection(self._name, dim),
                ids=ids[start : start + step],
                with_payload=False,
                with_vectors=[PAGE],
            )
            for point in self._connection.ask(request):
                named = point.vector if isinstance(point.vector, dict) else {}
                matrices[str(point.id)] = np.array(named[PAGE], dtype=np.float32)
        return matrices

    def _image(self, document: StoredDocument, number: int) -> ImageLoader:
        if self._options.images is not None:
            return StoredImage(self._options.images / document.generation / f"{number}.jpg")
        return SourceImage(document.entry.source, number, document.entry.content_hash)


def weighted(query: QueryEmbedding) -> FloatArray:
    """(T', D) float32 rows whose unweighted late interaction is the query's weighted one.

    w max_j q.d_j = max_j (w q).d_j for w >= 0. Rows of weight 0 add nothing and are left out; a
    query without other rows becomes one row of zeros, which scores 0 with every page.
    """
    counts = query.weights > 0
    rows = query.vectors[counts] * query.weights[counts, None]
    if not len(rows):
        return np.zeros((1, query.vectors.shape[1]), dtype=np.float32)
    return np.asarray(rows, dtype=np.float32)


def first_stage(vectors: FloatArray) -> FloatArray:
    """(V', D) vectors for the first stage: the 64 of the page's sketch, or all vectors of a page
    with too few for one."""
    vectors = vectors.astype(np.float32, copy=False)
    few = sketch(vectors)
    return few if len(few) else vectors


def _hit(point: models.ScoredPoint) -> PageHit:
    payload = point.payload or {}
    doc_id, generation = from_plain(payload["doc_id"]), payload["generation"]
    return PageHit(doc_id, payload["page_number"], generation, point.score)


def _check_storable(embedded: EmbeddedPage) -> None:
    vectors = embedded.embedding.vectors
    if vectors.size >= SERVER_ELEMENTS:
        v, d = vectors.shape
        raise InvalidInput(
            f"page {embedded.id} has {v} vectors of D = {d}, {v * d} numbers; a Qdrant server "
            f"accepts less than {SERVER_ELEMENTS} per page. Encode it with a larger pool_factor "
            f"or a smaller max_num_visual_tokens, or use a local index"
        )
    if vectors.size and np.abs(vectors).max() > _LARGEST_HALF:
        raise InvalidInput(
            f"page {embedded.id} has a vector with {np.abs(vectors).max():g} in it; vectors are "
            f"stored as 16-bit floats, up to {_LARGEST_HALF:g}. Use normalised vectors"
        )
