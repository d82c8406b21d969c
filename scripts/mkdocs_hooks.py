"""Hooks of the documentation's build: notebooks are executed and become pages, and the page of the
command line is what `--help` says."""

from __future__ import annotations

import html
import re
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import nbformat
import typer
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from nbclient import NotebookClient
from traitlets.config import Config
from typer.cli import get_docs_for_click

import colregion.cli  # adds the commands
import colregion.cli.common

_COMMANDS = "<!-- commands -->"
_OUTPUT = "NOTEBOOK-OUTPUT-"
_SECONDS_PER_CELL = 120
_WIDE = "---\nhide: [toc]\n---"

_outputs: list[str] = []
"""HTML of notebooks' outputs. Pages hold their numbers until Markdown has been converted."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for each notebook; the notebook itself stays as a file to download."""
    notebooks = [file for file in files if file.src_uri.endswith(".ipynb")]
    with ThreadPoolExecutor() as threads:
        executed = list(threads.map(_executed, (file.content_string for file in notebooks)))
    for file, notebook in zip(notebooks, executed, strict=True):
        text = "\n\n".join(
            [_WIDE, *_markdown(notebook), f"[Download this notebook]({file.name}.ipynb)"]
        )
        address = file.src_uri.replace(".ipynb", ".md")
        files.append(File.generated(config, address, content=text))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Links to notebooks lead to their pages; the command line's page gets its commands."""
    if _COMMANDS in markdown:
        markdown = markdown.replace(_COMMANDS, _commands())
    return re.sub(r"(?<!notebook\])\((\S+)\.ipynb\)", r"(\1.md)", markdown)


def on_page_content(html: str, **_: Any) -> str:
    """The page with the outputs of its notebook."""
    return re.sub(rf"<p>{_OUTPUT}(\d+)</p>", lambda match: _outputs[int(match[1])], html)


def _commands() -> str:
    command = typer.main.get_command(colregion.cli.common.app)
    context = typer.Context(command, info_name="colregion")
    text = get_docs_for_click(obj=command, ctx=context, name="colregion")
    return re.sub(r"\A# .*\n", "", text)


@cache  # `mkdocs serve` builds after every change of a page
def _executed(text: str) -> nbformat.NotebookNode:
    """The notebook with its outputs, run in a folder of its own. Raises CellExecutionError."""
    notebook: nbformat.NotebookNode = nbformat.reads(text, as_version=4)  # type: ignore[no-untyped-call]
    with tempfile.TemporaryDirectory() as folder:
        # Through files, not ports, which others could listen to.
        config = Config({"KernelManager": {"transport": "ipc", "ip": f"{folder}/kernel"}})
        resources = {"metadata": {"path": folder}}
        NotebookClient(
            notebook, config=config, resources=resources, timeout=_SECONDS_PER_CELL
        ).execute()
    return notebook


def _markdown(notebook: nbformat.NotebookNode) -> Iterator[str]:
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            yield cell.source
            continue
        yield f"```python\n{cell.source}\n```"
        for output in cell.outputs:
            _outputs.append(f'<div class="notebook-output">{_html(output)}</div>')
            yield f"{_OUTPUT}{len(_outputs) - 1}"


def _html(output: nbformat.NotebookNode) -> str:
    """An output as a notebook displays it: its HTML, or else its text."""
    if output.output_type == "stream":
        return f"<pre>{html.escape(output.text)}</pre>"
    data: dict[str, str] = output.data
    return data.get("text/html") or f"<pre>{html.escape(data['text/plain'])}</pre>"
