"""Pages whose words are colored bars, and a reader that reads each bar as the name of its color."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from colregion.core.components import component_boxes
from colregion.core.documents import Page
from colregion.core.geometry import Box
from colregion.core.regions import Word
from colregion.parsers.layout import Layout
from colregion.parsers.page_parser import PageParser
from colregion.parsers.word_reader import WordReader
from colregion.testing import ColorEncoder

COLORS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}
WIDTH, HEIGHT = 600, 800


class ColorReader(WordReader):
    """Reads colored bars. While the file `trouble_while` exists, it does what `trouble` says
    instead: "hang" or "crash"."""

    def __init__(self, *, trouble: str = "", trouble_while: Path | None = None) -> None:
        self.trouble, self.trouble_while = trouble, trouble_while

    @property
    def fingerprint(self) -> str:
        return "colors"

    def read_upright(self, page: Page) -> tuple[Page, tuple[Word, ...]]:
        if self.trouble_while is not None and self.trouble_while.exists():
            if self.trouble == "crash":
                os.kill(os.getpid(), signal.SIGSEGV)
            time.sleep(600)
        image = page.load_image(dpi=200)
        pixels = np.asarray(image.convert("RGB")).astype(int)
        words = []
        for name, color in COLORS.items():
            mask = np.abs(pixels - color).sum(axis=2) < 200
            for xyxy in component_boxes(mask).tolist():
                box = Box.from_pixels(xyxy, width_px=image.width, height_px=image.height)
                words.append(Word(name, box, 0.75, line=round(box.y0 * image.height) // 20))
        return page, tuple(sorted(words, key=lambda word: (word.line or 0, word.box.x0)))


class ProseReader(WordReader):
    """Reads a paragraph that goes on from the first page to the second, whatever they show."""

    fingerprint = "prose"
    lines = (
        (
            "The committee has agreed on the plan and asked for",
            "another report about all of the costs of this work",
            "and about its risks, which the members will discuss",
        ),
        (
            "when they meet again in the autumn of the same year",
            "because the second half of the report is still due.",
        ),
    )

    def read_upright(self, page: Page) -> tuple[Page, tuple[Word, ...]]:
        words = []
        for number, line in enumerate(self.lines[page.number - 1]):
            top = (0.88 if page.number == 1 else 0.06) + 0.03 * number
            x = 0.1
            for text in line.split():
                width = 0.8 * len(text) / len(line)
                words.append(Word(text, Box(x, top, x + width, top + 0.02), 0.9, number, 0))
                x += 0.8 * (len(text) + 1) / len(line)
        return page, tuple(words)


def color_parser(reader: ColorReader | None = None) -> PageParser:
    return PageParser(reader or ColorReader(), Layout("geometry"), workers=1)


def fine_colors() -> ColorEncoder:
    """An encoder whose cells of 8 x 8 px are smaller than a bar."""
    return ColorEncoder(rows=HEIGHT // 8, cols=WIDTH // 8)


def bar_box(row: int, column: int) -> Box:
    """The place of a bar: 36 x 16 px, too short for a rule; rows are 80 px apart, columns 150."""
    left, top = 60 + 150 * column, 40 + 80 * row
    corners = (left, top, left + 36, top + 16)
    return Box.from_pixels(corners, width_px=WIDTH, height_px=HEIGHT)


def draw_bars(rows: Sequence[str]) -> Image.Image:
    """A white page of 600 x 800 px with one row of bars per text: "red - blue" has no second."""
    image = Image.new("RGB", (WIDTH, HEIGHT), "white")
    for row, text in enumerate(rows):
        for column, name in enumerate(text.split()):
            if name != "-":
                box = bar_box(row, column).to_pixels(width_px=WIDTH, height_px=HEIGHT)
                image.paste(COLORS[name], box)
    return image
