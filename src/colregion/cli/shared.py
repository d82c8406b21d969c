"""The Typer application, the two consoles, and the options that several commands share."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape as _escape_markup

from colregion.errors import InvalidInput
from colregion.text import printable

app = typer.Typer(
    name="colregion",
    help="Ask a question over PDFs and scans; get back the regions that answer it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
out = Console()
err = Console(stderr=True)

IndexOption = Annotated[
    str,
    typer.Option(
        "--index", "-i", envvar="COLREGION_INDEX", help="The index: a folder, or qdrant:URL/NAME."
    ),
]
EncoderOption = Annotated[
    str | None,
    typer.Option(
        "--encoder",
        metavar="SPEC",
        help="static_tokens, a hub id or folder of a visual model, or text:ID of a text model, "
        "with options such as 'ID?device=cuda'; by default the one the index was made with.",
    ),
]
ParserOption = Annotated[
    str,
    typer.Option(
        "--parser",
        help="auto, text_layer, tesseract or rapidocr; or regions of other tools: docling, azure, "
        "textract, hocr, alto, page_xml, unstructured_json, unstructured.",
    ),
]
JsonOption = Annotated[
    str | None,
    typer.Option("--json", metavar="[FILE]", help="Print JSON, or write it to FILE."),
]
FilterOption = Annotated[
    list[str] | None,
    typer.Option("--filter", "-f", metavar="KEY=VALUE", help="Keep to what matches; repeatable."),
]


def pairs(given: Sequence[str] | None, *, option: str) -> dict[str, str]:
    pairs = {}
    for text in given or ():
        key, separator, value = text.partition("=")
        if not key or not separator:
            raise InvalidInput(f"{option} takes KEY=VALUE, got {text!r}")
        pairs[key] = value
    return pairs


def write_json(value: Any, file: str) -> None:
    text = json.dumps(value, indent=2, ensure_ascii=False)
    if file == "-":
        sys.stdout.write(text + "\n")
        return
    write_file(Path(file), f"{text}\n".encode())


def write_file(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as cause:
        raise InvalidInput(f"cannot write {path}: {cause.strerror}") from cause


def escape(text: str) -> str:
    """Neither markup nor a terminal escape, whatever a file name or an id holds."""
    return _escape_markup(printable(text))
