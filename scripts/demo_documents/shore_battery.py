"""Simulation behind the paper: a battery on the quay that charges a ferry at its berth."""

from __future__ import annotations

from dataclasses import dataclass

DAY_MIN = 24 * 60
FIRST_DEPARTURE_MIN = 5 * 60 + 30
ROUND_TRIPS = 15
ROUND_TRIP_MIN = 68
CALL_MIN = 12
ROUND_TRIP_MWH = 0.82
EFFICIENCY = 0.94  # of the battery, charge and discharge

BATTERY_EUR_PER_MWH_YEAR = 35_000
GRID_EUR_PER_MW_YEAR = 95_000


@dataclass(frozen=True)
class Case:
    """Parameters of the crossing; the defaults are those of its timetable."""

    round_trips: int = ROUND_TRIPS
    round_trip_mwh: float = ROUND_TRIP_MWH
    efficiency: float = EFFICIENCY

    def at_berth(self, minute: int) -> bool:
        """Whether the ferry lies at the charging berth in this minute of the day."""
        since = minute - FIRST_DEPARTURE_MIN
        return 0 <= since < self.round_trips * ROUND_TRIP_MIN and (
            since % ROUND_TRIP_MIN >= ROUND_TRIP_MIN - CALL_MIN
        )


AS_RUN = Case()


def simulate(
    *, grid_mw: float, battery_mwh: float, case: Case = AS_RUN
) -> tuple[list[float], float]:
    """State of charge (MWh) after every minute of a periodic day, and share of unmet energy."""
    charge, levels, unmet = battery_mwh, [0.0], 0.0
    call_mw = case.round_trip_mwh / (CALL_MIN / 60)
    for _ in range(3):  # by the third day the state is periodic
        levels, unmet = [], 0.0
        for minute in range(DAY_MIN):
            demand_mw = call_mw if case.at_berth(minute) else 0.0
            net_mwh = (grid_mw - demand_mw) / 60
            charge += net_mwh * (case.efficiency if net_mwh > 0 else 1.0)
            unmet += max(-charge, 0.0)
            charge = min(max(charge, 0.0), battery_mwh)
            levels.append(charge)
    return levels, unmet / (case.round_trips * case.round_trip_mwh)


def smallest_battery_mwh(*, grid_mw: float, unmet_share: float, case: Case = AS_RUN) -> float:
    """Smallest battery, in steps of 0.1 MWh, that leaves a share below `unmet_share` unmet."""
    tenths = 1
    while simulate(grid_mw=grid_mw, battery_mwh=tenths / 10, case=case)[1] >= unmet_share:
        tenths += 1
    return tenths / 10


def yearly_cost_keur(*, grid_mw: float, battery_mwh: float) -> float:
    """Cost of battery and grid connection in thousand euros per year."""
    return (battery_mwh * BATTERY_EUR_PER_MWH_YEAR + grid_mw * GRID_EUR_PER_MW_YEAR) / 1000
