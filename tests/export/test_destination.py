"""Exports must not overwrite source documents."""

from __future__ import annotations

from pathlib import Path

import pytest

from colregion.errors import InvalidInput
from colregion.export import check_destination


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "a.pdf"
    path.write_bytes(b"%PDF")
    return path


def test_source_document_is_refused_under_every_name(document: Path, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    link, hard_link = tmp_path / "link.pdf", tmp_path / "hard.pdf"
    link.symlink_to(document)
    hard_link.hardlink_to(document)
    for path in (document, tmp_path / "folder/../a.pdf", link, hard_link):
        with pytest.raises(InvalidInput, match=r"\.pdf is an indexed document and would be overw"):
            check_destination(path, ["b.pdf", str(document)])


def test_relative_source_is_recognized(document: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(document.parent)
    with pytest.raises(InvalidInput, match="name another file"):
        check_destination(document, ["a.pdf"])


def test_other_files_may_be_written(document: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    check_destination(report, [str(report)])  # does not exist yet, so it cannot be a document
    report.write_text("an older report")
    check_destination(report, [str(document), "/nowhere/b.pdf", "", "\0", "~nobody-here/c.pdf"])
    check_destination(report, [])
