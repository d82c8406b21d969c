"""Boxes on a page, and where the vectors of a page look.

Coordinates are fractions of the page as a viewer shows it, origin at the top left, y down. Units
are converted in the named constructors and exits of `Box` and nowhere else. Arrays over a page are
(rows, cols); shape letters are V page vectors and R regions.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from colregion.core.repr import one_line_repr
from colregion.errors import InvalidBox, InvalidInput, ShapeMismatch

FloatArray: TypeAlias = NDArray[np.floating]
IntArray: TypeAlias = NDArray[np.integer]


@dataclass(frozen=True, slots=True, order=True)
class Box:
    """A rectangle in fractions of the page, origin top-left, y down.

    A box may reach over the page's edge (see `clip`); it always has an area.

    Raises:
        InvalidBox: a coordinate is not finite, or x0 >= x1, or y0 >= y1.
    """

    x0: float
    y0: float
    x1: float
    y1: float

    def __post_init__(self) -> None:
        # A page has thousands of boxes; one chained comparison is false for every NaN as well.
        if not (-inf < self.x0 < self.x1 < inf and -inf < self.y0 < self.y1 < inf):
            raise InvalidBox(f"a box needs finite x0 < x1 and y0 < y1, got {self.xyxy}")

    @classmethod
    def from_pixels(cls, xyxy: Sequence[float], *, width_px: float, height_px: float) -> Box:
        """From (x0, y0, x1, y1) in pixels, origin top-left, of an image of this size."""
        if width_px <= 0 or height_px <= 0:
            raise InvalidBox(f"the page must have a size, got {width_px} x {height_px} px")
        x0, y0, x1, y1 = (float(value) for value in xyxy)
        return cls(x0 / width_px, y0 / height_px, x1 / width_px, y1 / height_px)

    @classmethod
    def from_pdf_points(
        cls,
        *,
        left: float,
        bottom: float,
        right: float,
        top: float,
        page_width_pt: float,
        page_height_pt: float,
    ) -> Box:
        """From PDF points, origin bottom-left, y up, on a page that is not rotated."""
        return cls.from_pixels(
            (left, page_height_pt - top, right, page_height_pt - bottom),
            width_px=page_width_pt,
            height_px=page_height_pt,
        )

    @classmethod
    def enclosing(cls, boxes: Iterable[Box]) -> Box:
        """The smallest box around all of `boxes`. Raises InvalidBox on none."""
        if not (rows := [box.xyxy for box in boxes]):
            raise InvalidBox("no boxes to enclose")
        x0, y0, x1, y1 = zip(*rows, strict=True)
        return cls(min(x0), min(y0), max(x1), max(y1))

    @property
    def xyxy(self) -> tuple[float, float, float, float]:
        return (self.x0, self.y0, self.x1, self.y1)

    @property
    def width(self) -> float:
        """Fraction of the page's width."""
        return self.x1 - self.x0

    @property
    def height(self) -> float:
        """Fraction of the page's height."""
        return self.y1 - self.y0

    @property
    def area(self) -> float:
        """Fraction of the page's area."""
        return self.width * self.height

    @property
    def center(self) -> tuple[float, float]:
        """(x, y), fractions."""
        return ((self.x0 + self.x1) / 2, (self.y0 + self.y1) / 2)

    def to_pixels(self, *, width_px: int, height_px: int) -> tuple[int, int, int, int]:
        """(x0, y0, x1, y1) in pixels, rounded outward, inside the image, at least 1 x 1."""
        x0 = min(max(math.floor(self.x0 * width_px), 0), width_px - 1)
        y0 = min(max(math.floor(self.y0 * height_px), 0), height_px - 1)
        x1 = min(max(math.ceil(self.x1 * width_px), x0 + 1), width_px)
        y1 = min(max(math.ceil(self.y1 * height_px), y0 + 1), height_px)
        return (x0, y0, x1, y1)

    def clip(self) -> Box:
        """The part on the page. Raises InvalidBox when none of it is."""
        x0, y0 = max(self.x0, 0.0), max(self.y0, 0.0)
        x1, y1 = min(self.x1, 1.0), min(self.y1, 1.0)
        if x0 >= x1 or y0 >= y1:
            raise InvalidBox(f"the box lies off the page: {self.xyxy}")
        return Box(x0, y0, x1, y1)

    def contains(self, point_xy: tuple[float, float]) -> bool:
        """Whether a point lies in the box or on its edge."""
        x, y = point_xy
        return self.x0 <= x <= self.x1 and self.y0 <= y <= self.y1

    def overlap(self, other: Box) -> float:
        """Area of the intersection, fraction of the page; 0 when they are apart."""
        width = min(self.x1, other.x1) - max(self.x0, other.x0)
        height = min(self.y1, other.y1) - max(self.y0, other.y0)
        return width * height if width > 0 and height > 0 else 0.0

    def iou(self, other: Box) -> float:
        """Intersection over union, 0-1."""
        shared = self.overlap(other)
        return shared / (self.area + other.area - shared)

    def share_inside(self, other: Box) -> float:
        """The share of this box that lies inside `other`, 0-1."""
        return self.overlap(other) / self.area


def boxes_to_array(boxes: Iterable[Box]) -> FloatArray:
    """(R, 4) float64 rows (x0, y0, x1, y1), fractions; (0, 4) for no boxes."""
    return np.array([box.xyxy for box in boxes], dtype=np.float64).reshape(-1, 4)


def pairwise_overlap(a_xyxy: FloatArray, b_xyxy: FloatArray) -> FloatArray:
    """(A, B) areas of intersection of each box of `a_xyxy` (A, 4) with each of `b_xyxy` (B, 4)."""
    return np.asarray(_shared_sides(a_xyxy[:, None], b_xyxy[None]).clip(0).prod(axis=-1))


def _shared_sides(a: FloatArray, b: FloatArray) -> FloatArray:
    """(..., 2) width and height of the intersections of boxes (..., 4), below 0 when apart."""
    return np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])


def box_areas(boxes_xyxy: FloatArray) -> FloatArray:
    """(R,) areas of boxes (R, 4)."""
    return np.asarray((boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]).prod(axis=1))


def pairwise_iou(a_xyxy: FloatArray, b_xyxy: FloatArray) -> FloatArray:
    """(A, B) intersection over union of boxes (A, 4) with (B, 4), 0-1."""
    shared = pairwise_overlap(a_xyxy, b_xyxy)
    return np.asarray(shared / (box_areas(a_xyxy)[:, None] + box_areas(b_xyxy) - shared))


def union_area(boxes_xyxy: FloatArray) -> float:
    """Area covered by at least one of the boxes (R, 4); 0 for none."""
    if len(boxes_xyxy) == 0:
        return 0.0
    x_edges = np.unique(boxes_xyxy[:, [0, 2]])
    y_edges = np.unique(boxes_xyxy[:, [1, 3]])
    covered = np.zeros((len(y_edges) - 1, len(x_edges) - 1), dtype=bool)
    for x0, y0, x1, y1 in boxes_xyxy:
        columns = slice(*np.searchsorted(x_edges, (x0, x1)))
        covered[slice(*np.searchsorted(y_edges, (y0, y1))), columns] = True
    return float(np.diff(y_edges) @ covered @ np.diff(x_edges))


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of each region every vector's place covers, as compressed sparse rows.

    Region r meets the vectors `indices[indptr[r]:indptr[r + 1]]`, each once; `area` at the same
    positions is the area of intersection (> 0), fraction of the page.
    """

    indptr: IntArray  # (R + 1,)
    indices: IntArray  # (nnz,)
    area: FloatArray  # (nnz,)

    @property
    def n_regions(self) -> int:
        return len(self.indptr) - 1

    @property
    def rows(self) -> IntArray:
        """(nnz,) the region of each entry."""
        return np.repeat(np.arange(self.n_regions), np.diff(self.indptr))

    def where(self, keep: NDArray[np.bool_]) -> Coverage:
        """Only the entries for which `keep` (nnz,) is true."""
        starts = _starts(self.rows[keep], n=self.n_regions)
        return Coverage(starts, self.indices[keep], self.area[keep])


class Placement(ABC):
    """Where each of a page's V vectors looks."""

    @abstractmethod
    def __len__(self) -> int: ...

    @property
    @abstractmethod
    def areas(self) -> FloatArray:
        """(V,) area of each vector's place, fraction of the page; 0 for one that looks nowhere."""

    @abstractmethod
    def coverage(self, boxes_xyxy: ArrayLike) -> Coverage:
        """How much of each region (R, 4) each vector's place covers. No regions give no rows."""


@one_line_repr("n_vectors", "layers")
@dataclass(frozen=True, slots=True, eq=False)
class GridPlacement(Placement):
    """Vectors that look at the cells of one or more grids over the whole page.

    Prompt tokens (in no cell), tile-major order, pooled tokens (in several cells) and a global
    thumbnail (a second layer) are thus data. A vector may be in one of the layers only.

    Args:
        layers: int arrays (rows, cols), finest first: the vector of each cell, -1 for none.
        n_vectors: V.
        map_layers: which layers the relevance map and `coverage` use.

    >>> grid = GridPlacement((np.array([[0, 1, 2], [3, 4, 5]]),), n_vectors=6)
    >>> cover = grid.coverage([[0.0, 0.0, 0.5, 0.5]])  # the left half of the upper row
    >>> cover.indices.tolist(), cover.area.round(4).tolist()
    ([0, 1], [0.1667, 0.0833])
    """

    layers: tuple[IntArray, ...]
    n_vectors: int
    map_layers: tuple[int, ...] = (0,)

    def __post_init__(self) -> None:
        if not self.layers:
            raise ShapeMismatch("GridPlacement needs at least one layer (rows, cols), got none")
        for layer in self.layers:
            if layer.ndim != 2 or 0 in layer.shape or layer.dtype.kind not in "iu":
                raise ShapeMismatch(f"a layer is int (rows, cols), got {layer.dtype} {layer.shape}")
            low, high, v = layer.min(), layer.max(), self.n_vectors
            if low < -1 or high >= v:
                raise ShapeMismatch(f"cells must name vectors -1..{v - 1}, got {low}..{high}")
        n = len(self.layers)
        if not set(self.map_layers) <= set(range(n)):
            raise InvalidInput(f"map_layers must be some of 0..{n - 1}, got {self.map_layers}")

    def __len__(self) -> int:
        return self.n_vectors

    @property
    def areas(self) -> FloatArray:
        areas = np.zeros(self.n_vectors)
        for layer in (self.layers[i] for i in self.map_layers):
            cells = layer[layer >= 0]
            areas += np.bincount(cells, minlength=self.n_vectors) / layer.size
        return areas

    def coverage(self, boxes_xyxy: ArrayLike) -> Coverage:
        boxes = np.clip(np.asarray(boxes_xyxy, dtype=np.float64).reshape(-1, 4), 0.0, 1.0)
        parts = [_grid_overlaps(self.layers[i], boxes) for i in self.map_layers]
        rows, vectors, area = (np.concatenate(part) for part in zip(*parts, strict=True))
        cells = np.concatenate([self.layers[i].ravel() for i in self.map_layers])
        if len(parts) > 1 or np.bincount(cells[cells >= 0]).max(initial=0) > 1:
            # A pooled vector owns several cells of one region: their areas add up.
            keys, inverse = np.unique(rows * self.n_vectors + vectors, return_inverse=True)
            area = np.bincount(inverse, weights=area, minlength=len(keys))
            rows, vectors = np.divmod(keys, max(self.n_vectors, 1))
        return Coverage(_starts(rows, n=len(boxes)), vectors, np.asarray(area, dtype=np.float64))


def _grid_overlaps(layer: IntArray, boxes: FloatArray) -> tuple[IntArray, IntArray, FloatArray]:
    """(region, vector, area) of every cell of one layer that a region overlaps; no other cell is
    looked at."""
    n_rows, n_cols = layer.shape
    edges = boxes * [n_cols, n_rows, n_cols, n_rows]
    first = np.floor(edges[:, :2]).astype(np.int64)  # (R, 2) column, row
    spans = np.maximum(np.ceil(edges[:, 2:]).astype(np.int64) - first, 0)
    region, cell = _ragged(spans[:, 0] * spans[:, 1])
    down, along = np.divmod(cell, np.maximum(spans[region, 0], 1))
    row, col = first[region, 1] + down, first[region, 0] + along
    x0, y0, x1, y1 = edges[region].T
    width = (np.minimum(col + 1, x1) - np.maximum(col, x0)) / n_cols
    height = (np.minimum(row + 1, y1) - np.maximum(row, y0)) / n_rows
    vector = layer[row, col].astype(np.int64)
    keep = (vector >= 0) & (width > 0) & (height > 0)
    return region[keep], vector[keep], (width * height)[keep]


def _starts(rows: IntArray, *, n: int) -> IntArray:
    """(n + 1,) where each of n rows begins in sorted row numbers, and where the last ends."""
    return np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=n))])


def _ragged(counts: IntArray) -> tuple[IntArray, IntArray]:
    """For counts (2, 0, 3): (0, 0, 2, 2, 2) and (0, 1, 0, 1, 2)."""
    owner = np.repeat(np.arange(len(counts)), counts)
    starts = np.cumsum(counts) - counts
    return owner, np.arange(len(owner)) - starts[owner]


@one_line_repr("boxes_xyxy")
@dataclass(frozen=True, slots=True, eq=False)
class BoxPlacement(Placement):
    """Vectors that sit on boxes, such as words.

    Args:
        boxes_xyxy: (V, 4) fractions; a row without area (x1 == x0 or y1 == y0) looks nowhere.
    """

    boxes_xyxy: FloatArray

    def __post_init__(self) -> None:
        boxes = self.boxes_xyxy
        if boxes.ndim != 2 or boxes.shape[1] != 4:
            raise ShapeMismatch(f"boxes must be (V, 4), got {boxes.shape}")
        if not np.isfinite(boxes).all():
            raise InvalidBox("boxes of vectors must be finite")
        if (boxes[:, 2:] < boxes[:, :2]).any():
            raise InvalidBox("boxes of vectors need x0 <= x1 and y0 <= y1")

    def __len__(self) -> int:
        return len(self.boxes_xyxy)

    @property
    def areas(self) -> FloatArray:
        return box_areas(self.boxes_xyxy.astype(np.float64))

    def coverage(self, boxes_xyxy: ArrayLike) -> Coverage:
        regions = np.asarray(boxes_xyxy, dtype=np.float64).reshape(-1, 4)
        places = self.boxes_xyxy.astype(np.float64)
        # Only places whose top lies between a region's bottom and its top less the tallest place
        # can meet it: one slice per region of the places sorted by their top.
        by_top = np.argsort(places[:, 1], kind="stable")
        tops = places[by_top, 1]
        tallest = (places[:, 3] - places[:, 1]).max(initial=0.0)
        start = np.searchsorted(tops, regions[:, 1] - tallest, side="left")
        stop = np.searchsorted(tops, regions[:, 3], side="left")
        region, offset = _ragged(np.maximum(stop - start, 0))
        vector = by_top[start[region] + offset]
        sides = _shared_sides(regions[region], places[vector])
        keep = (sides > 0).all(axis=1)
        region, vector, area = region[keep], vector[keep], sides[keep].prod(axis=1)
        order = np.lexsort((vector, region))
        return Coverage(_starts(region, n=len(regions)), vector[order], area[order])


@dataclass(frozen=True, slots=True)
class Upright:
    """The turn that makes a page upright, and where boxes of the upright page lie on it.

    Args:
        degrees_clockwise: the turn that makes the page upright; 0 leaves it alone.
        width, height: of the page as displayed, in any one unit (only the ratio counts).
    """

    degrees_clockwise: float
    width: float
    height: float

    @property
    def turned_size(self) -> tuple[float, float]:
        """(width, height) of the upright page with all its corners."""
        angle = math.radians(self.degrees_clockwise)
        cos, sin = abs(math.cos(angle)), abs(math.sin(angle))
        return (self.width * cos + self.height * sin, self.width * sin + self.height * cos)

    def box_on_page(self, box: Box) -> Box:
        """The box around `box` of the upright page, on the page as displayed, clipped to it."""
        if self.degrees_clockwise == 0:
            return box.clip()
        turned_width, turned_height = self.turned_size
        angle = math.radians(-self.degrees_clockwise)
        cos, sin = math.cos(angle), math.sin(angle)
        along = [(x - 0.5) * turned_width for x in (box.x0, box.x1)]
        down = [(y - 0.5) * turned_height for y in (box.y0, box.y1)]
        xs = [0.5 + (dx * cos - dy * sin) / self.width for dx in along for dy in down]
        ys = [0.5 + (dx * sin + dy * cos) / self.height for dx in along for dy in down]
        return Box(min(xs), min(ys), max(xs), max(ys)).clip()
