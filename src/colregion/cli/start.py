"""`colregion demo` and `colregion mcp`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from colregion.cli.common import IndexOption, app, out


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(help="Folder for the index and the report.")] = Path(
        "colregion-demo"
    ),
) -> None:
    """Index the documents that come with colregion, ask questions, write an HTML report."""
    from colregion.demo import run_demo

    run_demo(folder, console=out)


@app.command()
def mcp(
    index: IndexOption = "library",
    writable: Annotated[
        bool, typer.Option("--writable", help="Let agents add and remove documents.")
    ] = False,
) -> None:
    """Serve an index to agents: an MCP server on standard input and output."""
    from colregion.mcp import serve

    serve(index, writable=writable)
