"""The progress bar that `Engine.add` shows by itself."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from rich.console import Console

from colregion import Engine, Progress
from colregion.core.geometry import Box
from colregion.indexes import MemoryIndex
from colregion.ingestion import progress as module
from colregion.ingestion.progress import ignore, notebook_bar, progress_bar, reported
from colregion.testing import LineParser, WordEncoder

STEP = Progress("in/<b>[red]a.pdf", 1, 4, 2, 9, pages_per_second=2.5, seconds_left=61)


class Display(ModuleType):
    """What of `IPython.display` a bar uses; `shown` is each text in turn."""

    def __init__(self) -> None:
        super().__init__("IPython.display")
        self.shown: list[str] = []

    def HTML(self, text: str) -> str:  # noqa: N802
        return text

    def display(self, shown: str, *, display_id: bool) -> SimpleNamespace:
        assert display_id
        self.shown.append(shown)
        return SimpleNamespace(update=self.shown.append)


@pytest.fixture
def console(monkeypatch: pytest.MonkeyPatch) -> Console:
    """Standard error, as the bar finds it: by default neither a terminal nor a notebook."""
    console = Console(file=io.StringIO(), force_terminal=False, force_jupyter=False, width=120)
    monkeypatch.setattr(module, "Console", lambda **_: console)
    return console


def written(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_bar_in_a_terminal_names_file_page_rate_and_time_left() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=120)
    with progress_bar(console) as show:
        show(STEP)
    assert "1/4 in/<b>[red]a.pdf" in written(console)
    assert "page 2/9, 2.5 pages/s, about 00:01:01 left" in written(console)


def test_a_bar_in_a_notebook_is_escaped_and_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    display = Display()
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    with notebook_bar() as show:
        show(STEP)
    assert display.shown == [
        "reading",
        '<progress value="1" max="4"></progress> 1/4 in/&lt;b&gt;[red]a.pdf '
        "page 2/9, 2.5 pages/s, about 00:01:01 left",
        "",
    ]


def test_nothing_is_shown_where_nobody_sees_it_or_it_is_not_asked_for(console: Console) -> None:
    with reported(None, progress=True) as show:
        assert show is ignore
    console._force_terminal = True
    with reported(None, progress=False) as show:
        assert show is ignore
    steps: list[Progress] = []
    with reported(steps.append, progress=True) as show:
        show(STEP)
    assert steps == [STEP]
    assert written(console) == ""


@pytest.mark.parametrize(("progress", "shown"), [(True, True), (False, False)])
def test_adding_in_a_terminal_shows_a_bar_unless_turned_off(
    console: Console, tmp_path: Path, progress: bool, shown: bool
) -> None:
    console._force_terminal = True
    lines = [("total due", Box(0.1, 0.1, 0.6, 0.2))]
    engine = Engine(MemoryIndex(), encoder=WordEncoder(), parser=LineParser(lines))
    path = tmp_path / "scan.pbm"
    path.write_bytes(b"P4 8 8\n" + bytes(8))
    assert engine.add(path, workers=0, progress=progress).pages == 1
    hides_cursor = "\x1b[?25l" in written(console)
    assert hides_cursor == shown


def test_adding_in_a_notebook_shows_a_bar_in_the_output(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    display = Display()
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    console.is_jupyter = True
    with reported(None, progress=True) as show:
        show(STEP)
    assert len(display.shown) == 3
    assert written(console) == ""
