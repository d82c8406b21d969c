"""Errors of SQLite and of the disk, in the words of the index that they are about."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from colregion.errors import BackendError, IndexCorrupt

REPAIR_HINT = (
    "`colregion info --verify` lists what is damaged: add those documents again, or search the "
    "rest with --skip-damaged (skip_damaged=True)"
)


@contextmanager
def translate_errors(folder: Path) -> Iterator[None]:
    """Errors of SQLite and of the disk become ours, with the index's folder in the message."""
    try:
        yield
    except sqlite3.OperationalError as cause:
        if "locked" in str(cause):
            raise BackendError(
                f"another process is writing to the index at {folder}; try again when it is done, "
                f"or wait longer for it (wait_s)"
            ) from cause
        raise BackendError(
            f"the index at {folder} could not be used: {cause}. Check that the folder is "
            f"writable and that the disk has room"
        ) from cause
    except sqlite3.ProgrammingError as cause:
        raise BackendError(f"the index at {folder} is closed; open it again") from cause
    except sqlite3.DatabaseError as cause:
        raise IndexCorrupt(
            f"the index at {folder} is damaged ({cause}); index the documents again into "
            f"another folder"
        ) from cause
    except OSError as cause:
        raise BackendError(
            f"the index at {folder} could not be used: {cause}. Check that the folder is "
            f"writable and that the disk has room"
        ) from cause


def is_busy(error: BackendError) -> bool:
    """Whether the cause is that another connection is writing."""
    return "locked" in str(error.__cause__)
