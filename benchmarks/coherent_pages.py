"""Synthetic page vectors with the correlations of a visual model's, for `speed`.

Independent random vectors flatter exact search and are unfair to every summary: nothing on such
a page says anything about its neighbours, and a question has one right page and noise. These have
the structure that the vectors of scanned and set pages have:

- a collection is documents of 5 to 35 pages, each on one of 300 subjects with 8 topics each, so
  that a question has many pages that answer a little, and near ties among the best;
- a page is a layout of blocks in one column or two, with margins and gaps; about half of its 32 x
  32 places is paper, whose vectors are nearly alike on all pages;
- a block has a topic; runs of 1 to 4 places share a word, drawn by Zipf's law from the topic's
  own 40 words or from 2,000 that are used everywhere;
- every vector mixes what all vectors share, the document's style, the block's topic, the word, a
  field that varies slowly over the page, and noise of its own. Neighbours have a cosine of about
  0.8 and places of different pages of 0.4: patches of a visual model see their neighbours, and
  all of its vectors lean one way;
- a question has 20 tokens: about a third words of one block's topic, a fifth places of that
  block, the rest words used everywhere; all with noise of half their length.

What it cannot show is how good a model is; it is made to compare ways of searching.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from colregion.core.geometry import FloatArray, IntArray

SIDE = 32
_SEED = 20512
_SUBJECTS, _TOPICS, _WORDS, _COMMON = 300, 8, 40, 2000


@dataclass(frozen=True, eq=False)
class CoherentPage:
    """A page's vectors (1024, D) in rows from the top, and what they were made from.

    Args:
        document: counted from 0.
        blocks: (32, 32) the block of each place, -1 for paper.
        topics: of the blocks, each (subject, topic).
    """

    document: int
    vectors: FloatArray
    blocks: IntArray
    topics: list[tuple[int, int]]


class CoherentPages:
    """The same pages and questions for the same seed and D."""

    def __init__(self, *, dim: int = 128, seed: int = _SEED) -> None:
        self._rng = np.random.default_rng(seed)
        self._dim = dim
        subjects = self._directions(_SUBJECTS)
        self._topic = _unit(0.6 * subjects[:, None] + 0.8 * self._directions(_SUBJECTS, _TOPICS))
        own = self._directions(_SUBJECTS, _TOPICS, _WORDS)
        self._word = _unit(0.5 * self._topic[:, :, None] + 0.85 * own)
        self._common = self._directions(_COMMON)
        self._paper, self._shared = self._directions(), self._directions()

    def pages(self, n: int) -> Iterator[CoherentPage]:
        """The first n pages, document by document."""
        made, document = 0, 0
        while made < n:
            subject = int(self._rng.integers(_SUBJECTS))
            liked = self._rng.permutation(_TOPICS)
            style = self._directions()
            for _ in range(min(int(self._rng.integers(5, 36)), n - made)):
                yield self._page(document, subject, liked, style)
                made += 1
            document += 1

    def question(self, page: CoherentPage, *, tokens: int = 20) -> FloatArray:
        """(T, D) about one block of the page."""
        rng = self._rng
        block = int(rng.integers(max(len(page.topics), 1)))
        places = np.flatnonzero(page.blocks.ravel() == block)
        kind = rng.random(tokens)[:, None]
        used_everywhere = self._common[_zipf(rng, _COMMON, tokens, power=1.0)]
        vectors = 0.45 * self._shared + 0.7 * used_everywhere
        if len(places):
            subject, topic = page.topics[block]
            words = self._word[subject, topic, _zipf(rng, _WORDS, tokens, power=0.7)]
            of_topic = 0.35 * self._shared + 0.3 * self._topic[subject, topic] + 0.7 * words
            of_block = page.vectors[rng.choice(places, size=tokens)]
            vectors = np.where(kind < 0.35, of_topic, np.where(kind < 0.55, of_block, vectors))
        return _unit(_unit(vectors) + 0.5 * self._directions(tokens))

    def _page(
        self, document: int, subject: int, liked: IntArray, style: FloatArray
    ) -> CoherentPage:
        rng = self._rng
        blocks = _layout(rng)
        n = int(blocks.max()) + 1
        topics = liked[_zipf(rng, _TOPICS, max(n, 1), power=1.0)]
        of_place = topics[blocks.clip(0)]
        topical = self._word[subject, of_place, _zipf(rng, _WORDS, blocks.shape, power=0.7)]
        common = self._common[_zipf(rng, _COMMON, blocks.shape, power=1.0)]
        words = np.where((rng.random(blocks.shape) < 0.6)[..., None], topical, common)
        words = np.take_along_axis(words, _runs(rng)[..., None], axis=1)
        noise = self._directions(SIDE, SIDE)
        slow = self._slow_field(every=4)
        ink = 0.25 * style + 0.4 * self._topic[subject, of_place] + 0.6 * words
        ink += 0.25 * slow + 0.3 * noise
        paper = 0.15 * style + 0.8 * self._paper + 0.1 * slow + 0.1 * noise
        vectors = 0.35 * self._shared + np.where((blocks >= 0)[..., None], ink, paper)
        return CoherentPage(
            document,
            _unit(vectors).reshape(-1, self._dim),
            blocks,
            [(subject, int(topic)) for topic in topics[:n]],
        )

    def _directions(self, *shape: int) -> FloatArray:
        return _unit(self._rng.standard_normal((*shape, self._dim), dtype=np.float32))

    def _slow_field(self, *, every: int) -> FloatArray:
        """(32, 32, D) directions that turn over `every` places."""
        corners = self._directions(SIDE // every + 2, SIDE // every + 2)
        at = (np.arange(SIDE) + 0.5) / every
        cell = at.astype(np.int64)
        part = (at - cell).astype(np.float32)[:, None]
        rows = corners[cell] * (1 - part[..., None]) + corners[cell + 1] * part[..., None]
        return _unit(rows[:, cell] * (1 - part) + rows[:, cell + 1] * part)


def _layout(rng: np.random.Generator) -> IntArray:
    """(32, 32) blocks of a page, counted from 0; -1 is paper."""
    blocks = np.full((SIDE, SIDE), -1)
    top, n = int(rng.integers(1, 4)), 0
    while top < SIDE - 2:
        height = int(rng.integers(1, 9))
        columns = ((2, 15), (17, 30)) if rng.random() < 0.35 else ((2, 30),)
        for left, right in columns:
            if rng.random() < 0.12:
                continue
            end = right if rng.random() < 0.7 else int(rng.integers(left + 3, right + 1))
            blocks[top : min(top + height, SIDE - 2), left:end] = n
            n += 1
        top += height + int(rng.random() < 0.7)
    return blocks


def _runs(rng: np.random.Generator) -> IntArray:
    """(32, 32) the column at which the run of 1 to 4 places begins that each place is in."""
    begins = np.zeros((SIDE, SIDE), dtype=bool)
    ends = np.minimum(np.cumsum(rng.integers(1, 5, size=(SIDE, SIDE)), axis=1), SIDE - 1)
    np.put_along_axis(begins, ends, True, axis=1)
    begins[:, 0] = True
    return np.asarray(np.maximum.accumulate(np.where(begins, np.arange(SIDE), 0), axis=1))


def _zipf(
    rng: np.random.Generator, n: int, size: int | tuple[int, ...], *, power: float
) -> NDArray[np.int64]:
    """Numbers below n, the r-th as often as 1 / r to the power."""
    share = np.arange(1, n + 1) ** -power
    return np.searchsorted(np.cumsum(share / share.sum()), rng.random(size) * (1 - 1e-9))


def _unit(vectors: FloatArray) -> FloatArray:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / length, dtype=np.float32)
