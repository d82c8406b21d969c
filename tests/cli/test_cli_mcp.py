"""`colregion mcp`: which indexes it serves, and by what names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import colregion.mcp
from colregion.cli import main


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    calls: list[Any] = []
    monkeypatch.setattr(
        colregion.mcp, "serve", lambda index, *, writable: calls.append((index, writable))
    )
    return calls


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(["mcp", *arguments])
    return int(stopped.value.code or 0)


@pytest.mark.parametrize(
    ("options", "indexes"),
    [
        (["library"], {"library": "library"}),
        (["in/reports/", "/data/letters"], {"reports": "in/reports/", "letters": "/data/letters"}),
        (["old=in/a", "new=in/b=c"], {"old": "in/a", "new": "in/b=c"}),
        (["in/a b=c"], {"a b=c": "in/a b=c"}),
        (
            ["qdrant:http://host:6333/pages?shards=2"],
            {"pages": "qdrant:http://host:6333/pages?shards=2"},
        ),
    ],
)
def test_each_index_is_served_by_its_name(
    served: list[Any], options: list[str], indexes: dict[str, str]
) -> None:
    assert run(*(part for option in options for part in ("--index", option)), "--writable") == 0
    assert served == [(indexes, True)]


def test_the_working_folder_is_called_by_its_own_name(
    served: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shelf").mkdir()
    monkeypatch.chdir(tmp_path / "shelf")
    assert run("-i", ".") == 0
    assert served == [({"shelf": "."}, False)]


def test_the_index_of_the_environment_is_served(
    served: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLREGION_INDEX", "my library")
    assert run() == 0
    monkeypatch.delenv("COLREGION_INDEX")
    assert run() == 0
    assert served == [({"my library": "my library"}, False), ({"library": "library"}, False)]


def test_two_indexes_of_one_name_are_refused(
    served: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("-i", "a/pages", "-i", "b/pages") == 2
    error = " ".join(capsys.readouterr().err.split())
    assert "two indexes are called 'pages'; write --index NAME=b/pages" in error
    assert served == []
