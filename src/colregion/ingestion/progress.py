"""A progress bar while documents are added, in terminals and notebooks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape as escape_html
from importlib import import_module
from typing import Any, TypeAlias

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, SpinnerColumn, TextColumn
from rich.progress import Progress as ProgressBar

from colregion.core.text import printable
from colregion.ingestion.pipeline import Progress

OnProgress: TypeAlias = Callable[[Progress], None]

_MAX_NAME = 40


@contextmanager
def reported(on_progress: OnProgress | None, *, progress: bool) -> Iterator[OnProgress]:
    """The caller's own function; without one, a bar if `progress` asks for it and somebody sees it:
    in a notebook, or where standard error is a terminal."""
    console = Console(stderr=True)
    if on_progress is not None or not progress:
        yield on_progress or ignore
    elif console.is_jupyter:
        with notebook_bar() as show:
            yield show
    elif console.is_terminal:
        with progress_bar(console) as show:
            yield show
    else:
        yield ignore


def ignore(_event: object) -> None:
    """The callback that does nothing."""


@contextmanager
def progress_bar(
    console: Console, check: Callable[[], None] = lambda: None
) -> Iterator[OnProgress]:
    """A bar in a terminal that goes away at the end; `check` is called at every step."""
    label, count = TextColumn("{task.description}"), TextColumn("{task.fields[pages]}")
    columns = (SpinnerColumn(), label, BarColumn(), count)
    with ProgressBar(*columns, console=console, transient=True) as bar:
        task = bar.add_task("reading", total=None, pages="")

        def show(step: Progress) -> None:
            check()
            bar.update(
                task,
                description=f"{step.files_done}/{step.files_total} "
                + escape(printable(step.source[-_MAX_NAME:])),
                completed=step.files_done,
                total=step.files_total,
                pages=_pages(step),
            )

        yield show


@contextmanager
def notebook_bar() -> Iterator[OnProgress]:
    """A bar in a notebook's output that goes away at the end; it needs no widgets."""
    # IPython is there: it runs the notebook.
    display: Any = import_module("IPython.display")
    handle = display.display(display.HTML("reading"), display_id=True)

    def show(step: Progress) -> None:
        name = escape_html(printable(step.source[-_MAX_NAME:]))
        bar = f'<progress value="{step.files_done}" max="{max(step.files_total, 1)}"></progress>'
        text = f"{bar} {step.files_done}/{step.files_total} {name} {_pages(step)}"
        handle.update(display.HTML(text))

    try:
        yield show
    finally:
        handle.update(display.HTML(""))


def _pages(step: Progress) -> str:
    pages = f"page {step.pages_done}/{step.pages_total}"
    if not step.pages_per_second:
        return pages
    remaining = time.strftime("%H:%M:%S", time.gmtime(step.seconds_left))
    return f"{pages}, {step.pages_per_second:.1f} pages/s, about {remaining} left"
