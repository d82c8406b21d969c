"""Baselines: rankings of regions without a model, and the best ranking there could be.

Regions of one level of the tree do not overlap, so a baseline ranks one level; the best possible
ranking may take any region of the tree, as a method may.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence

import numpy as np

from colregion.core.geometry import FloatArray, IntArray, box_areas, pairwise_overlap
from colregion.core.text import content_terms, terms
from colregion.evaluation.metrics import answer_end, best_iou, clipped, covered

_K1, _B = 1.5, 0.75
_FUSION_K = 60


def random_order(n: int, *, key: str) -> IntArray:
    """The positions 0..n-1 shuffled, the same on every machine for the same key."""
    seed = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big")
    return np.random.default_rng(seed).permutation(n)


def descending(scores: FloatArray) -> IntArray:
    """Positions by score, highest first, ties in their order."""
    return np.argsort(-scores, kind="stable")


def largest_order(boxes_xyxy: FloatArray) -> IntArray:
    """Positions of the boxes (R, 4) by area, largest first, ties in their order."""
    return descending(box_areas(boxes_xyxy))


class Bm25:
    """Okapi BM25 (k1 = 1.5, b = 0.75) over texts.

    score(q, d) = sum_t idf(t) tf(t, d) (k1 + 1) / (tf(t, d) + k1 (1 - b + b |d| / mean |d|)) with
    idf(t) = ln(1 + (N - df(t) + 0.5) / (df(t) + 0.5)), over the question's content terms.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        counts = [Counter(terms(text)) for text in texts]
        self._lengths = np.array([count.total() for count in counts], dtype=np.float64)
        self._postings: dict[str, list[tuple[int, int]]] = {}
        for i, count in enumerate(counts):
            for term, n in count.items():
                self._postings.setdefault(term, []).append((i, n))

    def scores(self, question: str) -> FloatArray:
        """(N,) one score per text, 0 where no term of the question occurs."""
        n = len(self._lengths)
        scores = np.zeros(n)
        for term in content_terms(question):
            if term not in self._postings:
                continue
            at, tf = np.array(self._postings[term]).T
            idf = np.log(1 + (n - len(at) + 0.5) / (len(at) + 0.5))
            norm = _K1 * (1 - _B + _B * self._lengths[at] / self._lengths.mean())
            scores[at] += idf * tf * (_K1 + 1) / (tf + norm)
        return scores


def rank_fusion(rankings: Sequence[IntArray], n: int) -> FloatArray:
    """(n,) reciprocal rank fusion of rankings of the positions 0..n-1, which may leave some out.

    A position's score is the sum of 1 / (60 + its 1-based rank) over the rankings that contain it
    (Cormack, Clarke and Büttcher, SIGIR 2009).
    """
    scores = np.zeros(n)
    for order in rankings:
        scores[order] += 1.0 / (_FUSION_K + 1 + np.arange(len(order)))
    return scores


def best_area_order(boxes_xyxy: FloatArray, evidence_xyxy: FloatArray) -> IntArray:
    """Positions of the boxes (R, 4) that gain the evidence's area for the least area spent.

    Greedy by what a box adds in evidence per area it adds, which is the best possible where
    boxes do not overlap. Boxes that add no evidence are left out.
    """
    meeting = np.flatnonzero(pairwise_overlap(boxes_xyxy, evidence_xyxy).sum(axis=1) > 0)
    order: list[int] = []
    density = {i: _density(boxes_xyxy, i, order, evidence_xyxy) for i in meeting.tolist()}
    while density:
        best = max(density, key=lambda i: (density[i], -i))
        if density.pop(best) <= 0:
            break
        order.append(best)
        others = np.array(list(density), dtype=np.int64)
        touched = others[pairwise_overlap(boxes_xyxy[others], boxes_xyxy[[best]])[:, 0] > 0]
        for i in touched.tolist():
            density[i] = _density(boxes_xyxy, i, order, evidence_xyxy)
    return np.array(order, dtype=np.int64)


def _density(boxes: FloatArray, i: int, before: Sequence[int], evidence: FloatArray) -> float:
    """Evidence per area that box i adds to those before it; 0 where next to nothing remains."""
    seen = clipped(boxes[list(before)].reshape(-1, 4), boxes[i])
    known = covered(seen)
    cost = float(box_areas(boxes[[i]])[0]) - known
    gain = covered(np.concatenate([seen, clipped(evidence, boxes[i])])) - known
    return gain / cost if cost > 1e-9 and gain > 1e-12 else 0.0


def best_fit_order(boxes_xyxy: FloatArray, evidence_xyxy: FloatArray) -> IntArray:
    """Positions of the boxes (R, 4) by their IoU with the evidence box they fit best."""
    return descending(best_iou(boxes_xyxy, evidence_xyxy))


def best_text_order(texts: Sequence[str], answers: Sequence[str]) -> IntArray:
    """Positions of the texts in their order, but the shortest with the whole answer first."""
    with_answer = [i for i, text in enumerate(texts) if answer_end(text.split(), answers)]
    first = min(with_answer, key=lambda i: (len(texts[i]), i), default=-1)
    order = sorted(range(len(texts)), key=lambda i: i != first)
    return np.array(order, dtype=np.int64)
