"""Pages read back from Qdrant."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qdrant_client import QdrantClient, models

from colregion.core.documents import ImageLoader
from colregion.core.embeddings import EmbeddedPage
from colregion.core.geometry import FloatArray
from colregion.core.interfaces import ImageReader
from colregion.indexes.page_images import SourceImage, StoredImage
from colregion.indexes.qdrant.connection import Connection
from colregion.indexes.qdrant.schema import PAGE, vector_collection
from colregion.indexes.qdrant.stored import StoredDocument, read_page

# Vectors of so many pages in one answer: some 45 MB as JSON at 1,024 x 128.
_PAGES_AT_ONCE = 16
# Pages whose vectors stay here, because to send and to read them is most of a question's time:
# 32 MB at 1,024 x 128.
_PAGES_KEPT = 128


@dataclass(frozen=True, slots=True)
class PageReader:
    """Reads pages by their points. Safe to use from threads.

    Args:
        images: the index's folder of pictures; None where it keeps none.
    """

    connection: Connection
    collection: str
    images: Path | None
    # By point, the latest last. The points of a generation never change.
    _kept: OrderedDict[str, NDArray[np.float16]] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def read(
        self,
        points: Mapping[str, tuple[StoredDocument, int]],
        *,
        read_image: ImageReader | None,
    ) -> dict[str, EmbeddedPage]:
        """The pages of those points that are there, by point.

        Args:
            points: id of a page's points -> its document and its number.
            read_image: gives a picture from a document's source where the index keeps none.

        Raises:
            IndexCorrupt: a page is damaged.
        """
        ids = list(points)
        pages: dict[str, EmbeddedPage] = {}
        for start in range(0, len(ids), _PAGES_AT_ONCE):
            some = ids[start : start + _PAGES_AT_ONCE]
            vectors = self._vectors({i: points[i][0].dim for i in some})
            for i, payload in self._payloads(some).items():
                document, number = points[i]
                rows = vectors.get(i, np.zeros((0, document.dim or 0), dtype=np.float32))
                if len(rows) == payload["n_vectors"]:  # else swept between the two requests
                    loader = self._image(document, number, read_image)
                    pages[i] = read_page(payload, rows, load_image=loader)
        return pages

    def _payloads(self, ids: list[str]) -> dict[str, dict[str, Any]]:
        found = self.connection.ask(
            lambda client: client.retrieve(self.collection, ids, with_payload=True)
        )
        return {str(point.id): point.payload or {} for point in found}

    def _vectors(self, dims: Mapping[str, int | None]) -> dict[str, FloatArray]:
        """(V, D) float32 of each point that has vectors, by point."""
        with self._lock:
            vectors = {i: self._kept[i] for i in dims if i in self._kept}
        for dim in {dim for i, dim in dims.items() if dim is not None and i not in vectors}:
            ids = [i for i, of in dims.items() if of == dim and i not in vectors]
            collection = vector_collection(self.collection, dim)
            for point in self.connection.ask(
                partial(_retrieve_vectors, collection=collection, ids=ids)
            ):
                named = point.vector if isinstance(point.vector, dict) else {}
                # What is stored are 16-bit floats: nothing is lost.
                vectors[str(point.id)] = np.array(named[PAGE], dtype=np.float16)
        with self._lock:
            for i, rows in vectors.items():
                self._kept[i] = rows
                self._kept.move_to_end(i)
            while len(self._kept) > _PAGES_KEPT:
                self._kept.popitem(last=False)
        return {i: rows.astype(np.float32) for i, rows in vectors.items()}

    def _image(
        self, document: StoredDocument, number: int, read: ImageReader | None
    ) -> ImageLoader:
        if self.images is not None:
            return StoredImage(image_path(self.images, document.generation, number))
        return SourceImage(document.entry.source, number, document.entry.content_hash, read)


def image_path(images: Path, generation: str, number: int) -> Path:
    """Where a page's picture is kept."""
    return images / generation / f"{number}.jpg"


def _retrieve_vectors(
    client: QdrantClient, *, collection: str, ids: list[str]
) -> list[models.Record]:
    return client.retrieve(collection, ids, with_payload=False, with_vectors=[PAGE])
