"""Vector charts of the annual report, each drawn with the top of its plot at `top`."""

from __future__ import annotations

from collections.abc import Sequence

from scripts.demo_documents import facts
from scripts.demo_documents.sheet import CORAL, MUTED, NAVY, SAND, TEAL, Sheet, Type

LEFT, RIGHT = 62.0, 533.0
MEASURE = RIGHT - LEFT
AXIS = Type(size=7.6, color=MUTED)
TARGET = 95  # per cent of departures on time


def grouped_bars(sheet: Sheet, top: float) -> None:
    height, highest = 200.0, 2000
    base = top + height
    for tick in range(0, highest + 1, 500):
        at = base - height * tick / highest
        sheet.line([(LEFT + 30, at), (RIGHT, at)], width=0.4)
        sheet.text(LEFT + 24, at + 2.6, f"{tick:,}", AXIS, anchor="r")
    group = (RIGHT - LEFT - 40) / len(facts.PASSENGERS)
    for i, (name, counts) in enumerate(facts.PASSENGERS.items()):
        x = LEFT + 42 + i * group
        for j, (count, color) in enumerate(zip(counts, ("#b9d3da", "#6ba6b3", TEAL), strict=True)):
            bar = height * count / highest
            sheet.fill(x + j * 19, base - bar, 17, bar, color)
            if j == 2:
                sheet.text(
                    x + j * 19 + 8.5,
                    base - bar - 4,
                    f"{count:,}",
                    Type(font="Helvetica-Bold", size=7.6),
                    anchor="m",
                )
        for line, words in enumerate(name.split(" – ")):
            sheet.text(x + 28, base + 12 + 9 * line, words, AXIS, anchor="m")
    _legend(
        sheet, RIGHT - 132, top - 12, [("2022", "#b9d3da"), ("2023", "#6ba6b3"), ("2024", TEAL)]
    )


def _legend(sheet: Sheet, x: float, y: float, entries: Sequence[tuple[str, str]]) -> None:
    for name, color in entries:
        sheet.fill(x, y - 6.5, 8, 8, color)
        sheet.text(x + 12, y, name, AXIS)
        x += 24 + 4.4 * len(name)


def stacked_bars(sheet: Sheet, top: float) -> None:
    height, highest = 190.0, 66
    base = top + height
    for tick in range(0, highest + 1, 20):
        at = base - height * tick / highest
        sheet.line([(LEFT + 30, at), (RIGHT, at)], width=0.4)
        sheet.text(LEFT + 24, at + 2.6, str(tick), AXIS, anchor="r")
    step = (RIGHT - LEFT - 40) / len(facts.ENERGY_YEARS)
    inside = Type(size=7.8, color="#ffffff")
    for i, year in enumerate(facts.ENERGY_YEARS):
        x = LEFT + 58 + i * step
        diesel = height * facts.DIESEL_GWH[i] / highest
        electricity = height * facts.ELECTRICITY_GWH[i] / highest
        sheet.fill(x, base - diesel, 50, diesel, NAVY)
        sheet.fill(x, base - diesel - electricity, 50, electricity, SAND)
        sheet.text(x + 25, base - diesel + 12, f"{facts.DIESEL_GWH[i]:.1f}", inside, anchor="m")
        sheet.text(
            x + 25,
            base - diesel - electricity - 4,
            f"{facts.ELECTRICITY_GWH[i]:.1f}",
            AXIS,
            anchor="m",
        )
        sheet.text(x + 25, base + 12, year, AXIS, anchor="m")
    _legend(sheet, RIGHT - 128, top - 14, [("Diesel", NAVY), ("Electricity", SAND)])


def punctuality_line(sheet: Sheet, top: float) -> None:
    height, low, high = 144.0, 90, 100
    base = top + height

    def y_of(percent: float) -> float:
        return base - height * (percent - low) / (high - low)

    for tick in range(low, high + 1, 2):
        sheet.line([(LEFT + 30, y_of(tick)), (RIGHT, y_of(tick))], width=0.4)
        sheet.text(LEFT + 24, y_of(tick) + 2.6, str(tick), AXIS, anchor="r")
    sheet.line([(LEFT + 30, y_of(TARGET)), (RIGHT, y_of(TARGET))], color=CORAL, width=0.9)
    sheet.text(RIGHT, y_of(TARGET) - 3, f"target {TARGET}", Type(size=7.6, color=CORAL), anchor="r")
    step = (RIGHT - LEFT - 70) / 11
    points = [(LEFT + 50 + i * step, y_of(v)) for i, v in enumerate(facts.PUNCTUALITY)]
    sheet.line(points, color=TEAL, width=1.8)
    for i, (x, y) in enumerate(points):
        sheet.dot(x, y, 2.8, TEAL)
        value, strong = facts.PUNCTUALITY[i], Type(font="Helvetica-Bold", size=8)
        if value == max(facts.PUNCTUALITY):
            sheet.text(x, y - 7, f"{value:.1f}", strong, anchor="m")
        elif value == min(facts.PUNCTUALITY):
            sheet.text(x, y + 13, f"{value:.1f}", strong, anchor="m")
        sheet.text(x, base + 12, facts.MONTHS[i], AXIS, anchor="m")
