"""Pages on their way to Qdrant, a batch at a time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from colregion.core.documents import DocumentEntry
from colregion.core.embeddings import EmbeddedPage
from colregion.core.geometry import FloatArray
from colregion.errors import BackendError, InvalidInput
from colregion.indexes.coarse_vectors import sketch
from colregion.indexes.page_images import save_image
from colregion.indexes.qdrant.connection import Connection
from colregion.indexes.qdrant.reading import image_path
from colregion.indexes.qdrant.schema import FIRST, PAGE, vector_collection
from colregion.indexes.qdrant.stored import filter_payload, page_payload, point_id

SERVER_ELEMENTS = 1_048_576
"""A server refuses multivectors of so many numbers and more."""

# Of vectors in one request: about 10 MB as JSON, of the 32 MB that a server takes by default.
_BATCH_ELEMENTS = 500_000
_BATCH_PAGES = 64
_LARGEST_HALF = float(np.finfo(np.float16).max)


class Upload:
    """Uploads the pages of one generation of a document.

    Args:
        prepare: told D and the metadata keys with numbers before the first vectors go out.
        images: the index's folder of pictures; None where pictures are not kept.
        touch: called after every batch.
    """

    def __init__(
        self,
        connection: Connection,
        collection: str,
        entry: DocumentEntry,
        *,
        generation: str,
        prepare: Callable[[int, list[str]], None],
        images: Path | None,
        touch: Callable[[], None],
    ) -> None:
        self._connection, self._collection = connection, collection
        self._entry, self._generation = entry, generation
        self._prepare, self._images, self._touch = prepare, images, touch
        self._records: list[tuple[str, dict[str, Any], dict[str, Any]]] = []
        self._vectors: list[tuple[str, dict[str, Any], dict[str, Any]]] = []
        self._elements = 0
        self.numbers: list[int] = []
        self.dim: int | None = None

    def add(self, embedded: EmbeddedPage) -> None:
        """Take a page, and send what has gathered where it is enough.

        Raises:
            InvalidInput: vectors that no server takes.
            BackendError: the server is down, late, or refuses.
        """
        number, embedding = embedded.parsed.page.number, embedded.embedding
        _check_storable(embedded)
        if self._images is not None:
            self._keep_picture(embedded, image_path(self._images, self._generation, number))
        point = page_point(self._generation, number)
        record = page_payload(embedded, generation=self._generation)
        self._records.append((point, record, {}))
        if len(embedding.vectors):
            asked = filter_payload(embedded, self._entry, generation=self._generation)
            if self.dim is None:
                self.dim = int(embedding.vectors.shape[1])
                self._prepare(self.dim, list(asked["numbers"]))
            matrices = {
                PAGE: embedding.vectors.astype(np.float32).tolist(),
                FIRST: first_stage(embedding.vectors).astype(np.float32).tolist(),
            }
            self._vectors.append((point, asked, matrices))
            self._elements += embedding.vectors.size
        self.numbers.append(int(number))
        if self._elements >= _BATCH_ELEMENTS or len(self._records) >= _BATCH_PAGES:
            self.flush()

    def _keep_picture(self, embedded: EmbeddedPage, path: Path) -> None:
        picture = embedded.parsed.page.image
        picture.load()  # what a lazy picture raises is no error of the index
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            save_image(picture, path)
        except OSError as cause:
            raise BackendError(f"cannot keep the page's picture {path}: {cause}") from cause

    def flush(self) -> None:
        """Send what has gathered."""
        if self._vectors and self.dim is not None:
            self._connection.put(vector_collection(self._collection, self.dim), self._vectors)
        if self._records:
            self._connection.put(self._collection, self._records)
            self._touch()
        self._records, self._vectors, self._elements = [], [], 0


def page_point(generation: str, number: int) -> str:
    """The id of a page's points, the same in both collections."""
    return point_id("page", generation, number)


def first_stage(vectors: FloatArray) -> FloatArray:
    """(V', D) what a large index looks at first: the 64 of the page's sketch, or all vectors of
    a page with too few for one."""
    few = sketch(vectors.astype(np.float32, copy=False))
    return few if len(few) else vectors


def _check_storable(embedded: EmbeddedPage) -> None:
    vectors = embedded.embedding.vectors
    if vectors.size >= SERVER_ELEMENTS:
        v, d = vectors.shape
        raise InvalidInput(
            f"page {embedded.id} has {v} vectors of D = {d}, {v * d} numbers; a Qdrant server "
            f"takes less than {SERVER_ELEMENTS} a page. Encode it with a larger pool_factor or a "
            f"smaller max_num_visual_tokens, or keep it in a local index"
        )
    if vectors.size and np.abs(vectors).max() > _LARGEST_HALF:
        raise InvalidInput(
            f"page {embedded.id} has a vector with {np.abs(vectors).max():g} in it; vectors are "
            f"kept as 16-bit floats, up to {_LARGEST_HALF:g}. Use normalised vectors"
        )
