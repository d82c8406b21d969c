"""How the command line prints regions."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
from rich.console import Console

from colregion.cli.regions import print_hits
from colregion.core.documents import DocumentEntry
from colregion.core.geometry import Box
from colregion.core.quotes import Evidence
from colregion.core.regions import Cell, ParsedPage, Region
from colregion.core.results import Hit
from colregion.testing import make_parsed_page

ENTRY = DocumentEntry("doc", "in/doc.pdf", "hash", "parser")


def printed(*hits: Hit, width: int = 40, brief: bool = False, terminal: bool = False) -> str:
    color: Literal["standard"] | None = "standard" if terminal else None
    console = Console(file=io.StringIO(), width=width, force_terminal=terminal, color_system=color)
    print_hits(console, hits, brief=brief)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def text_hit(text: str, *, confidence: float | None = None) -> Hit:
    parsed = make_parsed_page([(text, Box(0.1, 0.1, 0.6, 0.2))])
    return Hit(parsed.regions[0], parsed, ENTRY, 0.5, confidence)


def table_hit(*rows: tuple[str, ...]) -> Hit:
    """A table whose first row is its header, asked about the last one."""
    page = make_parsed_page([]).page
    whole = Box(0.1, 0.1, 0.9, 0.9)
    lines = ["\n".join(row) for row in rows]
    regions = [Region(page.id, (1,), whole, "\n".join(lines), "table")]
    for y, (row, line) in enumerate(zip(rows, lines, strict=True)):
        box = Box(0.1, 0.1 + 0.1 * y, 0.9, 0.2 + 0.1 * y)
        regions.append(Region(page.id, (1, y + 1), box, line, "row"))
        for x, text in enumerate(row):
            left = 0.1 + 0.4 * x
            place = Box(left, box.y0, left + 0.3, box.y1)
            cell = Cell(y, x, header=y == 0)
            regions.append(Region(page.id, (1, y + 1, x + 1), place, text, cell=cell))
    parsed = ParsedPage(page, (), tuple(regions))
    evidence = Evidence(np.zeros(len(regions)), {rows[-1][0].lower(): 1.0})
    return Hit(regions[0], parsed, ENTRY, 0.5, evidence=evidence)


def test_paragraphs_are_reflowed_to_the_width() -> None:
    lines = printed(text_hit("The ship\ncarries a battery\nfor two round trips."), width=30)
    body = [line.rstrip() for line in lines.splitlines()[-2:]]
    assert body == ["  The ship carries a battery", "  for two round trips."]


def test_tables_are_printed_as_tables_with_their_quoted_row_emphasised() -> None:
    hit = table_hit(("Year", "2024"), ("Fares", "41.9"), ("Fuel", "8.6"))
    lines = [line.split() for line in printed(hit).splitlines()]
    table = lines[lines.index(["Year", "2024"]) :]
    assert [row for row in table if row and set(row[0]) != {"─"}] == [
        ["Year", "2024"],
        ["Fares", "41.9"],
        ["Fuel", "8.6"],
    ]
    bold = [line for line in printed(hit, terminal=True).splitlines() if "\x1b[1m" in line]
    assert ["Fuel" in line for line in bold] == [False, True]  # the rank, then the row


def test_quotes_in_a_paragraph_are_emphasised() -> None:
    hit = text_hit("Fuel cost less. Fares rose.")
    evidence = Evidence(np.zeros(len(hit.parsed.regions)), {"fares": 1.0})
    hit = replace(hit, evidence=evidence)
    (quote,) = hit.quotes
    assert f"\x1b[1m{quote.text}\x1b[0m" in printed(hit, terminal=True, width=80)


def test_brief_prints_one_line_per_region_cut_only_in_a_terminal() -> None:
    hits = [text_hit(f"word {n} " + "x" * 90, confidence=0.29) for n in range(2)]
    lines = printed(*hits, brief=True).splitlines()
    assert lines[0] == f"1 doc.pdf p.1 29% word 0 {'x' * 90}"
    assert len(lines) == 2
    shown = printed(*hits, brief=True, terminal=True).splitlines()
    assert len(shown) == 2
    assert all(line.endswith("…\x1b[0m") for line in shown)


@pytest.mark.parametrize(
    ("confidences", "expected"),
    [
        ((0.04, 0.09), "perhaps nothing here answers this: the best region is 9% likely right"),
        ((0.04, 0.1), ""),
    ],
)
def test_regions_of_low_confidence_are_announced_as_perhaps_no_answer(
    confidences: tuple[float, ...], expected: str
) -> None:
    first = printed(*(text_hit("a", confidence=c) for c in confidences), width=80).splitlines()[0]
    assert first.startswith(expected or "1 in/doc.pdf")


def test_regions_without_a_confidence_are_printed_as_they_are() -> None:
    assert printed(text_hit("a")).startswith("1 in/doc.pdf p.1 text")
    assert printed() == "nothing found\n"


def test_text_cannot_inject_markup_or_terminal_escapes() -> None:
    evil = "[red]\x1b[31mred[/red]"
    for hit in (text_hit(evil), table_hit((evil, "b"), ("c", evil))):
        for brief in (False, True):
            shown = printed(hit, brief=brief, width=80)
            assert "\x1b" not in shown
            assert "[red]\ufffd[31mred[/red]" in shown
