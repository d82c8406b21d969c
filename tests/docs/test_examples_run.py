"""The examples of README and documentation run and print what the pages say."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
from typer.testing import CliRunner

import colregion.cli  # adds the commands
import colregion.cli.common
from tests.conftest import require_package
from tests.docs.blocks import PAGES, ROOT, Block, blocks_of, run_python
from tests.docs.stand_ins import names_for

PACKAGES = {
    "langchain.md": ("langchain", "langchain_classic"),
    "llama-index.md": ("llama_index.core",),
    "agents.md": ("mcp",),
    "qdrant.md": ("qdrant_client",),
    "recipes.md": ("langchain_core",),
    "serving.md": ("fastapi", "mcp"),
}
"""What the blocks of a page import beside colregion; the extra has the page's name."""

NOT_RUN = {  # beside "from examples/...": examples have tests of their own
    "needs weights from the hub",
    "needs the tools' files",
    "before: pages; needs langchain-community and embeddings",
}


def python_blocks(page: Path) -> list[Block]:
    return [block for block in blocks_of(page) if block.language == "python"]


def with_blocks(*, run: bool) -> list[Path]:
    return [page for page in PAGES if any((not b.title) is run for b in python_blocks(page))]


def stripped_lines(text: str) -> str:
    text = re.sub(r" *# type: ignore\[.*?\]", "", text)
    return "\n".join(line.strip() for line in text.strip().splitlines())


@pytest.mark.slow
def test_readme_prints_what_it_says(printed_by_readme: list[str]) -> None:
    blocks = python_blocks(ROOT / "README.md")
    assert [block.output for block in blocks if block.output] == printed_by_readme[:1]
    lines = printed_by_readme[1].splitlines()
    assert lines[0].startswith("tarrow-annual-report-2024.pdf#p5#5 5 Table 2. Income stat")
    assert len(lines) == 4
    assert printed_by_readme[1:] == [printed_by_readme[1]] * 2  # both frameworks alike
    assert Path("evidence.png").stat().st_size > 500


@pytest.mark.slow
@pytest.mark.parametrize("page", with_blocks(run=True)[1:], ids=lambda page: page.name)
def test_blocks_of_a_page_run_and_print_what_it_says(
    page: Path, printed_by_readme: list[str], request: pytest.FixtureRequest
) -> None:
    assert printed_by_readme
    for package in PACKAGES.get(page.name, ()):
        require_package(package, install=f'"colregion[{page.stem}]"')
    names = names_for(page.name)
    for block in python_blocks(page):
        if block.title:
            continue
        if "http://localhost:6333" in block.text:
            url = request.getfixturevalue("qdrant_url")
            block = replace(block, text=block.text.replace("http://localhost:6333", url))
        printed = run_python(block, page, names)
        if block.output is not None:
            assert printed == block.output


@pytest.mark.parametrize("page", with_blocks(run=False), ids=lambda page: page.name)
def test_blocks_that_do_not_run_say_why_and_import_what_exists(page: Path) -> None:
    for block in python_blocks(page):
        if not block.title:
            continue
        if block.title.startswith("from examples/"):
            example = ROOT / block.title.removeprefix("from ")
            assert stripped_lines(block.text) in stripped_lines(example.read_text("utf-8"))
            continue
        assert block.title in NOT_RUN
        for node in ast.walk(ast.parse(block.text)):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("colregion"):
                module = import_module(str(node.module))
                assert all(hasattr(module, name.name) for name in node.names)


@pytest.mark.slow
def test_a_chain_over_pages_answers_from_regions_after_four_changed_lines(
    printed_by_readme: list[str],
) -> None:
    assert printed_by_readme
    for package in PACKAGES["langchain.md"]:
        require_package(package, install='"colregion[langchain]"')
    page = ROOT / "docs" / "langchain.md"
    (before,) = [block for block in python_blocks(page) if block.title.startswith("before")]
    (diff,) = [block for block in blocks_of(page) if block.language == "diff"]
    changes = re.findall(r"^-(.+)\n\+(.+)\n", diff.text, re.MULTILINE)
    assert 2 * len(changes) == len(diff.text.splitlines())
    assert len(changes) <= 4
    text = before.text
    for old, new in changes:
        assert text.count(f"{old}\n") == 1
        text = text.replace(f"{old}\n", f"{new}\n")
    names = names_for(page.name)
    run_python(replace(before, text=text), page, names)
    assert "Fuel and electricity | (8.6) | (10.9)" in names["answer"]
    (first, *_) = names["retriever"].invoke("What did fuel and electricity cost in 2024?")
    assert first.metadata["kind"] == "table"


@pytest.mark.slow
def test_commands_of_the_quick_start_print_what_it_says(printed_by_readme: list[str]) -> None:
    assert printed_by_readme
    shown = [block for block in blocks_of(ROOT / "docs/quick-start.md") if block.language == "sh"]
    outputs = []
    for block in shown:
        printed = ""
        for words in block.commands():
            if words[:1] == ["colregion"] and words[1] not in ("demo", "serve"):
                result = CliRunner().invoke(colregion.cli.common.app, words[1:])
                assert result.exit_code == 0, result.output
                if words[1] == "search":
                    printed = result.output
        if block.output:
            outputs.append((" ".join(printed.split()), " ".join(block.output.split())))
    assert outputs
    assert all(printed == output for printed, output in outputs)
    assert Path("answer.html").stat().st_size > 10_000
    assert Path("answer.pdf").read_bytes().startswith(b"%PDF")
