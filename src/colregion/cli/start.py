"""`colregion demo` and `colregion mcp`."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Annotated

import typer

from colregion.cli.common import app, out
from colregion.errors import InvalidInput

_NAMED = re.compile(r"([\w-]+)=(.+)", re.DOTALL)


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
    index: Annotated[
        list[str] | None,
        typer.Option(
            "--index",
            "-i",
            metavar="[NAME=]INDEX",
            help="Index: a folder, or qdrant:URL/NAME; repeatable, and agents choose by name (by "
            "default the last part of INDEX). Without it COLREGION_INDEX, or else library.",
            show_default=False,
        ),
    ] = None,
    writable: Annotated[
        bool, typer.Option("--writable", help="Let agents add and remove documents.")
    ] = False,
) -> None:
    """Serve one index or several to agents: an MCP server on standard input and output."""
    from colregion.mcp import serve

    # Typer would split the variable's value at white space, for an option that can be repeated.
    serve(_named(index or [os.environ.get("COLREGION_INDEX") or "library"]), writable=writable)


def _named(options: Sequence[str]) -> dict[str, str]:
    """Name -> spec of indexes given as SPEC or NAME=SPEC. Raises InvalidInput for a name given
    twice."""
    indexes: dict[str, str] = {}
    for option in options:
        match = _NAMED.fullmatch(option)
        name, spec = match.groups() if match else (_last_part(option), option)
        if name in indexes:
            raise InvalidInput(f"two indexes are called {name!r}; write --index NAME={spec}")
        indexes[name] = spec
    return indexes


def _last_part(spec: str) -> str:
    # A Qdrant spec has options after its collection.
    path = spec.partition("?")[0] if spec.startswith("qdrant:") else spec
    return PurePath(path).name or Path(path).resolve().name or path
