"""Write `docs/benchmarks.md`, and the table of the README, from the results in `docs/benchmarks`.

    colregion eval cases.jsonl --output page.json
    python -m scripts.write_benchmarks_page page.json             (records it, then writes)
    python -m scripts.write_benchmarks_page                       (writes from what is recorded)

A result of `colregion eval` is recorded as `page`, `corpus` or `archive`, by what was searched,
those of `python -m benchmarks replay` and `speed` by their names; each with the date, the commit
and the machine. Only the figures in the tables are recorded. Record speed on a quiet machine only:
without it the page has no such section.
"""

from __future__ import annotations

import datetime
import json
import platform
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "docs" / "benchmarks"
PAGE = ROOT / "docs" / "benchmarks.md"
README = ROOT / "README.md"

_PACKAGES = ("numpy", "rapidocr", "rapid-layout", "onnxruntime")
_MARK = re.compile(r"(<!-- figures: page -->\n).*?(<!-- end of figures -->)", re.DOTALL)


@dataclass(frozen=True)
class Column:
    """A column of a table: a measure of a group of cases, at a budget if it has several."""

    title: str
    group: str
    measure: str
    budget: str = ""

    def cell(self, row: Mapping[str, Any], *, interval: bool) -> str:
        """The figure of a ranking, and its 95 % interval if asked for; a dash if it has none."""
        figures = row[self.group]
        if self.measure not in figures:
            return "–"
        value, (low, high) = (
            one[self.measure][self.budget] if self.budget else one[self.measure]
            for one in (figures, figures["ci95"])
        )
        # Narrow columns break before the interval, not within.
        return _short(value) + (f" [{_short(low)},&nbsp;{_short(high)}]" if interval else "")


NAMES = {
    "colregion": "**colregion**",
    "paper": "paper (max, max, percentile 50)",
    "bm25": "BM25 over paragraphs and rows",
    "bm25_page": "BM25 over pages",
    "bm25_page_plus_block": "BM25 over pages and blocks",
    "bm25_chunk_256": "BM25 over chunks of 256 tokens",
    "largest": "largest areas first",
    "all": "all areas in reading order",
    "random": "random",
    "best": "best possible with these regions",
}
RULES = {
    "published": "published (half of all boxes)",
    "first": "first three as published",
    "largest": "largest three, no model",
    "random": "three at random",
    "geometry": "geometry, merged",
    "colregion": "ranks and geometry, merged",
    "best": "best single boxes",
    "best_merged": "best merged boxes",
}
_AREA, _HIT_1, _HIT_3, _ANSWER = "recall_at_area", "hit_at_1", "hit_at_3", "answer_on_page"
TABLES = {
    "page": (
        Column("MMDocIR, 10 % of the page", "mmdocir", _AREA, "0.1"),
        Column("hit@1", "mmdocir", _HIT_1, "0.5"),
        Column("hit@3", "mmdocir", _HIT_3, "0.5"),
        Column("answer in 128 tokens", "mmdocir", _ANSWER, "128"),
        Column("FUNSD, 2 %", "funsd", _AREA, "0.02"),
        Column("answer", "funsd", _ANSWER, "128"),
        Column("SROIE, 5 %", "sroie", _AREA, "0.05"),
        Column("answer", "sroie", _ANSWER, "128"),
    ),
    "corpus": (
        Column("MMDocIR, right page first", "mmdocir", "page_at", "1"),
        Column("among five", "mmdocir", "page_at", "5"),
        Column("evidence in 10 % of a page", "mmdocir", _AREA, "0.1"),
        Column("hit@1", "mmdocir", _HIT_1, "0.5"),
        Column("answer in 128 tokens", "mmdocir", _ANSWER, "128"),
        Column("FUNSD, right page first", "funsd", "page_at", "1"),
        Column("evidence in 2 %", "funsd", _AREA, "0.02"),
        Column("answer", "funsd", _ANSWER, "128"),
    ),
    "archive": (
        Column("right page first", "mmdocir", "page_at", "1"),
        Column("among five", "mmdocir", "page_at", "5"),
        Column("answer in 256 tokens", "mmdocir", _ANSWER, "256"),
        Column("in 1,024", "mmdocir", _ANSWER, "1024"),
        Column("right place among three", "mmdocir", "box_at", "3"),
        Column("area of the first", "mmdocir", "area_of_first"),
    ),
    "replay": (
        Column("boxes", "", "boxes"),
        Column("mIoU", "", "miou"),
        Column("hit@.5", "", "hit", "0.5"),
        Column("any evidence by the first box @.5", "", "any_hit_at_1", "0.5"),
        Column("area precision", "", "area_precision"),
        Column("of the first", "", "area_precision_at_1"),
    ),
}
OF_ONE_PAGE = ("largest", "all", "random")
"""Rankings that say nothing where the page has to be found."""

IN_README = (0, 1, 2, 3, 4, 6)
"""Columns of the first table that the README shows."""


def record(path: Path, *, commit: str) -> None:
    """Keep what the tables show of a result, with when and on what it was measured."""
    result = json.loads(path.read_text(encoding="utf-8"))
    name = result.get("searched") or ("replay" if "model" in result else "speed")
    if name == "replay":
        rows = {rule: {"": row} for rule, row in result["rows"].items()}
        result = {**result, "rows": _shown(rows, TABLES[name])}
    elif name != "speed":
        rows = {
            ranking: row
            for ranking, row in result["rows"].items()
            if ranking in NAMES and (name == "page" or ranking not in OF_ONE_PAGE)
        }
        result = {**result, "rows": _shown(rows, TABLES[name])}
    measured = {
        "date": datetime.datetime.fromtimestamp(path.stat().st_mtime).date().isoformat(),
        "commit": commit,
        "machine": f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}",
        "packages": {package: version(package) for package in _PACKAGES},
    }
    text = json.dumps({"measured": measured, "result": result}, indent=1) + "\n"
    (RESULTS / f"{name}.json").write_text(text, encoding="utf-8")


def _shown(rows: Mapping[str, Any], columns: Sequence[Column]) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for ranking, groups in rows.items():
        shown[ranking] = {}
        for column in columns:
            figures = groups[column.group]
            part = shown[ranking].setdefault(column.group, {"ci95": {}})
            if column.measure not in figures:
                continue  # the order of pages, for a ranking that has none
            for source, target in ((figures, part), (figures["ci95"], part["ci95"])):
                value = source[column.measure]
                if column.budget:
                    budgets = target.setdefault(column.measure, {})
                    budgets[column.budget] = value[column.budget]
                else:
                    target[column.measure] = value
    return shown


_INTRODUCTION = """\
---
hide: [toc]
---

<!-- Written by scripts/write_benchmarks_page.py from docs/benchmarks/*.json: do not edit. -->

# Benchmarks

All figures of this page are outputs of commands that you can run on your own documents, of
`colregion eval` and, in a checkout, of `python -m benchmarks`. [How they are
measured](evaluation.md) has the measures, the baselines and the format of the questions. In
brackets: 95 % intervals by bootstrap over documents, because questions on one document are not
independent. Speed, which needs a quiet machine, is on the pages [The index in a
folder](local-index.md), [Archives and OCR](archives.md#measured) and [Visual models and
GPUs](visual-models.md#what-has-been-tested).

Read them with care. The constants of the ranking are round numbers and were chosen on these
pages, for the sum of the figures. An IoU hit rewards large boxes whatever they contain: see the
row "largest areas first". The default encoder was used, in one configuration for all; no visual
model has been measured with trained weights."""

_SECTIONS = {
    "page": (
        "Given the right page",
        """\
`colregion eval cases.jsonl`: {cases} questions over {pages} real pages with evidence boxes
(reports, slides and papers of MMDocIR; the noisy scanned forms of FUNSD; the receipts of SROIE;
a few invoices and other languages). *Evidence recall at an area budget*: take the returned
regions in order; which share of the evidence's area do they cover by the time they cover this
share of the page? Boxes count as returned, never padded. *hit*: an IoU of .5 with the evidence.
*answer*: the answer is in the first 128 tokens of the returned text, where the page's words
contain it.

The row "paper" propagates the same similarities as published (arXiv 2512.02660).""",
    ),
    "corpus": (
        "All pages at once",
        """\
`colregion eval cases.jsonl --corpus`: the same questions, asked of all {pages} pages. Area and
text of a wrong page count as spent. Receipts are left out of the table: "What is the total?"
asked of 45 similar receipts has no answer; many of the forms of FUNSD carry the same labels,
too.""",
    ),
    "archive": (
        "Whole PDFs",
        """\
`colregion eval questions.jsonl --archive FOLDER --index DIR`: {cases} questions over
{documents} whole documents, {pages} pages (PDFs of MMLongBench-Doc with the labels of MMDocIR,
and a page that describes them), ten regions per question. *right place*: an IoU of .5 with the
evidence, or its centre inside the box, which is easy for large boxes: see the area of the
first, as a share of the page. A chunk of 256 tokens is a third of a page.""",
    ),
    "replay": (
        "The published protocol, replayed",
        """\
`python -m benchmarks replay FILE`: what a real visual model ({model}) returned for {questions}
questions of BBox-DocVQA, the regions that the reference implementation selected, in its order.
A rule may return three boxes. The published maps, of which two could be recovered, lie 4 to 5
patches too far right, so the order of the boxes is worse than the model's.
[Relevance](relevance.md#the-published-protocol-replayed) has the rules; the merged ones are
baselines of this benchmark, not part of the library.""",
    ),
}

_SPEED = """\
## Speed

`python -m benchmarks speed`: ours and the other run in turn and the medians are compared, so
that the ratios mean something on a machine that is shared; a ratio above 1 means that ours is
faster. Sums up to ten million pages: [Sizes and costs](sizes-and-costs.md)."""


def page() -> str:
    """The benchmarks page, from what is recorded."""
    parts = [_INTRODUCTION]
    for name, (title, text) in _SECTIONS.items():
        measured, result = _read(name)
        names = RULES if name == "replay" else NAMES
        table = _table(result["rows"], TABLES[name], names=names, with_intervals=tuple(names))
        parts += [f"## {title}", text.format(**result), table, measured]
    if (RESULTS / "speed.json").is_file():
        measured, result = _read("speed")
        parts += [_SPEED, _speed_table(result), measured]
    return "\n\n".join(parts) + "\n"


def readme(text: str) -> str:
    """The README with its table, the first of the benchmarks page in short."""
    _, result = _read("page")
    columns = [TABLES["page"][i] for i in IN_README]
    table = _table(result["rows"], columns, names=NAMES, with_intervals=("colregion",))
    return _MARK.sub(lambda match: f"{match[1]}\n{table}\n\n{match[2]}", text)


def _read(name: str) -> tuple[str, dict[str, Any]]:
    recorded = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    measured, result = recorded["measured"], recorded["result"]
    packages = ", ".join(f"{key} {value}" for key, value in measured["packages"].items())
    where = f"{measured['date']}, commit {measured['commit'][:10]}, {measured['machine']}"
    return f"*Measured {where} ({packages}).*", result


def _table(
    rows: Mapping[str, Any],
    columns: Sequence[Column],
    *,
    names: Mapping[str, str],
    with_intervals: Sequence[str],
) -> str:
    """A table with a row per ranking, by its name, some of them with intervals."""
    lines = [f"| ranking | {' | '.join(column.title for column in columns)} |"]
    lines.append(f"|---|{'---|' * len(columns)}")
    for ranking, name in names.items():
        if ranking in rows:
            interval = ranking in with_intervals
            cells = (column.cell(rows[ranking], interval=interval) for column in columns)
            lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _speed_table(result: Mapping[str, Any]) -> str:
    lines = ["| part | ours | other | ratio | unit | against |", "|---|---|---|---|---|---|"]
    for row in result["rows"]:
        numbers = (_number(row[key]) for key in ("ours", "other", "ratio"))
        lines.append(f"| {' | '.join((row['name'], *numbers, row['unit'], row['against']))} |")
    return "\n".join(lines)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _short(value: float) -> str:
    """Two decimals without the zero before them, as ".38"."""
    return f"{value:.2f}".removeprefix("0")


def main(
    results: Annotated[list[Path] | None, typer.Argument(help="Results to record.")] = None,
    commit: Annotated[str, typer.Option(help="The commit measured, if not the present one.")] = "",
) -> None:
    """Record these results, if any, and write the page and the README's table."""
    if not commit:
        commit = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=ROOT, text=True).strip()
    for result in results or ():
        record(result, commit=commit)
    PAGE.write_text(page(), encoding="utf-8")
    README.write_text(readme(README.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
