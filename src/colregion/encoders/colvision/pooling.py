"""Fewer vectors a page: neighbours in meaning are replaced by their mean, places kept."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from colregion.core.geometry import FloatArray, IntArray
from colregion.errors import require


def pool(
    vectors: FloatArray, layers: Sequence[IntArray], *, factor: int
) -> tuple[FloatArray, tuple[IntArray, ...]]:
    """Pool a page's patches with colpali-engine's hierarchical pooler.

    Each layer is pooled apart, so that a vector stays in one of them; vectors in no layer
    (prompt tokens) stay as they are. Every cell keeps a vector: that of its cluster.

    Args:
        vectors: (V, D).
        layers: places of each cell's vector.
        factor: patches a vector, on average; 1 changes nothing.

    Returns:
        (V', D) float32 vectors, prompt first, and the layers with their new places.
    """
    if factor == 1:
        return vectors, tuple(layers)
    torch = require("torch", extra="colpali")
    pooler = require(
        "colpali_engine.compression.token_pooling", extra="colpali"
    ).HierarchicalTokenPooler()
    placed = np.unique(np.concatenate([layer.ravel() for layer in layers]))
    kept = [np.delete(vectors, placed, axis=0)]
    n_kept = len(kept[0])
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
        cluster_of = _cluster_of(clusters, n_cells=len(cells))
        pooled_layers.append((n_kept + cluster_of).reshape(layer.shape))
        kept.append(pooled)
        n_kept += len(pooled)
    return np.concatenate(kept), tuple(pooled_layers)


def _cluster_of(clusters: Sequence[NDArray[np.int64]], *, n_cells: int) -> NDArray[np.int64]:
    """(cells,) the pooled vector of each cell. An empty cluster has made no vector."""
    cluster_of = np.full(n_cells, -1, dtype=np.int64)
    for position, members in enumerate(filter(len, clusters)):
        cluster_of[members] = position
    return cluster_of
