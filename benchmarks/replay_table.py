"""The figures of a replay as a table for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

_COLUMNS = (
    ("boxes", "", "boxes"),
    ("miou", "", "mIoU"),
    ("hit", "0.25", "hit\n.25"),
    ("hit", "0.5", "hit\n.5"),
    ("hit", "0.7", "hit\n.7"),
    ("any_hit_at_1", "0.5", "any, 1st\n.5"),
    ("area_precision", "", "area\nprecision"),
    ("area_precision_at_1", "", "of the\n1st"),
)


def print_replay(result: Mapping[str, Any], *, console: Console) -> None:
    """Print what `replay.replay_file` returned, one line per rule."""
    title = f"{result['model']} (n = {result['questions']})"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 0, 0, 1))
    table.add_column("rule")
    for _, _, head in _COLUMNS:
        table.add_column(head, justify="right")
    for name, figures in result["rows"].items():
        values = (figures[name][t] if t else figures[name] for name, t, _ in _COLUMNS)
        table.add_row(name, *(f"{value:.3f}" for value in values))
    console.print(table)
    low, high = result["rows"]["colregion"]["ci95"]["hit"]["0.5"]
    console.print(f"colregion, hit .5: 95 % interval {low:.3f} to {high:.3f}, over documents")
