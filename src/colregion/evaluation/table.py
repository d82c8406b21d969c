"""The figures of an evaluation as tables for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

# What is shown of each row, narrow enough for 100 columns; the JSON has everything.
_COLUMNS = (
    *(("recall_at_area", budget) for budget in ("0.01", "0.02", "0.05", "0.1", "0.3")),
    ("hit_at_1", "0.5"),
    ("hit_at_3", "0.5"),
    ("miou_at_1", ""),
    ("answer_in_tokens", "128"),
    ("page_at", "1"),
    ("page_at", "5"),
)
_HEADS = {
    "recall_at_area": "recall\n@ {:.0%}",
    "hit_at_1": "hit@1\nIoU .5",
    "hit_at_3": "hit@3\nIoU .5",
    "miou_at_1": "IoU\n@1",
    "answer_in_tokens": "answer\n@ 128 t",
    "page_at": "page\n@ {:.0f}",
}


def print_rows(result: Mapping[str, Any], *, console: Console) -> None:
    """One table a data set, one line a ranking, of what `evaluate` returned."""
    rows: Mapping[str, Mapping[str, Any]] = result["rows"]
    datasets = dict.fromkeys(dataset for row in rows.values() for dataset in row)
    for dataset in datasets:
        shown = {name: row[dataset] for name, row in rows.items() if dataset in row}
        columns = [c for c in _COLUMNS if any(c[0] in figures for figures in shown.values())]
        first = next(iter(shown.values()))
        table = Table(title=f"{dataset} (n = {first['n']})", title_justify="left")
        table.add_column("ranking")
        for measure, budget in columns:
            table.add_column(_HEADS[measure].format(float(budget or 0)), justify="right")
        for name, figures in shown.items():
            table.add_row(name, *(_cell(figures, *column) for column in columns))
        console.print(table)


def _cell(figures: Mapping[str, Any], measure: str, budget: str) -> str:
    value = figures.get(measure)
    if budget and value is not None:
        value = value[budget]
    return "" if value is None else f"{value:.3f}"
