"""What any method has to beat: rankings of regions without a model, and the best there could be.

Regions of one level of the tree do not overlap, so a baseline ranks one level; the best possible
ranking may take any region of the tree, as a method may.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from colregion.core.geometry import FloatArray, IntArray, box_areas, pairwise_overlap
from colregion.core.text import content_terms, terms
from colregion.evaluation.metrics import answer_end, best_iou, clipped, covered

_K1, _B = 1.5, 0.75


def random_order(n: int, *, key: str) -> IntArray:
    """The positions 0..n-1 shuffled, the same on every machine for the same key."""
    seed = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big")
    return np.random.default_rng(seed).permutation(n)


def largest_order(boxes_xyxy: FloatArray) -> IntArray:
    """Positions of the boxes (R, 4) by area, largest first, ties in the order given."""
    return np.argsort(-box_areas(boxes_xyxy), kind="stable")


@dataclass(frozen=True, eq=False)
class Bm25:
    """Okapi BM25 (k1 = 1.5, b = 0.75) over texts.

    score(q, d) = sum_t idf(t) tf(t, d) (k1 + 1) / (tf(t, d) + k1 (1 - b + b |d| / mean |d|)) with
    idf(t) = ln(1 + (N - df(t) + 0.5) / (df(t) + 0.5)), over the question's content terms.
    """

    texts: Sequence[str]
    _counts: list[Counter[str]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_counts", [Counter(terms(text)) for text in self.texts])

    @cached_property
    def _lengths(self) -> FloatArray:
        return np.array([count.total() for count in self._counts], dtype=np.float64)

    @cached_property
    def _postings(self) -> dict[str, tuple[IntArray, FloatArray]]:
        at: dict[str, list[tuple[int, int]]] = {}
        for i, count in enumerate(self._counts):
            for term, n in count.items():
                at.setdefault(term, []).append((i, n))
        return {
            term: (np.array([i for i, _ in found]), np.array([n for _, n in found], dtype=float))
            for term, found in at.items()
        }

    def scores(self, question: str) -> FloatArray:
        """(N,) one score a text, 0 where no term of the question stands."""
        scores = np.zeros(len(self.texts))
        mean = self._lengths.mean() if len(self._lengths) else 0.0
        for term in content_terms(question):
            if term not in self._postings:
                continue
            which, tf = self._postings[term]
            idf = np.log(1 + (len(self.texts) - len(which) + 0.5) / (len(which) + 0.5))
            norm = _K1 * (1 - _B + _B * self._lengths[which] / mean)
            scores[which] += idf * tf * (_K1 + 1) / (tf + norm)
        return scores


def descending(scores: FloatArray) -> IntArray:
    """Positions by score, highest first, ties in the order given."""
    return np.argsort(-scores, kind="stable")


def best_area_order(boxes_xyxy: FloatArray, evidence_xyxy: FloatArray) -> IntArray:
    """Positions of the boxes (R, 4) that gain the evidence's area at the least area spent.

    Greedy by what a box adds in evidence per area it adds, which is the best possible where
    boxes do not overlap. Boxes that add no evidence are left out.
    """
    left = np.flatnonzero(pairwise_overlap(boxes_xyxy, evidence_xyxy).sum(axis=1) > 0)
    taken: list[int] = []
    density = {int(i): _density(boxes_xyxy, int(i), taken, evidence_xyxy) for i in left}
    while density:
        best = max(density, key=lambda i: (density[i], -i))
        if density.pop(best) <= 0:
            break
        taken.append(best)
        rest = np.array(list(density), dtype=np.int64)
        touched = rest[pairwise_overlap(boxes_xyxy[rest], boxes_xyxy[[best]])[:, 0] > 0]
        for i in touched.tolist():
            density[i] = _density(boxes_xyxy, i, taken, evidence_xyxy)
    return np.array(taken, dtype=np.int64)


def _density(boxes: FloatArray, i: int, taken: Sequence[int], evidence: FloatArray) -> float:
    """Evidence per area that box i adds to those taken; 0 when next to nothing is left of it."""
    seen = clipped(boxes[list(taken)].reshape(-1, 4), boxes[i])
    known = covered(seen)
    cost = float(box_areas(boxes[[i]])[0]) - known
    gain = covered(np.concatenate([seen, clipped(evidence, boxes[i])])) - known
    return gain / cost if cost > 1e-9 and gain > 1e-12 else 0.0


def best_fit_order(boxes_xyxy: FloatArray, evidence_xyxy: FloatArray) -> IntArray:
    """Positions of the boxes (R, 4) by their IoU with the evidence box they fit best."""
    return descending(best_iou(boxes_xyxy, evidence_xyxy))


def best_text_order(texts: Sequence[str], answers: Sequence[str]) -> IntArray:
    """Positions of the texts, shortest one that holds the whole answer first; without such a
    text the order given."""
    holding = [i for i, text in enumerate(texts) if answer_end(text.split(), answers) is not None]
    first = min(holding, key=lambda i: (len(texts[i]), i), default=None)
    rest = [i for i in range(len(texts)) if i != first]
    return np.array(rest if first is None else [first, *rest], dtype=np.int64)
