"""Annual report of five pages: cover, letter, and pages of text, tables and vector charts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from scripts.demo_documents import facts
from scripts.demo_documents.annual_report_charts import (
    LEFT,
    MEASURE,
    RIGHT,
    TARGET,
    grouped_bars,
    punctuality_line,
    stacked_bars,
)
from scripts.demo_documents.sheet import (
    CAPTION,
    CORAL,
    HEADING,
    INK,
    NAVY,
    SAND,
    SMALL,
    TEAL,
    Column,
    Sheet,
    Type,
    table,
)

WIDTH, HEIGHT = 595.0, 842.0


def draw(path: Path) -> None:
    sheet = Sheet(
        path, width=WIDTH, height=HEIGHT, title="Annual report 2024", author=facts.COMPANY
    )
    _cover(sheet)
    for number, page in enumerate((_letter, _passengers, _energy, _accounts), start=2):
        sheet.next_page()
        _frame(sheet, number)
        page(sheet)
    sheet.save()


def _frame(sheet: Sheet, number: int) -> None:
    sheet.text(LEFT, 44, facts.COMPANY, SMALL)
    sheet.text(RIGHT, 44, "Annual report 2024", SMALL, anchor="r")
    sheet.line([(LEFT, 52), (RIGHT, 52)])
    sheet.text(RIGHT, 808, str(number), SMALL, anchor="r")


def _title(sheet: Sheet, words: str) -> float:
    sheet.text(LEFT, 96, words, Type(font="Helvetica-Bold", size=24, color=NAVY))
    sheet.fill(LEFT, 107, 38, 3, CORAL)
    return 130.0


def _cover(sheet: Sheet) -> None:
    sheet.fill(0, 0, WIDTH, HEIGHT, NAVY)
    sheet.dot(424, 330, 74, SAND)
    for i, color in enumerate(("#2b6c86", "#1f7a8c", "#2a93a0", "#1b5a73", "#14455e")):
        top = 352.0 + 58 * i
        crest = [
            (x, top + 13 * math.sin(x / (64 + 9 * i) + 1.7 * i) + 6 * math.sin(x / 27 + i))
            for x in range(0, int(WIDTH) + 6, 5)
        ]
        sheet.area([(0, HEIGHT), *crest, (WIDTH, HEIGHT)], color)
    # A ferry: hull, deckhouse, wheelhouse, mast.
    sheet.area([(150, 352), (292, 352), (278, 377), (166, 377)], "#f4efe4")
    sheet.fill(174, 333, 92, 19, "#f4efe4")
    sheet.fill(226, 319, 30, 14, "#f4efe4")
    sheet.fill(240, 300, 2.4, 19, "#f4efe4")
    for x in range(181, 262, 12):
        sheet.fill(x, 339, 6.5, 6, NAVY)
    sheet.fill(159, 365, 123, 3, CORAL)
    white = "#ffffff"
    sheet.text(LEFT, 104, "Annual report", Type(font="Helvetica-Bold", size=42, color=white))
    sheet.text(LEFT, 152, "2024", Type(font="Helvetica", size=42, color=SAND))
    sheet.text(LEFT, 764, facts.COMPANY, Type(font="Helvetica-Bold", size=15, color=white))
    sheet.text(
        LEFT, 784, "Five crossings, one timetable, all year round", Type(size=10.5, color=white)
    )


def _mean_punctuality() -> float:
    return sum(facts.PUNCTUALITY) / len(facts.PUNCTUALITY)


def _letter(sheet: Sheet) -> None:
    y = _title(sheet, "Letter to our passengers")
    now = facts.total_passengers(2)
    for words in (
        "For most of our forty-one years the sound of a crossing was the sound of a diesel engine. "
        "In March 2024 that changed. <b>MV Petrel</b>, built at the Hollin yard and named by the "
        "pupils of Ilsey primary school, made the first fully electric crossing from Port Tarrow "
        "to Ilsey. She is the quietest ship we have ever owned, and on a still morning you can "
        "hear the gulls on the car deck.",
        f"You travelled with us {now / 1000:.2f} million times, more often than in any year "
        "before. A year ago we promised that growth would not cost the sound its air, and the "
        "figures on page 4 show that it did not: we carried more people on less energy, and our "
        "emissions are down by more than a third since 2020.",
        "Not everything went well. Storm Wenna tore the linkspan at Gull Point from its bearings "
        "on 17 November and closed the berth for six days. Our crews ran a launch service for "
        "schoolchildren and the district nurse, and the harbour team had the ramp back in place "
        "within a week. We have since ordered a spare linkspan, which will be kept at Brackness.",
        "The Brackness to Sandhythe crossing lost passengers for the second year. We will not "
        "close it. From January it follows a shorter winter timetable with sailings on request at "
        "weekends, worked out with both harbour councils at three open meetings.",
        "In 2025 a second electric ship, <b>MV Shearwater</b>, will be converted at Hollin, and "
        "the shore battery at Port Tarrow will be joined by one at Fennick. Thank you for "
        "travelling with us, for telling us when we get it wrong, and for waving.",
    ):
        y = sheet.flow(LEFT, y, MEASURE, words, Type(size=10.4, leading=15.6)) + 9
    sheet.text(LEFT, y + 24, "Sunniva Aldous", Type(font="Times-Italic", size=19, color=TEAL))
    sheet.text(LEFT, y + 40, "Sunniva Aldous, managing director", SMALL)

    y += 84
    sheet.text(LEFT, y, "The year at a glance", HEADING)
    kilotonnes = facts.emissions_kt()
    figures = (
        (f"{now / 1000:.2f} m", "passengers"),
        (f"{sum(v[0] for v in facts.INCOME.values()):.1f} m", "euros of revenue"),
        (f"{_mean_punctuality():.1f} %", "departures on time"),
        (facts.change(kilotonnes[-1], kilotonnes[0]), "emissions since 2020"),
    )
    step = MEASURE / len(figures)
    for i, (figure, meaning) in enumerate(figures):
        x = LEFT + i * step
        sheet.line([(x, y + 16), (x + step - 16, y + 16)], color=TEAL, width=1.6)
        sheet.text(x, y + 44, figure, Type(font="Helvetica-Bold", size=21, color=NAVY))
        sheet.text(x, y + 60, meaning, SMALL)


def _passengers(sheet: Sheet) -> None:
    y = _title(sheet, "Passengers and routes")
    y = sheet.flow(
        LEFT,
        y,
        MEASURE,
        "Four of our five crossings grew in 2024. Port Tarrow to Ilsey gained most, helped by the "
        "ten-minute bus connection that began in April and by curiosity about MV Petrel. Fennick "
        "to Gull Point grew in spite of six days without service, because the new campsite at "
        "Gull Point stayed open into October. Brackness to Sandhythe fell again after the fish "
        "market moved to the mainland.",
    )
    rows = [
        (name, *(f"{count:,}" for count in counts), facts.change(counts[2], counts[1]))
        for name, counts in facts.PASSENGERS.items()
    ]
    totals = [facts.total_passengers(i) for i in range(3)]
    rows.append(("All routes", *(f"{t:,}" for t in totals), facts.change(totals[2], totals[1])))
    y += 26
    sheet.text(LEFT, y, "Table 1. Passengers by route, thousand", CAPTION)
    y = table(
        sheet,
        LEFT,
        y + 8,
        MEASURE,
        [
            Column("Route", 6, "l"),
            Column("2022", 226),
            Column("2023", 292),
            Column("2024", 358),
            Column("Change on 2023", MEASURE - 6),
        ],
        rows,
        strong=[5],
        pitch=19.0,
        size=9.4,
    )
    y += 42
    grouped_bars(sheet, y)
    y += 246
    y = sheet.flow(
        LEFT,
        y,
        MEASURE,
        "<b>Figure 1.</b> Passengers by route and year, thousand. Port Tarrow – Ilsey now carries "
        "almost four in ten of all passengers.",
        CAPTION,
    )
    sheet.text(LEFT, y + 32, "Who travels", HEADING)
    y += 40
    for words in (
        "Islanders made 61\u00a0% of all journeys, measured by the use of the islander card, which "
        "takes a tenth off every fare and every meal. Visitors came later in the year than before: "
        "September was busier than June for the first time.",
        "Bicycles were carried 212,000 times, a fifth more than in 2023, and the racks on "
        "MV Guillemot were doubled in August. Dogs, as ever, travelled free and were not counted.",
    ):
        y = sheet.flow(LEFT, y, MEASURE, words) + 6


def _energy(sheet: Sheet) -> None:
    y = _title(sheet, "Energy and punctuality")
    diesel, electricity = facts.DIESEL_GWH[-1], facts.ELECTRICITY_GWH[-1]
    kilotonnes = facts.emissions_kt()
    y = sheet.flow(
        LEFT,
        y,
        MEASURE,
        f"The fleet used {diesel + electricity:.1f} GWh of energy in 2024, a quarter of it "
        f"electricity from the shore. Emissions fell to {kilotonnes[-1]:.1f} thousand tonnes of "
        f"CO<sub rise='1.6' size='7'>2</sub>, from {kilotonnes[-2]:.1f} thousand tonnes the year "
        "before. An electric crossing from Port Tarrow to Ilsey takes 410 kWh, where the diesel "
        "ship it replaced burned 118 litres.",
    )
    stacked_bars(sheet, y + 34)
    y = sheet.flow(
        LEFT,
        y + 244,
        MEASURE,
        "<b>Figure 2.</b> Energy used by the fleet, GWh. Shore electricity rose from 0.4 GWh in "
        "2020 to 12.3 GWh in 2024.",
        CAPTION,
    )
    met = {8: "eight", 9: "nine"}[sum(value >= TARGET for value in facts.PUNCTUALITY)]
    y = sheet.flow(
        LEFT,
        y + 16,
        MEASURE,
        "A departure counts as on time when the ramp is up within five minutes of the timetable. "
        f"By that measure {_mean_punctuality():.1f}\u00a0% of departures were on time, against a "
        f"target of {TARGET}\u00a0%. {met.capitalize()} months met the target.",
    )
    punctuality_line(sheet, y + 26)
    sheet.flow(
        LEFT,
        y + 196,
        MEASURE,
        "<b>Figure 3.</b> Departures on time by month of 2024, per cent. November was the weakest "
        "month at 91.8 %, after storm Wenna closed Gull Point for six days; June was the best "
        "at 97.9 %.",
        CAPTION,
    )


def _accounts(sheet: Sheet) -> None:
    y = _title(sheet, "Income statement")
    revenue = [sum(v[i] for v in facts.INCOME.values()) for i in (0, 1)]
    costs = [sum(v[i] for v in facts.COSTS.values()) for i in (0, 1)]
    operating = [r - c for r, c in zip(revenue, costs, strict=True)]
    y = sheet.flow(
        LEFT,
        y,
        MEASURE,
        f"Revenue grew by {facts.change(revenue[0], revenue[1])[1:]} to €{revenue[0]:.1f} million. "
        "Costs rose by much less, because electricity is cheaper than the diesel it replaces. "
        f"The operating profit of €{operating[0]:.1f} million goes towards the conversion of "
        "MV Shearwater, as the members decided in May.",
    )

    def money(name: str, pair: Sequence[float], *, cost: bool = False) -> tuple[str, ...]:
        return (name, *(f"({v:.1f})" if cost else f"{v:.1f}" for v in pair))

    result = [o - i - t for o, i, t in zip(operating, facts.INTEREST, facts.TAX, strict=True)]
    rows = [
        *(money(name, pair) for name, pair in facts.INCOME.items()),
        money("Revenue", revenue),
        *(money(name, pair, cost=True) for name, pair in facts.COSTS.items()),
        money("Operating costs", costs, cost=True),
        money("Operating profit", operating),
        money("Net interest", facts.INTEREST, cost=True),
        money("Tax", facts.TAX, cost=True),
        money("Profit for the year", result),
    ]
    y += 26
    sheet.text(LEFT, y, "Table 2. Income statement, million euros", CAPTION)
    y = table(
        sheet,
        LEFT,
        y + 8,
        MEASURE,
        [Column("Year to 31 December", 6, "l"), Column("2024", 360), Column("2023", MEASURE - 6)],
        rows,
        strong=[4, 11, 12, 15],
        pitch=19.0,
        size=9.4,
    )
    y += 30
    sheet.text(LEFT, y, "Notes", HEADING)
    y += 10
    for words in (
        "<b>1. Public service grant.</b> Paid by the Sound Islands Council for winter sailings on "
        "the three smaller crossings, under an agreement that runs until 2029.",
        "<b>2. Depreciation.</b> MV Petrel is written off over 30 years and her batteries over "
        "nine. The shore battery at Port Tarrow is written off over twelve years.",
        "<b>3. Loans.</b> The green loan of €38 million from the Islands Savings Bank bears "
        "interest at 3.4 % and is repaid in equal parts by 2044.",
        "<b>4. Staff.</b> The company employed 412 people on average (2023: 401), of whom 287 "
        "worked at sea.",
    ):
        y = sheet.flow(LEFT, y, MEASURE, words, Type(size=9.2, leading=13.2, color=INK)) + 6
