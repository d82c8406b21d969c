"""Sources as items to read: what a path, folder, glob, bytes or image stands for."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from PIL import Image

from colregion.core.documents import Document, Metadata
from colregion.core.results import Outcome
from colregion.documents import open_document
from colregion.documents.office import OFFICE_SUFFIXES
from colregion.errors import ColregionError, InvalidInput, UnreadableDocument

SUFFIXES = OFFICE_SUFFIXES | frozenset(
    ".pdf .png .jpg .jpeg .jfif .webp .bmp .gif .tif .tiff .pbm .pgm .ppm .pnm".split()
)
"""Files of a folder or glob that are read. Their real type is told from their content."""

# What identifies the folder of a local index; the images in it are not documents.
_INDEX_PARTS = ("index.sqlite", "vectors")


@dataclass(frozen=True, slots=True, order=True)
class SourceFile:
    """A file and its default document id.

    Args:
        doc_id: its path below the folder, or below the fixed part of the glob, that led to it,
            with "/" between the parts; the bare name of a file that was named itself.
    """

    doc_id: str
    path: Path


@dataclass(frozen=True, slots=True)
class DocumentOptions:
    """What the caller of `Engine.add` says about the documents; `doc_id` is for a single one."""

    doc_id: str | None = None
    metadata: Metadata = field(default_factory=dict)
    password: str | None = None


Source: TypeAlias = str | Path | bytes | Image.Image
"""What can be read: a file, a folder or a glob; the bytes of a file; an image."""
Item: TypeAlias = SourceFile | bytes | Image.Image
"""What becomes one document."""


def find_items(sources: Source | Iterable[object]) -> tuple[list[Item], list[Outcome]]:
    """The documents behind the sources, and an outcome for each source that leads to none
    ("failed") and each file of a folder or glob whose type is not read ("ignored").

    Raises:
        InvalidInput: a source of another type.
    """
    items: list[Item] = []
    outcomes: list[Outcome] = []
    for source in [sources] if isinstance(sources, Source) else sources:
        if isinstance(source, bytes | Image.Image):
            items.append(source)
            continue
        if not isinstance(source, str | Path):
            raise InvalidInput(
                "a source must be a path, bytes, an image or pages with embeddings, "
                f"got {type(source).__name__}"
            )
        try:
            files, ignored = list_files(source)
        except ColregionError as error:
            outcomes.append(Outcome(str(source), "", "failed", reason=str(error)))
            continue
        items.extend(files)
        for file in ignored:
            kind = (
                f"files of type {file.suffix.lower()}" if file.suffix else "files without a suffix"
            )
            reason = (
                f"{kind} in a folder are not read; name it itself to have its content looked at"
            )
            outcomes.append(Outcome(str(file), "", "ignored", reason=reason))
    return items, outcomes


def open_item(item: Item) -> Document:
    """The item as a document, under its default id. Raises as `open_document`."""
    if isinstance(item, SourceFile):
        return open_document(item.path, doc_id=item.doc_id)
    return open_document(item)


def list_files(path: str | Path) -> tuple[list[SourceFile], list[Path]]:
    """The files that one path stands for, by id, and those ignored because of their type.

    A file stands for itself, whatever its suffix. A folder stands for all files below it, a glob
    (`scans/**/*.pdf`) for what it matches: in both only files of `SUFFIXES`, without hidden files
    and the files of a local index. Files that belong to a document, such as
    `report.docling.json` to `report.pdf`, are not counted as ignored.

    Raises:
        InvalidInput: nothing is there, or nothing of a known type.
        UnreadableDocument: a folder that may not be read.
    """
    root = Path(path).expanduser()
    # A file whose name has "[" or "*" in it is that file, not a glob.
    if root.is_dir():
        files, where = list(_walk(root)), f"in the folder {path} or below it"
    elif root.exists():
        return [SourceFile(root.name, root)], []
    elif glob.has_magic(str(root)):
        matches = map(Path, glob.iglob(str(root), recursive=True))
        files = [
            match for match in matches if match.is_file() and not any(map(_is_index, match.parents))
        ]
        root, where = _fixed_part(root), f"matching {path}"
    else:
        raise InvalidInput(f"there is no file or folder {path}; check the path")
    documents = [file for file in files if file.suffix.lower() in SUFFIXES]
    if not documents:
        raise InvalidInput(
            f"no document {where}; colregion reads {' '.join(sorted(SUFFIXES))} "
            "(name a file itself to have its type read from its content)"
        )
    stems = {file.with_suffix("") for file in documents}
    ignored = set(files).difference(documents)
    return (
        sorted(SourceFile(file.relative_to(root).as_posix(), file) for file in documents),
        sorted(file for file in ignored if stems.isdisjoint(_possible_stems(file))),
    )


def _possible_stems(file: Path) -> list[Path]:
    """`a.b` and `a` for `a.b.json`."""
    parts = file.name.split(".")
    return [file.with_name(".".join(parts[:n])) for n in range(1, len(parts)) if parts[0]]


def _walk(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder, onerror=_raise_unreadable):
        if _is_index(Path(parent)):
            folders.clear()
            continue
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(parent, name) for name in names if not name.startswith("."))


def _is_index(folder: Path) -> bool:
    return all((folder / part).exists() for part in _INDEX_PARTS)


def _raise_unreadable(cause: OSError) -> None:
    raise UnreadableDocument(
        f"cannot list the folder {cause.filename}: {cause.strerror}; "
        "give this user the right to read it, or add the readable files by name"
    ) from cause


def _fixed_part(pattern: Path) -> Path:
    """The folders of a glob in front of the first one with a wildcard."""
    fixed = Path(pattern.anchor)
    for part in pattern.relative_to(pattern.anchor).parts[:-1]:
        if glob.has_magic(part):
            break
        fixed /= part
    return fixed
