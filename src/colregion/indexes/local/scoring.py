"""Scoring of the pages of a local index, in one stage or two.

A page is stored as codes of a codebook, or as rows of its own. Codes are always scored exactly.
Rows are scored exactly in a small index; in a larger one their coarse vectors choose candidates,
and only those are scored by all of their vectors.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from colregion.core.embeddings import QueryEmbedding, similarity
from colregion.core.filters import EVERYTHING, Filters
from colregion.core.geometry import FloatArray
from colregion.indexes import int4
from colregion.indexes.local.pages import PageTable, VectorFile
from colregion.indexes.local.vectors import CODEBOOK, INT4, RowRange
from colregion.indexes.maxsim_kernels import exact_up_to, load_kernel
from colregion.indexes.validation import check_search

# Codes per lookup, so that their similarities stay in the processor's cache.
_CODES_PER_BLOCK = 1 << 15
# Two stages have to be at least this much less work.
_WORTH_TWO_STAGES = 3
# Candidates for k pages: 512 almost always include the ten best of 20,000 pages.
_CANDIDATES_PER_PAGE, _FEWEST_CANDIDATES = 16, 512


class PageScore(NamedTuple):
    """A page and its late-interaction score."""

    page_id: str
    score: float


@dataclass(frozen=True, slots=True, eq=False)
class BestPages:
    """The N best pages, best first, by position in the table."""

    positions: NDArray[np.intp]  # (N,)
    scores: NDArray[np.float64]  # (N,)
    by_code: FloatArray  # (T, codes) similarities of the query to the codebook


@dataclass(frozen=True, eq=False)
class _Rows:
    """Pages of one file: their positions in the table, and of their rows in the file."""

    file: VectorFile
    positions: NDArray[np.intp]
    first: NDArray[np.int64]
    counts: NDArray[np.int64]
    steps: FloatArray

    def chosen(self, allowed: NDArray[np.bool_]) -> _Rows:
        keep = allowed[self.positions]
        if keep.all():
            return self
        columns: tuple[Any, ...] = (self.positions, self.first, self.counts, self.steps)
        return _Rows(self.file, *(column[keep] for column in columns))


class PageScores:
    """Scores the pages of one state of the index with a kernel of `load_kernel`."""

    def __init__(self, table: PageTable, *, kernel: str) -> None:
        self.table, self._kernel = table, kernel

    def with_kernel(self, kernel: str) -> PageScores:
        """The same pages, scored by another kernel."""
        return PageScores(self.table, kernel=kernel)

    def search(
        self,
        query: QueryEmbedding,
        *,
        k: int,
        filters: Filters = EVERYTHING,
        two_stages: bool | None = None,
    ) -> list[PageScore]:
        """The ids and scores of `best`."""
        best = self.best(query, k=k, filters=filters, two_stages=two_stages)
        return [
            PageScore(self.table.id_of(i), float(score))
            for i, score in zip(best.positions, best.scores, strict=True)
        ]

    def best(
        self,
        query: QueryEmbedding,
        *,
        k: int,
        filters: Filters = EVERYTHING,
        two_stages: bool | None = None,
    ) -> BestPages:
        """The k pages of the highest `maxsim_score`, best first, ties in the table's order. With
        `two_stages` coarse vectors choose the pages that are scored; None to decide by size."""
        check_search(query, k=k, dim=self.table.dim)
        allowed = self.table.allowed(filters)
        codes = self._code_similarity(query)
        best = _Best(k)
        for positions, scores in self._coded(query, codes, allowed):
            best.offer(positions, scores)
        if two_stages is None:
            two_stages = self.takes_two_stages(k=k, allowed=allowed)
        if two_stages:
            allowed = self._candidates(query, k=k, allowed=allowed)
        for rows in self._pages:
            best.offer(*self._scored(query, rows.chosen(allowed)))
        return BestPages(best.positions, best.scores, codes)

    def takes_two_stages(self, *, k: int, allowed: NDArray[np.bool_] | None = None) -> bool:
        """Whether the index is so large, and its pages so long, that two stages save time."""
        if allowed is None:
            allowed = self.table.allowed(EVERYTHING)
        dim = self.table.dim or 0
        exact = sum(int(rows.chosen(allowed).counts.sum()) for rows in self._pages)
        if exact * dim <= exact_up_to(self._kernel, numbers=exact * dim):
            return False
        pages = sum(len(rows.chosen(allowed).positions) for rows in self._pages)
        first = sum(int(rows.chosen(allowed).counts.sum()) for rows in self._coarse)
        second = exact / pages * min(_candidate_count(k), pages)
        return exact >= _WORTH_TWO_STAGES * (first + second)

    def _candidates(
        self, query: QueryEmbedding, *, k: int, allowed: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """(pages,) mask of the pages of the best coarse vectors, and all without any."""
        best = _Best(_candidate_count(k))
        chosen = allowed.copy()
        for rows in self._coarse:
            chosen[rows.positions] = False
            best.offer(*self._scored(query, rows.chosen(allowed)))
        chosen[best.positions] = True
        return chosen

    def _scored(
        self, query: QueryEmbedding, rows: _Rows
    ) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        if len(rows.positions) == 0:
            return rows.positions, np.empty(0)
        numbers = int(rows.counts.sum()) * query.vectors.shape[1]
        kernel = load_kernel(self._kernel, numbers=numbers)
        first, tokens = rows.first, query.vectors
        if rows.file.form == INT4:
            first, tokens = first + int4.head_rows(rows.counts), int4.turn(tokens)
        matches = kernel(rows.file.rows, first, rows.counts, tokens)
        # Not a matrix product, whose last bits depend on the position of a page in the matrix.
        scores = (matches.astype(np.float64) * query.weights).sum(axis=1)
        return rows.positions, scores * rows.steps

    def _code_similarity(self, query: QueryEmbedding) -> FloatArray:
        """(T, codes) similarity of the query to the codebook; (T, 0) without a codebook."""
        positions, _, _ = self._codes
        if len(positions) == 0:
            return np.empty((len(query.tokens), 0), dtype=np.float32)
        file = self.table.pages[positions[0]].rows.file
        assert file is not None
        return similarity(query.vectors, self.table.files[file].rows)

    def _coded(
        self, query: QueryEmbedding, by_code: FloatArray, allowed: NDArray[np.bool_]
    ) -> Iterator[tuple[NDArray[np.intp], NDArray[np.float64]]]:
        """Positions and scores of coded pages, looked up in `by_code`. Equal pages get equal
        scores, to the last bit."""
        positions, counts, codes = self._codes
        selected = allowed[positions]
        if not selected.all():
            codes = codes[np.repeat(selected, counts)]
            counts, positions = counts[selected], positions[selected]
        for pages, block in _blocks(counts):
            starts = np.cumsum(counts[pages]) - counts[pages]
            # The codes were checked when they were stored; clipping only avoids another check.
            vectors = by_code.take(codes[block], axis=1, mode="clip")
            best = np.maximum.reduceat(vectors, starts, axis=1)
            scores = (best.T.astype(np.float64, order="C") * query.weights).sum(axis=1)
            yield positions[pages], scores

    @cached_property
    def _codes(self) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
        """Positions of the coded pages, their numbers of codes, and all codes."""
        coded = [i for i, page in enumerate(self.table.pages) if len(page.codes)]
        codes = [self.table.pages[i].codes for i in coded]
        counts = np.array([len(one) for one in codes], dtype=np.intp)
        # As machine words, which `take` need not convert.
        return np.array(coded, dtype=np.intp), counts, np.concatenate([_NO_CODES, *codes])

    @cached_property
    def _pages(self) -> list[_Rows]:
        files = {i: file for i, file in self.table.files.items() if file.form != CODEBOOK}
        return self._by_file("rows", files)

    @cached_property
    def _coarse(self) -> list[_Rows]:
        return self._by_file("coarse", self.table.files)

    def _by_file(self, which: str, files: dict[int, VectorFile]) -> list[_Rows]:
        by_file: dict[int, list[Any]] = {}
        for i, page in enumerate(self.table.pages):
            rows: RowRange = getattr(page, which)
            if rows.file in files and rows.count:
                by_file.setdefault(rows.file, []).append((i, rows.first, rows.count, rows.step))
        grouped = []
        for file, ranges in sorted(by_file.items()):
            ranges.sort(key=lambda row: row[1])  # in the order on the disk
            columns = (np.array(column) for column in zip(*ranges, strict=True))
            grouped.append(_Rows(files[file], *columns))
        return grouped


_NO_CODES = np.empty(0, np.intp)


class _Best:
    """The k best of the scores offered so far."""

    def __init__(self, k: int) -> None:
        self._k = k
        self.positions: NDArray[np.intp] = np.empty(0, dtype=np.intp)
        self.scores: NDArray[np.float64] = np.empty(0)

    def offer(self, positions: NDArray[np.intp], scores: NDArray[np.float64]) -> None:
        positions = np.concatenate([self.positions, positions])
        scores = np.concatenate([self.scores, scores])
        if len(scores) > self._k:  # sorting all takes longer than a GPU needs to score them
            among = scores >= np.partition(scores, -self._k)[-self._k]
            positions, scores = positions[among], scores[among]
        order = np.lexsort((positions, -scores))[: self._k]
        self.positions, self.scores = positions[order], scores[order]


def _candidate_count(k: int) -> int:
    return max(_CANDIDATES_PER_PAGE * k, _FEWEST_CANDIDATES)


def _blocks(counts: NDArray[np.intp]) -> Iterator[tuple[slice, slice]]:
    """Slices of pages, and of their codes, of about `_CODES_PER_BLOCK` codes each."""
    ends = np.cumsum(counts)
    page = code = 0
    while page < len(counts):
        last = max(int(np.searchsorted(ends, code + _CODES_PER_BLOCK, side="right")), page + 1)
        yield slice(page, last), slice(code, int(ends[last - 1]))
        page, code = last, int(ends[last - 1])
