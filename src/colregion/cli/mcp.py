"""`colregion mcp`."""

from __future__ import annotations

from typing import Annotated

import typer

from colregion.cli.common import IndexOption, app


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
