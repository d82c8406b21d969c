"""`colregion demo` and `colregion mcp`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from colregion.cli.common import IndexOption, app, out


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(help="Where the index and the report go.")] = Path(
        "colregion-demo"
    ),
) -> None:
    """Index documents that come with colregion, ask questions, write a report to look at."""
    from colregion.demo import run_demo

    run_demo(folder, console=out)


@app.command(name="mcp")
def serve_mcp(
    index: IndexOption = "library",
    writable: Annotated[
        bool, typer.Option("--writable", help="Let agents add and remove documents.")
    ] = False,
) -> None:
    """Serve an index to agents: an MCP server on standard input and output."""
    from colregion.mcp import serve

    serve(index, writable=writable)
