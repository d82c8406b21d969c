"""How the local index finds the best pages: filters, then one stage or two, then the k best.

A page is held as codes of a codebook, or as rows of its own. Codes are always scored exactly.
Rows are scored exactly up to a size at which that takes long; beyond it their sketches choose
candidates, and only those are scored by all of their vectors.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from colregion.core.embeddings import QueryEmbedding
from colregion.core.filters import EVERYTHING, Filters
from colregion.core.geometry import FloatArray
from colregion.indexes.local.pages import PageTable, VectorFile
from colregion.indexes.local.vectors import CODEBOOK
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
        """As `Index.search`.

        Args:
            two_stages: whether sketches choose the pages that are scored; None to decide by size.
        """
        check_search(query, k=k, dim=self.table.dim)
        positions, scores = self._best(
            query, k=k, allowed=self.table.allowed(filters), two_stages=two_stages
        )
        return [
            PageScore(self.table.id_of(i), float(score))
            for i, score in zip(positions, scores, strict=True)
        ]

    def _best(
        self,
        query: QueryEmbedding,
        *,
        k: int,
        allowed: NDArray[np.bool_],
        two_stages: bool | None,
    ) -> tuple[NDArray[np.intp], FloatArray]:
        """Places in the table and `scoring.maxsim` scores of the k best pages, best first; ties
        in the order of the table, of which `allowed` (pages,) may be returned."""
        best = _Best(k)
        for positions, scores in self._coded(query, allowed):
            best.offer(positions, scores)
        if two_stages is None:
            two_stages = self.takes_two_stages(k=k, allowed=allowed)
        if two_stages:
            allowed = self._candidates(query, k=k, allowed=allowed)
        for rows in self._pages:
            best.offer(*self._scored(query, rows.chosen(allowed)))
        return best.positions, best.scores

    def takes_two_stages(self, *, k: int, allowed: NDArray[np.bool_] | None = None) -> bool:
        """Whether the index is so large, and its pages so long, that two stages save time."""
        if allowed is None:
            allowed = self.table.allowed(EVERYTHING)
        dim = self.table.dim or 0
        exact = sum(int(rows.chosen(allowed).counts.sum()) for rows in self._pages)
        if exact * dim <= _EXACT_UP_TO:
            return False
        pages = sum(len(rows.chosen(allowed).positions) for rows in self._pages)
        first = sum(int(rows.chosen(allowed).counts.sum()) for rows in self._sketches)
        second = exact / pages * min(_candidate_count(k), pages)
        return exact >= _WORTH_TWO_STAGES * (first + second)

    def _candidates(
        self, query: QueryEmbedding, *, k: int, allowed: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """(pages,) the pages of the best sketches, and all that have none."""
        best = _Best(_candidate_count(k))
        chosen = allowed.copy()
        for rows in self._sketches:
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

    def _coded(
        self, query: QueryEmbedding, allowed: NDArray[np.bool_]
    ) -> Iterator[tuple[NDArray[np.intp], NDArray[np.float64]]]:
        """Every distinct vector meets the question once; a page then looks its own up. That is
        what makes a codebook fast, and equal pages score equal to the last bit."""
        positions, counts, codes = self._codes
        kept = allowed[positions]
        if not kept.all():
            codes, counts, positions = codes[np.repeat(kept, counts)], counts[kept], positions[kept]
        if len(positions) == 0:
            return
        file = self.table.pages[positions[0]].rows.file
        assert file is not None
        similarity = self.table.files[file].rows @ query.vectors.astype(np.float32).T
        by_token = np.ascontiguousarray(similarity.T)  # (T, codes), along which reduceat is fast
        for pages, block in _blocks(counts):
            starts = np.cumsum(counts[pages]) - counts[pages]
            best = np.maximum.reduceat(by_token.take(codes[block], axis=1), starts, axis=1)
            scores = (best.T.astype(np.float64, order="C") * query.weights).sum(axis=1)
            yield positions[pages], scores

    @cached_property
    def _codes(self) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.int32]]:
        """Places of the coded pages, how many codes each has, and the codes of all."""
        coded = [i for i, page in enumerate(self.table.pages) if len(page.codes)]
        codes = [self.table.pages[i].codes for i in coded]
        counts = np.array([len(one) for one in codes], dtype=np.intp)
        return np.array(coded, dtype=np.intp), counts, np.concatenate([_NO_CODES, *codes])

    @cached_property
    def _pages(self) -> list[_Rows]:
        files = {i: file for i, file in self.table.files.items() if file.form != CODEBOOK}
        return self._by_file("rows", files)

    @cached_property
    def _sketches(self) -> list[_Rows]:
        return self._by_file("sketch", self.table.files)

    def _by_file(self, which: str, files: dict[int, VectorFile]) -> list[_Rows]:
        found: dict[int, list[Any]] = {}
        for i, page in enumerate(self.table.pages):
            stretch = getattr(page, which)
            if stretch.file in files and stretch.count:
                found.setdefault(stretch.file, []).append(
                    (i, stretch.first, stretch.count, stretch.step)
                )
        grouped = []
        for file, rows in sorted(found.items()):
            rows.sort(key=lambda row: row[1])  # in the order in which the disk has them
            columns = (np.array(column) for column in zip(*rows, strict=True))
            grouped.append(_Rows(files[file], *columns))
        return grouped


_NO_CODES = np.empty(0, np.int32)


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
