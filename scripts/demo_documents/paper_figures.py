"""Charts and tables of the paper, each drawn with its top left corner at (x, y)."""

from __future__ import annotations

from scripts.demo_documents import shore_battery as model
from scripts.demo_documents.sheet import CORAL, INK, MUTED, NAVY, TEAL, Column, Sheet, Type, table

COLUMN = 236.0
PITCH = 13.6
GRID_MW = (0.6, 0.7, 0.8, 1.0, 1.2, 1.6)
CASES = {
    "As run": model.AS_RUN,
    "Head wind, a tenth more energy": model.Case(round_trip_mwh=0.902),
    "Battery that returns 90\u00a0%": model.Case(efficiency=0.90),
    "Two round trips fewer": model.Case(round_trips=13),
}
AXIS = Type(font="Times-Roman", size=7.6, color=MUTED)
LINES = (NAVY, TEAL, CORAL)


def charge_over_day(sheet: Sheet, x: float, y: float, need: dict[float, float]) -> None:
    left, width, height, highest = x + 22, COLUMN - 24, 113.0, 3.5
    base = y + height

    for tick in (0, 1, 2, 3):
        at = base - height * tick / highest
        sheet.line([(left, at), (left + width, at)], width=0.4)
        sheet.text(left - 5, at + 2.4, str(tick), AXIS, anchor="r")
    for hour in range(0, 25, 4):
        sheet.text(left + width * hour / 24, base + 10, f"{hour:02}", AXIS, anchor="m")
    sheet.text(left + width / 2, base + 21, "hour of the day", AXIS, anchor="m")
    sheet.text(left, y - 2, "MWh", AXIS)
    for grid, color in zip((0.6, 0.7, 0.8), LINES, strict=True):
        levels, _ = model.simulate(grid_mw=grid, battery_mwh=need[grid])
        points = [
            (left + width * minute / model.DAY_MIN, base - height * levels[minute] / highest)
            for minute in range(0, model.DAY_MIN, 4)
        ]
        sheet.line(points, color=color, width=0.9)
    for i, (grid, color) in enumerate(zip((0.6, 0.7, 0.8), LINES, strict=True)):
        at = left + width - 118 + 42 * i
        sheet.line([(at, y - 4.5), (at + 10, y - 4.5)], color=color, width=1.6)
        sheet.text(at + 13, y - 2, f"{grid} MW", AXIS)


def sizes(
    sheet: Sheet, x: float, y: float, need: dict[float, float], cost: dict[float, float]
) -> None:
    rows = [
        (
            f"{grid:.1f}",
            f"{model.smallest_battery_mwh(grid_mw=grid, unmet_share=0.05):.1f}",
            f"{need[grid]:.1f}",
            f"{cost[grid]:.1f}",
        )
        for grid in GRID_MW
    ]
    table(
        sheet,
        x,
        y,
        COLUMN,
        [
            Column("Grid, MW", 44),
            Column("MWh, < 5\u00a0%", 106),
            Column("MWh, < 1\u00a0%", 164),
            Column("k€ a year", COLUMN - 6),
        ],
        rows,
        serif=True,
        pitch=PITCH,
    )


def sensitivity(sheet: Sheet, x: float, y: float) -> None:
    table(
        sheet,
        x,
        y,
        COLUMN,
        [Column("Change", 4, "l"), Column("0.6 MW", 176), Column("0.8 MW", COLUMN - 6)],
        [
            (
                name,
                *(
                    f"{model.smallest_battery_mwh(grid_mw=grid, unmet_share=0.01, case=case):.1f}"
                    for grid in (0.6, 0.8)
                ),
            )
            for name, case in CASES.items()
        ],
        serif=True,
        pitch=PITCH,
    )


def cost_curve(sheet: Sheet, x: float, y: float, cost: dict[float, float]) -> None:
    left, width, height, highest = x + 26, COLUMN - 30, 104.0, 200
    base = y + height
    for tick in range(0, highest + 1, 50):
        at = base - height * tick / highest
        sheet.line([(left, at), (left + width, at)], width=0.4)
        sheet.text(left - 5, at + 2.4, str(tick), AXIS, anchor="r")
    sheet.text(left, y - 3, "thousand euros a year", AXIS)

    def place(grid: float) -> float:
        return left + 8 + (width - 16) * (grid - 0.6) / 1.0

    points = [(place(g), base - height * c / highest) for g, c in cost.items()]
    sheet.line(points, color=NAVY, width=1.2)
    best = min(cost.values())
    for (px, py), (grid, value) in zip(points, cost.items(), strict=True):
        sheet.dot(px, py, 2.6, CORAL if value == best else NAVY)
        # The curve falls steeply at first, where only its upper right is free.
        beside = 14 if grid < 0.8 else 0
        sheet.text(
            px + beside, py - 6, f"{value:.1f}", Type("Times-Bold", 7.6, color=INK), anchor="m"
        )
        sheet.text(px, base + 10, f"{grid}", AXIS, anchor="m")
    sheet.text(left + width / 2, base + 21, "grid connection, MW", AXIS, anchor="m")
