"""Words that are read later, put in the place of the unread leaves of their page."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from colregion.core.documents import Page
from colregion.core.geometry import Box, boxes_to_array
from colregion.core.regions import ParsedPage, Region, Word, mean_confidence

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

    A word belongs to the leaf in which its center lies, else to the nearest. Words of other leaves,
    which the margin of a cut shows in part, are left out. An area with leaves that were read gets
    the blocks that a page of all its known words would have, behind what is unread of it, with
    paths that the page did not have before; all other regions keep theirs. A large leaf without
    words is a figure; a small one shows a mark or dirt, and the page loses it.

    Args:
        areas: path -> box of the leaves.
        words: boxes on the page, in reading order.
        page: what reading has told about the page: its `upright`, and what is `missing`.
    """
    # Loaded when used, as they are a parser's.
    from colregion.parsers.layout import Layout
    from colregion.parsers.on_demand import no_image

    chosen = {
        leaf
        for leaf in parsed.unread_leaves
        if areas.get((region := parsed.regions[leaf]).path) == region.box
    }
    if not chosen:
        return parsed
    owners = _nearest(parsed, words, parsed.leaves)
    own = [word for word, owner in zip(words, owners, strict=True) if owner in chosen]
    numbers = {parsed.regions[leaf].path[0] for leaf in chosen.intersection(owners)}
    known = [word for word in parsed.words if word.visible]
    read = [leaf for leaf in parsed.leaves if not parsed.is_unread[leaf]]
    again = [
        leaf >= 0 and parsed.regions[leaf].path[0] in numbers
        for leaf in _nearest(parsed, known, read)
    ]
    to_lay = [word for word, is_laid in zip(known, again, strict=True) if is_laid]
    page = replace(parsed.page, upright=page.upright, missing=page.missing)
    laid = Layout("geometry").build(
        replace(page, load_image=no_image), [*to_lay, *_numbered(own, parsed.words)]
    )
    remaining = _remaining(parsed, chosen, owners, numbers)
    filled = ParsedPage(page, (), _assembled(parsed, remaining, _placed(parsed, laid, numbers)))
    others = [word for word, is_laid in zip(known, again, strict=True) if not is_laid]
    hidden = [word for word in parsed.words if not word.visible]
    return replace(filled, words=(*_in_order(filled, [*others, *laid.words]), *hidden))


def _nearest(
    parsed: ParsedPage, items: Iterable[Word | Region], leaves: Sequence[int]
) -> list[int]:
    """The leaf of each word or region: that around its center, of several the smallest, else the
    nearest; -1 without leaves."""
    boxes = boxes_to_array(item.box for item in items)
    if not leaves:
        return [-1] * len(boxes)
    around = parsed.region_boxes[leaves]
    centers = (boxes[:, None, :2] + boxes[:, None, 2:]) / 2
    away = np.maximum(np.maximum(around[:, :2] - centers, centers - around[:, 2:]), 0)
    areas = (around[:, 2:] - around[:, :2]).prod(axis=1)
    distances = np.hypot(away[..., 0], away[..., 1]) + 1e-6 * areas
    return [leaves[at] for at in distances.argmin(axis=1)]


def _numbered(words: Sequence[Word], known: Sequence[Word]) -> list[Word]:
    """The words with numbers of lines and blocks that the page does not have yet."""
    line = 1 + max((word.line for word in known if word.line is not None), default=-1)
    block = 1 + max((word.block for word in known if word.block is not None), default=-1)
    return [
        replace(
            word,
            line=None if word.line is None else word.line + line,
            block=None if word.block is None else word.block + block,
        )
        for word in words
    ]


def _remaining(
    parsed: ParsedPage, read: Collection[int], with_words: Collection[int], laid: Collection[int]
) -> Iterator[Region]:
    """The page's regions without marks, dirt, and what is laid out again: leaves that were read
    with words, and blocks that were laid out before in areas of the numbers `laid`."""
    for position, region in enumerate(parsed.regions):
        if position in read:
            if position in with_words or region.box.area < _LEAST_FIGURE:
                continue
            kind = region.kind if region.kind in ("table", "row") else "figure"
            yield replace(region, kind=kind, unread=False)
        elif len(region.path) == 1 or region.path[0] not in laid or not region.text:
            yield region


def _placed(parsed: ParsedPage, laid: ParsedPage, numbers: Collection[int]) -> list[Region]:
    """The blocks and lines of a layout, each block in the area of these numbers that is around its
    first line, behind the blocks that the area had."""
    leaves = [leaf for leaf in parsed.leaves if parsed.regions[leaf].path[0] in numbers]
    last = dict.fromkeys(numbers, 0)
    for region in parsed.regions:
        if len(region.path) > 1 and region.path[0] in last:
            last[region.path[0]] = max(last[region.path[0]], region.path[1])
    areas = np.flatnonzero(laid.parents < 0).tolist()
    blocks = [block for area in areas for block in laid.parts[area] or [area]]
    firsts = [laid.regions[(laid.parts[block] or [block])[0]] for block in blocks]
    owners = _nearest(parsed, firsts, leaves)
    placed = []
    for block, owner in zip(blocks, owners, strict=True):
        number = parsed.regions[owner].path[0]
        last[number] += 1
        path = number, last[number]
        placed.append(replace(laid.regions[block], path=path))
        for i, line in enumerate(laid.parts[block], start=1):
            placed.append(replace(laid.regions[line], path=(*path, i)))
    return placed


def _assembled(
    parsed: ParsedPage, remaining: Iterable[Region], placed: Iterable[Region]
) -> tuple[Region, ...]:
    """The regions as a tree: what was unread and has parts is made of those that it has now."""
    new = {region.path: region for region in placed}
    # An area that was one leaf has parts now.
    tree = {path[:1]: parsed.regions[parsed.positions[path[:1]]] for path in new}
    tree |= new | {region.path: region for region in remaining}
    parts: dict[tuple[int, ...], list[Region]] = {}
    for path in sorted(tree, reverse=True):  # children come before their parents
        region = tree[path]
        own = parts.get(path, [])[::-1]
        if region.unread and (own or parsed.parts[parsed.positions[path]]):
            if not own:
                del tree[path]
                continue
            region = tree[path] = _whole(region, own)
        parts.setdefault(path[:-1], []).append(region)
    return tuple(tree[path] for path in sorted(tree))


def _whole(region: Region, parts: Sequence[Region]) -> Region:
    return replace(
        region,
        box=Box.enclosing([part.box for part in parts]),
        text="\n".join(part.text for part in parts if part.text),
        ocr_confidence=mean_confidence(part.ocr_confidence for part in parts),
        unread=any(part.unread for part in parts),
    )


def _in_order(page: ParsedPage, words: Sequence[Word]) -> list[Word]:
    """The words in the order of the page's leaves."""
    owners = _nearest(page, words, page.leaves)
    order = sorted(range(len(words)), key=owners.__getitem__)
    return [words[i] for i in order]
