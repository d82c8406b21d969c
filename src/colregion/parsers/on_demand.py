"""A parser that leaves pages without a text layer unread, and reads parts of them later."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from colregion.core.documents import Document, Page
from colregion.core.geometry import Box, Upright
from colregion.core.interfaces import Parser
from colregion.core.regions import ParsedPage, Word
from colregion.errors import InvalidBox, InvalidInput
from colregion.parsers.layout import Layout
from colregion.parsers.layout.ink import ink_regions
from colregion.parsers.ocr.orientation import character_confidence
from colregion.parsers.ocr.tesseract import DPI, is_coarse, sheet_dpi
from colregion.parsers.page_parser import PageParser, parse_pages
from colregion.parsers.text_layer.hidden_text import mark_hidden_text

_MARGIN = 0.008  # of the page's width, around an area that is cut out
_IN_ROW = 0.5  # of the lower one's height
# RapidOCR enlarges an image until its shorter side has this many pixels: a line that is cut out
# would take it three times as long as a page.
_LEAST_SIDE_PX = 736
# Mean over the characters, from which a reading tells which side of the page is up.
_SURE = 0.55  # upside down, no more than .34 was measured
_FEWEST_SURE = 20  # characters


@dataclass(frozen=True, eq=False)
class PartToRead(Page):
    """A page of which only a part is to be read.

    Args:
        areas: to be read; () for all of the page, with its layout.
        known_words: that are on the page already, and are not read again.
    """

    areas: tuple[Box, ...] = ()
    known_words: tuple[Word, ...] = ()


class OnDemandParser(Parser):
    """Reads text layers as `parser` does and leaves all else unread, divided by its ink; of a
    document of `PartToRead`, reads the parts.

    A part comes back as a page without image. With `areas` it has their words and no regions, else
    all words of the page and its layout. Its `upright` is set once reading has told it.

    Raises:
        InvalidInput: a parser that does not read page by page, or no images.
    """

    by_page = True
    leaves_unread = True

    def __init__(self, parser: Parser) -> None:
        if not isinstance(parser, PageParser) or not parser.reader.reads_images:
            raise InvalidInput(
                f"reading on demand needs a parser that reads images page by page, such as 'auto'; "
                f"not {parser.fingerprint!r}"
            )
        self.parser = parser

    @property
    def fingerprint(self) -> str:
        return self.parser.fingerprint

    def for_one_core(self) -> OnDemandParser:
        return OnDemandParser(self.parser.for_one_core())

    def parse(self, document: Document) -> Iterator[ParsedPage]:
        return parse_pages(document, self._parse, workers=self.parser.workers)

    def _parse(self, page: Page) -> ParsedPage:
        if isinstance(page, PartToRead):
            return self._read(page)
        laid, words, is_whole = self.parser.reader.read_layer(page)
        words = mark_hidden_text(laid, words)
        if is_whole:
            return self.parser.layout.build(laid, words)
        if not words:
            return ink_regions(laid, self.parser.layout)
        read = self.parser.layout.build(laid, words)
        # Its model has told the figures and tables of the whole page already.
        rest = ink_regions(read.page, Layout("geometry"), without=[word.box for word in words])
        return with_areas(read, rest)

    def _read(self, part: PartToRead) -> ParsedPage:
        page, words = self._read_cut(part)
        if part.areas:
            return ParsedPage(page, words, ())
        with_image = replace(page, load_image=part.load_image)
        parsed = self.parser.layout.build(with_image, (*part.known_words, *words))
        return replace(parsed, page=page)

    def _read_cut(self, part: PartToRead) -> tuple[Page, tuple[Word, ...]]:
        cut, box = _cut_out(part)
        reader = self.parser.reader
        if part.areas:
            read, words = reader.read_cut(cut, is_coarse=is_coarse(part))
        else:
            read, words = reader.read_ocr(cut)
        on_page = []
        for word in words:
            with suppress(InvalidBox):
                on_page.append(replace(word, box=_in_box(word.box, box).clip()))
        upright = part.upright
        if upright is None:
            n_characters = sum(len(word.text) for word in words)
            is_sure = n_characters >= _FEWEST_SURE and character_confidence(words) >= _SURE
            if is_sure or not part.areas:
                degrees = read.upright.degrees_clockwise if read.upright else 0.0
                upright = Upright(degrees, part.width, part.height)
        page = Page(
            part.doc_id,
            part.number,
            part.width,
            part.height,
            part.unit,
            load_image=no_image,
            upright=upright,
            missing=read.missing or part.missing,
        )
        return page, tuple(on_page)


def with_areas(parsed: ParsedPage, ink: ParsedPage) -> ParsedPage:
    """A page with the areas of another one of the same page behind its own."""
    count = parsed.regions[-1].path[0] if parsed.regions else 0
    added = (replace(r, path=(r.path[0] + count, *r.path[1:])) for r in ink.regions)
    return ParsedPage(ink.page, parsed.words, (*parsed.regions, *added))


def _cut_out(part: PartToRead) -> tuple[Page, Box]:
    """The part as a page of its own, and its place on the page: what is around its areas, and
    words that are known, are painted over."""
    image = part.load_image(dpi=DPI).convert("RGB")
    size = {"width_px": image.width, "height_px": image.height}
    paper = tuple(np.median(np.asarray(image.reduce(4)), axis=(0, 1)).astype(int).tolist())
    for word in part.known_words:
        image.paste(paper, word.box.to_pixels(**size))
    dpi = image.width / part.width * 72 if part.unit == "pt" else sheet_dpi(*image.size)
    box = Box(0.0, 0.0, 1.0, 1.0)
    if part.areas:
        margin_y = _MARGIN * image.width / image.height
        areas = [
            Box(a.x0 - _MARGIN, a.y0 - margin_y, a.x1 + _MARGIN, a.y1 + margin_y)
            for a in _rows(part.areas)
        ]
        pixels = [area.to_pixels(**size) for area in areas]
        x0, y0, x1, y1 = Box.enclosing(areas).to_pixels(**size)
        x1, y1 = max(x1, x0 + _LEAST_SIDE_PX), max(y1, y0 + _LEAST_SIDE_PX)
        shown = Image.new("RGB", (x1 - x0, y1 - y0), paper)
        for left, top, right, bottom in pixels:
            shown.paste(image.crop((left, top, right, bottom)), (left - x0, top - y0))
        box = Box.from_pixels((x0, y0, x1, y1), **size)
        image = shown
    width, height, unit = image.width * 72 / dpi, image.height * 72 / dpi, "pt"
    if not part.areas:  # read as the page itself
        width, height, unit = part.width, part.height, part.unit

    def load_image(*, dpi: int | None = None) -> Image.Image:  # noqa: ARG001
        return image

    upright = part.upright and Upright(part.upright.degrees_clockwise, width, height)
    page = Page(part.doc_id, part.number, width, height, unit, load_image, upright=upright)
    return page, box


def _rows(areas: Iterable[Box]) -> list[Box]:
    """Boxes around those areas that stand beside each other: between two words of a line may be one
    that the ink did not show."""
    rows: list[Box] = []
    for area in sorted(areas):
        for i, row in enumerate(rows):
            shared = min(row.y1, area.y1) - max(row.y0, area.y0)
            if shared >= _IN_ROW * min(row.height, area.height):
                rows[i] = Box.enclosing([row, area])
                break
        else:
            rows.append(area)
    return rows


def _in_box(inner: Box, outer: Box) -> Box:
    """A box in fractions of another one, on the page of that."""
    return Box(
        outer.x0 + inner.x0 * outer.width,
        outer.y0 + inner.y0 * outer.height,
        outer.x0 + inner.x1 * outer.width,
        outer.y0 + inner.y1 * outer.height,
    )


def no_image(*, dpi: int | None = None) -> Image.Image:  # noqa: ARG001
    """The `ImageLoader` of a page whose image nobody needs."""
    return Image.new("RGB", (1, 1), "white")
