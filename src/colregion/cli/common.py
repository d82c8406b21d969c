"""The Typer application, the consoles, and the options and output shared by the commands."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape as _escape_markup

from colregion import __version__
from colregion.core.text import printable
from colregion.errors import InvalidInput

app = typer.Typer(
    name="colregion",
    help="Ask a question over PDFs and scans; get back the regions that answer it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
out = Console()
err = Console(stderr=True)


def _print_version(asked: bool) -> None:
    if asked:
        out.print(f"colregion {__version__}", highlight=False)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_print_version, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    pass


IndexOption = Annotated[
    str,
    typer.Option(
        "--index", "-i", envvar="COLREGION_INDEX", help="Index: a folder, or qdrant:URL/NAME."
    ),
]
EncoderOption = Annotated[
    str | None,
    typer.Option(
        "--encoder",
        metavar="SPEC",
        help="static_tokens, visual_words, static_tokens+visual_words, a hub id or folder of a "
        "visual model, or text:ID for a text model, with options such as 'ID?device=cuda' "
        "(default: the encoder of the index).",
    ),
]
RerankOption = Annotated[
    str | None,
    typer.Option(
        "--rerank",
        metavar="SPEC",
        help="Score pages also with a text model, text:ID: the right page comes first more often, "
        "for seconds per question and without confidences.",
    ),
]
ParserOption = Annotated[
    str,
    typer.Option(
        "--parser",
        help="auto, text_layer, tesseract or rapidocr; or the output of docling, azure, "
        "textract, hocr, alto, page_xml, unstructured_json, unstructured.",
    ),
]
LanguagesOption = Annotated[
    str, typer.Option(help="Languages for Tesseract (eng+deu); auto detects the script.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON to standard output.")]
OutputOption = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Write JSON to FILE. Only a file that this option wrote is overwritten.",
        callback=lambda path: check_output(path),
    ),
]
FilterOption = Annotated[
    list[str] | None,
    typer.Option(
        "--filter",
        "-f",
        metavar="KEY=VALUE",
        help="Only matching regions; repeatable. KEY is doc_id, source, page_number (a page, or a "
        "range as 2-9), kind, hidden_text or metadata.NAME.",
    ),
]


def pairs(values: Sequence[str] | None, *, option: str) -> dict[str, str]:
    pairs = {}
    for text in values or ():
        key, separator, value = text.partition("=")
        if not key or not separator:
            raise InvalidInput(f"{option} takes KEY=VALUE, got {text!r}")
        pairs[key] = value
    return pairs


def emit_json(value: Any, *, to_stdout: bool, output: Path | None) -> bool:
    """Write the result of a command, dataclasses included, as JSON where the user asked for it;
    returns whether the user did. Raises InvalidInput for an `output` that cannot be written, or
    contains something else."""
    text = json.dumps(value, indent=2, ensure_ascii=False, default=asdict) + "\n"
    if output is not None:
        if output.exists() and not _is_same_kind(_read_json(output), json.loads(text)):
            cure = "delete it or choose another --output"
            raise InvalidInput(f"{output} contains other JSON; {cure}")
        write_file(output, text.encode())
    if to_stdout:
        sys.stdout.write(text)
    return to_stdout or output is not None


def check_output(path: Path | None) -> Path | None:
    """The path. Raises InvalidInput, before any work, for an existing file that is not JSON."""
    if path is not None and path.exists():
        _read_json(path)
    return path


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as cause:
        message = f"--output {path} exists and was not written by this command"
        raise InvalidInput(f"{message}; delete it or choose another file") from cause


def _is_same_kind(value: Any, other: Any) -> bool:
    """Whether two JSON values can be results of one command: the keys of one contain the other's.
    An empty list matches any list."""
    if isinstance(value, list) and isinstance(other, list):
        return not value or not other or _is_same_kind(value[0], other[0])
    if isinstance(value, dict) and isinstance(other, dict):
        return value.keys() <= other.keys() or other.keys() <= value.keys()
    return False


def write_file(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as cause:
        raise InvalidInput(f"cannot write {path}: {cause.strerror}") from cause


def escape(text: str) -> str:
    """Neutralise markup and terminal escapes in file names and ids."""
    return _escape_markup(printable(text))
