"""Fit of the confidence of hits to labelled questions, with figures of how reliable it is.

Every question is asked of its own page, of a page of another document, of all pages, and of all
pages but those of its document; nothing is right in the second and the last. The first three hits
of each are the examples. The figures are of held-out documents, in five folds.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from colregion.core.embeddings import EmbeddedPage
from colregion.core.filters import EVERYTHING, Filters, parse_filters
from colregion.core.geometry import FloatArray, boxes_to_array
from colregion.core.regions import Region
from colregion.encoders import load_encoder
from colregion.engine import Engine
from colregion.errors import InvalidInput
from colregion.evaluation import metrics
from colregion.evaluation.baselines import random_order
from colregion.evaluation.cases import Case, read_cases
from colregion.evaluation.corpus import Progress, index_pages
from colregion.evaluation.parse_cache import CachedParser
from colregion.evaluation.run import progress_bars
from colregion.indexes import open_index
from colregion.indexes.memory import MemoryIndex
from colregion.parsers import load_parser
from colregion.retrieval.confidence import Calibration, hit_features, logistic
from colregion.retrieval.question import Question
from colregion.retrieval.scorer import ScoredPage

HITS = 3
_RIDGE = 1.0
_STEPS = 30
FOLDS = 5
LOST = 0.1
"""Share of the right first hits below the reported threshold."""


def calibrate_file(
    paths: Sequence[Path],
    *,
    index: str | None = None,
    encoder: str | None = None,
    parser: str = "auto",
    console: Console,
) -> tuple[Calibration, dict[str, Any]]:
    """`calibrate` on the cases of files, with parsed pages cached in the user's cache folder.

    Args:
        index: a spec for `open_index`; the calibration is stored with it.
        encoder: a spec for `load_encoder`; None for the index's own, or the default. Raises
            ModelMismatch where the index was made with another encoder.
    """
    cases = [case for path in paths for case in read_cases(path)]
    with ExitStack() as stack:
        target = None
        if index is not None:
            opened = open_index(index, create=False)
            target = stack.enter_context(Engine.open(opened, encoder=encoder))
        model = target.encoder if target else load_encoder(encoder or "static_tokens")
        cached = CachedParser(load_parser(parser))
        engine = stack.enter_context(Engine(MemoryIndex(), encoder=model, parser=cached))
        on_progress = stack.enter_context(progress_bars(console))
        calibration, figures = calibrate(cases, engine, on_progress=on_progress)
        if target is not None:
            target.set_calibration(calibration)
    return calibration, figures


@dataclass(frozen=True, eq=False)
class Examples:
    """N hits with their labels."""

    features: FloatArray  # (N, F)
    right: NDArray[np.bool_]  # (N,)
    first: NDArray[np.bool_]  # (N,) the best hit of its question
    own: NDArray[np.bool_]  # (N,) the question was asked where its answer is
    corpus: NDArray[np.bool_]  # (N,) it was asked of many pages
    documents: NDArray[np.str_]  # (N,) the document of the question


def calibrate(
    cases: Sequence[Case], engine: Engine, *, on_progress: Progress = lambda *_: None
) -> tuple[Calibration, dict[str, Any]]:
    """Calibrate an engine's encoder on labelled cases.

    Args:
        engine: over an index of its own, to which the pages of all cases are added.

    Returns:
        The fit to all cases, and its figures on held-out documents: `ece` and `auroc` of the hits;
        of questions to one page (`page_...`) and to all pages (`corpus_...`) those of the first
        hits, the threshold at which a tenth of the right ones is lost, and the share of questions
        asked without their document that return nothing there (`abstains`).

    Raises:
        InvalidInput: fewer documents than folds, or hits that are all right or all wrong.
    """
    if len({case.doc_id for case in cases}) < FOLDS:
        raise InvalidInput(f"calibration needs cases of {FOLDS} documents or more")
    pages = index_pages(cases, engine, on_progress)
    examples = _examples(cases, engine, pages, on_progress)
    return fit(examples.features, examples.right), _figures(examples, _held_out(examples))


def _examples(
    cases: Sequence[Case], engine: Engine, pages: dict[Path, EmbeddedPage], on_progress: Progress
) -> Examples:
    features: list[FloatArray] = []
    labels: list[tuple[bool, bool, bool, bool]] = []  # right, first, own, of the corpus
    documents: list[str] = []
    owner = {case.image: case.doc_id for case in cases}
    for done, case in enumerate(cases, start=1):
        question, own_page = engine.retriever.score(case.question, [pages[case.image]])
        others = [image for image in pages if owner[image] != case.doc_id]
        drawn = others[int(random_order(len(others), key=case.id)[0])]
        own_ids = [pages[image].parsed.page.doc_id for image in pages if image not in others]
        everywhere = parse_filters({"doc_id": {"nin": own_ids}})
        for compared, is_own, is_corpus in (
            (own_page, True, False),
            (engine.retriever.score(case.question, [pages[drawn]])[1], False, False),
            (_best_pages(engine, question, EVERYTHING), True, True),
            (_best_pages(engine, question, everywhere), False, True),
        ):
            ranked = engine.retriever.rank_regions(question, [compared], filters=EVERYTHING, k=HITS)
            features.append(hit_features(ranked, question, compared))
            for rank, one in enumerate(ranked):
                on_page = is_own and one.page.candidate.page_id == pages[case.image].id
                fits = on_page and is_right(one.scored.region, case)
                labels.append((fits, rank == 0, is_own, is_corpus))
                documents.append(case.doc_id)
        on_progress("asking", done, len(cases))
    right, first, own, of_corpus = list(np.array(labels, dtype=bool).reshape(-1, 4).T)
    names = np.array(documents)
    return Examples(np.concatenate(features), right, first, own, of_corpus, names)


def _best_pages(engine: Engine, question: Question, filters: Filters) -> list[ScoredPage]:
    return next(engine.retriever.best_pages(question, k=HITS, filters=filters), [])


def fit(features: FloatArray, right: NDArray[np.bool_]) -> Calibration:
    """The calibration that makes the N labels likeliest, with a ridge of 1 on features (N, F)
    scaled to their spread: Newton's method on the logistic likelihood. Raises InvalidInput where
    all labels are the same."""
    if right.all() or not right.any():
        counts = f"{int(right.sum())} right of {len(right)}"
        raise InvalidInput(f"a calibration needs right and wrong hits, got {counts}")
    centre, spread = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-9)
    scaled = np.column_stack([(features - centre) / spread, np.ones(len(features))])
    ridge = np.array([_RIDGE] * features.shape[1] + [1e-6])
    fitted = np.zeros(len(ridge))
    for _ in range(_STEPS):
        probability = logistic(scaled @ fitted)
        gradient = scaled.T @ (probability - right) + ridge * fitted
        spread_of = probability * (1 - probability)
        curvature = (scaled * spread_of[:, None]).T @ scaled + np.diag(ridge)
        fitted -= np.linalg.solve(curvature, gradient)
    weights = fitted[:-1] / spread
    return Calibration(tuple(weights.tolist()), float(fitted[-1] - weights @ centre))


def is_right(region: Region, case: Case) -> bool:
    """Whether a region overlaps an evidence box with an IoU of 0.5, or contains the answer."""
    iou = metrics.best_iou(boxes_to_array([region.box]), boxes_to_array(case.boxes))
    in_text = metrics.answer_end(region.text.split(), case.answers) is not None
    return in_text or bool(iou.max(initial=0.0) >= 0.5)


def _held_out(examples: Examples) -> FloatArray:
    """(N,) confidences, each from a fit without the hit's document."""
    names, document = np.unique(examples.documents, return_inverse=True)
    fold = (random_order(len(names), key="folds") % FOLDS)[document]
    confidence = np.zeros(len(fold))
    for k in range(FOLDS):
        model = fit(examples.features[fold != k], examples.right[fold != k])
        confidence[fold == k] = model.confidence(examples.features[fold == k])
    return confidence


def _figures(examples: Examples, confidence: FloatArray) -> dict[str, Any]:
    right = examples.right
    figures: dict[str, Any] = {
        "hits": len(confidence),
        "right": int(right.sum()),
        "ece": calibration_error(confidence, right),
        "auroc": auroc(confidence, right),
    }
    for name, where in (("page", ~examples.corpus), ("corpus", examples.corpus)):
        first = examples.first & where
        threshold = float(np.quantile(confidence[first & right], LOST))
        figures |= {
            f"{name}_first_ece": calibration_error(confidence[first], right[first]),
            f"{name}_first_auroc": auroc(confidence[first], right[first]),
            f"{name}_threshold": threshold,
            f"{name}_abstains": float((confidence[first & ~examples.own] < threshold).mean()),
        }
    return {name: round(value, 4) for name, value in figures.items()}


def calibration_error(confidence: FloatArray, right: NDArray[np.bool_], *, bins: int = 10) -> float:
    """Expected calibration error: the mean over hits of |mean confidence - share right| per bin."""
    at = np.minimum((confidence * bins).astype(int), bins - 1)
    return float(np.abs(np.bincount(at, weights=confidence - right)).sum() / len(confidence))


def auroc(confidence: FloatArray, right: NDArray[np.bool_]) -> float:
    """Probability that a right hit has a higher confidence than a wrong one; ties count half. NaN
    if all hits are right or all are wrong."""
    _, at, counts = np.unique(confidence, return_inverse=True, return_counts=True)
    rank = (np.cumsum(counts) - (counts - 1) / 2)[at]
    n_right, n_wrong = int(right.sum()), int((~right).sum())
    if n_right == 0 or n_wrong == 0:
        return float("nan")
    return float((rank[right].sum() - n_right * (n_right + 1) / 2) / (n_right * n_wrong))
