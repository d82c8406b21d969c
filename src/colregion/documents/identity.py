"""Name, id and content hash of a source, without opening it as a document."""

from __future__ import annotations

import hashlib
import stat
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from colregion.core.documents import Limits
from colregion.errors import InvalidInput, UnreadableDocument

# PDFium and other viewers accept a header anywhere in the first kilobyte.
HEAD_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Identity:
    """Which document a source is: its id in an index, in Unicode's form NFC; its name for people;
    and the SHA-256 of its bytes, hexadecimal; for an image, of its size and pixels."""

    doc_id: str
    name: str
    content_hash: str


def identify(
    source: Path | bytes | Image.Image,
    *,
    doc_id: str | None = None,
    name: str | None = None,
    limits: Limits,
) -> Identity:
    """Identify a source by its path or content. No format is parsed, so no file can do harm here.

    `doc_id` and `name` default as in `open_document`; an image is as `upright_rgb` returns it.
    Raises InvalidInput for no such path; UnreadableDocument for a source that is empty, too large,
    not a file, or not readable by this user.
    """
    if isinstance(source, Path):
        name, doc_id = name or str(source), doc_id or source.name
        content_hash = _hash_of_file(source, limits=limits)
    elif isinstance(source, bytes):
        _check_size(len(source), name=name or "the document", limits=limits)
        content_hash = hashlib.sha256(source).hexdigest()
    else:
        size = f"{source.width}x{source.height}".encode()
        content_hash = hashlib.sha256(size + source.tobytes()).hexdigest()
    name = name or f"sha256-{content_hash[:16]}"
    return Identity(unicodedata.normalize("NFC", doc_id or name), name, content_hash)


def head_of(source: Path | bytes) -> bytes:
    """The first bytes of a file, enough to tell its type. Raises as `identify`."""
    if isinstance(source, bytes):
        return source[:HEAD_BYTES]
    try:
        with source.open("rb") as file:
            return file.read(HEAD_BYTES)
    except OSError as cause:
        raise _unreadable(source, cause) from cause


def _hash_of_file(path: Path, *, limits: Limits) -> str:
    digest = hashlib.sha256()
    try:
        status = path.stat()
        # A named pipe or a device may never end.
        if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
            raise UnreadableDocument(f"{path} is no regular file; copy its content into one")
        with path.open("rb") as file:
            _check_size(status.st_size, name=str(path), limits=limits)
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    except OSError as cause:
        raise _unreadable(path, cause) from cause
    return digest.hexdigest()


def _check_size(n_bytes: int, *, name: str, limits: Limits) -> None:
    if n_bytes == 0:
        raise UnreadableDocument(f"{name} is empty; make or copy it again")
    if n_bytes > limits.file_mb << 20:
        raise UnreadableDocument(
            f"{name} has {n_bytes / (1 << 20):,.1f} MiB; files of up to {limits.file_mb:,} are "
            "read. Split it, or raise the limit `file_mb`"
        )


def _unreadable(path: Path, cause: OSError) -> InvalidInput | UnreadableDocument:
    if isinstance(cause, FileNotFoundError):
        return InvalidInput(f"there is no file {path}; check the path")
    if isinstance(cause, IsADirectoryError):
        return UnreadableDocument(f"{path} is a folder; `Engine.add` reads the documents in it")
    if isinstance(cause, PermissionError):
        return UnreadableDocument(f"no permission to read {path}; give this user the right to")
    return UnreadableDocument(f"cannot read {path}: {cause}")
