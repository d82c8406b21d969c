"""The files that hits come from, and their protection from being overwritten by an export."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from colregion.errors import InvalidInput


def source_file(source: str) -> Path | None:
    """The file of a `Hit.source` or `DocumentEntry.source`; None for bytes, and where it is
    gone."""
    try:
        path = Path(source).expanduser()
        return path if path.is_file() else None
    except (OSError, ValueError, RuntimeError):  # a name no file can have, or no home
        return None


def check_destination(path: str | Path, sources: Iterable[str]) -> None:
    """Refuse to write an export over a source document.

    Links count as the file they lead to; sources that are not files (any more) are ignored.

    Args:
        path: the file to be written.
        sources: `Hit.source` of the exported hits, or `DocumentEntry.source` of a whole index.

    Raises:
        InvalidInput: `path` is one of the sources.
    """
    for source in sources if Path(path).exists() else ():
        try:
            same = Path(path).samefile(Path(source).expanduser())
        except (OSError, ValueError, RuntimeError):  # no file, a name no file can have, or no home
            continue
        if same:
            raise InvalidInput(
                f"{path} is an indexed document and would be overwritten; name another file"
            )
