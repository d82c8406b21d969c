"""What a path given to `Engine.add` stands for: a file, the files in a folder, or a pattern's."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from colregion.documents.office import OFFICE_SUFFIXES
from colregion.errors import InvalidInput, UnreadableDocument

SUFFIXES = OFFICE_SUFFIXES | frozenset(
    ".pdf .png .jpg .jpeg .jfif .webp .bmp .gif .tif .tiff .pbm .pgm .ppm .pnm".split()
)
"""Which files of a folder are taken. What a file is, its content says when it is opened."""


# What an index of ours is made of; the pictures in it are no documents.
_INDEX_HOLDS = ("index.sqlite", "vectors")


@dataclass(frozen=True, slots=True, order=True)
class FoundFile:
    """A file and the id that it gets unless the caller names one.

    Args:
        doc_id: its path below the folder or pattern that it was found by, with "/" between the
            parts; the bare name of a file that was named itself.
    """

    doc_id: str
    path: Path


def expand(path: str | Path) -> list[FoundFile]:
    """The files that one path stands for, sorted by id.

    A file stands for itself, whatever its suffix. A folder stands for the files in it and below
    it, a pattern (`scans/**/*.pdf`) for what it matches: in both only files of `SUFFIXES`,
    without hidden ones and what an index of ours holds.

    Raises:
        InvalidInput: nothing is there, or nothing of a known type.
        UnreadableDocument: a folder that may not be read.
    """
    given = Path(path).expanduser()
    if given.is_dir():
        where = f"in the folder {path} or below it"
    elif given.exists() or not glob.has_magic(str(given)):
        # A file whose name holds "[" or "*" is that file.
        if not given.exists():
            raise InvalidInput(f"there is no file or folder {path}; check the path")
        return [FoundFile(given.name, given)]
    else:
        where = f"matching {path}"
    root = given if given.is_dir() else _fixed_part(given)
    found = sorted(
        FoundFile(file.relative_to(root).as_posix(), file)
        for file in _files_of(given)
        if _is_known(file)
    )
    if not found:
        raise InvalidInput(
            f"no document {where}; colregion takes {' '.join(sorted(SUFFIXES))} "
            "(name a file itself to have its type read from its content)"
        )
    return found


def left_out(path: str | Path) -> list[Path]:
    """The files of a folder or pattern that `expand` does not take because of their type,
    sorted; [] for a file that is named itself. Files that go with a document, as
    `report.docling.json` does with `report.pdf`, are not left out.

    Raises:
        UnreadableDocument: a folder that may not be read.
    """
    given = Path(path).expanduser()
    if given.exists() and not given.is_dir():
        return []
    files = list(_files_of(given))
    documents = {file.with_suffix("") for file in files if _is_known(file)}
    return sorted(
        file for file in files if not _is_known(file) and documents.isdisjoint(_may_go_with(file))
    )


def _may_go_with(file: Path) -> list[Path]:
    """`a.b` and `a` for `a.b.json`."""
    parts = file.name.split(".")
    return [file.with_name(".".join(parts[:n])) for n in range(1, len(parts)) if parts[0]]


def _is_known(file: Path) -> bool:
    return file.suffix.lower() in SUFFIXES


def _files_of(given: Path) -> Iterable[Path]:
    """The files below a folder, or that a pattern matches, without hidden ones and those of
    indexes."""
    if given.is_dir():
        return _files_below(given)
    matches = map(Path, glob.iglob(str(given), recursive=True))
    return (match for match in matches if match.is_file() and not _in_index(match.parent))


def _files_below(folder: Path) -> Iterable[Path]:
    for parent, folders, names in os.walk(folder, onerror=_refuse):
        if _is_index(Path(parent)):
            folders.clear()
            continue
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if not name.startswith("."):
                yield Path(parent, name)


def _is_index(folder: Path) -> bool:
    return all((folder / part).exists() for part in _INDEX_HOLDS)


def _in_index(folder: Path) -> bool:
    return any(map(_is_index, (folder, *folder.parents)))


def _refuse(cause: OSError) -> None:
    raise UnreadableDocument(
        f"cannot list the folder {cause.filename}: {cause.strerror}; "
        "give this user the right to read it, or add the readable files by name"
    ) from cause


def _fixed_part(pattern: Path) -> Path:
    fixed = Path(pattern.anchor)
    for part in pattern.relative_to(pattern.anchor).parts[:-1]:
        if glob.has_magic(part):
            break
        fixed /= part
    return fixed
