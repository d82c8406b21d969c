"""The published protocol of region selection, replayed on the boxes that a visual model ranked.

A file of replays is JSON Lines, one question a line: `ranked_boxes` ([x0, y0, x1, y1] in pixels,
most relevant first) are the regions of the question's first evidence page that the reference
implementation selected, `gt_boxes_by_page` the evidence boxes of each evidence page, `doc_name` the
document; rows with `failed` true count in no figure.

The protocol (arXiv 2512.02660): a question scores the mean over all evidence boxes of the best IoU
with any returned box, and is a hit at t when that mean is t or more. Boxes of later pages are laid
onto the first, as published. Returning more boxes costs nothing, so every rule here but the
published one returns at most N, and rules without a model are compared with it.

The published similarity maps, of which two could be recovered, lie 4 to 5 patches too far right, so
the ranks are worse than the models'.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from benchmarks.merged_boxes import (
    EVIDENCE_PRIOR,
    EvidencePrior,
    expected_overlap_choice,
    merge_candidates,
    probabilities,
)
from colregion.core.geometry import FloatArray, IntArray, pairwise_iou, union_area
from colregion.errors import InvalidInput
from colregion.evaluation import baselines
from colregion.evaluation.metrics import mean_figures

IOU_THRESHOLDS = (0.25, 0.5, 0.7)

# Pages were drawn at 300 dpi; their size is not in the file. A larger box enlarges its page.
_PAGE_PX = (2550.0, 3300.0)

GEOMETRY_PRIOR = EvidencePrior(
    log_area=-2.25,
    log_area_squared=-0.288,
    log_height=1.29,
    rank=0.0,
    cut=-1.01,
    wide_gap=-0.75,
    largest_share=1.45,
    single=-0.27,
)
"""What the boxes alone say: fitted like `EVIDENCE_PRIOR`, without the ranks."""

Rule: TypeAlias = "Callable[[Replay, int], FloatArray]"


@dataclass(frozen=True, slots=True, eq=False)
class Replay:
    """One question of a replay file.

    Args:
        ranked_xyxy: (R, 4) fractions of the page, most relevant first.
        evidence_xyxy: (E, 4) of all evidence pages.
        on_page_xyxy: (E', 4) of the page that the ranked boxes are on.
    """

    id: str
    doc_id: str
    ranked_xyxy: FloatArray
    evidence_xyxy: FloatArray
    on_page_xyxy: FloatArray


def read_replays(path: str | Path) -> list[Replay]:
    """The questions of a file that did not fail, in order.

    Raises:
        InvalidInput: the file is missing or holds none, or a line is not as described above; the
            message names the line.
    """
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as cause:
        raise InvalidInput(f"replays cannot be read from {path}: {cause}") from cause
    replays = []
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
            if not row.get("failed", False):
                replays.append(_replay(row, number))
        except (ValueError, TypeError, KeyError, AttributeError, IndexError) as cause:
            raise InvalidInput(f"{path}, line {number}: no replay ({cause!r})") from cause
    if not replays:
        raise InvalidInput(f"{path} holds no replay; it needs one JSON object a line")
    return replays


def _replay(row: Mapping[str, Any], number: int) -> Replay:
    by_page = [np.array(boxes, float).reshape(-1, 4) for boxes in row["gt_boxes_by_page"]]
    ranked = np.array(row["ranked_boxes"], float).reshape(-1, 4)
    everything = np.concatenate([ranked, *by_page])
    if not np.isfinite(everything).all() or (everything[:, :2] >= everything[:, 2:]).any():
        raise InvalidInput("boxes must be finite, with x0 < x1 and y0 < y1")
    if sum(map(len, by_page)) == 0:
        raise InvalidInput("gt_boxes_by_page must hold at least one box")
    page = np.maximum(_PAGE_PX, everything[:, 2:].max(axis=0))
    scale = np.concatenate([page, page])
    return Replay(
        id=str(row.get("sample_id", number)),
        doc_id=str(row["doc_name"]),
        ranked_xyxy=ranked / scale,
        evidence_xyxy=np.concatenate(by_page) / scale,
        on_page_xyxy=by_page[0] / scale,
    )


def replay_file(path: str | Path, *, boxes: int = 3) -> dict[str, Any]:
    """The rows of a file of replays.

    Args:
        boxes: how many each rule but "published" may keep, 1 or more.

    Returns:
        JSON-able: {"model": the file's name, "questions": n, "rows": {name: figures}}. Figures
        are means over the questions: `boxes` returned, `miou`, `hit` and `any_hit_at_1` (any
        evidence box of the page met by the first box) by threshold, `area_precision` and
        `area_precision_at_1` (the share of the area of all boxes, of the first, that is evidence);
        `ci95` has [low, high] of each in the same form, by bootstrap over documents.

    Raises:
        InvalidInput: as `read_replays`, or `boxes` < 1.
    """
    if boxes < 1:
        raise InvalidInput(f"boxes must be 1 or more, got {boxes}")
    replays = read_replays(path)
    documents = [replay.doc_id for replay in replays]
    rows = {}
    for name, rule in RULES.items():
        figures = [_figures(replay, rule(replay, boxes)) for replay in replays]
        rows[name] = mean_figures(figures, documents)
    return {"model": Path(path).stem, "questions": len(replays), "rows": rows}


def _figures(replay: Replay, selected: FloatArray) -> dict[tuple[str, str], float]:
    score = pairwise_iou(replay.evidence_xyxy, selected).max(axis=1, initial=0.0).mean()
    first = pairwise_iou(replay.on_page_xyxy, selected[:1]).max(initial=0.0)
    precision = area_precision(selected, replay.on_page_xyxy)
    precision_at_1 = area_precision(selected[:1], replay.on_page_xyxy)
    return {
        ("boxes", ""): float(len(selected)),
        ("miou", ""): float(score),
        **{("hit", str(t)): float(score >= t) for t in IOU_THRESHOLDS},
        **{("any_hit_at_1", str(t)): float(first >= t) for t in IOU_THRESHOLDS},
        ("area_precision", ""): precision,
        ("area_precision_at_1", ""): precision_at_1,
    }


def area_precision(boxes_xyxy: FloatArray, evidence_xyxy: FloatArray) -> float:
    """Share of the area that the boxes (N, 4) cover which is evidence (E, 4), 0-1; 0 for none."""
    returned = union_area(boxes_xyxy)
    if returned == 0:
        return 0.0
    with_evidence = union_area(np.concatenate([boxes_xyxy, evidence_xyxy]))
    return (returned + union_area(evidence_xyxy) - with_evidence) / returned


def published(replay: Replay, boxes: int) -> FloatArray:  # noqa: ARG001
    """All that the reference implementation selected: the upper half of the page's regions."""
    return replay.ranked_xyxy


def first(replay: Replay, boxes: int) -> FloatArray:
    """The most relevant, one by one."""
    return replay.ranked_xyxy[:boxes]


def largest(replay: Replay, boxes: int) -> FloatArray:
    """The largest, whatever the question."""
    return replay.ranked_xyxy[baselines.largest_order(replay.ranked_xyxy)[:boxes]]


def random(replay: Replay, boxes: int) -> FloatArray:
    """Any, drawn by the question's id."""
    order = baselines.random_order(len(replay.ranked_xyxy), key=replay.id)
    return replay.ranked_xyxy[order[:boxes]]


def chosen(replay: Replay, boxes: int, *, prior: EvidencePrior) -> FloatArray:
    """Merged candidates, those that can be expected to overlap the evidence most."""
    candidates = merge_candidates(replay.ranked_xyxy)
    chances = probabilities(candidates, replay.ranked_xyxy, prior=prior)
    picked = expected_overlap_choice(candidates.boxes_xyxy, chances, k=boxes)
    return candidates.boxes_xyxy[picked]


def _best(boxes_xyxy: FloatArray, evidence_xyxy: FloatArray, k: int) -> FloatArray:
    """For each evidence box the one of (N, 4) that fits it best, at most k of them."""
    if len(boxes_xyxy) == 0:
        return boxes_xyxy
    fits: IntArray = pairwise_iou(evidence_xyxy, boxes_xyxy).argmax(axis=1)
    return boxes_xyxy[np.unique(fits)[:k]]


RULES: Mapping[str, Rule] = {
    "published": published,
    "first": first,
    "largest": largest,
    "random": random,
    "geometry": lambda replay, boxes: chosen(replay, boxes, prior=GEOMETRY_PRIOR),
    "colregion": lambda replay, boxes: chosen(replay, boxes, prior=EVIDENCE_PRIOR),
    "best": lambda replay, boxes: _best(replay.ranked_xyxy, replay.evidence_xyxy, boxes),
    "best_merged": lambda replay, boxes: _best(
        merge_candidates(replay.ranked_xyxy).boxes_xyxy, replay.evidence_xyxy, boxes
    ),
}
"""What is compared, by name: "best" and "best_merged" look at the evidence and are the most that
any choice of single or of merged regions could reach."""
