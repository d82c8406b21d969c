"""Tables of an evaluation's figures for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

# Narrow enough for 80 columns; the JSON has everything.
_ON_THE_PAGE = (
    ("recall_at_area", "0.01", "area\n1%"),
    ("recall_at_area", "0.02", "area\n2%"),
    ("recall_at_area", "0.05", "area\n5%"),
    ("recall_at_area", "0.1", "area\n10%"),
    ("recall_at_area", "0.3", "area\n30%"),
    ("hit_at_1", "0.5", "hit@1\n.5"),
    ("hit_at_3", "0.5", "hit@3\n.5"),
    ("miou_at_1", "", "IoU@1"),
    ("answer_on_page", "128", "answer\n128"),
)
_PAGES = (("page_at", "1", "page\n@1"), ("page_at", "5", "page\n@5"))
_IN_THE_CORPUS = (
    *_PAGES,
    ("recall_at_area", "0.02", "area\n2%"),
    ("recall_at_area", "0.1", "area\n10%"),
    ("hit_at_1", "0.5", "hit@1\n.5"),
    ("hit_or_contains_at", "3", "box@3"),
    ("mrr", "", "MRR"),
    ("answer_on_page", "128", "answer\n128"),
    ("answer_on_page_of_all", "128", "of all\n128"),
)
_IN_THE_ARCHIVE = (
    *_PAGES,
    ("answer_on_page", "256", "answer\n256"),
    ("answer_on_page", "1024", "answer\n1024"),
    ("answer_on_page_of_all", "256", "of all\n256"),
    ("box_at", "1", "box@1"),
    ("box_at", "3", "box@3"),
    ("hit_at_3", "0.5", "hit@3\n.5"),
    ("area_of_first", "", "area\nof 1st"),
)
_COLUMNS = {"page": _ON_THE_PAGE, "corpus": _IN_THE_CORPUS, "archive": _IN_THE_ARCHIVE}
_LEGEND = """area: share of the evidence in that share of the page; hit: IoU of .5 or more;
answer: from the right page, within so many tokens, where its words contain it"""
_LEGENDS = {
    "page": _LEGEND,
    "corpus": f"""{_LEGEND};
of all: unreadable ones too; page: the right one among the first; box: an IoU of
.5 or 90 % of the evidence inside; MRR: of the first region that is a hit or has
the answer""",
    "archive": """page: the right one among the first; answer: from the right page, within so many
tokens, where its words contain it; of all: unreadable ones too; hit: IoU of .5
or more; box: that or the centre of the evidence inside, which is easy for large
ones: see the area of the first""",
}


def print_rows(result: Mapping[str, Any], *, console: Console) -> None:
    """Print one table per data set, with one line per ranking, of a result of `evaluate`."""
    rows: Mapping[str, Mapping[str, Any]] = result["rows"]
    datasets = dict.fromkeys(dataset for row in rows.values() for dataset in row)
    columns = _COLUMNS[result["searched"]]
    for dataset in datasets:
        shown = {name: row[dataset] for name, row in rows.items() if dataset in row}
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
    console.print(_LEGENDS[result["searched"]])


def _cell(figures: Mapping[str, Any], measure: str, budget: str) -> str:
    value = figures.get(measure)
    if budget and value is not None:
        value = value[budget]
    return "" if value is None else f"{value:.3f}"
