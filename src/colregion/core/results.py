"""What the engine returns: hits, pages, relevance maps, reports of what went in."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import import_module
from typing import SupportsIndex, overload

import numpy as np
from PIL import Image

from colregion.core.documents import DocumentEntry, MetadataValue, Page
from colregion.core.embeddings import Candidate, QueryEmbedding
from colregion.core.geometry import Box, FloatArray, GridPlacement, Placement
from colregion.core.quotes import Evidence, Quote, find_quotes
from colregion.core.regions import ParsedPage, Region
from colregion.core.repr import ShowsItself, one_line_repr
from colregion.core.table_formats import to_html, to_markdown
from colregion.errors import InvalidInput, ShapeMismatch

DEFAULT_K = 5
"""How many hits a search returns by default, in the engine and in every adapter."""


@one_line_repr("tokens", "similarity", "placement")
@dataclass(frozen=True, slots=True, eq=False)
class RelevanceMap(ShowsItself):
    """How strongly each token of a question lights up each place of a page: the (T, V) raw dot
    products of query tokens and page vectors, and where the page's vectors look. The query's
    `content` and `weights` say what counts; `page`, where it is known, is what a notebook shows the
    map on."""

    similarity: FloatArray
    placement: Placement
    query: QueryEmbedding
    page: Page | None = None

    @classmethod
    def of(cls, candidate: Candidate, query: QueryEmbedding) -> RelevanceMap:
        """The map of the page that an index proposed for a query."""
        page = candidate.parsed.page
        return cls(candidate.similarity, candidate.placement, query, page)

    def __post_init__(self) -> None:
        expected = (len(self.query.tokens), len(self.placement))
        if self.similarity.shape != expected:
            raise ShapeMismatch(f"similarity must be {expected}, got {self.similarity.shape}")

    @property
    def tokens(self) -> tuple[str, ...]:
        return self.query.tokens

    def with_layers(self, layers: Sequence[int]) -> RelevanceMap:
        """The map as these of a visual model's grids show it: 0 the finest, 1 the thumbnail of
        models that have one. Raises InvalidInput for no layer, an unknown one, or vectors that sit
        on words."""
        if not isinstance(self.placement, GridPlacement):
            raise InvalidInput("layers are for visual models; this page's vectors sit on its words")
        if not layers:
            raise InvalidInput("layers must name one layer or more, got none")
        return replace(self, placement=replace(self.placement, map_layers=tuple(layers)))

    def combined(self) -> FloatArray:
        """(V,) weighted mean over the content tokens; 0 everywhere when there are none."""
        weights = self.query.weights * self.query.content
        total = float(weights.sum())
        if total == 0:
            return np.zeros(len(self.placement))
        return np.asarray(weights @ self.similarity / total)

    def raster(self, *, rows: int, cols: int, token: int | None = None) -> FloatArray:
        """(rows, cols) image of the map, NaN where no vector looks.

        A cell is the mean similarity of the vectors that look at it, weighted by the area they
        cover there; for one `token` (0..T-1), or combined when it is None.
        """
        return np.asarray(self.rasters((token,), rows=rows, cols=cols)[0])

    def rasters(self, tokens: Sequence[int | None], *, rows: int, cols: int) -> FloatArray:
        """(N, rows, cols): `raster` of each of N tokens, at little more than the cost of one."""
        y0, x0 = np.divmod(np.arange(rows * cols), cols)
        cells = np.stack([x0 / cols, y0 / rows, (x0 + 1) / cols, (y0 + 1) / rows], axis=1)
        cover = self.placement.coverage(cells)
        cell = cover.rows
        covered = np.bincount(cell, weights=cover.area, minlength=rows * cols)
        maps = np.empty((len(tokens), rows, cols))
        for cells_of, token in zip(maps, tokens, strict=True):
            values = self.combined() if token is None else self.similarity[token]
            weights = cover.area * values[cover.indices]
            lit = np.bincount(cell, weights=weights, minlength=rows * cols)
            with np.errstate(invalid="ignore", divide="ignore"):
                cells_of[:] = (lit / covered).reshape(rows, cols)
        return maps


class _OnPage(ShowsItself):
    """What hits of pages and of regions have in common."""

    __slots__ = ()
    parsed: ParsedPage
    entry: DocumentEntry

    @property
    def doc_id(self) -> str:
        return self.parsed.page.doc_id

    @property
    def page_id(self) -> str:
        return self.parsed.id

    @property
    def page_number(self) -> int:
        """1-based."""
        return self.parsed.page.number

    @property
    def source(self) -> str:
        """Where the document came from."""
        return self.entry.source


@one_line_repr("id", "score", "source", "text")
@dataclass(frozen=True, slots=True, eq=False)
class PageHit(_OnPage):
    """A page that answers a question."""

    parsed: ParsedPage
    entry: DocumentEntry
    score: float

    @property
    def id(self) -> str:
        return self.page_id

    @property
    def text(self) -> str:
        """`ParsedPage.text`."""
        return self.parsed.text

    @property
    def image(self) -> Image.Image:
        return self.parsed.page.image


@one_line_repr("id", "score", "source", "text")
@dataclass(frozen=True, eq=False)
class Hit(_OnPage):
    """A region that answers a question.

    Args:
        score: higher is better; compares across the pages of one search. None for a region
            fetched without a question.
        confidence: 0-1 where the index's encoder is calibrated, else None.
        evidence: what of its page matches the question; None for a region fetched without one.
        unread_reason: why a part of it was not read for the question; "" where all of it was, and
            for a region fetched without a question.
    """

    region: Region
    parsed: ParsedPage
    entry: DocumentEntry
    score: float | None = None
    confidence: float | None = None
    evidence: Evidence | None = None
    unread_reason: str = ""

    @property
    def id(self) -> str:
        return self.region.id

    @property
    def text(self) -> str:
        return self.region.text

    @property
    def box(self) -> Box:
        return self.region.box

    @property
    def boxes(self) -> tuple[tuple[int, Box], ...]:
        """Page number and box of each of the region's parts, those on later pages last."""
        own = ((self.page_number, box) for box in self.region.boxes)
        return (*own, *self.region.continued_on)

    @property
    def kind(self) -> str:
        return self.region.kind

    @property
    def unread(self) -> bool:
        """Whether it, or a part of it, was seen on the page's image and has not been read."""
        return self.region.unread

    @property
    def hidden_text_warning(self) -> str:
        return self.region.hidden_text_warning

    @cached_property
    def quotes(self) -> tuple[Quote, ...]:
        """The words of the region that carry the evidence, as `find_quotes` selects them; () for a
        region without text, or fetched without a question."""
        if self.evidence is None:
            return ()
        return find_quotes(self.parsed, self.region, self.evidence)

    def crop(self, *, margin: float = 0.0) -> Image.Image:
        """The region cut out of the page's image, `margin` (fraction of the page's width) around
        it included."""
        image, box = self.parsed.page.image, self.region.box
        margin_y = margin * image.width / image.height
        grown = Box(box.x0 - margin, box.y0 - margin_y, box.x1 + margin, box.y1 + margin_y)
        return image.crop(grown.to_pixels(width_px=image.width, height_px=image.height))

    def show(self) -> Image.Image:
        """The page's image with the region's box, and its quotes tinted, upright; a notebook shows
        it, elsewhere call its own `show`."""
        image: Image.Image = import_module("colregion.export.overlay").draw_hit(self)
        return image

    def expand(self, level: str) -> Hit:
        """The hit's surroundings as a hit of the same score: its "block", "area" or "page"."""
        return replace(self, region=self.parsed.ancestor(self.region, level))

    def to_markdown(self) -> str:
        """As `table_formats.to_markdown`: a table, a row of one with its header, or paragraphs."""
        return to_markdown(self.parsed, self.region)

    def to_html(self) -> str:
        """As `table_formats.to_html`, the same with the spans of cells."""
        return to_html(self.parsed, self.region)

    def to_metadata(
        self, *, confidence: bool = True, quotes: bool = True
    ) -> dict[str, MetadataValue]:
        """The hit as flat JSON-safe values, the one schema of all adapters, without the score.

        `x0 y0 x1 y1` are fractions of the page (origin top-left), `page_width page_height` its
        size in `page_unit` ("pt", "px"), `boxes_json` lists `[page, x0, y0, x1, y1]` rows of
        `boxes`, `hidden_text` joins its `HIDDEN_TEXT_REASONS`, `unread` is true where a part of it
        was seen and not read; `quotes` joins the words that carry
        the evidence with " … ", and `quote_boxes_json` lists their rows; then the user's own keys.
        `confidence` and `quotes` are left out on request, as they depend on the question.
        """
        page, box = self.parsed.page, self.region.box
        flat: dict[str, MetadataValue] = {
            "region_id": self.region.id,
            "doc_id": page.doc_id,
            "source": self.entry.source,
            "page_number": page.number,
            "page_label": page.label,
            **dict(zip(("x0", "y0", "x1", "y1"), _rounded(box), strict=True)),
            "page_width": float(page.width),
            "page_height": float(page.height),
            "page_unit": page.unit,
            "rotation": page.rotation,
            "kind": self.region.kind,
            "ocr_confidence": self.region.ocr_confidence,
            "hidden_text": ", ".join(self.region.hidden_text),
            "unread": self.region.unread,
            "boxes_json": json.dumps([[number, *_rounded(b)] for number, b in self.boxes]),
        }
        if confidence and self.confidence is not None:
            flat["confidence"] = float(self.confidence)
        if quotes and (own := self.quotes):
            flat["quotes"] = " … ".join(quote.text for quote in own)
            boxes = (box for quote in own for box in quote.boxes)
            flat["quote_boxes_json"] = json.dumps([[page.number, *_rounded(b)] for b in boxes])
        return {**flat, **self.entry.metadata}


class Hits(list[Hit], ShowsItself):
    """A list of hits, best first, that a notebook shows with their pages; so is a slice of it."""

    @overload
    def __getitem__(self, index: SupportsIndex, /) -> Hit: ...
    @overload
    def __getitem__(self, index: slice, /) -> Hits: ...
    def __getitem__(self, index: SupportsIndex | slice, /) -> Hit | Hits:
        chosen = super().__getitem__(index)
        return Hits(chosen) if isinstance(chosen, list) else chosen


def _rounded(box: Box) -> list[float]:
    return [round(float(value), 6) for value in box.xyxy]


@one_line_repr("source", "status", "pages", "reason")
@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one source in `Engine.add`.

    Args:
        status: "added", "replaced", "skipped" (unchanged), "failed", or "ignored" (a file in a
            folder, of a type that is not read).
        seconds: spent on reading, over all processes, and on storing it.
        reason: why it failed, was skipped or is incomplete; "" otherwise.
        missing_pages: pages that could not be read whole. The next `add` reads them again.
        unread_pages: how many pages went in with parts that are read on demand.
    """

    source: str
    doc_id: str
    status: str
    pages: int = 0
    regions: int = 0
    seconds: float = 0.0
    reason: str = ""
    missing_pages: tuple[int, ...] = ()
    unread_pages: int = 0


@one_line_repr("pages", "counts")
@dataclass(frozen=True, slots=True)
class AddReport(ShowsItself):
    """What `Engine.add` did, one outcome per source, and the number of processes that read
    documents, 0 when this one did."""

    outcomes: tuple[Outcome, ...]
    workers: int = 0

    def of(self, *statuses: str) -> tuple[Outcome, ...]:
        return tuple(outcome for outcome in self.outcomes if outcome.status in statuses)

    @property
    def counts(self) -> dict[str, int]:
        """How many sources have each status; none that no source has."""
        return dict(Counter(outcome.status for outcome in self.outcomes))

    @property
    def failed(self) -> tuple[Outcome, ...]:
        return self.of("failed")

    @property
    def ignored(self) -> tuple[Outcome, ...]:
        return self.of("ignored")

    @property
    def incomplete(self) -> tuple[Outcome, ...]:
        """Documents that went in without some of their pages."""
        return tuple(outcome for outcome in self.outcomes if outcome.missing_pages)

    @property
    def pages(self) -> int:
        """Pages that went in."""
        return sum(outcome.pages for outcome in self.of("added", "replaced"))

    @property
    def unread_pages(self) -> int:
        """Pages that went in with parts that are read on demand."""
        return sum(outcome.unread_pages for outcome in self.outcomes)
