"""Two-column paper: abstract, sections, two figures with captions and a table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from reportlab.lib.colors import HexColor
from reportlab.lib.enums import TA_JUSTIFY, TA_LEFT
from reportlab.lib.styles import ParagraphStyle
from reportlab.platypus import Paragraph

from scripts.demo_documents import shore_battery as model
from scripts.demo_documents.paper_figures import (
    CASES,
    COLUMN,
    GRID_MW,
    PITCH,
    charge_over_day,
    cost_curve,
    sensitivity,
    sizes,
)
from scripts.demo_documents.sheet import MUTED, Sheet, Type

WIDTH, HEIGHT = 595.0, 842.0
TOP, BOTTOM = 62.0, 786.0
GUTTER, LEFT = 22.0, 50.5
PLAIN = Type(font="Times-Roman", size=10.0, leading=12.3, justified=True)
CAPTION = Type(font="Times-Roman", size=8.6, leading=10.4)

Draw = Callable[[Sheet, float, float], None]


class Columns:
    """Two-column layout that fills one column after the other, page by page."""

    def __init__(self, sheet: Sheet, top: float) -> None:
        self.sheet, self.top, self.y, self.page, self.column = sheet, top, top, 1, 0

    @property
    def x(self) -> float:
        return LEFT + self.column * (COLUMN + GUTTER)

    def next_column(self) -> None:
        if self.column == 1:
            self.sheet.next_page()
            self.page += 1
            self.top = TOP
            running_head(self.sheet, self.page)
        self.column = 1 - self.column
        self.y = self.top

    def add(self, words: str, kind: Type = PLAIN, *, after: float = 0.0) -> None:
        style = ParagraphStyle(
            "run",
            fontName=kind.font,
            fontSize=kind.size,
            leading=kind.leading,
            textColor=HexColor(kind.color),
            alignment=TA_JUSTIFY if kind.justified else TA_LEFT,
            firstLineIndent=kind.indent,
            allowWidows=0,
            allowOrphans=0,
        )
        rest = [Paragraph(words, style)]
        while rest:
            rest = rest[0].split(COLUMN, BOTTOM - self.y)
            if rest:
                _, height = rest[0].wrap(COLUMN, BOTTOM)
                rest[0].drawOn(self.sheet.canvas, self.x, HEIGHT - self.y - height)
                self.y += height
                rest = rest[1:]
                if rest:
                    self.next_column()
            else:
                self.next_column()
                rest = [Paragraph(words, style)]
        self.y += after

    def heading(self, words: str) -> None:
        if self.y > BOTTOM - 50:
            self.next_column()
        self.y += 9 if self.y > self.top else 0
        self.add(words, Type(font="Times-Bold", size=11.0, leading=13.5), after=3)

    def float_(self, height: float, draw: Draw, caption: str) -> None:
        if self.y + height + 60 > BOTTOM:
            self.next_column()
        self.y += 16 if self.y > self.top else 8
        draw(self.sheet, self.x, self.y)
        self.y += height + 5
        self.add(caption, CAPTION, after=5)

    def table(self, height: float, draw: Draw, caption: str) -> None:
        if self.y + height + 46 > BOTTOM:
            self.next_column()
        self.y += 8 if self.y > self.top else 0
        self.add(caption, CAPTION, after=3)
        draw(self.sheet, self.x, self.y)
        self.y += height + 8


def running_head(sheet: Sheet, page: int) -> None:
    kind = Type(font="Times-Italic", size=8.6, color=MUTED)
    if page > 1:
        sheet.text(LEFT, 42, "Shore batteries for short electric ferry crossings", kind)
    sheet.text(WIDTH - LEFT, 42, "Sound Energy Notes 7 (2024)", kind, anchor="r")
    sheet.text(WIDTH / 2, 812, str(page + 40), Type(font="Times-Roman", size=9), anchor="m")


def draw(path: Path) -> None:
    sheet = Sheet(
        path,
        width=WIDTH,
        height=HEIGHT,
        title="Sizing shore batteries for short electric ferry crossings on weak grids",
        author="I. Halvard, T. Okoro-Bright, M. Quill",
    )
    running_head(sheet, 1)
    middle = WIDTH / 2
    for i, words in enumerate(
        ("Sizing shore batteries for short electric", "ferry crossings on weak grids")
    ):
        sheet.text(middle, 88 + 22 * i, words, Type(font="Times-Bold", size=18), anchor="m")
    sheet.text(
        middle,
        136,
        "Ines Halvard, Tomas Okoro-Bright and Marit Quill",
        Type(font="Times-Roman", size=11),
        anchor="m",
    )
    sheet.text(
        middle,
        151,
        "Brackness Institute for Coastal Energy",
        Type(font="Times-Italic", size=9.6, color=MUTED),
        anchor="m",
    )
    body(Columns(sheet, 174))
    sheet.save()


def body(page: Columns) -> None:
    need = {g: model.smallest_battery_mwh(grid_mw=g, unmet_share=0.01) for g in GRID_MW}
    cost = {g: model.yearly_cost_keur(grid_mw=g, battery_mwh=need[g]) for g in GRID_MW}
    cheapest = min(cost, key=lambda g: cost[g])
    add = page.add
    page.heading("Abstract")
    add(
        "Electric ferries on short crossings draw several megawatts for a few minutes in every "
        "hour, from quays whose grid connections were built for a lamp and a ticket office. A "
        "battery on the quay can bridge the gap. We ask how large it has to be. For a crossing of "
        f"22 minutes served by one ship, a connection of 0.6 MW needs a battery of {need[0.6]} "
        f"MWh, while one of 0.8 MW needs only {need[0.8]} MWh. The knee between the two is sharp, "
        "is set by the daily balance of energy rather than by the single charge, and can be found "
        "with one line of arithmetic.",
        Type(font="Times-Italic", size=10.0, leading=12.3, justified=True),
    )
    page.heading("1 Introduction")
    add(
        "The crossing from Port Tarrow to Ilsey was electrified in March 2024. The ship carries a "
        "battery for two round trips and is charged at one end only, by a pantograph that "
        "connects within forty seconds of the ramp coming down [1]. What the ship needs is simple "
        "to state: 0.82 MWh for each round trip, delivered in the twelve minutes that she lies at "
        "the berth."
    )
    add(
        "What the quay can give is another matter. The distribution grid on the island side ends "
        "in a transformer of 1.6 MVA that also feeds a cold store and some ninety houses [2]. "
        "Reinforcing it means eleven kilometres of buried cable through peat. A battery on the "
        "quay, charged slowly all day and night and emptied quickly at each call, is the obvious "
        "alternative, and the usual advice is to make it as large as two or three charges of the "
        "ship. We show that this advice can be wrong in both directions.",
        indented(),
    )
    page.heading("2 The crossing")
    add(
        f"The ship makes {model.ROUND_TRIPS} round trips a day, the first leaving at 05:30. A "
        f"round trip takes {model.ROUND_TRIP_MIN} minutes: two passages of 22 minutes and a stay "
        f"of {model.CALL_MIN} minutes at either end. Charging power at the berth is 4.1 MW. The "
        "energy of a passage was logged on 1,140 passages between April and September; its "
        "standard deviation is 6\u00a0%, nearly all of it due to the wind [3]. We size for the "
        "mean, since the ship's own battery rides out the difference between one passage and "
        "the next."
    )
    page.heading("3 Model")
    add(
        "The quay battery is a store with a capacity, a loss, and no limit of power. In every "
        "minute it receives what the grid connection can give and passes on what the ship takes. "
        f"Of the energy put in, {100 * model.EFFICIENCY:.0f}\u00a0% comes out again. When the "
        "store is empty, the ship gets no more than the connection gives; the energy that is then "
        "missing is called unmet. We run the day three times over, so that it starts as it ends, "
        "and look for the smallest battery that leaves less than 1\u00a0% of the energy unmet."
    )
    add(
        "Two quantities decide the outcome. One is the swing within a single call, the charge "
        "less what the connection gives meanwhile. The other is the drift over the day: if the "
        "connection cannot replace the energy of a round trip before the ship returns, the store "
        "sinks from call to call and has to hold the sum of all those shortfalls at the start of "
        "the day.",
        indented(),
    )
    page.float_(
        141.0,
        lambda sheet, x, y: charge_over_day(sheet, x, y, need),
        "<b>Figure 1.</b> Charge of the quay battery over a day for three grid connections, each "
        "with the smallest battery that suffices. At 0.6 MW the store sinks from the first call "
        "to the last and needs the night to recover; at 0.8 MW it recovers between calls.",
    )
    page.heading("4 Results")
    add(
        f"Figure 1 shows the two regimes. With 0.8 MW the battery only has to cover the swing, and "
        f"{need[0.8]} MWh do. With 0.6 MW it loses a little at every call, fifteen times a day, "
        f"and {need[0.6]} MWh are needed, more than four times as much, although the connection "
        "is only a quarter weaker. Beyond 0.8 MW more grid buys almost nothing: at 1.6 MW the "
        f"battery still has to hold {need[1.6]} MWh."
    )
    add(
        "Table 1 lists the sizes for two levels of service, and the yearly cost of the stricter "
        "one. Whoever accepts that one charge in twenty falls short saves half a megawatt-hour "
        "below the knee and next to nothing above it.",
        indented(),
    )
    page.table(
        PITCH * (len(GRID_MW) + 1),
        lambda sheet, x, y: sizes(sheet, x, y, need, cost),
        "<b>Table 1.</b> Smallest battery, by grid connection and share of energy unmet, and "
        "yearly cost of connection and battery for less than 1\u00a0% unmet.",
    )
    page.float_(
        132.0,
        lambda sheet, x, y: cost_curve(sheet, x, y, cost),
        f"<b>Figure 2.</b> Yearly cost of connection and battery. The cheapest pair is a "
        f"connection of {cheapest} MW with a battery of {need[cheapest]} MWh, at "
        f"{cost[cheapest]:.1f} thousand euros.",
    )
    page.heading("5 A rule without simulation")
    add(
        "The knee lies where the connection gives, from one call to the next, just what a round "
        "trip takes: 0.82 MWh in 68 minutes, or 0.72 MW, and a little more for the losses. Above "
        "that power the battery covers one swing, which is the energy of a round trip less twelve "
        "minutes of the connection. Below it, every call adds the same shortfall, and the battery "
        "covers the swing and all the shortfalls of the day."
    )
    add(
        "For a connection of 0.6 MW the swing is 0.70 MWh. In the 56 minutes until the next call "
        "0.53 MWh come back, so that 0.17 MWh are missing each time; fourteen times over, that is "
        "2.4 MWh, and the sum is 3.1 MWh, the value of Table 1. The rule carries over to any "
        "timetable with evenly spaced calls. It fails where two calls follow each other closely, "
        "as on market days, when the second call finds the store half full.",
        indented(),
    )
    page.heading("6 Discussion")
    add(
        "An operator to whom the grid offers less than the knee should first look at the "
        "timetable. A pause of one hour at midday saves 0.5 MWh of storage at 0.6 MW, which is "
        "worth 17 thousand euros a year and costs one sailing. Charging at both ends would halve "
        "the swing and leave the drift as it is, since the second quay stands on the same island "
        "grid."
    )
    page.table(
        PITCH * (len(CASES) + 1),
        sensitivity,
        "<b>Table 2.</b> Smallest battery, MWh, for less than 1\u00a0% unmet when one "
        "thing changes.",
    )
    add(
        "Table 2 changes one thing at a time. A strong head wind all day costs more storage than "
        "any fault of the battery, and it moves the knee as well: with a tenth more energy for "
        "each round trip, even 0.8 MW no longer keeps up. Leaving out the last two round trips of "
        "the evening saves 0.4 MWh at the weaker connection and nothing at the stronger one.",
        indented(),
    )
    add(
        "We have left out ageing. The quay battery at Port Tarrow has lost 1.9\u00a0% of its "
        "capacity in its first eight months, and its makers expect 20\u00a0% after twelve years. "
        "Adding a quarter to the sizes of Table 1 keeps the service to the end of that time. We "
        "have also left out a second ship: two ships that share a berth double the drift but not "
        "the swing.",
        indented(),
    )
    page.heading("7 Conclusion")
    add(
        "A quay battery is cheap when it evens out minutes and dear when it evens out days. For "
        "the crossing studied the border is a connection of about 0.75 MW. Below it, strengthen "
        "the grid or change the timetable before buying storage."
    )
    page.heading("Acknowledgements")
    add(
        "Tarrow Sound Ferries gave us the logs of MV Petrel, and her chief engineer, Oona Brandt, "
        "a place to sit out of the wind. The work was paid for by the Sound Islands Council under "
        "grant SIC-2231."
    )
    page.heading("References")
    for words in (
        "[1] O. Brandt. Logging a pantograph. <i>Sound Energy Notes</i> 6 (2023), 12–19.",
        "[2] I. Halvard. What a quay can give: transformer loads on the Sound islands. "
        "<i>Sound Energy Notes</i> 5 (2022), 33–47.",
        "[3] M. Quill and P. Aster. Wind and the energy of short crossings. <i>Brackness "
        "Institute Reports</i> 14 (2023).",
        "[4] Tarrow Sound Ferries. <i>Annual report 2024</i>. Port Tarrow, 2025.",
    ):
        add(words, Type(font="Times-Roman", size=8.8, leading=10.8), after=2)


def indented() -> Type:
    return Type(
        font=PLAIN.font, size=PLAIN.size, leading=PLAIN.leading, justified=True, indent=11.0
    )
