"""Token pooling: similar patches of a page share their mean vector and keep their places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from colregion.core.geometry import FloatArray, IntArray
from colregion.errors import require


def pool(
    vectors: FloatArray, layers: Sequence[IntArray], *, factor: int
) -> tuple[FloatArray, tuple[IntArray, ...]]:
    """Pool a page's patches with colpali-engine's hierarchical pooler.

    Each layer is pooled separately, so that a vector belongs to one layer; vectors in no layer
    (prompt tokens) do not change. Every cell has a vector: that of its cluster.

    Args:
        vectors, layers: (V, D), and the index of each cell's vector.
        factor: average number of patches per pooled vector; 1 changes nothing.

    Returns:
        (V', D) float32 vectors, prompt first, and the layers with their new indices.
    """
    if factor == 1:
        return vectors, tuple(layers)
    torch = require("torch", extra="colpali")
    library = require("colpali_engine.compression.token_pooling", extra="colpali")
    pooler = library.HierarchicalTokenPooler()
    placed = np.unique(np.concatenate([layer.ravel() for layer in layers]))
    parts = [np.delete(vectors, placed, axis=0)]
    n_vectors = len(parts[0])
    pooled_layers = []
    for layer in layers:
        cells = np.ascontiguousarray(vectors[layer.ravel()], dtype=np.float32)
        if len(cells) > 1:
            result = pooler.pool_embeddings(
                [torch.from_numpy(cells)], pool_factor=factor, return_dict=True
            )
            pooled = result.pooled_embeddings[0].numpy()
            clusters = [member[0].numpy() for member in result.cluster_id_to_indices[0].values()]
        else:
            pooled, clusters = cells, [np.zeros(1, dtype=np.int64)]
        cluster_of = np.zeros(len(cells), dtype=np.int64)
        for position, members in enumerate(filter(len, clusters)):  # empty ones have no vector
            cluster_of[members] = position
        pooled_layers.append((n_vectors + cluster_of).reshape(layer.shape))
        parts.append(pooled)
        n_vectors += len(pooled)
    return np.concatenate(parts), tuple(pooled_layers)


@dataclass(frozen=True, slots=True)
class PoolTask:
    """`pool`, in another process."""

    vectors: FloatArray
    layers: tuple[IntArray, ...]
    factor: int

    def __call__(self, _: object) -> dict[str, Any]:
        torch = require("torch", extra="colpali")
        vectors, layers = pool(self.vectors, self.layers, factor=self.factor)
        arrays = {"vectors": vectors, **{str(i): layer for i, layer in enumerate(layers)}}
        return {name: torch.from_numpy(np.ascontiguousarray(one)) for name, one in arrays.items()}

    @staticmethod
    def result(tensors: Mapping[str, Any]) -> tuple[FloatArray, tuple[IntArray, ...]]:
        """What `pool` returned."""
        vectors, *layers = (tensor.numpy() for tensor in tensors.values())
        return vectors, tuple(layers)
