"""Slide of a staff briefing: title, bullets and a panel with a small table."""

from __future__ import annotations

from pathlib import Path

from scripts.demo_documents import facts
from scripts.demo_documents.sheet import CORAL, INK, MUTED, NAVY, PALE, SAND, TEAL, Sheet, Type

WIDTH, HEIGHT = 960.0, 540.0
BULLETS = (
    (
        "First boat from Ilsey at 05:40",
        "Twenty minutes earlier, so that the early shift reaches the hospital in Brackness.",
    ),
    (
        "Bicycles book ahead before nine",
        "Between 07:00 and 09:00 only. At all other hours just roll on.",
    ),
    (
        "Sandhythe on request at weekends",
        "Call the harbour office by six the evening before. The launch takes twelve people.",
    ),
    (
        "Petrel in dry dock for nine days",
        "3 to 11 February. MV Guillemot, a diesel ship, stands in on the crossing to Ilsey.",
    ),
)
SAILINGS = (  # a weekday: crossing, autumn, winter
    ("Port Tarrow – Ilsey", 15, 15),
    ("Port Tarrow – Fennick", 12, 11),
    ("Ilsey – Brackness", 10, 10),
    ("Fennick – Gull Point", 8, 6),
    ("Brackness – Sandhythe", 7, 4),
)


def draw(path: Path) -> None:
    sheet = Sheet(path, width=WIDTH, height=HEIGHT, title="Winter timetable", author=facts.COMPANY)
    sheet.fill(0, 0, WIDTH, HEIGHT, "#ffffff")
    sheet.fill(0, 0, 14, HEIGHT, NAVY)
    sheet.text(
        62, 84, "Winter timetable: what changes", Type(font="Helvetica-Bold", size=34, color=NAVY)
    )
    sheet.text(62, 114, "From Monday 6 January to Sunday 30 March 2025", Type(size=17, color=MUTED))
    for i, (head, detail) in enumerate(BULLETS):
        y = 170 + 78 * i
        sheet.dot(70, y - 7, 5.5, CORAL)
        sheet.text(90, y, head, Type(font="Helvetica-Bold", size=20, color=INK))
        sheet.flow(90, y + 7, 430, detail, Type(size=14.5, leading=19, color=MUTED))
    _panel(sheet)
    sheet.line([(62, 498), (WIDTH - 44, 498)])
    footer = Type(size=11, color=MUTED)
    sheet.text(62, 518, f"{facts.COMPANY} · staff briefing, 12 December 2024", footer)
    sheet.text(WIDTH - 44, 518, "4", footer, anchor="r")
    sheet.save()


def _panel(sheet: Sheet) -> None:
    x, y, width = 570.0, 146.0, 346.0
    sheet.fill(x, y, width, 312, PALE)
    sheet.fill(x, y, width, 4, TEAL)
    sheet.text(x + 22, y + 38, "Sailings on a weekday", Type("Helvetica-Bold", 17, color=NAVY))
    small = Type(size=12, color=MUTED)
    sheet.text(x + 252, y + 66, "autumn", small, anchor="r")
    sheet.text(x + 324, y + 66, "winter", small, anchor="r")
    for i, (name, autumn, winter) in enumerate(SAILINGS):
        at = y + 98 + 38 * i
        sheet.line([(x + 22, at - 23), (x + width - 22, at - 23)])
        sheet.text(x + 22, at, name, Type(size=14.5))
        sheet.text(x + 252, at, str(autumn), Type(size=14.5), anchor="r")
        if winter != autumn:
            sheet.fill(x + 291, at - 17, 40, 24, SAND)
        sheet.text(x + 324, at, str(winter), Type("Helvetica-Bold", 14.5), anchor="r")
    at = y + 98 + 38 * len(SAILINGS)
    sheet.line([(x + 22, at - 23), (x + width - 22, at - 23)], color=NAVY, width=1.0)
    bold = Type("Helvetica-Bold", 14.5, color=NAVY)
    sheet.text(x + 22, at, "All crossings", bold)
    sheet.text(x + 252, at, str(sum(row[1] for row in SAILINGS)), bold, anchor="r")
    sheet.text(x + 324, at, str(sum(row[2] for row in SAILINGS)), bold, anchor="r")
