"""Boxes and relevance maps drawn over a page's picture."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from colregion.core.geometry import Box
from colregion.core.results import Hit, RelevanceMap
from colregion.errors import InvalidInput, ShapeMismatch
from colregion.export.colors import heat_rgba, rank_color, scale_map

MAP_COLS = 160
"""Cells along the width of a map: about the height of a line of text on a common page."""


def map_rows(*, width: float, height: float) -> int:
    """Rows that make the cells of a map square on a page of this shape."""
    return max(1, round(MAP_COLS * height / width))


def draw_boxes(
    image: Image.Image,
    boxes: Sequence[Box],
    *,
    labels: Sequence[str],
    colors: Sequence[str],
) -> Image.Image:
    """A copy of the picture, RGB, with each box outlined and labelled.

    A white line on either side keeps the outline apart from any background. The first box lies
    on top. No boxes give the picture as it is. An empty label draws none.

    Args:
        labels, colors: one a box; colors as `#rrggbb`.

    Raises:
        ShapeMismatch: not one label and color a box.
    """
    if not len(boxes) == len(labels) == len(colors):
        raise ShapeMismatch(
            f"{len(boxes)} boxes need as many labels and colors, "
            f"got {len(labels)} and {len(colors)}"
        )
    drawn = image.convert("RGB")
    if drawn is image:
        drawn = image.copy()
    draw = ImageDraw.Draw(drawn)
    stroke = max(2, round(max(image.size) / 500))
    font = ImageFont.load_default(size=max(11.0, max(image.size) / 75))
    for box, label, color in reversed(list(zip(boxes, labels, colors, strict=True))):
        x0, y0, x1, y1 = box.to_pixels(width_px=image.width, height_px=image.height)
        halo = max(1, stroke // 2)
        outer = stroke + halo
        draw.rectangle(
            (x0 - outer, y0 - outer, x1 + outer - 1, y1 + outer - 1), None, "white", halo
        )
        draw.rectangle(
            (x0 - stroke, y0 - stroke, x1 + stroke - 1, y1 + stroke - 1), None, color, stroke
        )
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
    """A filled tag left of the box, above it where the page ends there, else inside it."""
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
    """A copy of the picture, RGB, with the hits' boxes, each labelled with its rank and score.

    A merged region is drawn part by part, its first part labelled.

    Args:
        image: the page that the hits lie on, at any size.
        ranks: of the hits, 1-based; by default their order.

    Raises:
        ShapeMismatch: not one rank a hit.
    """
    numbers = range(1, len(hits) + 1) if ranks is None else ranks
    if len(numbers) != len(hits):
        raise ShapeMismatch(f"{len(hits)} hits need as many ranks, got {len(numbers)}")
    boxes: list[Box] = []
    labels: list[str] = []
    colors: list[str] = []
    for rank, hit in zip(numbers, hits, strict=True):
        parts = hit.region.boxes
        boxes.extend(parts)
        labels.extend([f"{rank}  {hit.score:.2f}", *[""] * (len(parts) - 1)])
        colors.extend([rank_color(rank)] * len(parts))
    return draw_boxes(image, boxes, labels=labels, colors=colors)


def draw_map(
    image: Image.Image, relevance: RelevanceMap, *, token: int | None = None
) -> Image.Image:
    """A copy of the picture, RGB, with the relevance map laid over it.

    Each map is scaled on its own, from its median (clear) to its maximum; see `colors.scale`.
    Where no vector looks the picture stays as it is.

    Args:
        token: 0..T-1 for one token's map; None for the question's.

    Raises:
        InvalidInput: no such token.
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
    """A page's picture with the hits that lie on it, as a PNG file.

    Args:
        hits: of one search, best first; their places give the ranks.
        page_id: which page; the best hit's by default.
        relevance: the page's map, drawn beneath the boxes; `token` as in `draw_map`.

    Raises:
        InvalidInput: no hit lies on the page.
    """
    wanted = page_id if page_id is not None or not hits else hits[0].page_id
    here = [(rank, hit) for rank, hit in enumerate(hits, start=1) if hit.page_id == wanted]
    if not here:
        raise InvalidInput(f"none of the {len(hits)} hits lies on page {wanted!r}")
    image = here[0][1].parsed.page.image
    if relevance is not None:
        image = draw_map(image, relevance, token=token)
    drawn = draw_hits(image, [hit for _, hit in here], ranks=[rank for rank, _ in here])
    file = io.BytesIO()
    drawn.save(file, format="PNG")
    return file.getvalue()
