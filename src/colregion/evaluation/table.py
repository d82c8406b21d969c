"""Tables of an evaluation's figures for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

# Narrow enough for 80 columns; the JSON has everything.
_COLUMNS = (
    ("recall_at_area", "0.01", "area\n1%"),
    ("recall_at_area", "0.02", "area\n2%"),
    ("recall_at_area", "0.05", "area\n5%"),
    ("recall_at_area", "0.1", "area\n10%"),
    ("recall_at_area", "0.3", "area\n30%"),
    ("hit_at_1", "0.5", "hit@1\n.5"),
    ("hit_at_3", "0.5", "hit@3\n.5"),
    ("miou_at_1", "", "IoU@1"),
    ("answer_in_tokens", "128", "answer\n128"),
    ("page_at", "1", "page\n@1"),
    ("page_at", "5", "page\n@5"),
)
_LEGEND = """area: share of the evidence in that share of the page; hit: IoU of .5 or more;
answer: within 128 tokens; page: the right one among the first"""


def print_rows(result: Mapping[str, Any], *, console: Console) -> None:
    """Print one table per data set, with one line per ranking, of a result of `evaluate`."""
    rows: Mapping[str, Mapping[str, Any]] = result["rows"]
    datasets = dict.fromkeys(dataset for row in rows.values() for dataset in row)
    for dataset in datasets:
        shown = {name: row[dataset] for name, row in rows.items() if dataset in row}
        columns = [c for c in _COLUMNS if any(c[0] in figures for figures in shown.values())]
        first = next(iter(shown.values()))
        title = f"{dataset} (n = {first['n']})"
        table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 0, 0, 1))
        table.add_column("ranking")
        for _, _, head in columns:
            table.add_column(head, justify="right")
        for name, figures in shown.items():
            cells = (_cell(figures, measure, budget) for measure, budget, _ in columns)
            table.add_row(name, *cells)
        console.print(table)
    console.print(_LEGEND)


def _cell(figures: Mapping[str, Any], measure: str, budget: str) -> str:
    value = figures.get(measure)
    if budget and value is not None:
        value = value[budget]
    return "" if value is None else f"{value:.3f}"
