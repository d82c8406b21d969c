"""Vectors of pages and questions, and late interaction between them.

Shape letters: T query tokens, V page vectors, D dimension, R regions.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from colregion.core.geometry import BoxPlacement, Coverage, FloatArray, GridPlacement, Placement
from colregion.core.regions import ParsedPage
from colregion.core.repr import one_line_repr
from colregion.errors import InvalidInput, ShapeMismatch

# OpenBLAS runs a product of up to this many multiplications in the calling thread. For larger ones
# it wakes threads of its own, which keep a processor busy for 10 to 30 ms after every product.
_BLAS_PRODUCT = 1 << 18
_TOKENS_AT_ONCE = 64
_WORD_SHARE = 0.5  # of a word's box that has to lie inside a region


@one_line_repr("vectors", "placement")
@dataclass(frozen=True, slots=True, eq=False)
class PageEmbedding:
    """A page's vectors and where each looks.

    Args:
        vectors: (V, D) float; V may be 0. Similarity is the dot product.
        placement: of the same V.
    """

    vectors: FloatArray
    placement: Placement

    def __post_init__(self) -> None:
        _check_vectors(self.vectors, rows="V")
        if len(self.placement) != len(self.vectors):
            n_vectors, n_places = len(self.vectors), len(self.placement)
            raise ShapeMismatch(f"placement must place {n_vectors} vectors, got {n_places} places")
        if not isinstance(self.placement, GridPlacement | BoxPlacement):
            kind = type(self.placement).__name__
            raise InvalidInput(f"placement must be a GridPlacement or BoxPlacement, got {kind}")


@one_line_repr("tokens", "vectors")
@dataclass(frozen=True, slots=True, eq=False)
class QueryEmbedding:
    """A question's token vectors.

    Args:
        vectors: (T, D) float.
        tokens: T strings, for labels and for document frequencies.
        content: (T,) true for the tokens of the question itself; prefix, template and
            augmentation tokens count for the page score but not for the map.
        weights: (T,) float >= 0, the weight of each token's similarity.
    """

    vectors: FloatArray
    tokens: tuple[str, ...]
    content: NDArray[np.bool_]
    weights: FloatArray

    def __post_init__(self) -> None:
        _check_vectors(self.vectors, rows="T")
        t = len(self.vectors)
        shapes = (len(self.tokens), self.content.shape, self.weights.shape)
        if shapes != (t, (t,), (t,)):
            raise ShapeMismatch(f"{t} vectors need as many tokens, content, weights, got {shapes}")
        if not np.isfinite(self.weights).all() or (self.weights < 0).any():
            raise InvalidInput(f"weights must be finite and >= 0, got {self.weights}")


def _check_vectors(vectors: FloatArray, *, rows: str) -> None:
    if vectors.ndim != 2 or vectors.dtype.kind != "f":
        raise ShapeMismatch(f"vectors are float ({rows}, D), got {vectors.dtype} {vectors.shape}")
    if not np.isfinite(vectors).all():
        raise InvalidInput("vectors must be finite; an encoder must mask its padding rows")


@one_line_repr("id", "embedding.vectors")
@dataclass(frozen=True, eq=False)
class EmbeddedPage:
    """A parsed page with its vectors: what an index stores."""

    parsed: ParsedPage
    embedding: PageEmbedding

    @property
    def id(self) -> str:
        return self.parsed.id

    @cached_property
    def region_cover(self) -> Coverage:
        """`region_cover` of its regions."""
        return region_cover(self.embedding.placement, self.parsed.region_boxes)


def region_cover(placement: Placement, boxes_xyxy: FloatArray) -> Coverage:
    """Which of V vectors count for each of the regions (R, 4): grid cells that touch the region,
    or words of which at least half lies inside it, because its box may touch the next line."""
    cover = placement.coverage(boxes_xyxy)
    if isinstance(placement, BoxPlacement):
        return cover.where(cover.area >= _WORD_SHARE * placement.areas[cover.indices])
    return cover


@one_line_repr("page_id", "score")
@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A page that an index proposes for a question, with the similarities that it computed.

    Args:
        placement: where the page's V vectors look.
        region_cover: which of them count for which region, as in `region_cover`.
        similarity: (T, V) float32 dot products S[i, j] = q_i . d_j.
        score: `maxsim_score` with the query's weights.
    """

    parsed: ParsedPage
    placement: Placement
    region_cover: Coverage
    similarity: FloatArray
    score: float

    @classmethod
    def of(cls, page: EmbeddedPage, query: QueryEmbedding) -> Candidate:
        """The candidate made from a page, with its similarities computed."""
        sim = similarity(query.vectors, page.embedding.vectors)
        placement = page.embedding.placement
        return cls(page.parsed, placement, page.region_cover, sim, maxsim_score(sim, query.weights))

    @property
    def page_id(self) -> str:
        return self.parsed.id


def similarity(query_vectors: FloatArray, page_vectors: FloatArray) -> FloatArray:
    """(T, V) float32 dot products S[i, j] = q_i . d_j of (T, D) with (V, D), computed by the
    calling thread alone. Raises ShapeMismatch when the two D differ."""
    dims = query_vectors.shape[1], page_vectors.shape[1]
    if dims[0] != dims[1]:
        raise ShapeMismatch(f"query and page vectors must share D, got {dims[0]} and {dims[1]}")
    query = np.ascontiguousarray(query_vectors, dtype=np.float32)
    pages = np.ascontiguousarray(page_vectors, dtype=np.float32)
    t = len(query)
    # Rows of zeros up to a multiple of four: BLAS is a fifth slower without.
    query = np.concatenate([query, np.zeros((-t % 4, query.shape[1]), np.float32)])
    sim = np.empty((len(query), len(pages)), dtype=np.float32)
    for start in range(0, len(query), _TOKENS_AT_ONCE):
        tokens = slice(start, start + _TOKENS_AT_ONCE)
        _multiply_in_blocks(query[tokens], pages, out=sim[tokens])
    return sim[:t]


def _multiply_in_blocks(query: FloatArray, pages: FloatArray, *, out: FloatArray) -> None:
    """out (T, V) = query (T, D) @ pages (V, D).T, in products that BLAS runs in this thread. One
    call of matmul runs all blocks without the interpreter's lock."""
    (t, dim), v = query.shape, len(pages)
    step = max(_BLAS_PRODUCT // max(query.size, 1) // 8 * 8, 1)
    n = v // step
    whole = n * step
    blocks = pages[:whole].reshape(n, step, dim).transpose(0, 2, 1)
    np.matmul(query, blocks, out=out[:, :whole].reshape(t, n, step).transpose(1, 0, 2))
    np.matmul(query, pages[whole:].T, out=out[:, whole:])


def maxsim_score(sim: FloatArray, weights: FloatArray) -> float:
    """The page's late-interaction score, sum_i w_i max_j S[i, j] (ColBERT, arXiv 2004.12832), for
    sim (T, V) and weights (T,); -inf for a page without vectors, 0 for a query without tokens."""
    if sim.shape[1] == 0:
        return -np.inf
    return float(weights @ sim.max(axis=1))
