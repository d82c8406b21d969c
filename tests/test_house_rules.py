"""Limits that keep the code readable: lengths, parameters, layers and what an import loads."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "colregion"
FILES = sorted(SOURCE.rglob("*.py"))
MAX_LINES = 400
MAX_PARAMETERS = 8
MAX_LAYERS = 10
MAX_LINES_IN_ALL = 42_000
MAX_LINES_OF_CORE_AND_RETRIEVAL = 5_200
MAX_MODULES_OF_AN_IMPORT = 20


def lines_of(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def may_have_more_parameters(path: Path) -> bool:
    """The engine and the command line: there parameters are the product's options."""
    place = path.relative_to(SOURCE)
    return place == Path("engine.py") or place.parts[0] == "cli"


def parameter_counts(module: ast.AST) -> Iterator[tuple[str, int]]:
    """Name and line of each function, and its number of parameters without self and cls."""
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            positional = [one.arg for one in (*node.args.posonlyargs, *node.args.args)]
            if positional[:1] in (["self"], ["cls"]):
                del positional[0]
            rest = (*node.args.kwonlyargs, *filter(None, (node.args.vararg, node.args.kwarg)))
            yield f"{node.name} (line {node.lineno})", len(positional) + len(rest)


def test_no_file_has_more_than_400_lines() -> None:
    lengths = {str(path.relative_to(SOURCE)): lines_of(path) for path in FILES}
    assert {name: lines for name, lines in lengths.items() if lines > MAX_LINES} == {}


def test_source_has_at_most_42000_lines() -> None:
    assert sum(map(lines_of, FILES)) <= MAX_LINES_IN_ALL


def test_core_and_retrieval_have_at_most_5200_lines() -> None:
    paths = (path for path in FILES if path.relative_to(SOURCE).parts[0] in ("core", "retrieval"))
    assert sum(map(lines_of, paths)) <= MAX_LINES_OF_CORE_AND_RETRIEVAL


def test_imports_have_at_most_10_layers() -> None:
    settings = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (layers,) = re.findall(r"^layers = \[\n(.*?)^\]", settings, re.MULTILINE | re.DOTALL)
    assert len(layers.splitlines()) <= MAX_LAYERS


def test_importing_the_package_loads_at_most_20_of_its_modules() -> None:
    code = "import sys, colregion; print(*(m for m in sys.modules if m.startswith('colregion')))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    modules = printed.stdout.decode().split()
    assert len(modules) <= MAX_MODULES_OF_AN_IMPORT, modules


def test_no_function_has_more_than_8_parameters() -> None:
    too_many = {
        f"{path.relative_to(SOURCE)}:{function}": count
        for path in FILES
        if not may_have_more_parameters(path)
        for function, count in parameter_counts(ast.parse(path.read_text(encoding="utf-8")))
        if count > MAX_PARAMETERS
    }
    assert too_many == {}


def test_parameters_are_counted_without_self() -> None:
    module = ast.parse("class A:\n  def f(self, a, /, b, *c, d=1, **e): ...\nasync def g(): ...")
    assert dict(parameter_counts(module)) == {"f (line 2)": 5, "g (line 3)": 0}
