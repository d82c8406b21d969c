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
    without hidden ones.

    Raises:
        InvalidInput: nothing is there, or nothing of a known type.
        UnreadableDocument: a folder that may not be read.
    """
    given = Path(path).expanduser()
    if given.is_dir():
        found = _known(_files_below(given), root=given)
        where = f"in the folder {path} or below it"
    elif given.exists() or not glob.has_magic(str(given)):
        # A file whose name holds "[" or "*" is that file.
        if not given.exists():
            raise InvalidInput(f"there is no file or folder {path}; check the path")
        return [FoundFile(given.name, given)]
    else:
        matches = map(Path, glob.iglob(str(given), recursive=True))
        found = _known((match for match in matches if match.is_file()), root=_fixed_part(given))
        where = f"matching {path}"
    if not found:
        raise InvalidInput(
            f"no document {where}; colregion takes {' '.join(sorted(SUFFIXES))} "
            "(name a file itself to have its type read from its content)"
        )
    return found


def _known(files: Iterable[Path], *, root: Path) -> list[FoundFile]:
    return sorted(
        FoundFile(file.relative_to(root).as_posix(), file)
        for file in files
        if file.suffix.lower() in SUFFIXES
    )


def _files_below(folder: Path) -> Iterable[Path]:
    for parent, folders, names in os.walk(folder, onerror=_refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if not name.startswith("."):
                yield Path(parent, name)


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
