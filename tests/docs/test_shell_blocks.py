"""The commands of README and documentation exist, and take the options that the pages give them."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import typer

import benchmarks.__main__
import colregion.cli  # adds the commands
import colregion.cli.common
from tests.docs.blocks import PAGES, ROOT, blocks_of

OTHER_PROGRAMS = {"apt-get", "claude", "curl", "docker", "export", "mkdocs", "pre-commit", "."}
"""Not ours to check."""


def commands_of(page: Path) -> Iterator[list[str]]:
    """The words of each command of the page's shell blocks."""
    for block in blocks_of(page):
        for words in block.commands() if block.language == "sh" else ():
            start = 0
            for end in [*(i for i, word in enumerate(words) if word in ("&&", "|")), len(words)]:
                if command := without_assignments(words[start:end]):
                    yield command
                start = end + 1


def mentions_of(page: Path) -> Iterator[list[str]]:
    """The words of the commands that the page's text mentions, often without their arguments."""
    text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    for mention in re.findall(r"`((?:colregion|python\s-m\sbenchmarks)\s[^`]+)`", text):
        yield shlex.split(mention.replace("...", ""))


def without_assignments(words: list[str]) -> list[str]:
    while words and re.match(r"\w+=", words[0]):
        words = words[1:]
    return words


def parse(app: typer.Typer, words: list[str]) -> None:
    """Parse the words as the command line of an application does, without running the command."""
    group: Any = typer.main.get_command(app)
    if not words:
        return
    context = group.make_context(app.info.name, words)
    name, command, rest = group.resolve_command(context, words)
    command.make_context(name, rest, parent=context).close()


def check_names(app: typer.Typer, words: list[str]) -> None:
    """Look up the command and the options that words name."""
    group: Any = typer.main.get_command(app)
    command = group if words[0].startswith("-") else group.commands[words[0]]
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word.partition("=")[0] for word in words if word.startswith("--")} <= known


def check_pip(words: list[str]) -> None:
    """Only what can work before a release: extras, groups and files of this checkout."""
    settings = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    names = set(re.findall(r"^([\w-]+) = \[", settings, re.MULTILINE))  # of extras and groups
    for option, word in zip(["", *words[:-1]], words, strict=True):
        assert not word.startswith("colregion"), "the package index has no colregion of ours"
        if match := re.fullmatch(r"\.\[([\w,-]+)\]", word):
            assert set(match[1].split(",")) <= names
        if option == "--group":
            assert word in names
        if option == "-c":
            assert (ROOT / word).is_file()


def check(words: list[str]) -> None:
    program, *rest = words
    if program == "colregion":
        parse(colregion.cli.common.app, rest)
    elif words[:3] == ["python", "-m", "benchmarks"]:
        parse(benchmarks.__main__.app, rest[2:])
    elif words[:2] == ["python", "-m"]:
        assert find_spec(words[2])
    elif program == "pip":
        check_pip(rest)
    elif program == "pytest":
        assert all((ROOT / word).exists() for word in rest if word.startswith("tests"))
    elif program == "bash" or "/" in program:
        script = ROOT / (rest[0] if program == "bash" else program)
        assert os.access(script, os.X_OK)
    else:
        assert program in OTHER_PROGRAMS or program.startswith("python")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_of_a_page_exist_with_their_options(page: Path) -> None:
    for words in commands_of(page):
        check(words)
    for program, *words in mentions_of(page):
        if program == "colregion":
            check_names(colregion.cli.common.app, words)
        else:
            check_names(benchmarks.__main__.app, words[2:])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_json_of_a_page_is_json(page: Path) -> None:
    for block in blocks_of(page):
        if block.language == "json":
            assert json.loads(block.text)


def test_an_option_that_does_not_exist_is_noticed() -> None:
    with pytest.raises(Exception, match="No such option"):
        check(["colregion", "search", "a question", "--no-such-option"])
    with pytest.raises(Exception, match="No such command"):
        check(["colregion", "find", "a question"])
    with pytest.raises(AssertionError):
        check_pip(["install", ".[no-such-extra]"])
