"""How the local index finds the best pages: filters, then one stage or two, then the k best.

A page is held as codes of a codebook, or as rows of its own. Codes are always scored exactly.
Rows are scored exactly up to a size at which that takes long; beyond it their coarse vectors choose
candidates, and only those are scored by all of their vectors.
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
from colregion.indexes.local.pages import PageTable, VectorFile
from colregion.indexes.local.vectors import CODEBOOK, RowRange
from colregion.indexes.maxsim_kernels import load_kernel
from colregion.indexes.validation import check_search

# Codes looked up at once: what is gathered for them should stay in the processor's cache.
_CODES_A_BLOCK = 1 << 15

# One stage up to about this many numbers, 4,000 pages of 1,024 x 128: some tenths of a second.
_EXACT_UP_TO = 1 << 29
# Two stages have to be at least this much less work.
_WORTH_TWO_STAGES = 3
# Candidates for k pages. With 512 the ten best of 20,000 pages are all but always among them.
_CANDIDATES_A_PAGE, _FEWEST_CANDIDATES = 16, 512


class PageScore(NamedTuple):
    """A page and its late-interaction score."""

    page_id: str
    score: float


@dataclass(frozen=True, slots=True, eq=False)
class BestPages:
    """The best pages of a search, and what was computed on the way to them.

    Args:
        positions: (N,) places in the table, best first.
        scores: (N,).
        by_code: (T, codes) similarities of the query to the codebook.
    """

    positions: NDArray[np.intp]
    scores: NDArray[np.float64]
    by_code: FloatArray


@dataclass(frozen=True, eq=False)
class _Rows:
    """Pages of one file: their places in the table, and of their rows in the file."""

    file: VectorFile
    positions: NDArray[np.intp]
    first: NDArray[np.int64]
    counts: NDArray[np.int64]
    steps: FloatArray

    def chosen(self, allowed: NDArray[np.bool_]) -> _Rows:
        keep = allowed[self.positions]
        if keep.all():
            return self
        return _Rows(
            self.file,
            positions=self.positions[keep],
            first=self.first[keep],
            counts=self.counts[keep],
            steps=self.steps[keep],
        )


class PageScores:
    """The scores of one state of the index.

    Args:
        kernel: as of `kernels.load_kernel`.
    """

    def __init__(self, table: PageTable, *, kernel: str) -> None:
        self.table = table
        self._kernel = kernel

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
        """The k pages of the highest `maxsim_score`, best first, ties in the table's order.

        Args:
            two_stages: whether coarse vectors choose the pages that are scored; None to decide
                by size.
        """
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
        if exact * dim <= _EXACT_UP_TO:
            return False
        pages = sum(len(rows.chosen(allowed).positions) for rows in self._pages)
        first = sum(int(rows.chosen(allowed).counts.sum()) for rows in self._coarse)
        second = exact / pages * min(_candidate_count(k), pages)
        return exact >= _WORTH_TWO_STAGES * (first + second)

    def _candidates(
        self, query: QueryEmbedding, *, k: int, allowed: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """(pages,) the pages of the best coarse vectors, and all that have none."""
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
        matches = kernel(rows.file.rows, rows.first, rows.counts, query.vectors)
        # Not a matrix product: its last bits depend on where in the matrix a page stands.
        scores = (matches.astype(np.float64) * query.weights).sum(axis=1)
        return rows.positions, scores * rows.steps

    def _code_similarity(self, query: QueryEmbedding) -> FloatArray:
        """(T, codes) similarity of the query to every distinct vector of the codebook; (T, 0)
        without a codebook."""
        positions, _, _ = self._codes
        if len(positions) == 0:
            return np.empty((len(query.tokens), 0), dtype=np.float32)
        file = self.table.pages[positions[0]].rows.file
        assert file is not None
        return similarity(query.vectors, self.table.files[file].rows)

    def _coded(
        self, query: QueryEmbedding, by_code: FloatArray, allowed: NDArray[np.bool_]
    ) -> Iterator[tuple[NDArray[np.intp], NDArray[np.float64]]]:
        """Every distinct vector meets the question once; a page then looks its own up. That is
        what makes a codebook fast, and equal pages score equal to the last bit."""
        positions, counts, codes = self._codes
        selected = allowed[positions]
        if not selected.all():
            codes = codes[np.repeat(selected, counts)]
            counts, positions = counts[selected], positions[selected]
        for pages, block in _blocks(counts):
            starts = np.cumsum(counts[pages]) - counts[pages]
            # The codes were checked when they were stored: clipping only spares another check.
            vectors = by_code.take(codes[block], axis=1, mode="clip")
            best = np.maximum.reduceat(vectors, starts, axis=1)
            scores = (best.T.astype(np.float64, order="C") * query.weights).sum(axis=1)
            yield positions[pages], scores

    @cached_property
    def _codes(self) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
        """Places of the coded pages, how many codes each has, and the codes of all."""
        coded = [i for i, page in enumerate(self.table.pages) if len(page.codes)]
        codes = [self.table.pages[i].codes for i in coded]
        counts = np.array([len(one) for one in codes], dtype=np.intp)
        # As machine words, which `take` uses as they are.
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
    """The k best of what has been offered so far: no more scores are held."""

    def __init__(self, k: int) -> None:
        self._k = k
        self.positions: NDArray[np.intp] = np.empty(0, dtype=np.intp)
        self.scores: NDArray[np.float64] = np.empty(0)

    def offer(self, positions: NDArray[np.intp], scores: NDArray[np.float64]) -> None:
        positions = np.concatenate([self.positions, positions])
        scores = np.concatenate([self.scores, scores])
        order = np.lexsort((positions, -scores))[: self._k]
        self.positions, self.scores = positions[order], scores[order]


def _candidate_count(k: int) -> int:
    return max(_CANDIDATES_A_PAGE * k, _FEWEST_CANDIDATES)


def _blocks(counts: NDArray[np.intp]) -> Iterator[tuple[slice, slice]]:
    """Slices of pages, and of their codes, of about `_CODES_A_BLOCK` codes each."""
    ends = np.cumsum(counts)
    page, code = 0, 0
    while page < len(counts):
        last = max(int(np.searchsorted(ends, code + _CODES_A_BLOCK, side="right")), page + 1)
        yield slice(page, last), slice(code, int(ends[last - 1]))
        page, code = last, int(ends[last - 1])
