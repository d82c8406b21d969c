"""What others do for the same pages, each as it is meant to be used."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.machine import has
from colregion.core.geometry import FloatArray
from colregion.errors import require


def colpali_scorer(
    pages: Sequence[FloatArray], question: FloatArray
) -> tuple[str, Callable[[], FloatArray]]:
    """A name, and colpali-engine's `score_multi_vector` on fp32 tensors in memory.

    Where colpali-engine cannot be imported, the operations that it consists of.
    """
    torch = require("torch", extra="colpali")
    tensors = [torch.from_numpy(page) for page in pages]
    query = torch.from_numpy(question)

    def operations() -> FloatArray:
        pad = torch.nn.utils.rnn.pad_sequence
        queries = pad([query], batch_first=True, padding_value=0)
        parts = []
        for start in range(0, len(tensors), 128):
            batch = pad(tensors[start : start + 128], batch_first=True, padding_value=0)
            parts.append(torch.einsum("bnd,csd->bcns", queries, batch).amax(dim=3).sum(dim=2))
        return np.asarray(torch.cat(parts, dim=1))

    name = "the operations of colpali-engine's score_multi_vector"
    if has("colpali_engine"):
        try:
            from colpali_engine.utils.processing_utils import BaseVisualRetrieverProcessor
        except (ImportError, RuntimeError):  # torchvision built for another torch
            name += " (the package itself cannot be imported here)"
        else:
            score = BaseVisualRetrieverProcessor.score_multi_vector
            version = importlib.metadata.version("colpali-engine")
            return (
                f"colpali-engine {version} score_multi_vector, fp32 in memory",
                lambda: np.asarray(score([query], tensors, device="cpu")),
            )
    return f"{name}, fp32 in memory", operations


class EdgeShard:
    """The same pages in a shard of qdrant-edge: float16 multivectors, MaxSim, no graph."""

    def __init__(self, folder: Path, *, dim: int) -> None:
        edge = self._edge = require("qdrant_edge", extra="qdrant")
        folder.mkdir()
        self._folder = folder
        exact = edge.HnswIndexConfig(m=0, ef_construct=100, full_scan_threshold=10)
        vectors = edge.EdgeVectorParams(
            dim,
            edge.Distance.Dot,
            multivector_config=edge.MultiVectorConfig(edge.MultiVectorComparator.MaxSim),
            datatype=edge.VectorStorageDatatype.Float16,
            hnsw_config=exact,
        )
        self._shard = edge.EdgeShard.create(str(folder), edge.EdgeConfig(vectors=vectors))
        self._points = 0

    @property
    def name(self) -> str:
        return f"qdrant-edge {importlib.metadata.version('qdrant-edge-py')}"

    def add(self, pages: Sequence[FloatArray]) -> None:
        """Put pages in, and onto the disk."""
        points = [
            self._edge.Point(self._points + i, page.tolist(), {}) for i, page in enumerate(pages)
        ]
        self._points += len(points)
        self._shard.update(self._edge.UpdateOperation.upsert_points(points))
        self._shard.flush()

    def optimise(self) -> None:
        """Into the form in which it searches fastest."""
        self._shard.optimize()

    def search(self, question: FloatArray, *, k: int) -> list[float]:
        """Scores of the k best pages, all pages compared."""
        response = self._shard.query(
            self._edge.QueryRequest(
                k,
                query=self._edge.Query.Nearest(question.tolist()),
                params=self._edge.SearchParams(exact=True),
            )
        )
        return [point.score for point in response]

    def reopen(self) -> None:
        """Close and open."""
        self._shard.close()
        self._shard = self._edge.EdgeShard.load(str(self._folder))

    def close(self) -> None:
        self._shard.close()
