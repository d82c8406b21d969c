"""Words that are read later, put into the regions of their page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from colregion.core.documents import Page
from colregion.core.geometry import FloatArray, IntArray, boxes_to_array
from colregion.core.regions import ParsedPage, Region, Word, mean_confidence

# A word that the ink showed nothing of belongs to the nearest leaf within this distance.
_NEAR = 0.01  # of the page


def fill_leaves(
    parsed: ParsedPage, paths: Iterable[tuple[int, ...]], words: Sequence[Word], page: Page
) -> ParsedPage:
    """The page with the words of the unread leaves of these paths; leaves that were read meanwhile,
    or are of another division of the page, stay as they are.

    A word belongs to the leaf in which its center lies. Words of other leaves, which the margin of
    a cut shows in part, are left out. A leaf without words is read: it has none.

    Args:
        words: boxes on the page, in reading order.
        page: what reading has told about the page: its `upright`, and what is `missing`.
    """
    unread, to_fill = parsed.unread_leaves, set(paths)
    chosen = [leaf for leaf in unread if parsed.regions[leaf].path in to_fill]
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
    regions = list(parsed.regions)
    for leaf, words in own.items():
        regions[leaf] = _leaf(regions[leaf], words)
    # Parents come before their children.
    for position in range(len(regions) - 1, -1, -1):
        parts = [regions[part] for part in parsed.parts[position]]
        if regions[position].unread and parts:
            regions[position] = replace(
                regions[position],
                text="\n".join(part.text for part in parts if part.text),
                ocr_confidence=mean_confidence(part.ocr_confidence for part in parts),
                unread=any(part.unread for part in parts),
            )
    known = replace(parsed.page, upright=page.upright, missing=page.missing)
    return ParsedPage(known, _in_order(parsed, own), tuple(regions))


def _leaf(region: Region, words: Sequence[Word]) -> Region:
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
