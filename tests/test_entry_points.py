"""A distribution installed beside ours adds a parser, an encoder and an index by its metadata."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from colregion import ColregionError, Engine, InvalidInput, MissingDependency
from colregion.encoders import load_encoder
from colregion.indexes import LocalIndex, open_index
from colregion.parsers import load_parser

MODULE = """
from colregion.indexes import MemoryIndex
from colregion.testing import LineParser, WordEncoder


class Encoder(WordEncoder):
    pass


def parser(path="", *, strict=False):
    made = LineParser([])
    made.settings = path, strict
    return made


def index(name, *, create, shards=1):
    made = MemoryIndex()
    made.settings = name, create, shards
    return made


def text():
    return "text"
"""
ENTRY_POINTS = """\
[colregion.parsers]
acme = acme_regions:parser
wrong = acme_regions:text

[colregion.encoders]
acme = acme_regions:Encoder
wrong = acme_regions:text
gone = acme_regions:NoSuchName

[colregion.indexes]
acme = acme_regions:index
wrong = acme_regions:text
gone = no_such_module:Index
"""


@pytest.fixture
def _acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Installs the distribution "acme-regions" of one module, as pip does."""
    info = tmp_path / "site" / "acme_regions-1.0.dist-info"
    info.mkdir(parents=True)
    (info.parent / "acme_regions.py").write_text(MODULE)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-regions\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    monkeypatch.syspath_prepend(str(info.parent))
    monkeypatch.delitem(sys.modules, "acme_regions", raising=False)


@pytest.mark.usefixtures("_acme")
def test_objects_of_an_installed_distribution_are_made_by_name() -> None:
    parser: Any = load_parser("acme:out/a.json?strict=true")
    assert parser.settings == ("out/a.json", True)
    assert type(load_encoder("acme")).__module__ == "acme_regions"
    index: Any = open_index("acme:shelf?shards=2", create=False)
    assert index.settings == ("shelf", False, 2)


@pytest.mark.usefixtures("_acme")
def test_a_precision_for_the_index_of_an_installed_distribution_is_refused() -> None:
    with pytest.raises(InvalidInput, match="precision is for local indexes; 'acme' has options"):
        open_index("acme:shelf", precision="int4")


@pytest.mark.usefixtures("_acme")
def test_an_engine_opens_the_index_of_an_installed_distribution() -> None:
    with Engine.open("acme:shelf", encoder="acme", parser="acme") as engine:
        index: Any = engine.index
        assert index.settings == ("shelf", True, 1)


@pytest.mark.usefixtures("_acme")
@pytest.mark.parametrize(
    ("load", "spec", "error", "message"),
    [
        (load_encoder, "gone", MissingDependency, "'gone' .*NoSuchName.* update acme-regions"),
        (open_index, "gone:a", MissingDependency, "'gone' .*no_such_module.* update acme-regions"),
        (load_parser, "wrong", InvalidInput, "must return a colregion Parser, got str"),
        (load_encoder, "wrong", InvalidInput, "must return a colregion Encoder, got str"),
        (open_index, "acme:a?color=1", InvalidInput, "index 'acme' cannot be made .*'color'"),
        (open_index, "wrong:a", InvalidInput, "index 'wrong' cannot be made from its spec"),
    ],
)
def test_an_entry_point_that_cannot_be_used_is_an_error_that_says_why(
    load: Callable[[str], object], spec: str, error: type[ColregionError], message: str
) -> None:
    with pytest.raises(error, match=message):
        load(spec)


@pytest.mark.usefixtures("_acme")
@pytest.mark.parametrize("name", ["acme", "other:shelf"])
def test_any_other_name_of_an_index_is_a_folder(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with open_index(name) as index:
        assert isinstance(index, LocalIndex)
    assert (tmp_path / name).is_dir()
