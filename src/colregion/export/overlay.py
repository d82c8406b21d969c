"""Boxes and relevance maps drawn over a page image."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence

from PIL import Image, ImageChops, ImageDraw, ImageFont

from colregion.core.documents import Page
from colregion.core.geometry import Box
from colregion.core.results import Hit, RelevanceMap
from colregion.errors import InvalidInput, ShapeMismatch
from colregion.export.colors import heat_rgba, rank_color, scale_map

CROP_MARGIN = 0.006
"""What a crop in reports and for models shows around its region, a fraction of the page's width."""

_QUOTE_TINT = "#ffe98a"

MAP_COLS = 160
"""Columns of a map: a cell is about as high as a line of text on a common page."""


def map_rows(*, width: float, height: float) -> int:
    """Number of rows that makes the cells of a map square on a page of this shape."""
    return max(1, round(MAP_COLS * height / width))


def draw_boxes(
    image: Image.Image, boxes: Sequence[Box], *, labels: Sequence[str], colors: Sequence[str]
) -> Image.Image:
    """Draw labelled boxes on an RGB copy of an image.

    The outlines run outside the boxes, with a white line that sets them off from any background;
    the first box is on top. Without boxes the copy is unchanged.

    Args:
        labels, colors: one per box; an empty label is not drawn, a color is `#rrggbb`.

    Raises:
        ShapeMismatch: the numbers of boxes, labels and colors differ.
    """
    if not len(boxes) == len(labels) == len(colors):
        got = f"got {len(labels)} and {len(colors)}"
        raise ShapeMismatch(f"{len(boxes)} boxes need as many labels and colors, {got}")
    drawn = image.convert("RGB")  # always a copy
    draw = ImageDraw.Draw(drawn)
    stroke = max(2, round(max(image.size) / 500))
    font = ImageFont.load_default(size=max(11.0, max(image.size) / 75))
    for box, label, color in reversed(list(zip(boxes, labels, colors, strict=True))):
        x0, y0, x1, y1 = box.to_pixels(width_px=image.width, height_px=image.height)
        halo = max(1, stroke // 2)
        outer = stroke + halo
        for grow, ink, width in ((outer, "white", halo), (stroke, color, stroke)):
            edges = (x0 - grow, y0 - grow, x1 + grow - 1, y1 + grow - 1)
            draw.rectangle(edges, None, ink, width)
        if label:
            _label(draw, label, box=(x0, y0, x1, y1), color=color, font=font, outer=outer)
    return drawn


def _label(
    draw: ImageDraw.ImageDraw,
    label: str,
    *,
    box: tuple[int, int, int, int],
    color: str,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    outer: int,
) -> None:
    """Draw a tag left of the box, or above it where the page ends there, or else inside it."""
    left, top, right, bottom = draw.textbbox((0, 0), label, font=font)
    pad = outer
    width, height = round(right - left) + 2 * pad, round(bottom - top) + 2 * pad
    x, y = box[0] - outer - width, box[1] - outer
    if x < 0:
        x, y = max(box[0] - outer, 0), box[1] - outer - height
    y = y if y >= 0 else box[1]
    draw.rectangle((x, y, x + width - 1, y + height - 1), fill=color, outline="white")
    draw.text((x + pad - left, y + pad - top), label, fill="white", font=font)


def draw_hits(
    image: Image.Image, hits: Sequence[Hit], *, ranks: Sequence[int] | None = None
) -> Image.Image:
    """Draw the boxes of hits on an RGB copy of their page's image, with rank and score.

    A region of several parts gets a box per part, the first one labelled; a hit without a score
    is labelled by its rank. The image may have any size.

    Args:
        ranks: one per hit, 1-based; by default their order.

    Raises:
        ShapeMismatch: the numbers of hits and ranks differ.
    """
    ranks = range(1, len(hits) + 1) if ranks is None else ranks
    if len(ranks) != len(hits):
        raise ShapeMismatch(f"{len(hits)} hits need as many ranks, got {len(ranks)}")
    boxes: list[Box] = []
    labels: list[str] = []
    colors: list[str] = []
    for rank, hit in zip(ranks, hits, strict=True):
        parts = hit.region.boxes
        boxes.extend(parts)
        label = str(rank) if hit.score is None else f"{rank}  {hit.score:.2f}"
        labels.extend([label, *[""] * (len(parts) - 1)])
        colors.extend([rank_color(rank)] * len(parts))
    return draw_boxes(image, boxes, labels=labels, colors=colors)


def draw_hit(hit: Hit) -> Image.Image:
    """A hit's page with its box, and its quotes tinted, turned upright; a new RGB image."""
    tinted = tint_quotes(hit.parsed.page.image, [hit])
    boxes = hit.region.boxes
    drawn = draw_boxes(tinted, boxes, labels=[""] * len(boxes), colors=[rank_color(1)] * len(boxes))
    return turn_upright(drawn, hit.parsed.page)


def tint_quotes(image: Image.Image, hits: Iterable[Hit]) -> Image.Image:
    """An RGB copy of the image of the hits' page, of any size, with their quotes in yellow."""
    tinted = image.convert("RGB")  # always a copy
    for box in (box for hit in hits for quote in hit.quotes for box in quote.boxes):
        place = box.to_pixels(width_px=image.width, height_px=image.height)
        part = tinted.crop(place)
        tinted.paste(ImageChops.multiply(part, Image.new("RGB", part.size, _QUOTE_TINT)), place)
    return tinted


def turn_upright(image: Image.Image, page: Page) -> Image.Image:
    """An image of the page, or of a part of it, turned by the quarter turn nearest to upright."""
    return image.rotate(-90 * page.quarter_turns, expand=True)


def turn_box(box: Box, page: Page) -> Box:
    """Where a box of the page stands on the image that `turn_upright` returns."""
    x0, y0, x1, y1 = box.xyxy
    for _ in range(page.quarter_turns):
        x0, y0, x1, y1 = 1 - y1, x0, 1 - y0, x1
    return Box(x0, y0, x1, y1)


def draw_map(
    image: Image.Image, relevance: RelevanceMap, *, token: int | None = None
) -> Image.Image:
    """Draw a relevance map over an RGB copy of its page's image.

    The map is scaled by its own range, from its median (transparent) to its maximum. Where no
    vector looks the image is unchanged; it may have any size.

    Args:
        token: 0..T-1 for the map of one token; None for the whole question's.

    Raises:
        InvalidInput: `token` is out of range.
    """
    if token is not None and not 0 <= token < len(relevance.tokens):
        raise InvalidInput(f"token must be 0..{len(relevance.tokens) - 1}, got {token}")
    rows = map_rows(width=image.width, height=image.height)
    raster = relevance.raster(rows=rows, cols=MAP_COLS, token=token)
    heat = Image.fromarray(heat_rgba(scale_map(raster).values)).resize(
        image.size, Image.Resampling.NEAREST
    )
    return Image.alpha_composite(image.convert("RGBA"), heat).convert("RGB")


def overlay_png(
    hits: Sequence[Hit],
    *,
    page_id: str | None = None,
    relevance: RelevanceMap | None = None,
    token: int | None = None,
) -> bytes:
    """A page's image with the hits that are on it, as a PNG file.

    Args:
        hits: of one search, best first; their order gives the ranks.
        page_id: which page; the best hit's by default.
        relevance: the page's map, drawn beneath the boxes; `token` as in `draw_map`.

    Raises:
        InvalidInput: no hit is on the page.
    """
    if page_id is None and hits:
        page_id = hits[0].page_id
    on_page = [(rank, hit) for rank, hit in enumerate(hits, start=1) if hit.page_id == page_id]
    if not on_page:
        raise InvalidInput(f"none of the {len(hits)} hits is on page {page_id!r}")
    image = on_page[0][1].parsed.page.image
    if relevance is not None:
        image = draw_map(image, relevance, token=token)
    drawn = draw_hits(image, [hit for _, hit in on_page], ranks=[rank for rank, _ in on_page])
    buffer = io.BytesIO()
    drawn.save(buffer, format="PNG")
    return buffer.getvalue()
