"""Which files and items a source stands for."""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from colregion.core.results import Outcome
from colregion.errors import InvalidInput
from colregion.ingestion import sources
from colregion.ingestion.sources import (
    SourceBytes,
    SourceFile,
    find_items,
    list_files,
    list_sources,
    open_item,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (
        "b.pdf",
        "a.PNG",
        "notes.log",
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


def ids(path: str | Path) -> list[str]:
    return [file.doc_id for file in list_files(path)[0]]


def ignored(path: str | Path) -> list[Path]:
    return list_files(path)[1]


def test_an_empty_folder_is_refused_and_the_message_names_the_types(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"no document in the folder .* \.pdf"):
        list_files(tmp_path)


def test_a_folder_gives_its_known_files_sorted_by_id_without_hidden_ones(folder: Path) -> None:
    files, _ = list_files(folder)
    assert [file.doc_id for file in files] == [
        "2024/q1/report.pdf",
        "2024/q2/report.pdf",
        "a.PNG",
        "b.pdf",
        "odd[1].pdf",
    ]
    assert all(file.path == folder / file.doc_id for file in files)


def test_a_named_file_is_read_whatever_its_suffix_under_its_bare_name(folder: Path) -> None:
    path = folder / "notes.log"
    assert list_files(str(path)) == ([SourceFile("notes.log", path)], [])


def test_a_file_whose_name_looks_like_a_glob_is_that_file(folder: Path) -> None:
    assert ids(folder / "odd[1].pdf") == ["odd[1].pdf"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.pdf", ["b.pdf", "odd[1].pdf"]),
        ("2024/**/*.pdf", ["q1/report.pdf", "q2/report.pdf"]),
        ("2024/q?/report.pdf", ["q1/report.pdf", "q2/report.pdf"]),
        ("*", ["a.PNG", "b.pdf", "odd[1].pdf"]),
    ],
)
def test_a_glob_gives_ids_below_its_fixed_part(
    folder: Path, pattern: str, expected: list[str]
) -> None:
    assert ids(folder / pattern) == expected


def test_files_of_other_types_in_a_folder_or_glob_are_listed_as_ignored(folder: Path) -> None:
    assert ignored(folder) == [folder / "notes.log"]
    assert ignored(folder / "*") == [folder / "notes.log"]
    assert ignored(folder / "*.pdf") == []


def test_files_that_belong_to_a_document_are_not_listed_as_ignored(folder: Path) -> None:
    for name in ("b.docling.json", "b.xml", "2024/b.xml", "bb.json"):
        (folder / name).touch()
    assert ignored(folder) == [folder / name for name in ("2024/b.xml", "bb.json", "notes.log")]


def test_a_local_index_in_the_folder_gives_no_documents(folder: Path) -> None:
    index = folder / "2024" / "library"
    (index / "images").mkdir(parents=True)
    (index / "vectors").mkdir()
    for name in ("index.sqlite", "images/1.webp"):
        (index / name).touch()
    for path in (folder, folder / "**"):
        assert "2024/library/images/1.webp" not in ids(path)
        assert ignored(path) == [folder / "notes.log"]
    with pytest.raises(InvalidInput, match="no document"):
        list_files(index)


@pytest.mark.parametrize("name", ["gone.pdf", "gone"])
def test_a_missing_path_is_refused(folder: Path, name: str) -> None:
    with pytest.raises(InvalidInput, match="check the path"):
        list_files(folder / name)


@pytest.mark.parametrize("pattern", ["*.tiff", "*.log"])
def test_a_glob_that_matches_no_known_file_is_refused(folder: Path, pattern: str) -> None:
    with pytest.raises(InvalidInput, match="no document matching"):
        list_files(folder / pattern)


def test_a_folder_is_walked_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    walked: list[Path] = []
    walk = sources._folders_below

    def counting_walk(top: Path) -> Iterator[tuple[Path, list[str]]]:
        walked.append(top)
        return walk(top)

    monkeypatch.setattr(sources, "_folders_below", counting_walk)
    items, outcomes = find_items([folder])
    assert (len(items), len(outcomes)) == (5, 1)
    assert walked == [folder]


@pytest.mark.parametrize("pattern", [".", "**/*.pdf", "**", "*/**/*.pdf", "**/sub/*.pdf"])
def test_a_loop_of_links_gives_each_file_once_by_its_path_without_links(
    tmp_path: Path, pattern: str
) -> None:
    (tmp_path / "sub" / "deep").mkdir(parents=True)
    (tmp_path / "sub" / "a.pdf").touch()
    (tmp_path / "sub" / "back").symlink_to(tmp_path)
    (tmp_path / "sub" / "deep" / "up").symlink_to(tmp_path / "sub")
    files, others = list_files(tmp_path / pattern)
    assert ([file.path for file in files], others) == ([tmp_path / "sub" / "a.pdf"], [])


def test_folders_that_all_link_to_each_other_are_entered_once(tmp_path: Path) -> None:
    folders = [tmp_path / str(n) for n in range(12)]
    for folder in folders:
        folder.mkdir()
        (folder / "a.pdf").touch()
        for other in folders:
            (folder / f"to-{other.name}").symlink_to(other)
    assert ids(tmp_path) == sorted(f"{n}/a.pdf" for n in range(12))


def test_a_linked_folder_is_read(tmp_path: Path) -> None:
    (tmp_path / "elsewhere" / "below").mkdir(parents=True)
    (tmp_path / "elsewhere" / "below" / "a.pdf").touch()
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "docs").symlink_to(tmp_path / "elsewhere")
    for path in (tmp_path / "d", tmp_path / "d" / "**" / "*.pdf"):
        assert ids(path) == ["docs/below/a.pdf"]
    assert ids(tmp_path / "d" / "*" / "below" / "*") == ["docs/below/a.pdf"]


def test_a_glob_below_a_folder_whose_name_looks_like_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "[2024]" / "q1").mkdir(parents=True)
    (tmp_path / "[2024]" / "q1" / "a.pdf").touch()
    assert ids(tmp_path / "[2024]" / "**" / "*.pdf") == ["q1/a.pdf"]
    monkeypatch.chdir(tmp_path / "[2024]")
    assert ids("q?/*.pdf") == ["q1/a.pdf"]
    with pytest.raises(InvalidInput, match="check the path"):
        list_files("gone.pdf")


def test_paths_are_absolute_and_ids_are_in_form_nfc(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = unicodedata.normalize("NFD", "Müllgebühr.pdf")
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / name).touch()
    monkeypatch.chdir(tmp_path)
    for path in ("d", "d/*.pdf", f"d/{name}"):
        assert list_files(path)[0] == [SourceFile("Müllgebühr.pdf", tmp_path / "d" / name)]


@pytest.mark.parametrize("collect", [iter, tuple, set, lambda several: map(str, several)])
def test_an_iterable_of_any_type_is_consumed_once(collect: Callable[[list[str]], object]) -> None:
    assert sorted(map(str, list_sources(collect(["a", "b"])))) == ["a", "b"]


def test_one_source_is_not_taken_apart() -> None:
    for source in ("ab", b"ab", Path("ab"), io.BytesIO(b"ab"), Image.new("L", (1, 1))):
        assert list_sources(source) == [source]


@pytest.mark.parametrize("source", [{"a": 1}, bytearray(b"ab"), memoryview(b"ab"), None, 3])
def test_what_is_no_source_is_refused_by_its_type(source: object) -> None:
    with pytest.raises(InvalidInput, match=f"got {type(source).__name__}"):
        list_sources(source)
    with pytest.raises(InvalidInput, match=f"got {type(source).__name__}"):
        find_items([source])


def test_an_empty_string_is_not_the_working_folder() -> None:
    with pytest.raises(InvalidInput, match="empty string"):
        find_items(["a.pdf", ""])


def test_an_open_file_is_one_document_under_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("L", (3, 4)).save(tmp_path / "a.png")
    data = (tmp_path / "a.png").read_bytes()
    monkeypatch.chdir(tmp_path)
    with open("a.png", "rb") as file:
        items, _ = find_items([file])
    assert items == [SourceBytes(data, str(tmp_path / "a.png"))]
    assert open_item(items[0]).id == "a.png"


def test_a_file_in_memory_has_the_name_that_it_carries() -> None:
    upload = io.BytesIO(b"%PDF-1.7")
    assert find_items([upload])[0] == [SourceBytes(b"%PDF-1.7")]
    upload.seek(0)
    upload.name = "invoice.pdf"
    assert find_items([upload])[0] == [SourceBytes(b"%PDF-1.7", "invoice.pdf")]


def test_a_file_open_for_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("abc")
    with (
        (tmp_path / "a.txt").open() as file,
        pytest.raises(InvalidInput, match='open it with "rb"'),
    ):
        find_items([file])


def test_find_items_reports_failed_and_ignored_sources(folder: Path) -> None:
    image, data = Image.new("L", (3, 4)), b"%PDF-1.7"
    items, outcomes = find_items([image, folder / "gone.pdf", folder / "2024", data, folder])
    assert items[0] is image
    assert items[1:3] == [
        SourceFile(f"{name}/report.pdf", folder / "2024" / name / "report.pdf")
        for name in ("q1", "q2")
    ]
    assert items[3] == SourceBytes(data)
    assert len(items) == 9
    gone, other_type = outcomes
    assert (gone.status, gone.source) == ("failed", str(folder / "gone.pdf"))
    assert other_type == Outcome(
        str(folder / "notes.log"),
        "",
        "ignored",
        reason="files of type .log in a folder are not read; name it itself to have its content "
        "looked at",
    )


def test_find_items_of_nothing_is_empty() -> None:
    assert find_items([]) == ([], [])


def test_an_item_opens_as_a_document_under_its_default_id(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("L", (3, 4)).save(path)
    assert open_item(SourceFile("below/a.png", path)).id == "below/a.png"
    assert open_item(SourceBytes(path.read_bytes())).id.startswith("sha256-")
