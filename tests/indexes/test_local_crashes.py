"""Processes that are killed, and many that work at once.

CI kills 15 times and reads for 5 seconds; COLREGION_KILLS=200 and COLREGION_STRESS_S=120 are the
long run.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import resource
import signal
import time
from collections.abc import Iterator
from contextlib import closing
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from colregion.core.embeddings import EmbeddedPage
from colregion.errors import BackendError, ColregionError, NotIndexed
from colregion.indexes.local.index import LocalIndex
from colregion.testing import IndexContract

CONTRACT = IndexContract()
KILLS = int(os.environ.get("COLREGION_KILLS", "15"))
STRESS_S = float(os.environ.get("COLREGION_STRESS_S", "5"))
IDS = [f"d{n}" for n in range(5)]

# Forked from a process that has imported everything and runs no threads.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["colregion.indexes.local.index", "colregion.testing"])

Versions = dict[str, int | None]


def pages(doc_id: str, version: int) -> list[EmbeddedPage]:
    """2 to 4 pages that all say which version they are of."""
    return [
        CONTRACT.page(f"v{version} same", doc_id=doc_id, number=n, grid=n % 2 == 0, v=n % 2 or 300)
        if n % 2 == 0
        else CONTRACT.page(f"v{version} same same", doc_id=doc_id, number=n)
        for n in range(1, 3 + version % 3)
    ]


def put(index: LocalIndex, doc_id: str, version: int) -> None:
    entry = CONTRACT.entry(doc_id, content_hash=f"v{version}")
    index.replace(entry, pages(doc_id, version))


def whole_version(index: LocalIndex, doc_id: str) -> int | None:
    """The version of a document, all of whose pages have to be of it; None when it is not there."""
    try:
        entry = index.entry(doc_id)
        loaded = index.load(index.page_ids(doc_id))
    except NotIndexed:
        return None
    said = {page.parsed.words[0].text for page in loaded}
    if said == {entry.content_hash}:
        version = int(entry.content_hash[1:])
        assert len(loaded) == entry.page_count == 2 + version % 3
        return version
    # Another process may have replaced it between the two calls; on disk that cannot be.
    assert entry not in index.documents(), f"{doc_id} is half {entry.content_hash}, half {said}"
    return whole_version(index, doc_id)


def change_until_killed(folder: Path, seed: int, versions: Versions, sender: Connection) -> None:
    rng = random.Random(seed)
    with closing(LocalIndex(folder)) as index:
        sender.send(("ready", None))
        for version in range(seed * 1000, seed * 1000 + 1000):
            doc_id = rng.choice(IDS)
            if versions[doc_id] is not None and rng.random() < 0.3:
                sender.send((doc_id, None))
                index.remove(doc_id)
                versions[doc_id] = None
            else:
                sender.send((doc_id, version))
                put(index, doc_id, version)
                versions[doc_id] = version
            sender.send(("done", None))


def killed(
    folder: Path, seed: int, versions: Versions, *, after_s: float
) -> tuple[Versions, Versions]:
    """The versions to expect after a kill: before the change in flight, and after it."""
    here, there = PROCESSES.Pipe(duplex=False)
    process = PROCESSES.Process(target=change_until_killed, args=(folder, seed, versions, there))
    process.start()
    there.close()
    assert here.recv() == ("ready", None)
    time.sleep(after_s)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    before, after = dict(versions), dict(versions)
    while True:
        try:
            doc_id, version = here.recv()
        except EOFError:
            break
        if doc_id == "done":
            before = dict(after)
        else:
            after[doc_id] = version
    process.join()
    here.close()
    return before, after


@pytest.mark.slow
def test_killed_writers_never_lose_or_truncate_a_document(tmp_path: Path) -> None:
    rng = random.Random(20512)
    folder, versions = tmp_path / "index", dict.fromkeys(IDS)
    LocalIndex(folder).close()
    for seed in range(1, KILLS + 1):
        before, after = killed(folder, seed, dict(versions), after_s=rng.uniform(0, 0.2))
        with closing(LocalIndex(folder)) as index:
            versions = {doc_id: whole_version(index, doc_id) for doc_id in IDS}
            assert versions in (before, after)
            assert index.verify() == []
            there = [doc_id for doc_id in IDS if versions[doc_id] is not None]
            matches = {one.page_id for one in index.search(CONTRACT.query("same"), k=99)}
            assert matches == {one for doc_id in there for one in index.page_ids(doc_id)}
            assert index.document_frequency(["same"]) == [index.page_count]
            # Unfinished changes leave no files.
            assert len(list((folder / "images").iterdir())) == len(there)


def read_until(folder: Path, stop: float) -> None:
    with closing(LocalIndex(folder)) as index:
        while time.monotonic() < stop:
            for doc_id in IDS:
                whole_version(index, doc_id)
            matches = index.search(CONTRACT.query("same v3"), k=99)
            counts: dict[str, int] = {}
            for one in matches:
                counts[one.page_id.split("#")[0]] = counts.get(one.page_id.split("#")[0], 0) + 1
            assert all(2 <= n <= 4 for n in counts.values()), counts


def write_until(folder: Path, stop: float) -> None:
    rng = random.Random(1)
    with closing(LocalIndex(folder)) as index:
        version = 0
        while time.monotonic() < stop:
            version += 1
            doc_id = rng.choice(IDS)
            put(index, doc_id, version)
            if version % 7 == 0:
                index.remove(doc_id)
            if version % 40 == 0:
                index.compact()


@pytest.mark.slow
def test_eight_readers_during_writes_see_whole_documents_only(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    with closing(LocalIndex(folder)) as index:
        for doc_id in IDS:
            put(index, doc_id, 0)
    stop = time.monotonic() + STRESS_S
    workers = [PROCESSES.Process(target=read_until, args=(folder, stop)) for _ in range(8)]
    workers.append(PROCESSES.Process(target=write_until, args=(folder, stop)))
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * 9
    with closing(LocalIndex(folder)) as index:
        assert index.verify() == []


def fill_the_disk(folder: Path, sender: Connection) -> None:
    """Files may not grow beyond 400 kB: what a full disk says to a writer."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    def many() -> Iterator[EmbeddedPage]:
        for n in range(1, 200):
            yield CONTRACT.page(f"w{n}", doc_id="large", number=n, grid=True, v=300)

    with closing(LocalIndex(folder)) as index:
        put(index, "d0", 7)
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
        try:
            index.replace(CONTRACT.entry("large"), many())
        except ColregionError as error:
            sender.send((type(error).__name__, str(error)))
        assert whole_version(index, "d0") == 7


def test_full_disk_raises_backend_error_and_loses_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    here, there = PROCESSES.Pipe(duplex=False)
    process = PROCESSES.Process(target=fill_the_disk, args=(folder, there))
    process.start()
    there.close()
    name, says = here.recv()
    process.join()
    assert process.exitcode == 0
    assert name == BackendError.__name__
    assert "the disk has room" in says
    with closing(LocalIndex(folder)) as index:
        assert [entry.id for entry in index.documents()] == ["d0"]
        assert index.verify() == []
        assert len(list((folder / "images").iterdir())) == 1


# Folders that may only be read


def as_somebody_else(folder: Path, sender: Connection) -> None:
    if os.geteuid() == 0:  # may write everywhere
        # Others may not read root's own Python: whatever it imports late is imported now.
        with closing(LocalIndex(folder.parent / "other")) as other:
            put(other, "d0", 1)
            CONTRACT.state(other)
        os.setuid(65534)
    with closing(LocalIndex(folder)) as index:
        sender.send((index.read_only, CONTRACT.state(index)))
        try:
            index.remove("d0")
        except BackendError as error:
            sender.send(str(error))


@pytest.mark.parametrize("while_open", [False, True])
def test_read_only_folder_can_be_searched(tmp_path: Path, while_open: bool) -> None:
    folder = tmp_path / "index"
    index = LocalIndex(folder)
    put(index, "d0", 1)
    state = CONTRACT.state(index)
    if not while_open:
        index.close()
    # pytest's own folders: of the user, of the run, and of its worker where there are several.
    above = [path for path in tmp_path.parents if path.name.startswith(("pytest-", "popen-"))]
    for path in (*folder.rglob("*"), *above):
        path.chmod(0o555 if path.is_dir() else 0o444)
    tmp_path.chmod(0o555)
    folder.chmod(0o555)
    here, there = PROCESSES.Pipe(duplex=False)
    process = PROCESSES.Process(target=as_somebody_else, args=(folder, there))
    process.start()
    there.close()
    try:
        assert here.recv() == (True, state)
        assert "read-only" in here.recv()
    finally:
        process.join()
        for path in (*reversed(above), tmp_path, folder):
            path.chmod(0o755)
        for path in folder.rglob("*"):
            path.chmod(0o755)
        index.close()


def test_index_can_be_opened_read_only(tmp_path: Path) -> None:
    with closing(LocalIndex(tmp_path / "index")) as writer:
        put(writer, "d0", 1)
        with closing(LocalIndex(tmp_path / "index", read_only=True)) as reader:
            put(writer, "d0", 2)
            assert whole_version(reader, "d0") == 2
            with pytest.raises(BackendError, match="read-only"):
                reader.remove("d0")
            with pytest.raises(BackendError, match="read-only"):
                reader.set_setting("a", "b")
