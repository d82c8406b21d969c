"""The invented company of the demo documents, Tarrow Sound Ferries, and its figures.

The documents compute their totals and changes from these numbers, so that they agree.
"""

from __future__ import annotations

COMPANY = "Tarrow Sound Ferries"

YEARS = ("2022", "2023", "2024")
PASSENGERS = {  # thousand
    "Port Tarrow – Ilsey": (1612, 1704, 1893),
    "Port Tarrow – Fennick": (1035, 1062, 1107),
    "Ilsey – Brackness": (884, 921, 948),
    "Fennick – Gull Point": (402, 431, 466),
    "Brackness – Sandhythe": (438, 429, 406),
}

ENERGY_YEARS = ("2020", "2021", "2022", "2023", "2024")
DIESEL_GWH = (58.1, 57.4, 55.9, 47.2, 36.0)
ELECTRICITY_GWH = (0.4, 1.1, 2.9, 6.8, 12.3)
TONNES_CO2_PER_MWH_DIESEL = 0.267

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
PUNCTUALITY = (93.1, 92.4, 95.0, 96.8, 97.5, 97.9, 96.6, 96.1, 97.4, 96.9, 91.8, 94.5)  # %

# EUR million, (2024, 2023)
INCOME = {
    "Fares": (41.9, 38.6),
    "Freight and vehicles": (11.7, 11.2),
    "On-board sales": (4.3, 3.9),
    "Public service grant": (3.5, 3.8),
}
COSTS = {
    "Crew and shore staff": (24.8, 23.9),
    "Fuel and electricity": (8.6, 10.9),
    "Depreciation": (8.1, 6.4),
    "Maintenance and dry docking": (7.9, 7.2),
    "Harbour dues": (3.2, 3.1),
    "Administration": (2.9, 2.8),
}
INTEREST = (1.6, 1.1)
TAX = (0.9, 0.4)

ORDER = (  # on the receipt: count, item, EUR per piece
    (2, "Flat white", 3.40),
    (1, "Hot chocolate", 3.20),
    (2, "Seaweed scone", 2.90),
    (1, "Smoked trout bagel", 8.40),
    (1, "Lentil soup", 6.50),
    (1, "Heather honey 250 g", 9.95),
)
ISLANDER_DISCOUNT = 0.10
VAT = 0.09


def total_passengers(year: int) -> int:
    """Passengers of all routes in thousands, for the year at this position in YEARS."""
    return sum(counts[year] for counts in PASSENGERS.values())


def emissions_kt() -> list[float]:
    """Emissions in kilotonnes of CO2, one value per year of ENERGY_YEARS."""
    return [gwh * TONNES_CO2_PER_MWH_DIESEL for gwh in DIESEL_GWH]


def change(now: float, before: float) -> str:
    """Relative change as "+4.2 %", with an en dash for a decrease."""
    percent = 100 * (now - before) / before
    return f"{'+' if percent >= 0 else '–'}{abs(percent):.1f} %"
