"""Scan of a café receipt: sideways, slightly skewed, worn and noisy."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pypdfium2
from PIL import Image, ImageFilter

from scripts.demo_documents import facts
from scripts.demo_documents.sheet import Sheet, Type

WIDTH, HEIGHT = 226.0, 436.0
DPI = 200
SKEW_DEGREES = 1.4
INK = "#2c2b33"
PLAIN = Type(font="Courier-Bold", size=9.4, color=INK)
BIG = Type(font="Courier-Bold", size=14.0, color=INK)


def draw(path: Path) -> None:
    with TemporaryDirectory() as folder:
        printed = Path(folder) / "receipt.pdf"
        _print(printed)
        pdf = pypdfium2.PdfDocument(printed)
        try:
            paper = pdf[0].render(scale=DPI / 72).to_pil().convert("L")
        finally:
            pdf.close()
    _scan(paper).save(path, quality=62, optimize=True, dpi=(DPI, DPI))


def _print(path: Path) -> None:
    sheet = Sheet(path, width=WIDTH, height=HEIGHT, title="Receipt", author="Gannet & Gorse")
    middle, left, right = WIDTH / 2, 14.0, WIDTH - 14.0
    sheet.text(middle, 32, "GANNET & GORSE", Type("Courier-Bold", 17.0, color=INK), anchor="m")
    for i, words in enumerate(("Harbour café and bakery", "Pier 3, Port Tarrow")):
        sheet.text(middle, 50 + 13 * i, words, PLAIN, anchor="m")
    y = 88.0
    for words, value in (("Mon 2 Dec 2024", "08:47"), ("Receipt 21784", "Table 6")):
        sheet.text(left, y, words, PLAIN)
        sheet.text(right, y, value, PLAIN, anchor="r")
        y += 13
    y = _dashes(sheet, y - 5) + 15
    goods = 0.0
    for count, name, price in facts.ORDER:
        goods += count * price
        sheet.text(left, y, f"{count} {name}", PLAIN)
        sheet.text(right, y, f"{count * price:.2f}", PLAIN, anchor="r")
        y += 15.5
    discount = round(goods * facts.ISLANDER_DISCOUNT + 1e-9, 2)
    total = goods - discount
    y = _dashes(sheet, y - 6) + 15
    for words, amount in (("Subtotal", goods), ("Islander card 10%", -discount)):
        sheet.text(left, y, words, PLAIN)
        sheet.text(right, y, f"{amount:.2f}", PLAIN, anchor="r")
        y += 15.5
    sheet.text(left, y + 8, "TOTAL EUR", BIG)
    sheet.text(right, y + 8, f"{total:.2f}", BIG, anchor="r")
    y += 28
    for words, value in (
        (f"VAT incl. {facts.VAT:.0%}", f"{total - total / (1 + facts.VAT):.2f}"),
        ("Card **** 4417", f"{total:.2f}"),
    ):
        sheet.text(left, y, words, PLAIN)
        sheet.text(right, y, value, PLAIN, anchor="r")
        y += 15.5
    y = _dashes(sheet, y - 6) + 18
    sheet.text(middle, y, "You were served by Maren.", PLAIN, anchor="m")
    sheet.text(middle, y + 13, "Mind the gulls!", PLAIN, anchor="m")
    _bars(sheet, y + 24)
    sheet.save()


def _dashes(sheet: Sheet, y: float) -> float:
    for x in np.arange(14.0, WIDTH - 16.0, 6.6):
        sheet.line([(x, y), (x + 3.6, y)], color=INK, width=0.9)
    return y


def _bars(sheet: Sheet, y: float) -> None:
    x = 48.0
    for width in np.random.default_rng(21784).choice([0.9, 1.8, 2.7], size=44):
        sheet.fill(x, y, float(width) * 0.72, 30, INK)
        x += float(width) * 0.72 + 1.6


def _scan(paper: Image.Image) -> Image.Image:
    """Simulate a scan: shading, creases, skew, blur, grain and a quarter turn."""
    rng = np.random.default_rng(3)
    worn = np.asarray(paper, dtype=np.float64) * 0.93 + 10
    worn -= 9 * _clouds(rng, worn.shape, cell_px=160)
    for at, depth in ((0.37, 9.0), (0.71, 7.0)):  # where it was folded for the purse
        rows = np.arange(worn.shape[0])
        worn -= (depth * np.exp(-(((rows - at * worn.shape[0]) / 5.0) ** 2)))[:, None]
    fade = 1 - 0.28 * np.clip(_clouds(rng, worn.shape, cell_px=90) - 0.55, 0, 1) / 0.45
    worn = 242 - (242 - worn) * fade
    margin = 54
    canvas = Image.new("L", (paper.width + 2 * margin, paper.height + 2 * margin), 0)
    canvas.paste(255, (margin, margin, margin + paper.width, margin + paper.height))
    mask = canvas.rotate(SKEW_DEGREES, resample=Image.Resampling.BICUBIC)
    sheet = Image.new("L", canvas.size, 240)
    sheet.paste(Image.fromarray(np.clip(worn, 0, 255).astype(np.uint8)), (margin, margin))
    sheet = sheet.rotate(SKEW_DEGREES, resample=Image.Resampling.BICUBIC, fillcolor=240)
    lid = 196 + 8 * _clouds(rng, (canvas.height, canvas.width), cell_px=220)
    shadow = np.asarray(mask.filter(ImageFilter.GaussianBlur(7)), dtype=np.float64) / 255
    on_glass = np.asarray(mask, dtype=np.float64) / 255
    grey = on_glass * np.asarray(sheet, dtype=np.float64) + (1 - on_glass) * (lid - 46 * shadow)
    soft = Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8)).filter(
        ImageFilter.GaussianBlur(0.7)
    )
    grain = np.asarray(soft, dtype=np.float64) + rng.normal(0, 7.0, grey.shape)
    specks = rng.random(grey.shape)
    grain[specks < 0.0006] -= 90
    grain[:, rng.integers(0, grey.shape[1], 3)] -= 12  # dust under the moving lamp
    return Image.fromarray(np.clip(grain, 0, 255).astype(np.uint8)).transpose(
        Image.Transpose.ROTATE_90
    )


def _clouds(
    rng: np.random.Generator, shape: tuple[int, ...], *, cell_px: int
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Smooth noise in 0..1 that varies over distances of about `cell_px`."""
    coarse = rng.random((shape[0] // cell_px + 2, shape[1] // cell_px + 2)) * 255
    smooth = Image.fromarray(coarse.astype(np.uint8)).resize(
        (shape[1], shape[0]), Image.Resampling.BICUBIC
    )
    return np.asarray(smooth, dtype=np.float64) / 255
