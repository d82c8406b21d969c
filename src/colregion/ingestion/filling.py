"""Words that are read later, put into the regions of their page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from colregion.core.documents import Page
from colregion.core.geometry import Box, FloatArray, IntArray, boxes_to_array
from colregion.core.regions import ParsedPage, Region, Word, mean_confidence

# A word that the ink showed nothing of belongs to the nearest leaf within this distance.
_NEAR = 0.01  # of the page

# Of the page. Smaller drawings without words say nothing, but would stand between the hits.
_LEAST_FIGURE = 0.01


def fill_leaves(
    parsed: ParsedPage,
    areas: Mapping[tuple[int, ...], Box],
    words: Sequence[Word],
    page: Page,
) -> ParsedPage:
    """The page with the words of unread leaves; leaves that were read meanwhile, or are elsewhere
    because the page was divided anew, stay as they are.

    A word belongs to the leaf in which its center lies. Words of other leaves, which the margin of
    a cut shows in part, are left out. A leaf without words is a figure if it is large, else it
    shows a mark or dirt, and the page loses it.

    Args:
        areas: path -> box of the leaves.
        words: boxes on the page, in reading order.
        page: what reading has told about the page: its `upright`, and what is `missing`.
    """
    unread = parsed.unread_leaves
    chosen = [leaf for leaf in unread if areas.get((r := parsed.regions[leaf]).path) == r.box]
    if not chosen:
        return parsed
    owners = _nearest(parsed, words, unread)
    own = {
        leaf: [word for word, owner in zip(words, owners, strict=True) if owner == leaf]
        for leaf in chosen
    }
    return _rebuilt(parsed, _numbered(own, parsed.words), page)


def _nearest(parsed: ParsedPage, words: Sequence[Word], leaves: Sequence[int]) -> list[int]:
    """The leaf of each word; -1 for one that is not near any."""
    boxes = parsed.region_boxes[leaves]
    distances = _distances(boxes_to_array(word.box for word in words), boxes)
    nearest = distances.argmin(axis=1)
    near = distances[np.arange(len(words)), nearest] <= _NEAR
    return [leaves[at] if is_near else -1 for at, is_near in zip(nearest, near, strict=True)]


def _distances(word_boxes: FloatArray, boxes: FloatArray) -> FloatArray:
    """(W, L) distances of the centers of words (W, 4) to boxes (L, 4), 0 inside; of several boxes
    around a center the smallest is nearest."""
    centers = (word_boxes[:, None, :2] + word_boxes[:, None, 2:]) / 2
    away = np.maximum(np.maximum(boxes[:, :2] - centers, centers - boxes[:, 2:]), 0)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    return np.asarray(np.hypot(away[..., 0], away[..., 1]) + 1e-6 * areas)


def _numbered(own: dict[int, list[Word]], known: Sequence[Word]) -> dict[int, list[Word]]:
    """The words with numbers of lines and blocks that the page does not have yet."""
    line = 1 + max((word.line for word in known if word.line is not None), default=-1)
    block = 1 + max((word.block for word in known if word.block is not None), default=-1)
    return {
        leaf: [
            replace(
                word,
                line=None if word.line is None else word.line + line,
                block=None if word.block is None else word.block + block,
            )
            for word in words
        ]
        for leaf, words in own.items()
    }


def _rebuilt(parsed: ParsedPage, own: dict[int, list[Word]], page: Page) -> ParsedPage:
    regions: list[Region | None] = list(parsed.regions)
    for leaf, words in own.items():
        regions[leaf] = _leaf(parsed.regions[leaf], words)
    # Parents come before their children.
    for position in range(len(regions) - 1, -1, -1):
        before = parsed.regions[position]
        if before.unread and parsed.parts[position]:
            parts = [part for i in parsed.parts[position] if (part := regions[i]) is not None]
            regions[position] = _whole(before, parts) if parts else _leaf(before, ())
    known = replace(parsed.page, upright=page.upright, missing=page.missing)
    remaining = tuple(region for region in regions if region is not None)
    return ParsedPage(known, _in_order(parsed, own), remaining)


def _whole(region: Region, parts: Sequence[Region]) -> Region:
    return replace(
        region,
        text="\n".join(part.text for part in parts if part.text),
        ocr_confidence=mean_confidence(part.ocr_confidence for part in parts),
        unread=any(part.unread for part in parts),
    )


def _leaf(region: Region, words: Sequence[Word]) -> Region | None:
    """The leaf with these words; None for a small one without any."""
    if not words and region.box.area < _LEAST_FIGURE:
        return None
    lines: dict[int | None, list[str]] = {}
    for word in words:
        lines.setdefault(word.line, []).append(word.text)
    return replace(
        region,
        text="\n".join(" ".join(line) for line in lines.values()),
        kind=region.kind if words or region.kind != "text" else "figure",
        ocr_confidence=mean_confidence(word.confidence for word in words),
        unread=False,
    )


def _in_order(parsed: ParsedPage, own: dict[int, list[Word]]) -> tuple[Word, ...]:
    """The page's words and the new ones, in the order of the leaves; those that are in none, such
    as invisible ones, stay last."""
    known = [word for word in parsed.words if word.visible]
    leaves = parsed.leaves
    boxes = parsed.region_boxes[leaves]
    places: IntArray = _distances(boxes_to_array(w.box for w in known), boxes).argmin(axis=1)
    placed = [(leaves[at], word) for at, word in zip(places.tolist(), known, strict=True)]
    placed += [(leaf, word) for leaf, words in own.items() for word in words]
    placed.sort(key=lambda item: item[0])
    hidden = [word for word in parsed.words if not word.visible]
    return (*(word for _, word in placed), *hidden)
