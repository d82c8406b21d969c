"""Sources as items to read: what a path, folder, glob, open file, bytes or image stands for."""

from __future__ import annotations

import glob
import os
import unicodedata
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeAlias, runtime_checkable

from PIL import Image

from colregion.core.documents import Document, Metadata
from colregion.core.results import Outcome
from colregion.documents import open_document
from colregion.documents.file_types import TEXT_SUFFIXES
from colregion.documents.office import OFFICE_SUFFIXES
from colregion.errors import ColregionError, InvalidInput, UnreadableDocument

SUFFIXES = (
    frozenset(".pdf .png .jpg .jpeg .jfif .webp .bmp .gif .tif .tiff .pbm .pgm .ppm .pnm".split())
    | OFFICE_SUFFIXES
    | TEXT_SUFFIXES
)
"""Files of a folder or glob that are read. Their real type is told from their content."""

# What identifies the folder of a local index; the images in it are not documents.
_INDEX_PARTS = ("index.sqlite", "vectors")


@dataclass(frozen=True, slots=True, order=True)
class SourceFile:
    """A file and its default document id.

    Args:
        doc_id: its path below the folder, or below the fixed part of the glob, that led to it,
            with "/" between the parts; the bare name of a file that was named itself. In Unicode's
            form NFC, whatever form the file system has.
        path: absolute.
    """

    doc_id: str
    path: Path


@dataclass(frozen=True, slots=True)
class SourceBytes:
    """The content of a file, and what the caller called it; "" for no name."""

    data: bytes
    name: str = ""

    @property
    def doc_id(self) -> str:
        """The last part of the name; "" for no name."""
        return Path(self.name).name


@dataclass(frozen=True, slots=True)
class DocumentOptions:
    """What the caller of `Engine.add` says about the documents; `doc_id` is for a single one."""

    doc_id: str | None = None
    metadata: Metadata = field(default_factory=dict)
    password: str | None = None


@runtime_checkable
class BinaryFile(Protocol):
    """A file that is open for reading bytes; it may have a `name`."""

    def read(self, size: int = -1, /) -> bytes: ...


Source: TypeAlias = str | Path | bytes | Image.Image | BinaryFile
"""What can be read: a file, a folder or a glob; the bytes of a file; an open file; an image."""
Item: TypeAlias = SourceFile | SourceBytes | Image.Image
"""What becomes one document."""


def list_sources(sources: object) -> list[object]:
    """The sources one by one, of a single one or of any iterable, which is consumed once. Raises
    InvalidInput for a mapping and for what is neither."""
    if isinstance(sources, Source):
        return [sources]
    if isinstance(sources, Mapping | bytearray | memoryview) or not isinstance(sources, Iterable):
        raise InvalidInput(_not_a_source(sources))
    return list(sources)


def find_items(sources: Iterable[object]) -> tuple[list[Item], list[Outcome]]:
    """The documents behind the sources, and an outcome for each source that leads to none
    ("failed") and each file of a folder or glob whose type is not read ("ignored").

    An open file is read from where it stands to its end, and stays open.

    Raises:
        InvalidInput: a source of another type, an empty string, or a file open for text.
    """
    items: list[Item] = []
    outcomes: list[Outcome] = []
    for source in sources:
        if isinstance(source, str | Path):
            files, others = _find_files(source)
            items.extend(files)
            outcomes.extend(others)
        else:
            items.append(_as_item(source))
    return items, outcomes


def _as_item(source: object) -> Item:
    if isinstance(source, Image.Image):
        return source
    if isinstance(source, bytes):
        return SourceBytes(source)
    if not isinstance(source, BinaryFile):
        raise InvalidInput(_not_a_source(source))
    data: object = source.read()
    if not isinstance(data, bytes):
        raise InvalidInput('a file is open for text, not for bytes; open it with "rb"')
    name = getattr(source, "name", "")
    if not isinstance(name, str):  # the number of a descriptor, for some
        return SourceBytes(data)
    return SourceBytes(data, str(Path(name).absolute()) if Path(name).is_file() else name)


def _not_a_source(source: object) -> str:
    return (
        "a source must be a path, bytes, a file open for bytes, or an image, or all sources are "
        f"pages with embeddings; got {type(source).__name__}"
    )


def _find_files(source: str | Path) -> tuple[list[SourceFile], list[Outcome]]:
    if source == "":
        raise InvalidInput('a source is an empty string; "." names the working folder')
    try:
        files, ignored = list_files(source)
    except ColregionError as error:
        return [], [Outcome(str(source), "", "failed", reason=str(error))]
    outcomes = []
    for file in ignored:
        kind = f"files of type {file.suffix.lower()}" if file.suffix else "files without a suffix"
        reason = f"{kind} in a folder are not read; name it itself to have its content looked at"
        outcomes.append(Outcome(str(file), "", "ignored", reason=reason))
    return files, outcomes


def open_item(item: Item) -> Document:
    """The item as a document, under its default id. Raises as `open_document`."""
    if isinstance(item, SourceFile):
        return open_document(item.path, doc_id=item.doc_id)
    if isinstance(item, SourceBytes):
        return open_document(item.data, doc_id=item.doc_id, name=item.name)
    return open_document(item)


def list_files(path: str | Path) -> tuple[list[SourceFile], list[Path]]:
    """The files that one path stands for, by id, and those ignored because of their type.

    A file stands for itself, whatever its suffix. A folder stands for all files below it, a glob
    (`scans/**/*.pdf`) for what it matches: in both only files of `SUFFIXES`, without hidden files
    and the files of a local index. Links to folders are followed, but a folder is entered once,
    however many links lead to it. Files that belong to a document, such as `report.docling.json`
    to `report.pdf`, are not counted as ignored.

    Raises:
        InvalidInput: nothing is there, or nothing of a known type.
        UnreadableDocument: a folder that may not be read.
    """
    expanded = Path(path).expanduser()
    root = expanded.absolute()
    # A file whose name has "[" or "*" in it is that file, not a glob.
    if root.is_dir():
        files, where = _files_below(root), f"in the folder {path} or below it"
    elif root.exists():
        return [SourceFile(_normalize(root.name), root)], []
    elif glob.has_magic(str(expanded)):
        fixed = _fixed_part(expanded)
        root, where = fixed.absolute(), f"matching {path}"
        matches = set(_matches(root, expanded.relative_to(fixed).parts))
        files = [
            match for match in matches if match.is_file() and not any(map(_is_index, match.parents))
        ]
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
        sorted(
            SourceFile(_normalize(file.relative_to(root).as_posix()), file) for file in documents
        ),
        sorted(file for file in ignored if stems.isdisjoint(_possible_stems(file))),
    )


def _possible_stems(file: Path) -> list[Path]:
    """`a.b` and `a` for `a.b.json`."""
    parts = file.name.split(".")
    return [file.with_name(".".join(parts[:n])) for n in range(1, len(parts)) if parts[0]]


def _normalize(doc_id: str) -> str:
    return unicodedata.normalize("NFC", doc_id)


def _folders_below(root: Path) -> Iterator[tuple[Path, list[str]]]:
    """The folder and all below it, each with the names of its files, without hidden ones. A folder
    to which several paths lead is entered by one of them, if possible by one without links."""
    entered: set[tuple[int, int]] = set()
    folders, links = deque([root]), deque[Path]()
    while folders or links:
        folder = folders.popleft() if folders else links.popleft()
        try:
            status = folder.stat()
            if (status.st_dev, status.st_ino) in entered or _is_index(folder):
                continue
            entered.add((status.st_dev, status.st_ino))
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as cause:
            raise _unreadable_folder(folder, cause) from cause
        entries = [entry for entry in entries if not entry.name.startswith(".")]
        for entry in entries:
            if entry.is_dir():
                (links if entry.is_symlink() else folders).append(folder / entry.name)
        yield folder, [entry.name for entry in entries if not entry.is_dir()]


def _files_below(root: Path) -> list[Path]:
    return [folder / name for folder, names in _folders_below(root) for name in names]


def _matches(folder: Path, pattern: tuple[str, ...]) -> Iterator[Path]:
    """What matches the parts of a glob below a folder, as `glob.glob`, which would follow loops of
    links."""
    part, *rest = pattern
    if part == "**" and rest:
        for below, _ in _folders_below(folder):
            yield from _matches(below, tuple(rest))
    elif part == "**":
        yield from _files_below(folder)
    else:
        for match in (folder / name for name in glob.iglob(part, root_dir=folder)):
            if not rest:
                yield match
            elif match.is_dir():
                yield from _matches(match, tuple(rest))


def _is_index(folder: Path) -> bool:
    return all((folder / part).exists() for part in _INDEX_PARTS)


def _unreadable_folder(folder: Path, cause: OSError) -> UnreadableDocument:
    return UnreadableDocument(
        f"cannot list the folder {folder}: {cause.strerror}; "
        "give this user the right to read it, or add the readable files by name"
    )


def _fixed_part(pattern: Path) -> Path:
    """The folders of a glob in front of the first one with a wildcard. A folder that exists by the
    name "[2024]" is that folder."""
    fixed = Path(pattern.anchor)
    for part in pattern.relative_to(pattern.anchor).parts[:-1]:
        if glob.has_magic(part) and not (fixed / part).is_dir():
            break
        fixed /= part
    return fixed
