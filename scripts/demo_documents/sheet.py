"""Drawing surface of the demo documents, with y pointing down, and the elements they share.

Only the standard fonts of PDF are used, so no font is embedded or licensed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from reportlab.lib.colors import HexColor
from reportlab.lib.enums import TA_JUSTIFY, TA_LEFT
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Paragraph

INK = "#1b2a38"
MUTED = "#5d6b78"
RULE = "#d4dae0"
NAVY = "#12344d"
TEAL = "#1f7a8c"
SAND = "#e6c88f"
CORAL = "#c8553d"
PALE = "#eef3f5"


@dataclass(frozen=True)
class Type:
    """Type style; sizes in points."""

    font: str = "Helvetica"
    size: float = 9.6
    leading: float = 14.0
    color: str = INK
    justified: bool = False
    indent: float = 0.0


BODY = Type()
SMALL = Type(size=8.2, leading=11.0, color=MUTED)
CAPTION = Type(size=8.4, leading=11.4, color=INK)
HEADING = Type(font="Helvetica-Bold", size=13.0, leading=17.0, color=NAVY)


class Sheet:
    """A PDF under construction; coordinates in points, origin top-left, y down."""

    def __init__(self, path: Path, *, width: float, height: float, title: str, author: str) -> None:
        self.width, self.height = width, height
        # "invariant" omits dates and random ids, so that the same calls write the same bytes.
        self.canvas = Canvas(str(path), pagesize=(width, height), invariant=1, pageCompression=1)
        self.canvas.setTitle(title)
        self.canvas.setAuthor(author)

    def next_page(self) -> None:
        self.canvas.showPage()

    def save(self) -> None:
        self.canvas.save()

    def fill(self, x: float, y: float, width: float, height: float, color: str) -> None:
        self.canvas.setFillColor(HexColor(color))
        self.canvas.rect(x, self.height - y - height, width, height, stroke=0, fill=1)

    def line(
        self, points: Sequence[tuple[float, float]], *, color: str = RULE, width: float = 0.6
    ) -> None:
        path = self.canvas.beginPath()
        path.moveTo(points[0][0], self.height - points[0][1])
        for x, y in points[1:]:
            path.lineTo(x, self.height - y)
        self.canvas.setStrokeColor(HexColor(color))
        self.canvas.setLineWidth(width)
        self.canvas.drawPath(path, stroke=1, fill=0)

    def area(self, points: Sequence[tuple[float, float]], color: str) -> None:
        path = self.canvas.beginPath()
        path.moveTo(points[0][0], self.height - points[0][1])
        for x, y in points[1:]:
            path.lineTo(x, self.height - y)
        path.close()
        self.canvas.setFillColor(HexColor(color))
        self.canvas.drawPath(path, stroke=0, fill=1)

    def dot(self, x: float, y: float, radius: float, color: str) -> None:
        self.canvas.setFillColor(HexColor(color))
        self.canvas.circle(x, self.height - y, radius, stroke=0, fill=1)

    def text(self, x: float, y: float, words: str, kind: Type = BODY, *, anchor: str = "l") -> None:
        """Draw one line with its baseline at y; x is its left, middle or right ("l", "m", "r")."""
        self.canvas.setFillColor(HexColor(kind.color))
        self.canvas.setFont(kind.font, kind.size)
        draw = {
            "l": self.canvas.drawString,
            "m": self.canvas.drawCentredString,
            "r": self.canvas.drawRightString,
        }[anchor]
        draw(x, self.height - y, words)

    def flow(self, x: float, y: float, width: float, words: str, kind: Type = BODY) -> float:
        """Draw a paragraph with its top at y; return the y below it."""
        style = ParagraphStyle(
            "run",
            fontName=kind.font,
            fontSize=kind.size,
            leading=kind.leading,
            textColor=HexColor(kind.color),
            alignment=TA_JUSTIFY if kind.justified else TA_LEFT,
            firstLineIndent=kind.indent,
        )
        block = Paragraph(words, style)
        _, height = block.wrap(width, self.height)
        block.drawOn(self.canvas, x, self.height - y - height)
        return float(y + height)


@dataclass(frozen=True)
class Column:
    """A table column; `x` is the position of its text in points from the table's left edge."""

    head: str
    x: float
    anchor: str = "r"


def table(
    sheet: Sheet,
    x: float,
    y: float,
    width: float,
    columns: Sequence[Column],
    rows: Sequence[Sequence[str]],
    *,
    strong: Sequence[int] = (),
    pitch: float = 17.0,
    size: float = 9.0,
    serif: bool = False,
) -> float:
    """Draw a ruled table, `strong` rows in bold; return the y below it."""
    plain, bold = ("Times-Roman", "Times-Bold") if serif else ("Helvetica", "Helvetica-Bold")
    head = Type(font=bold, size=size, color=NAVY if not serif else INK)
    sheet.line([(x, y), (x + width, y)], color=NAVY if not serif else INK, width=1.0)
    y += pitch
    for column in columns:
        sheet.text(x + column.x, y - pitch * 0.32, column.head, head, anchor=column.anchor)
    sheet.line([(x, y), (x + width, y)], color=NAVY if not serif else INK, width=0.7)
    for number, row in enumerate(rows):
        if number in strong and not serif:
            sheet.fill(x, y, width, pitch, PALE)
        kind = Type(font=bold if number in strong else plain, size=size)
        y += pitch
        for column, cell in zip(columns, row, strict=True):
            sheet.text(x + column.x, y - pitch * 0.32, cell, kind, anchor=column.anchor)
        if not serif:
            sheet.line([(x, y), (x + width, y)], width=0.4)
    sheet.line([(x, y), (x + width, y)], color=NAVY if not serif else INK, width=1.0)
    return y
