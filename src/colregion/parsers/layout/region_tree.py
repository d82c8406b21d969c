"""Areas in reading order to the page's region tree."""

from __future__ import annotations

from collections.abc import Sequence

from colregion.core.documents import Page
from colregion.core.geometry import Box
from colregion.core.regions import ParsedPage, Region, Word, mean_confidence
from colregion.parsers.layout.areas import Area
from colregion.parsers.layout.blocks import blocks_of
from colregion.parsers.layout.lines import Line
from colregion.parsers.layout.page_frame import Frame
from colregion.parsers.text_layer.hidden_text import suspicions

MARGIN = 0.15
"""White kept around a line, in text heights, so that a crop or a highlight does not touch the
ink; well below half the space between two lines."""


def build_tree(
    page: Page, words: Sequence[Word], areas: Sequence[Area], frame: Frame
) -> ParsedPage:
    """The page with its words and regions in the order of `areas`.

    The box of a line is the union of its words' boxes with a little white around, that of a
    block the union of its lines', that of an area of its blocks' and of the model's box of a
    figure or table. Words of no area come last.
    """
    regions: list[Region] = []
    order: list[int] = []
    for number, area in enumerate(areas, start=1):
        path = (number,)
        blocks = blocks_of(area)
        trees = [
            _block_regions(page, words, frame, block.kind, block.lines, (*path, i))
            for i, block in enumerate(blocks, start=1)
        ]
        boxes = [tree[0].box for tree in trees]
        if area.frame is not None:
            boxes.append(frame.on_page(area.frame))
        own = [i for block in blocks for line in block.lines for i in line.words]
        text = "\n".join(tree[0].text for tree in trees)
        regions.append(_region(page, words, area.kind, path, Box.enclosing(boxes), text, own))
        regions += [region for tree in trees for region in tree]
        order += own
    taken = set(order)
    order += [i for i in range(len(words)) if i not in taken]
    return ParsedPage(page, tuple(words[i] for i in order), tuple(regions))


def with_margin(line: Line) -> Box:
    """The line's box with a little white around, square units."""
    margin = MARGIN * line.height
    box = line.box
    return Box(box.x0 - margin, box.y0 - margin, box.x1 + margin, box.y1 + margin)


def _block_regions(
    page: Page,
    words: Sequence[Word],
    frame: Frame,
    kind: str,
    lines: Sequence[Line],
    path: tuple[int, ...],
) -> list[Region]:
    leaves = []
    for i, line in enumerate(lines, start=1):
        box = frame.on_page(with_margin(line))
        leaves.append(_region(page, words, kind, (*path, i), box, line.text, line.words))
    own = [at for line in lines for at in line.words]
    box = Box.enclosing(leaf.box for leaf in leaves)
    text = "\n".join(leaf.text for leaf in leaves)
    return [_region(page, words, kind, path, box, text, own), *leaves]


def _region(
    page: Page,
    words: Sequence[Word],
    kind: str,
    path: tuple[int, ...],
    box: Box,
    text: str,
    own: Sequence[int],
) -> Region:
    mean = mean_confidence(words[at].confidence for at in own)
    return Region(
        page_id=page.id,
        path=path,
        box=box,
        text=text,
        kind=kind,
        ocr_confidence=mean,
        hidden_text=suspicions(words[at] for at in own),
    )
