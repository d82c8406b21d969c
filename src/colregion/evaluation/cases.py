"""Questions with known evidence: the cases that an evaluation runs over.

A file of cases is JSON Lines, one question per line:

    {"id": "a1", "dataset": "reports", "doc_id": "acme-2024", "page": 0, "image": "acme-p1.png",
     "question": "What was the revenue?", "answers": ["17.2 million"],
     "boxes": [[68, 166, 1192, 260]], "width": 1241, "height": 1754, "box_mode": "all"}

`image` is a file with the page, relative to the folder of the cases. `boxes` and `alt_boxes` are
[x0, y0, x1, y1] in pixels, origin top-left. `width` and `height` are the size that the pixels refer
to, the image's own by default. `box_mode` ("all" by default), `alt_boxes` and `evidence_type` (such
as "['Table']") are optional; other keys are ignored.

Questions about an archive need no `image`: `doc_id` is the document's path in the archive's folder,
`page` counts its pages from 0, and `width` and `height` are required.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from PIL import Image, UnidentifiedImageError

from colregion.core.geometry import Box
from colregion.errors import InvalidBox, InvalidInput

BoxMode: TypeAlias = Literal["all", "any"]

_REQUIRED = ("id", "dataset", "doc_id", "page", "question", "answers", "boxes")
_OF_IMAGE, _OF_ARCHIVE = ("image",), ("width", "height")


@dataclass(frozen=True, slots=True)
class Case:
    """A question, the page that answers it, and the boxes of the evidence on it.

    Args:
        id: unique in its file.
        dataset: the row group that figures are reported for.
        doc_id: the document; confidence intervals resample documents.
        page: of the document, 0-based.
        image: file with the image of the page; in an archive, the document.
        answers: the parts of the answer; all of them belong to it. May be empty.
        boxes: the evidence, fractions of the page; at least one.
        box_mode: "all": every box is part of the evidence; "any": each alone is right.
        alt_boxes: neither right nor wrong.
        evidence_type: the kinds of evidence, such as "table" or "chart"; () where nothing says.
    """

    id: str
    dataset: str
    doc_id: str
    page: int
    image: Path
    question: str
    answers: tuple[str, ...]
    boxes: tuple[Box, ...]
    box_mode: BoxMode = "all"
    alt_boxes: tuple[Box, ...] = ()
    evidence_type: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("id", "dataset", "doc_id", "question"):
            value = getattr(self, name)
            if not isinstance(value, str) or not value.strip():
                raise InvalidInput(f"{name} must be a string with text, got {value!r}")
        if isinstance(self.page, bool) or not isinstance(self.page, int) or self.page < 0:
            raise InvalidInput(f"page must be a whole number from 0 up, got {self.page!r}")
        if not all(isinstance(answer, str) for answer in self.answers):
            raise InvalidInput(f"answers must be strings, got {self.answers!r}")
        if not self.boxes:
            raise InvalidInput("boxes must contain at least one box of evidence")
        if self.box_mode not in get_args(BoxMode):
            raise InvalidInput(f'box_mode must be "all" or "any", got {self.box_mode!r}')


def read_cases(path: str | Path, *, archive: Path | None = None) -> list[Case]:
    """Read the cases of a JSON Lines file, in order; blank lines are skipped.

    Args:
        archive: the folder of the documents that the questions name; None for cases with images.

    Raises:
        InvalidInput: the file is missing or contains no case, `archive` is no folder, or a line is
            no valid case, repeats an id or names an image or document that does not exist; the
            message names the line.
    """
    if archive is not None and not archive.is_dir():
        raise InvalidInput(f"the archive {archive} is not a folder; name the folder of the PDFs")
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as cause:
        raise InvalidInput(f"cases cannot be read from {path}: {cause}") from cause
    cases: dict[str, Case] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            case = _case(json.loads(line), folder=path.parent, archive=archive)
            if case.id in cases:
                raise InvalidInput(f"an earlier line has the same id, {case.id!r}")
        except json.JSONDecodeError as cause:
            raise InvalidInput(f"{path}, line {number}: not JSON ({cause})") from cause
        except InvalidInput as cause:
            raise InvalidInput(f"{path}, line {number}: {cause}") from cause
        cases[case.id] = case
    if not cases:
        raise InvalidInput(f"{path} contains no case; it needs one JSON object per line")
    return list(cases.values())


def _case(row: Any, *, folder: Path, archive: Path | None) -> Case:
    if not isinstance(row, Mapping):
        raise InvalidInput(f"a case must be a JSON object, got {row!r}")
    required = _REQUIRED + (_OF_IMAGE if archive is None else _OF_ARCHIVE)
    if missing := [key for key in required if key not in row]:
        raise InvalidInput(f"missing keys: {', '.join(missing)}")
    for key in ("answers", "boxes", "alt_boxes"):
        if not isinstance(row.get(key, []), list):
            raise InvalidInput(f"{key} must be a list, got {row[key]!r}")
    image = _file(row, folder) if archive is None else _document(row, archive)
    size = _size(row, image)
    return Case(
        id=row["id"],
        dataset=row["dataset"],
        doc_id=row["doc_id"],
        page=row["page"],
        image=image,
        question=row["question"],
        answers=tuple(row["answers"]),
        boxes=tuple(_box(box, size) for box in row["boxes"]),
        box_mode=row.get("box_mode", "all"),
        alt_boxes=tuple(_box(box, size) for box in row.get("alt_boxes", [])),
        evidence_type=_evidence_type(row.get("evidence_type", "")),
    )


def _file(row: Mapping[str, Any], folder: Path) -> Path:
    if not isinstance(row["image"], str) or not row["image"]:
        raise InvalidInput(f"image must be a path, got {row['image']!r}")
    image = folder / row["image"]
    if not image.is_file():
        raise InvalidInput(f"the image {image} does not exist")
    return image


def _document(row: Mapping[str, Any], archive: Path) -> Path:
    if not isinstance(row["doc_id"], str) or not (archive / row["doc_id"]).is_file():
        cure = "doc_id must be the path of a document in the archive"
        raise InvalidInput(f"the archive {archive} has no document {row['doc_id']!r}; {cure}")
    return archive / row["doc_id"]


def _evidence_type(value: Any) -> tuple[str, ...]:
    """The kinds in "table", ["table", "chart"] or MMDocIR's "['Pure-text (Plain-text)']", the words
    of a kind's first part: "table", "chart", "figure", "pure-text"."""
    if not isinstance(value, str | list) or not all(isinstance(kind, str) for kind in value):
        raise InvalidInput(f"evidence_type must be a string or a list of strings, got {value!r}")
    text = ",".join(value) if isinstance(value, list) else value
    kinds = (re.sub(r"[\[\]'\"]|\(.*?\)", "", part).strip().lower() for part in text.split(","))
    return tuple(dict.fromkeys(kind for kind in kinds if kind))


def _size(row: Mapping[str, Any], image: Path) -> tuple[float, float]:
    if "width" in row and "height" in row:
        size = (row["width"], row["height"])
        if not all(_is_number(side) and side > 0 for side in size):
            raise InvalidInput(f"width and height must be positive numbers, got {size}")
        return size
    try:
        with Image.open(image) as opened:
            return opened.size
    except (OSError, UnidentifiedImageError) as cause:
        raise InvalidInput(f"the image {image} cannot be read: {cause}") from cause


def _box(xyxy: Any, size: tuple[float, float]) -> Box:
    if not isinstance(xyxy, list) or len(xyxy) != 4 or not all(map(_is_number, xyxy)):
        raise InvalidInput(f"a box must be [x0, y0, x1, y1] in pixels, got {xyxy!r}")
    try:
        return Box.from_pixels(xyxy, width_px=size[0], height_px=size[1]).clip()
    except InvalidBox as cause:
        raise InvalidInput(f"the box {xyxy} on a page of {size} pixels: {cause}") from cause


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
