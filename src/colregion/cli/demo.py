"""`colregion demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from colregion.cli.common import app, out


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(help="Folder for the index and the report.")] = Path(
        "colregion-demo"
    ),
) -> None:
    """Index the documents that come with colregion, ask questions, write an HTML report."""
    from colregion.demo import run_demo

    run_demo(folder, console=out)
