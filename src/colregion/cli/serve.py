"""`colregion serve`."""

from __future__ import annotations

from typing import Annotated

import typer

from colregion.cli.common import IndexOption, app, escape, out


@app.command()
def serve(
    index: IndexOption = "library",
    host: Annotated[
        str,
        typer.Option(
            "--host",
            help="Address to listen on; others than this machine's own loopback take --token.",
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="0 takes any free one.")
    ] = 8010,
    writable: Annotated[
        bool, typer.Option("--writable", help="Let people add and remove documents.")
    ] = False,
    token: Annotated[
        str | None,
        typer.Option(
            "--token",
            envvar="COLREGION_TOKEN",
            help="Secret that clients have to show; people enter it on the page.",
        ),
    ] = None,
) -> None:
    """Serve an index: a page to ask from, REST, and MCP over HTTP for agents."""
    from colregion.server import serve as serve_index

    def announce(address: str) -> None:
        out.print(f"serving {escape(index)} at {address} (Ctrl-C stops)", highlight=False)
        out.print(f"REST: {address}api/openapi.json   MCP: {address}mcp", highlight=False)

    serve_index(index, host=host, port=port, writable=writable, token=token, on_start=announce)
