"""The distributions for other catalogues: they build, import and agree with ours."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import colregion

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
# Distribution -> its module, ours that it stands for, and the extra it installs.
PACKAGES = {
    "langchain-colregion": ("langchain_colregion", "colregion.langchain", "langchain"),
    "llama-index-retrievers-colregion": (
        "llama_index.retrievers.colregion",
        "colregion.llama_index",
        "llama-index",
    ),
}


def settings_of(name: str) -> dict[str, Any]:
    return tomllib.loads((ROOT / "packages" / name / "pyproject.toml").read_text("utf-8"))


@pytest.mark.slow
@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_builds_and_has_the_names_of_ours(name: str, tmp_path: Path) -> None:
    module, ours, _ = PACKAGES[name]
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT / "packages" / name, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
        files = set(archive.namelist())
    assert f"{module.replace('.', '/')}/__init__.py" in files
    assert "llama_index/__init__.py" not in files
    program = f"import sys; sys.path.append({str(site)!r}); import {module} as m; print(*m.__all__)"
    run = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    assert run.stdout.decode().split() == import_module(ours).__all__


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_has_our_version_and_installs_it(name: str) -> None:
    project = settings_of(name)["project"]
    version = colregion.__version__
    assert (project["name"], project["version"]) == (name, version)
    assert project["dependencies"] == [f"colregion[{PACKAGES[name][2]}]=={version}"]


def test_llamahub_is_told_the_classes_that_there_are() -> None:
    hub = settings_of("llama-index-retrievers-colregion")["tool"]["llamahub"]
    assert hub["import_path"] == "llama_index.retrievers.colregion"
    assert set(hub["class_authors"]) <= set(import_module("colregion.llama_index").__all__)


def test_the_mcp_registry_is_told_our_version_name_and_command() -> None:
    server = json.loads((ROOT / "server.json").read_text("utf-8"))
    (package,) = server["packages"]
    version = colregion.__version__
    assert (server["version"], package["version"]) == (version, version)
    (source,) = package["runtimeArguments"]
    assert source["value"] == f"colregion[mcp,ocr]=={version}"
    assert len(server["description"]) <= 100
    # The registry looks for the server's name in the README that PyPI shows.
    marks = re.findall(r"mcp-name: (\S+)", (ROOT / "README.md").read_text("utf-8"))
    assert set(marks) <= {server["name"]}
    command, index = package["packageArguments"]
    from colregion.cli.common import app

    names = [one.name or one.callback.__name__ for one in app.registered_commands if one.callback]
    assert command["value"] in names
    assert index["name"] == "--index"


def test_one_opencv_is_installed() -> None:
    # Two of its packages write the same files, and the one installed last wins.
    constraints = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    names = [line.partition("==")[0] for line in constraints]
    assert [name for name in names if name.startswith("opencv")] == ["opencv-python"]
