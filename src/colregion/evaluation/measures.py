"""The measures of one ranking for one case."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from colregion.core.geometry import box_areas, boxes_to_array
from colregion.evaluation import metrics
from colregion.evaluation.cases import Case
from colregion.evaluation.rankings import CaseRanking, CountTokens, Ranking

AREA_BUDGETS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)
IOU_THRESHOLDS = (0.25, 0.5, 0.7)
TOKEN_BUDGETS = (64, 128, 256, 512, 1024)
RANKS = (1, 3, 5)
PAGE_RANKS = (1, 5, 10)

_FIRST_TEXTS = 5

OF_ALL = "_of_all"
"""Ends the name of a measure over all cases with an answer, where the same name without it leaves
out those whose answer is not in the words of the page."""


def case_figures(
    case: Case, ranking: CaseRanking, *, words: Sequence[str], count_tokens: CountTokens
) -> metrics.Figures:
    """The measures of regions; `words` are those of the right page. Measures of answers are NaN
    for a case that has none, and unless they end in "_of_all" also where the page's words do not
    contain it."""
    return (
        _area_figures(case, ranking)
        | _fit_figures(case, ranking.by_fit)
        | _answer_figures(case, ranking, words=words, count_tokens=count_tokens)
    )


def page_figures(ranking: Ranking, ranked_pages: Sequence[int]) -> metrics.Figures:
    """Whether the right page, 0, is among the first ranked pages, and whether one of the first
    regions is of it."""
    in_order = np.asarray(ranked_pages, dtype=np.int64) == 0
    return _keyed("page_at", PAGE_RANKS, metrics.any_at(in_order, PAGE_RANKS)) | _keyed(
        "hit_page_at", PAGE_RANKS, metrics.any_at(ranking.on_right_page, PAGE_RANKS)
    )


def _keyed(name: str, keys: Sequence[float], values: ArrayLike) -> metrics.Figures:
    return {(name, str(k)): float(v) for k, v in zip(keys, np.asarray(values), strict=True)}


def _area_figures(case: Case, ranking: CaseRanking) -> metrics.Figures:
    evidence = boxes_to_array(case.boxes)
    recall = partial(metrics.evidence_recall_at_area, box_mode=case.box_mode)
    recalls = [recall(one.parts_xyxy, evidence, AREA_BUDGETS) for one in ranking.by_area]
    first = box_areas(ranking.by_fit.boxes_xyxy[:1])
    return {
        **_keyed("recall_at_area", AREA_BUDGETS, np.max(recalls, axis=0)),
        ("area_of_first", ""): float(first[0]) if len(first) else np.nan,
    }


def _fit_figures(case: Case, ranking: Ranking) -> metrics.Figures:
    evidence, alternatives = boxes_to_array(case.boxes), boxes_to_array(case.alt_boxes)
    counted = metrics.countable(ranking.boxes_xyxy, evidence, alternatives)
    boxes = ranking.boxes_xyxy[counted]
    fit = metrics.best_iou(boxes, evidence)
    holding = metrics.fits_or_contains(boxes, evidence)
    central = metrics.fits_or_meets_centre(boxes, evidence)
    right = metrics.fits(boxes, evidence) | _answered(case, ranking)[counted]
    return {
        ("miou_at_1", ""): metrics.miou_at_1(fit),
        **_keyed("hit_at_1", IOU_THRESHOLDS, metrics.hit_at(fit, 1, IOU_THRESHOLDS)),
        **_keyed("hit_at_3", IOU_THRESHOLDS, metrics.hit_at(fit, 3, IOU_THRESHOLDS)),
        **_keyed("hit_or_contains_at", RANKS, metrics.any_at(holding, RANKS)),
        **_keyed("box_at", RANKS, metrics.any_at(central, RANKS)),
        ("mrr", ""): metrics.reciprocal_rank(right),
    }


def _answer_figures(
    case: Case, ranking: CaseRanking, *, words: Sequence[str], count_tokens: CountTokens
) -> metrics.Figures:
    texts, own = ranking.by_text.texts, ranking.by_text.on_right_page.tolist()
    within = partial(metrics.answer_in_tokens, texts, case.answers, TOKEN_BUDGETS, count_tokens)
    on_page, with_box = within(counted=own), _answer_with_box(case, ranking.by_fit)
    readable = metrics.answer_end(words, case.answers) is not None
    figures = {
        **_keyed("answer_in_tokens", TOKEN_BUDGETS, within()),
        **_keyed("answer_on_page", TOKEN_BUDGETS, on_page),
        **_keyed("answer_with_box", RANKS, with_box),
    }
    of_all = {
        **_keyed("answer_on_page" + OF_ALL, TOKEN_BUDGETS, on_page & readable),
        **_keyed("answer_with_box" + OF_ALL, RANKS, with_box & readable),
    }
    if not readable:
        figures = dict.fromkeys(figures, np.nan)
    if not case.answers:
        of_all = dict.fromkeys(of_all, np.nan)
    first_text = "\n".join(texts[:_FIRST_TEXTS])
    return {**figures, **of_all, ("tokens_of_5", ""): float(count_tokens(first_text))}


def _answer_with_box(case: Case, ranking: Ranking) -> NDArray[np.bool_]:
    """(len(RANKS),) whether one of the first regions, on the right page, contains the answer in its
    text and fits or contains an evidence box, as CiteVQA counts an answer and its citation."""
    holding = metrics.fits_or_contains(ranking.boxes_xyxy, boxes_to_array(case.boxes))
    return metrics.any_at(holding & _answered(case, ranking), RANKS)


def _answered(case: Case, ranking: Ranking) -> NDArray[np.bool_]:
    """(R,) whether each region is of the right page and contains the answer in its text."""
    pairs = zip(ranking.texts, ranking.on_right_page, strict=True)
    return np.array(
        [own and metrics.answer_end(text.split(), case.answers) is not None for text, own in pairs],
        dtype=bool,
    )
