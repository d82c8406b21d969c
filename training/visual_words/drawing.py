"""Crops of pages that never were: text in many fonts and sizes, as printed, scanned and copied."""

from __future__ import annotations

import io
import math
import random
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from colregion.core.text import fold, terms
from training.visual_words.fonts import FontSource
from training.visual_words.texts import TextSource

CROP_WIDTH, CROP_HEIGHT = 384, 192

_USUAL_SIZES = (9, 10, 10, 11, 11, 12, 12, 13, 13, 14, 14, 15, 16, 17, 18, 19, 20, 22)
_RARE_SIZES = (8, 8, 9, 24, 26, 28, 32, 36, 40)
_DRAWN_SCALES = (1.0, 1.0, 1.5, 2.0, 2.0)  # crops are drawn larger and reduced

_COARSE_SHARE = 0.25  # of crops, scanned with fewer points and enlarged, as the encoder does


class DrawnTerm(NamedTuple):
    """A term (`text.terms`) of a printed token and its box in pixels of the crop; without a term
    the box holds only marks."""

    term: str | None
    token: str
    x0: float
    y0: float
    x1: float
    y1: float


class Paper(NamedTuple):
    """Gray levels."""

    background: int
    ink: int

    @property
    def inverted(self) -> bool:
        return self.ink > self.background


class CropDrawer:
    """Draws random crops: equal ones from an equal state of `rng`."""

    def __init__(self, texts: TextSource, fonts: FontSource, rng: random.Random) -> None:
        self._texts = texts
        self._fonts = fonts
        self._rng = rng
        self._noise = np.random.default_rng(rng.getrandbits(32))

    def draw(self) -> tuple[NDArray[np.uint8], list[DrawnTerm]]:
        """A crop (192, 384), 0 black, and the terms that lie on it at least partly."""
        rng = self._rng
        scale = rng.choice(_DRAWN_SCALES)
        paper = _choose_paper(rng)
        size = int(CROP_WIDTH * scale), int(CROP_HEIGHT * scale)
        if rng.random() < 0.12:
            stained = max(0, paper.background - 60), min(255, paper.background + 20)
            image = self._stains(*size, levels=stained)
        else:
            image = Image.new("L", size, paper.background)
        canvas = _Canvas(image, scale, paper, form=rng.random() < 0.15)
        self._add_areas(canvas)
        y = rng.uniform(-14, 10) * scale
        while y < size[1]:
            y = self._add_paragraph(canvas, y)
        if rng.random() < 0.2:
            for _ in range(rng.randint(1, 4)):
                x = rng.randint(0, size[0])
                canvas.pen.line([x, 0, x, size[1]], fill=paper.ink)
        degrees = rng.gauss(0, 0.7) if rng.random() < 0.5 else 0.0
        scanned = self._scan(canvas, degrees=degrees)
        return scanned, _on_crop(canvas.terms, degrees=degrees)

    def _stains(self, width: int, height: int, *, levels: tuple[int, int]) -> Image.Image:
        """Gray levels that change smoothly."""
        coarse = self._noise.random((self._rng.randint(3, 12), self._rng.randint(3, 16)))
        low, high = levels
        gray = (low + (high - low) * coarse).clip(0, 255).astype(np.uint8)
        return Image.fromarray(gray).resize((width, height), Image.Resampling.BICUBIC)

    def _add_areas(self, canvas: _Canvas) -> None:
        """Shaded boxes, and a photo instead of text."""
        rng, (width, height) = self._rng, canvas.image.size
        for _ in range(rng.choice([0, 0, 0, 1, 2])):
            x, y = rng.randint(-50, width), rng.randint(-20, height)
            level = max(0, min(255, canvas.paper.background + rng.randint(-35, 5)))
            corners = [x, y, x + rng.randint(50, width), y + rng.randint(10, 80)]
            canvas.pen.rectangle(corners, fill=level)
        if rng.random() < 0.12:
            x, y = rng.randint(0, width - 20), rng.randint(0, height - 20)
            side = rng.randint(20, width // 2), rng.randint(20, height // 2)
            canvas.image.paste(self._stains(*side, levels=(0, 255)), (x, y))
            canvas.photo = x, y, x + side[0], y + side[1]

    def _add_paragraph(self, canvas: _Canvas, y: float) -> float:
        """A few lines in one font from a height on; returns where they end."""
        rng, scale = self._rng, canvas.scale
        size = rng.choice(_USUAL_SIZES if rng.random() < 0.9 else _RARE_SIZES)
        font = self._fonts.font(rng, size_px=round(size * scale))
        leading = rng.uniform(1.05, 1.6) * size * scale
        spaced = rng.random() < 0.06
        case = rng.random()
        style = _Style(
            font,
            space=font.getlength(" ") * rng.uniform(0.7, 1.5),
            tracking=rng.uniform(0.03, 0.25) * size * scale if spaced else 0.0,
            table=rng.random() < 0.3,
            upper=1.0 if case < 0.25 else 0.06,
            capital=0.94 if case < 0.4 else 0.24,
        )
        width, height = canvas.image.size
        for _ in range(rng.randint(1, 6)):
            if y > height:
                break
            self._add_line(canvas, style, y)
            if style.table and rng.random() < 0.4:
                rule = y + leading * 0.97
                thickness = rng.randint(1, max(1, int(scale)))
                canvas.pen.line([0, rule, width, rule], fill=canvas.paper.ink, width=thickness)
            y += leading
        return y + rng.choice([0, 0, rng.uniform(0, 40) * scale])

    def _add_line(self, canvas: _Canvas, style: _Style, y: float) -> None:
        rng, scale = self._rng, canvas.scale
        width = canvas.image.width
        x = rng.choice([rng.uniform(-30, 20), rng.uniform(-30, 150)]) * scale
        while x < width:
            token = self._texts.token(upper=style.upper, capital=style.capital)
            box = style.font.getbbox(token)
            top, bottom = y + box[1], y + box[3]
            if canvas.hits_photo((x, top, x + box[2], bottom)) and rng.random() < 0.8:
                x = canvas.photo[2] + style.space
                continue
            x = canvas.write(token, style, x, y) + style.space
            if canvas.form and rng.random() < 0.15:
                end = x + rng.uniform(20, 120) * scale
                rule = bottom + scale
                canvas.pen.line(
                    [x, rule, end, rule], fill=canvas.paper.ink, width=max(1, int(scale))
                )
                x = end + style.space
            if rng.random() < (0.3 if style.table else 0.03):
                x += rng.uniform(5, 90) * scale

    def _scan(self, canvas: _Canvas, *, degrees: float) -> NDArray[np.uint8]:
        """The crop as a scanner or copier leaves it, at its final size."""
        rng, scale, paper = self._rng, canvas.scale, canvas.paper
        image = canvas.image
        if degrees:
            image = image.rotate(degrees, Image.Resampling.BILINEAR, fillcolor=paper.background)
        kind = rng.random()
        if kind < 0.08:
            if scale > 1:
                bolder = (kind < 0.05) != paper.inverted
                image = image.filter(
                    ImageFilter.MinFilter(3) if bolder else ImageFilter.MaxFilter(3)
                )
        elif kind < 0.26 and not paper.inverted:
            image = self._fax(image, paper, scale=scale)
        elif kind < 0.55:
            radius = abs(rng.gauss(0, 0.5)) * math.sqrt(scale)
            image = image.filter(ImageFilter.GaussianBlur(radius))
        coarse = rng.uniform(0.6, 0.95) if rng.random() < _COARSE_SHARE else 1.0
        size = int(CROP_WIDTH * coarse), int(CROP_HEIGHT * coarse)
        if image.size != size:
            filters = Image.Resampling
            kinds = (filters.BILINEAR, filters.BICUBIC, filters.LANCZOS, filters.BOX)
            image = image.resize(size, rng.choice(kinds))
        if rng.random() < 0.4:
            content = io.BytesIO()
            image.save(content, "JPEG", quality=rng.randint(30, 92))
            image = Image.open(content).convert("L")
        if coarse < 1:
            image = image.resize((CROP_WIDTH, CROP_HEIGHT), Image.Resampling.BICUBIC)
        return np.asarray(image)

    def _fax(self, image: Image.Image, paper: Paper, *, scale: float) -> Image.Image:
        """Two levels only, with specks."""
        rng = self._rng
        if rng.random() < 0.6:
            radius = rng.uniform(0.3, 0.8) * math.sqrt(scale)
            image = image.filter(ImageFilter.GaussianBlur(radius))
        gray = np.asarray(image).astype(np.float32)
        gray += self._noise.standard_normal(gray.shape, dtype=np.float32) * rng.uniform(0, 25)
        black = gray <= rng.uniform(0.45, 0.7) * paper.background
        if rng.random() < 0.3:
            black |= self._noise.random(gray.shape) < rng.uniform(0, 0.01)
        result = Image.fromarray(np.where(black, 0, 255).astype(np.uint8))
        return result.filter(ImageFilter.GaussianBlur(0.4)) if scale == 1 else result


class _Style(NamedTuple):
    """How a paragraph is set; `upper` and `capital` are probabilities."""

    font: ImageFont.FreeTypeFont
    space: float
    tracking: float
    table: bool
    upper: float
    capital: float


@dataclass
class _Canvas:
    """An image that is drawn on, `scale` times as large as the crop."""

    image: Image.Image
    scale: float
    paper: Paper
    form: bool
    photo: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    terms: list[DrawnTerm] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.pen = ImageDraw.Draw(self.image)

    def hits_photo(self, box: tuple[float, float, float, float]) -> bool:
        x0, y0, x1, y1 = self.photo
        return box[0] < x1 and box[2] > x0 and box[1] < y1 and box[3] > y0

    def write(self, token: str, style: _Style, x: float, y: float) -> float:
        """Draw a token and note its terms; returns where it ends."""
        if style.tracking:
            edges = [x]
            for letter in token:
                self.pen.text((edges[-1], y), letter, font=style.font, fill=self.paper.ink)
                edges.append(edges[-1] + style.font.getlength(letter) + style.tracking)
        else:
            self.pen.text((x, y), token, font=style.font, fill=self.paper.ink)
            step = style.font.getlength(token) / len(token)
            edges = [x + step * i for i in range(len(token) + 1)]
        box = style.font.getbbox(token)
        top, bottom = (y + box[1]) / self.scale, (y + box[3]) / self.scale
        folded, start = fold(token), 0
        for term in terms(token):
            at = folded.find(term, start)
            whole = at < 0 or len(folded) != len(token)  # places of its letters are unknown
            first, last = (0, len(token)) if whole else (at, at + len(term))
            left, right = edges[first] / self.scale, edges[last] / self.scale
            self.terms.append(DrawnTerm(term if at >= 0 else None, token, left, top, right, bottom))
            if at < 0:
                break
            start = at + len(term)
        return edges[-1]


def _choose_paper(rng: random.Random) -> Paper:
    background = rng.randint(215, 255) if rng.random() < 0.4 else 255
    ink = rng.randint(0, 90) if rng.random() < 0.5 else 0
    if rng.random() < 0.12:
        background, ink = rng.randint(150, 225), rng.randint(0, 60)
    if rng.random() < 0.08:
        background, ink = rng.randint(225, 255), rng.randint(80, 150)
    if rng.random() < 0.08:
        background, ink = rng.randint(0, 110), rng.randint(200, 255)
    return Paper(background, ink)


def _on_crop(drawn: list[DrawnTerm], *, degrees: float) -> list[DrawnTerm]:
    """The terms at their places on the turned crop, without those beyond its sides."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    placed = []
    for one in drawn:
        x, y = (one.x0 + one.x1 - CROP_WIDTH) / 2, (one.y0 + one.y1 - CROP_HEIGHT) / 2
        dx, dy = cos * x + sin * y - x, cos * y - sin * x - y
        moved = one._replace(x0=one.x0 + dx, x1=one.x1 + dx, y0=one.y0 + dy, y1=one.y1 + dy)
        if moved.x1 > 0 and moved.x0 < CROP_WIDTH and moved.y1 > 0 and moved.y0 < CROP_HEIGHT:
            placed.append(moved)
    return placed
