"""A page's region tree from areas in reading order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from colregion.core.documents import Page
from colregion.core.geometry import Box
from colregion.core.regions import ParsedPage, Region, Word, mean_confidence
from colregion.parsers.layout.areas import Area
from colregion.parsers.layout.blocks import blocks_of
from colregion.parsers.layout.lines import Line
from colregion.parsers.layout.page_frame import Frame
from colregion.parsers.text_layer.hidden_text import hidden_text_reasons

MARGIN = 0.15
"""Padding around a line, in text heights, so that a crop or highlight does not touch the ink;
well below half the space between two lines."""


@dataclass(frozen=True, slots=True)
class RegionNode:
    """A region with its parts or, without any, its words; boxes on the page as displayed."""

    box: Box
    text: str
    kind: str
    parts: tuple[RegionNode, ...] = ()
    words: tuple[Word, ...] = ()

    @classmethod
    def around(
        cls, parts: Sequence[RegionNode], *, kind: str, text: str = "", box: Box | None = None
    ) -> RegionNode:
        """A node around its parts and `box`; without `text` it has the parts' text."""
        boxes = [part.box for part in parts] + ([box] if box else [])
        text = text or "\n".join(part.text for part in parts if part.text)
        return cls(Box.enclosing(boxes), text, kind, tuple(parts))

    @classmethod
    def of_lines(
        cls, kind: str, lines: Iterable[Line], words: Sequence[Word], frame: Frame
    ) -> tuple[RegionNode, ...]:
        """A node per line.

        Args:
            lines: refer to `words` by position.
        """
        return tuple(
            cls(
                frame.on_page(_padded(line)),
                line.text,
                kind,
                words=tuple(words[i] for i in line.words),
            )
            for line in lines
        )

    @classmethod
    def of_blocks(cls, area: Area, words: Sequence[Word], frame: Frame) -> list[RegionNode]:
        """A node per block of the area."""
        return [
            cls.around(cls.of_lines(block.kind, block.lines, words, frame), kind=block.kind)
            for block in blocks_of(area)
        ]

    def all_words(self) -> Iterator[Word]:
        """The words of the node and of everything below it, in reading order."""
        yield from self.words
        for part in self.parts:
            yield from part.all_words()

    def regions(self, page: Page, path: tuple[int, ...]) -> Iterator[Region]:
        """The node and everything below it as regions, parents first."""
        yield Region(
            page_id=page.id,
            path=path,
            box=self.box,
            text=self.text,
            kind=self.kind,
            ocr_confidence=mean_confidence(word.confidence for word in self.all_words()),
            hidden_text=hidden_text_reasons(self.all_words()),
        )
        for number, part in enumerate(self.parts, start=1):
            yield from part.regions(page, (*path, number))


def parsed_page(page: Page, nodes: Sequence[RegionNode], other_words: Iterable[Word]) -> ParsedPage:
    """The page with its areas in the order of `nodes`; words in no region come last."""
    regions = [r for i, node in enumerate(nodes, start=1) for r in node.regions(page, (i,))]
    words = [word for node in nodes for word in node.all_words()]
    return ParsedPage(page, (*words, *other_words), tuple(regions))


def build_tree(
    page: Page, words: Sequence[Word], areas: Sequence[Area], frame: Frame
) -> ParsedPage:
    """The page with its words and regions in the order of `areas`.

    A line's box is the union of its words' boxes with a little padding, a block's that of its
    lines, an area's that of its blocks and of the model's box of a figure or table. Words in no
    area come last.
    """
    nodes = [
        RegionNode.around(
            RegionNode.of_blocks(area, words, frame),
            kind=area.kind,
            box=frame.on_page(area.frame) if area.frame else None,
        )
        for area in areas
    ]
    in_areas = {i for area in areas for line in area.all_lines for i in line.words}
    return parsed_page(page, nodes, [word for i, word in enumerate(words) if i not in in_areas])


def _padded(line: Line) -> Box:
    margin = MARGIN * line.height
    box = line.box
    return Box(box.x0 - margin, box.y0 - margin, box.x1 + margin, box.y1 + margin)
