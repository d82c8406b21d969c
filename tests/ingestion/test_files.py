"""Which files a path stands for."""

from __future__ import annotations

from pathlib import Path

import pytest

from colregion.errors import InvalidInput
from colregion.ingestion.files import expand, left_out


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (
        "b.pdf",
        "a.PNG",
        "notes.txt",
        ".hidden.pdf",
        "2024/q1/report.pdf",
        "2024/q2/report.pdf",
        "2024/.git/object.pdf",
        "odd[1].pdf",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def test_an_empty_folder_is_refused_with_the_types_that_are_taken(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"no document in the folder .* \.pdf"):
        expand(tmp_path)


def test_a_folder_gives_its_known_files_sorted_by_id_without_hidden_ones(folder: Path) -> None:
    found = expand(folder)
    assert [file.doc_id for file in found] == [
        "2024/q1/report.pdf",
        "2024/q2/report.pdf",
        "a.PNG",
        "b.pdf",
        "odd[1].pdf",
    ]
    assert all(file.path == folder / file.doc_id for file in found)


def test_a_named_file_is_taken_whatever_its_suffix_and_named_by_itself(folder: Path) -> None:
    (found,) = expand(str(folder / "notes.txt"))
    assert (found.doc_id, found.path) == ("notes.txt", folder / "notes.txt")


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(folder: Path) -> None:
    assert [file.doc_id for file in expand(folder / "odd[1].pdf")] == ["odd[1].pdf"]


@pytest.mark.parametrize(
    ("pattern", "ids"),
    [
        ("*.pdf", ["b.pdf", "odd[[]1].pdf"]),
        ("2024/**/*.pdf", ["q1/report.pdf", "q2/report.pdf"]),
        ("2024/q?/report.pdf", ["q1/report.pdf", "q2/report.pdf"]),
        ("*", ["a.PNG", "b.pdf", "odd[[]1].pdf"]),
    ],
)
def test_a_pattern_gives_ids_below_its_fixed_part(
    folder: Path, pattern: str, ids: list[str]
) -> None:
    found = expand(folder / pattern)
    assert [file.doc_id for file in found] == [name.replace("[[]", "[") for name in ids]


def test_what_a_folder_or_pattern_leaves_out_is_told(folder: Path) -> None:
    assert left_out(folder) == [folder / "notes.txt"]
    assert left_out(folder / "n*") == [folder / "notes.txt"]
    assert left_out(folder / "*.pdf") == []
    assert left_out(folder / "notes.txt") == []  # named itself, it is taken


def test_what_goes_with_a_document_is_not_left_out(folder: Path) -> None:
    for name in ("b.docling.json", "b.xml", "2024/b.xml", "bb.json"):
        (folder / name).touch()
    told = [folder / name for name in ("2024/b.xml", "bb.json", "notes.txt")]
    assert left_out(folder) == told


def test_an_index_in_the_folder_gives_no_documents(folder: Path) -> None:
    index = folder / "2024" / "library"
    (index / "images").mkdir(parents=True)
    (index / "vectors").mkdir()
    for name in ("index.sqlite", "images/1.webp"):
        (index / name).touch()
    for given in (folder, folder / "**"):
        assert "2024/library/images/1.webp" not in [file.doc_id for file in expand(given)]
        assert left_out(given) == [folder / "notes.txt"]
    with pytest.raises(InvalidInput, match="no document"):
        expand(index)


@pytest.mark.parametrize("name", ["gone.pdf", "gone"])
def test_a_missing_path_is_refused(folder: Path, name: str) -> None:
    with pytest.raises(InvalidInput, match="check the path"):
        expand(folder / name)


@pytest.mark.parametrize("pattern", ["*.tiff", "*.txt"])
def test_a_pattern_that_matches_no_known_file_is_refused(folder: Path, pattern: str) -> None:
    with pytest.raises(InvalidInput, match="no document matching"):
        expand(folder / pattern)
