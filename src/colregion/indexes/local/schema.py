"""The SQLite half of the local index: its tables, its transactions, its errors.

Documents, pages, term counts and settings are rows; vectors and images are files that rows
name (`local_vectors`, `page_images`). Files are on disk before the commit that names them, and
are deleted after the commit that forgets them, so a crash leaves at worst a file without a row.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from colregion.errors import BackendError, IndexCorrupt, InvalidInput
from colregion.indexes.local.errors import is_busy, translate_errors

FORMAT = 3
"""Version of the format, in the database's header; no other is read."""

DATABASE = "index.sqlite"
IMAGES = "images"
VECTORS = "vectors"

_APPLICATION_ID = 0x636F6C72  # "colr", in the database's header

# Ids of documents and terms are blobs: UTF-8 that also takes the half characters of file names
# that are no valid text. AUTOINCREMENT, because caches rely on ids never being used again.
_SCHEMA = f"""
CREATE TABLE document (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    doc_id BLOB NOT NULL UNIQUE,
    entry TEXT NOT NULL,      -- source, hash, settings, metadata, page count: JSON
    images TEXT NOT NULL,     -- its folder under {IMAGES}/
    terms BLOB NOT NULL,      -- {{term: pages}}: JSON, compressed
    crc INTEGER NOT NULL      -- of entry and terms; every crc is CRC-32
);
CREATE TABLE vector_file (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,  -- under {VECTORS}/
    form TEXT NOT NULL,         -- codebook, rows, bytes, coarse vectors
    dim INTEGER NOT NULL,
    n_rows INTEGER NOT NULL,    -- what lies behind them in the file was never committed
    crc INTEGER NOT NULL        -- of a codebook's rows; other files have one a page
);
CREATE TABLE page (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    document INTEGER NOT NULL REFERENCES document(id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    kinds TEXT NOT NULL,        -- of its regions, parted by spaces
    n_vectors INTEGER NOT NULL,
    vector_file INTEGER REFERENCES vector_file(id),  -- NULL: no vectors
    first_row INTEGER NOT NULL, -- 0 for a codebook
    step REAL NOT NULL,         -- what 1 in the file stands for
    crc INTEGER NOT NULL,       -- of its rows, or of its codes
    coarse_file INTEGER REFERENCES vector_file(id),  -- NULL: no coarse
    first_coarse INTEGER NOT NULL,
    n_coarse INTEGER NOT NULL,
    coarse_step REAL NOT NULL,
    coarse_crc INTEGER NOT NULL,
    UNIQUE (document, number)
);
CREATE TABLE page_codes (       -- apart from page_record, because a search reads all of them
    page INTEGER PRIMARY KEY REFERENCES page(id) ON DELETE CASCADE,
    codes BLOB NOT NULL         -- int32, the distinct rows of the codebook on this page
);
CREATE TABLE page_record (
    page INTEGER PRIMARY KEY REFERENCES page(id) ON DELETE CASCADE,
    head BLOB NOT NULL,         -- size, label and so on: JSON
    regions BLOB NOT NULL,      -- JSON, compressed
    words BLOB NOT NULL,        -- JSON, compressed
    outline BLOB NOT NULL,      -- arrays that rank the page without its regions
    placement BLOB NOT NULL,    -- arrays
    slots BLOB NOT NULL,        -- int32 (V,), the place in codes of each vector
    crc INTEGER NOT NULL,       -- of the six
    image_crc INTEGER NOT NULL  -- of the file of its image
);
CREATE TABLE term (
    term BLOB PRIMARY KEY,
    pages INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE setting (
    name BLOB PRIMARY KEY,
    value BLOB NOT NULL
) WITHOUT ROWID;
PRAGMA application_id = {_APPLICATION_ID};
PRAGMA user_version = {FORMAT};
"""


def checksum(*parts: bytes) -> int:
    """CRC-32 of the parts, one after the other."""
    crc = 0
    for part in parts:
        crc = zlib.crc32(part, crc)
    return crc


def to_blob(text: str) -> bytes:
    """Any string, lone surrogates too; sorts as the string does."""
    return text.encode("utf-8", "surrogatepass")


def from_blob(blob: bytes) -> str:
    """What `to_blob` was given."""
    return blob.decode("utf-8", "surrogatepass")


def prepare_folder(folder: Path, *, create: bool) -> None:
    """Make the folder of an index, or see that it can be one.

    Raises:
        InvalidInput: there is none and `create` is false.
        IndexCorrupt: the path holds something else.
        BackendError: the folder cannot be made.
    """
    if (folder / DATABASE).is_file():
        return
    if folder.exists() and not folder.is_dir():
        raise IndexCorrupt(f"{folder} is a file, not the folder of an index; name another path")
    names = os.listdir(folder) if folder.exists() else []
    if DATABASE in names:  # made by another process since
        return
    if any(not name.startswith(".") for name in names):
        raise IndexCorrupt(
            f"{folder} holds other files and no index ({DATABASE} is missing); "
            f"name an empty or a new folder"
        )
    if not create:
        raise InvalidInput(f"there is no index at {folder}; add documents to it first")
    folder.mkdir(parents=True, exist_ok=True)


def cannot_be_written(folder: Path) -> bool:
    """Whether there is an index that this user may only read."""
    database = folder / DATABASE
    return database.is_file() and not (os.access(database, os.W_OK) and os.access(folder, os.W_OK))


def connect(folder: Path, *, wait_s: float) -> sqlite3.Connection:
    """A connection to the index's database, whose tables are made where there are none.

    Args:
        wait_s: how long to wait for another process that is writing.

    Raises:
        IndexCorrupt: not a database, another program's, or a later version's.
    """
    connection = sqlite3.connect(
        folder / DATABASE, timeout=wait_s, isolation_level=None, check_same_thread=False
    )
    try:
        if _is_empty(connection):
            _use_write_ahead_log(connection, wait_s=wait_s)
            with transaction(connection, folder, writing=True):
                if _is_empty(connection):  # no other process was faster
                    for statement in _SCHEMA.split(";\n"):
                        connection.execute(statement)
        check_format(connection, folder)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def connect_to_read(folder: Path) -> sqlite3.Connection:
    """A connection that never writes, to an index in a folder that may be read only.

    Raises:
        IndexCorrupt: not a database, another program's, or another version's.
    """
    address = (folder / DATABASE).as_uri()
    for how in ("mode=ro", "mode=ro&immutable=1"):
        connection = sqlite3.connect(
            f"{address}?{how}", uri=True, isolation_level=None, check_same_thread=False
        )
        try:
            check_format(connection, folder)
        except sqlite3.OperationalError:
            # Without its log at hand, which only a writer can make, the database is read as it
            # stands: nobody can be writing to it.
            connection.close()
            if "immutable" in how:
                raise
        except BaseException:
            connection.close()
            raise
        else:
            return connection
    raise AssertionError("unreachable")


def _use_write_ahead_log(connection: sqlite3.Connection, *, wait_s: float) -> None:
    # For this one statement SQLite does not wait for another connection that is making the
    # database at the same moment, whatever its time-out.
    deadline = time.monotonic() + wait_s
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _is_empty(connection: sqlite3.Connection) -> bool:
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return bool(tables == 0)


def check_format(connection: sqlite3.Connection, folder: Path) -> None:
    """Refuse what this version cannot read.

    Raises:
        IndexCorrupt: not an index of colregion, or of another format.
    """
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if application != _APPLICATION_ID:
        raise IndexCorrupt(f"{folder / DATABASE} is not an index of colregion; name another folder")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version != FORMAT:
        raise IndexCorrupt(
            f"the index at {folder} has format {version}, this version of colregion reads format "
            f"{FORMAT} only; add the documents again, `colregion add ... --index NEW_FOLDER`, or "
            f"install the version of colregion that made it"
        )


@contextmanager
def transaction(connection: sqlite3.Connection, folder: Path, *, writing: bool) -> Iterator[None]:
    """All or nothing; one state of the database from the first statement to the last.

    Only beginning and end raise errors of ours: what is raised inside passes as it is.
    """
    with translate_errors(folder):
        connection.execute("BEGIN IMMEDIATE" if writing else "BEGIN")
    try:
        yield
        with translate_errors(folder):
            connection.execute("COMMIT")
    except BaseException:
        # A full disk has ended the transaction already.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def image_name(number: int) -> str:
    """The file of a page's image, in its document's folder."""
    return f"{number}.jpg"


def sync_folder(folder: Path) -> None:
    """Make the names of new files last a crash. Windows does so automatically."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def delete_files(paths: Iterable[Path]) -> None:
    """Delete files and folders that no row names any more, or names not yet."""
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
            continue
        # Windows keeps a file that a reader has mapped; the next open of the index deletes it.
        with suppress(OSError):
            path.unlink(missing_ok=True)


def delete_orphans(connection: sqlite3.Connection, folder: Path, *, wait_s: float) -> None:
    """Delete the files that a crash has left without a row.

    Left for another time while some process is writing: its files have no rows yet.
    """
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        with transaction(connection, folder, writing=True):
            named = {
                IMAGES: connection.execute("SELECT images FROM document").fetchall(),
                VECTORS: connection.execute("SELECT name FROM vector_file").fetchall(),
            }
            for kind, rows in named.items():
                kept = {name for (name,) in rows}
                delete_files(p for p in (folder / kind).iterdir() if p.name not in kept)
    except BackendError as error:
        if not is_busy(error):
            raise
    finally:
        connection.execute(f"PRAGMA busy_timeout = {int(wait_s * 1000)}")
