from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from colregion.core.geometry import Box
from colregion.errors import InvalidInput
from colregion.evaluation.cases import Case, read_cases


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Image.new("RGB", (200, 400)).save(tmp_path / "page.png")
    return tmp_path


def row(**changes: Any) -> dict[str, Any]:
    full = {
        "id": "a1",
        "dataset": "reports",
        "doc_id": "acme",
        "page": 0,
        "image": "page.png",
        "question": "What was the revenue?",
        "answers": ["17.2 million"],
        "boxes": [[50, 100, 150, 120]],
        **changes,
    }
    return {key: value for key, value in full.items() if value is not ...}


def write(folder: Path, *rows: Any) -> Path:
    path = folder / "cases.jsonl"
    lines = [one if isinstance(one, str) else json.dumps(one, ensure_ascii=False) for one in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_boxes_become_fractions_of_the_image_size(folder: Path) -> None:
    (case,) = read_cases(write(folder, row()))
    assert case.boxes == (Box(0.25, 0.25, 0.75, 0.3),)
    assert (case.box_mode, case.alt_boxes) == ("all", ())
    assert case.image == folder / "page.png"


def test_stated_size_overrides_the_image_size(folder: Path) -> None:
    (case,) = read_cases(write(folder, row(width=400, height=500)))
    assert case.boxes == (Box(0.125, 0.2, 0.375, 0.24),)


def test_alternatives_and_box_mode_are_read_and_other_keys_ignored(folder: Path) -> None:
    line = row(box_mode="any", alt_boxes=[[0, 0, 20, 40]], lang="ko", evidence_area=0.1)
    (case,) = read_cases(write(folder, line))
    assert (case.box_mode, case.alt_boxes) == ("any", (Box(0.0, 0.0, 0.1, 0.1),))


def test_boxes_are_clipped_to_the_page(folder: Path) -> None:
    (case,) = read_cases(write(folder, row(boxes=[[-10, 300, 100, 404]])))
    assert case.boxes == (Box(0.0, 0.75, 0.5, 1.0),)


def test_blank_lines_are_skipped_and_unicode_line_separators_stay_in_the_text(folder: Path) -> None:
    question = "Which\u2028line?"
    path = write(folder, row(id="a"), "", row(id="b", question=question))
    assert [(case.id, case.question) for case in read_cases(path)] == [
        ("a", "What was the revenue?"),
        ("b", question),
    ]


@pytest.mark.parametrize(
    ("value", "kinds"),
    [
        (..., ()),
        ("", ()),
        ("[]", ()),
        ("Table", ("table",)),
        (["table", "chart", "table"], ("table", "chart")),
        ("['Pure-text (Plain-text)', 'Chart']", ("pure-text", "chart")),
    ],
)
def test_kinds_of_evidence_are_read_from_a_word_a_list_or_a_list_as_text(
    folder: Path, value: Any, kinds: tuple[str, ...]
) -> None:
    (case,) = read_cases(write(folder, row(evidence_type=value)))
    assert case.evidence_type == kinds


class TestQuestionsAboutAnArchive:
    def test_document_is_found_by_its_path_and_no_image_is_needed(self, folder: Path) -> None:
        archive = folder / "archive"
        (archive / "2024").mkdir(parents=True)
        (archive / "2024" / "acme.pdf").touch()
        line = row(doc_id="2024/acme.pdf", image=..., width=400, height=500, page=3)
        (case,) = read_cases(write(folder, line), archive=archive)
        assert (case.image, case.page) == (archive / "2024" / "acme.pdf", 3)
        assert case.boxes == (Box(0.125, 0.2, 0.375, 0.24),)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"width": ...}, "missing keys: width"),
            ({"doc_id": "gone.pdf"}, "has no document 'gone.pdf'; doc_id must be the path of"),
            ({"doc_id": 7}, "has no document 7"),
        ],
    )
    def test_error_names_the_line_and_what_is_wrong(
        self, folder: Path, changes: dict[str, Any], message: str
    ) -> None:
        line = row(**{"doc_id": "page.png", "width": 4, "height": 5, **changes})
        with pytest.raises(InvalidInput, match="line 1: ") as caught:
            read_cases(write(folder, line), archive=folder)
        assert message in str(caught.value)

    def test_archive_that_is_no_folder_is_refused(self, folder: Path) -> None:
        with pytest.raises(InvalidInput, match=r"page.png is not a folder; name the folder"):
            read_cases(write(folder, row()), archive=folder / "page.png")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{not json", "line 2: not JSON"),
        ("[1, 2]", "line 2: a case must be a JSON object"),
        (row(question=..., boxes=...), "line 2: missing keys: question, boxes"),
        (row(id="first"), "line 2: an earlier line has the same id, 'first'"),
        (row(image="gone.png"), "gone.png does not exist"),
        (row(image=7), "image must be a path, got 7"),
        (row(question="  "), "question must be a string with text"),
        (row(id=5), "id must be a string with text, got 5"),
        (row(page=-1), "page must be a whole number from 0 up, got -1"),
        (row(page=True), "page must be a whole number"),
        (row(answers="17"), "answers must be a list"),
        (row(answers=[17]), "answers must be strings"),
        (row(boxes=[]), "at least one box"),
        (row(boxes=[[1, 2, 3]]), "a box must be"),
        (row(boxes=[[9, 9, 3, 20]]), "the box [9, 9, 3, 20] on a page of (200, 400) pixels: "),
        (row(boxes=[[900, 9, 950, 20]]), "lies off the page"),
        (row(box_mode="some"), 'box_mode must be "all" or "any"'),
        (row(evidence_type=7), "evidence_type must be a string or a list of strings, got 7"),
        (row(evidence_type=[7]), "evidence_type must be a string or a list of strings"),
        (row(width=0, height=10), "width and height must be positive"),
    ],
)
def test_error_names_the_line_and_what_is_wrong(folder: Path, line: Any, message: str) -> None:
    with pytest.raises(InvalidInput, match="line 2: ") as caught:
        read_cases(write(folder, row(id="first"), line))
    assert message in str(caught.value)


def test_unreadable_image_is_an_error_if_its_size_is_needed(folder: Path) -> None:
    (folder / "text.png").write_text("hello")
    with pytest.raises(InvalidInput, match=r"line 1: the image .*text.png cannot be read"):
        read_cases(write(folder, row(image="text.png")))


@pytest.mark.parametrize("content", ["", "\n\n"])
def test_file_without_cases_is_refused(folder: Path, content: str) -> None:
    path = folder / "cases.jsonl"
    path.write_text(content)
    with pytest.raises(InvalidInput, match="contains no case"):
        read_cases(path)


def test_missing_and_binary_files_are_refused(folder: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be read"):
        read_cases(folder / "none.jsonl")
    with pytest.raises(InvalidInput, match="cannot be read"):
        read_cases(folder / "page.png")


def test_case_can_be_constructed_directly() -> None:
    case = Case("a", "d", "doc", 0, Path("p.png"), "q", (), (Box(0, 0, 1, 1),))
    assert case.answers == ()
