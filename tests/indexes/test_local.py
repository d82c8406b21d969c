import multiprocessing
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from PIL import Image

from colregion.core.embeddings import EmbeddedPage, PageEmbedding
from colregion.core.geometry import Box
from colregion.core.interfaces import Index, IndexSetting
from colregion.core.regions import ParsedPage
from colregion.errors import BackendError, IndexCorrupt, InvalidInput, NotIndexed
from colregion.indexes.local import schema as local_store
from colregion.indexes.local import vectors as local_vectors
from colregion.indexes.local.index import LocalIndex
from colregion.testing import HOSTILE, IndexContract, PlainImage

CONTRACT = IndexContract()
entry, page, query = CONTRACT.entry, CONTRACT.page, CONTRACT.query


class TestLocalIndex(IndexContract):
    @pytest.fixture
    def index(self, tmp_path: Path) -> Iterator[Index]:
        with ExitStack() as self.opened:
            yield self.opened.enter_context(LocalIndex(tmp_path / "index"))

    def reopen(self, index: Index) -> Index:
        assert isinstance(index, LocalIndex)
        index.close()
        return self.beside(index)

    def beside(self, index: Index) -> Index:
        assert isinstance(index, LocalIndex)
        return self.opened.enter_context(LocalIndex(index.folder))


class TestLocalIndexInFourBits(TestLocalIndex):
    number_tolerance = 0.15
    similarity_tolerance = 0.3
    first_settings: ClassVar[Mapping[str, str]] = {IndexSetting.PRECISION: "int4"}

    @pytest.fixture
    def index(self, tmp_path: Path) -> Iterator[Index]:
        with ExitStack() as self.opened:
            index = LocalIndex(tmp_path / "index", precision="int4")
            yield self.opened.enter_context(index)


@pytest.fixture
def index(tmp_path: Path) -> Iterator[LocalIndex]:
    with closing(LocalIndex(tmp_path / "index")) as index:
        yield index


def files(index: LocalIndex) -> set[str]:
    """Vectors and images, relative to the index."""
    matches = (path for kind in ("vectors", "images") for path in (index.folder / kind).rglob("*"))
    return {str(path.relative_to(index.folder)) for path in matches}


def vector_files(index: LocalIndex, form: str) -> list[Path]:
    return sorted((index.folder / "vectors").glob(f"*.{form}"))


def with_picture(load_image: Callable[..., Image.Image], doc_id: str = "doc") -> EmbeddedPage:
    embedded = page(doc_id=doc_id)
    parsed = embedded.parsed
    return replace(
        embedded,
        parsed=ParsedPage(
            replace(parsed.page, load_image=load_image), parsed.words, parsed.regions
        ),
    )


def in_another_process(work: Callable[..., None], *arguments: object) -> int | None:
    """Runs it and gives its exit status."""
    process = multiprocessing.get_context("spawn").Process(target=work, args=arguments)
    process.start()
    process.join()
    return process.exitcode


# Vectors


def test_repeated_word_vectors_are_stored_once(index: LocalIndex) -> None:
    index.replace(entry("a"), [page("one two one", doc_id="a"), page("one", doc_id="a", number=2)])
    index.replace(entry("b"), [page("two three one one", doc_id="b")])
    (codebook,) = vector_files(index, "codebook")
    assert codebook.stat().st_size == 3 * CONTRACT.dim * 4
    assert vector_files(index, "rows") == []


def test_vectors_that_do_not_repeat_are_stored_as_float16(index: LocalIndex) -> None:
    index.replace(entry("a"), [page("one two", doc_id="a"), page("one", doc_id="a", number=2)])
    index.replace(entry("b"), [page("one one one", doc_id="b", grid=True)])
    (rows,) = vector_files(index, "rows")
    assert rows.stat().st_size == (2 + 1 + 3) * CONTRACT.dim * 2
    assert vector_files(index, "codebook") == []


def test_codebook_is_correct_after_changes_by_other_objects_and_failed_changes(
    tmp_path: Path,
) -> None:
    def broken() -> Iterator[EmbeddedPage]:
        yield page("lost lost one", doc_id="c")
        raise RuntimeError

    with closing(LocalIndex(tmp_path / "i")) as one, closing(LocalIndex(tmp_path / "i")) as other:
        one.replace(entry("a"), [page("one one two", doc_id="a")])
        other.replace(entry("b"), [page("two three", doc_id="b")])
        with pytest.raises(RuntimeError):
            one.replace(entry("c"), broken())
        one.replace(entry("d"), [page("three three four", doc_id="d")])
        other.replace(entry("e"), [page("four four five", doc_id="e")])
        (codebook,) = vector_files(one, "codebook")
        assert codebook.stat().st_size == 5 * CONTRACT.dim * 4
        for doc_id, text in (
            ("b", "two three"),
            ("d", "three three four"),
            ("e", "four four five"),
        ):
            for reader in (one, other):
                (loaded,) = reader.load([f"{doc_id}#p1"])
                expected = [CONTRACT.vector(word) for word in text.split()]
                np.testing.assert_array_equal(loaded.embedding.vectors, expected)


def test_full_vector_file_is_followed_by_another(
    index: LocalIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_vectors, "_FILE_BYTES", 5 * CONTRACT.dim * 2)
    pages = [page(f"a{n} b{n}", number=n, grid=True) for n in range(1, 6)]
    index.replace(entry(), pages)
    sizes = sorted(file.stat().st_size for file in vector_files(index, "rows"))
    assert sizes == [rows * CONTRACT.dim * 2 for rows in (2, 4, 4)]
    for expected, got in zip(pages, index.load([one.id for one in pages]), strict=True):
        np.testing.assert_array_equal(got.embedding.vectors, expected.embedding.vectors)


def test_vector_file_is_deleted_with_the_last_document_that_uses_it(index: LocalIndex) -> None:
    index.replace(entry("a"), [page("one one", doc_id="a")])
    index.replace(entry("b"), [page("one", doc_id="b", grid=True)])
    index.remove("a")
    assert len(vector_files(index, "rows")) == 1
    assert vector_files(index, "codebook") == []
    index.remove("b")
    assert files(index) == set()


@pytest.mark.parametrize("precision", ["float16", "int4"])
def test_values_beyond_float16_are_refused(tmp_path: Path, precision: str) -> None:
    embedded = page("one", grid=True)
    huge = PageEmbedding(embedded.embedding.vectors * 1e6, embedded.embedding.placement)
    with closing(LocalIndex(tmp_path / "index", precision=precision)) as index:
        with pytest.raises(InvalidInput, match="65504"):
            index.replace(entry(), [replace(embedded, embedding=huge)])
        assert files(index) == set()


# Images and words


def test_page_images_remain_after_the_source_is_deleted(index: LocalIndex, tmp_path: Path) -> None:
    source = tmp_path / "scan.png"
    image = Image.new("RGB", (300, 200), "white")
    image.paste((255, 0, 0), (150, 100, 300, 200))
    image.save(source)
    index.replace(entry(), [with_picture(lambda **_: Image.open(source).convert("RGB"))])
    source.unlink()
    (loaded,) = index.load(["doc#p1"])
    image = loaded.parsed.page.image
    assert image.size == (300, 200)
    corner = image.crop(Box(0.75, 0.75, 0.9, 0.9).to_pixels(width_px=300, height_px=200))
    np.testing.assert_allclose(np.asarray(corner).mean(axis=(0, 1)), (255, 0, 0), atol=4)


def test_large_page_images_are_scaled_down_with_their_aspect_ratio(index: LocalIndex) -> None:
    index.replace(entry(), [with_picture(PlainImage(width_px=4800, height_px=1200))])
    (loaded,) = index.load(["doc#p1"])
    assert loaded.parsed.page.image.size == (2400, 600)


def test_loaded_pages_are_not_cached_by_the_index(index: LocalIndex) -> None:
    index.replace(entry(), [page("one two")])
    (first,) = index.load(["doc#p1"])
    first.embedding.vectors[:] = 0
    assert first.parsed.page.image is first.parsed.page.image
    (second,) = index.load(["doc#p1"])
    assert second.embedding.vectors.any()
    assert second.parsed.page.image is not first.parsed.page.image


def test_loading_a_replaced_page_image_says_to_search_again(index: LocalIndex) -> None:
    index.replace(entry(), [page()])
    (loaded,) = index.load(["doc#p1"])
    index.replace(entry(), [page()])
    with pytest.raises(NotIndexed, match="search again"):
        _ = loaded.parsed.page.image


def test_file_names_do_not_contain_document_ids(tmp_path: Path) -> None:
    with closing(LocalIndex(tmp_path / "a" / "index")) as index:
        for doc_id in (HOSTILE, "../../escaped", "/escaped"):
            index.replace(entry(doc_id), [page(doc_id=doc_id)])
        outside = {path.name for path in tmp_path.rglob("*") if index.folder not in path.parents}
        assert outside == {"a", "index"}
        assert not [name for name in files(index) if "escaped" in name or "DROP" in name]


# All or nothing


def test_failed_change_leaves_no_files(index: LocalIndex) -> None:
    def broken() -> Iterator[EmbeddedPage]:
        yield page("one one", doc_id="new")
        yield page("one", doc_id="new", number=2, grid=True)
        raise RuntimeError("stop")

    index.replace(entry(), [page()])
    before = files(index)
    with pytest.raises(RuntimeError, match="stop"):
        index.replace(entry("new"), broken())
    assert files(index) == before


def test_error_of_a_lazy_page_image_is_not_translated(index: LocalIndex, tmp_path: Path) -> None:
    source = tmp_path / "scan.bmp"
    Image.new("RGB", (30, 20), "white").save(source)
    os.truncate(source, 500)
    with Image.open(source) as lazy, pytest.raises(OSError, match="truncated") as caught:
        index.replace(entry(), [with_picture(lambda **_: lazy)])
    assert not isinstance(caught.value, BackendError)
    assert files(index) == set()


def die_while_adding(folder: Path, *, doc_id: str = "doc") -> None:
    def dying() -> Iterator[EmbeddedPage]:
        yield page("new new", doc_id=doc_id)
        yield page("new", doc_id=doc_id, number=2, grid=True)
        os._exit(9)

    LocalIndex(folder).replace(entry(doc_id), dying())


@pytest.mark.parametrize("precision", ["float16", "int4"])
def test_process_killed_while_adding_leaves_the_index_unchanged(
    tmp_path: Path, precision: str
) -> None:
    folder = tmp_path / "index"
    with closing(LocalIndex(folder, precision=precision)) as index:
        index.replace(entry(), [page("old one"), page("old", number=2, grid=True)])
        before = CONTRACT.state(index)
        stored = files(index)
        assert in_another_process(die_while_adding, folder) == 9
        assert files(index) > stored
        assert CONTRACT.state(index) == before
    with closing(LocalIndex(folder)) as index:
        assert files(index) == stored
        assert CONTRACT.state(index) == before
        index.replace(entry(), [page("new new")])
        assert index.document_frequency(["old", "new"]) == [0, 1]


def add_documents(folder: Path, *, first: int) -> None:
    with closing(LocalIndex(folder)) as index:
        for n in range(first, first + 6):
            pages = [page("one one two", doc_id=f"d{n}"), page("", doc_id=f"d{n}", number=2)]
            index.replace(entry(f"d{n}"), pages)


@pytest.mark.slow
def test_processes_may_create_and_fill_an_index_at_the_same_time(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    spawn = multiprocessing.get_context("spawn")
    writers = [
        spawn.Process(target=add_documents, args=(folder,), kwargs={"first": first})
        for first in (0, 6)
    ]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        if (folder / local_store.DATABASE).exists():
            with closing(LocalIndex(folder)) as index:
                matches = index.search(query("one"), k=50)
                assert len(matches) <= index.page_count / 2
                index.load([score.page_id for score in matches])
    assert [writer.exitcode for writer in writers] == [0, 0]
    with closing(LocalIndex(folder)) as index:
        assert len(index.documents()) == 12
        assert index.document_frequency(["one", "two"]) == [12, 12]
        assert len(index.search(query("one"), k=50)) == 12


def test_changes_by_another_object_are_seen(tmp_path: Path) -> None:
    with closing(LocalIndex(tmp_path / "i")) as one, closing(LocalIndex(tmp_path / "i")) as other:
        one.replace(entry(), [page("one")])
        assert [score.page_id for score in other.search(query("one"), k=3)] == ["doc#p1"]
        assert other.load(["doc#p1"])[0].parsed.words[0].text == "one"
        one.replace(entry(), [page("two")])
        assert other.load(["doc#p1"])[0].parsed.words[0].text == "two"
        other.remove("doc")
        assert one.search(query("one"), k=3) == []
        assert one.documents() == []


def test_change_waits_for_another_writer_up_to_wait_s(tmp_path: Path) -> None:
    with (
        closing(LocalIndex(tmp_path / "i", wait_s=0.05)) as index,
        closing(sqlite3.connect(tmp_path / "i" / local_store.DATABASE)) as writer,
    ):
        index.replace(entry(), [page("one")])
        writer.execute("BEGIN IMMEDIATE")
        with pytest.raises(BackendError, match="another process is writing"):
            index.remove("doc")
        with closing(LocalIndex(tmp_path / "i", wait_s=0.05)) as reader:
            CONTRACT.assert_same(reader, index, query("one"), k=1)
        writer.execute("ROLLBACK")
        index.remove("doc")


def test_index_cannot_be_changed_by_the_pages_being_added(index: LocalIndex) -> None:
    def meddling() -> Iterator[EmbeddedPage]:
        assert index.search(query("one"), k=1) == []
        index.set_setting("a", "b")
        yield page()

    with pytest.raises(InvalidInput, match="taking in"):
        index.replace(entry(), meddling())
    index.set_setting("a", "c")
    assert index.get_setting("a") == "c"


# What is no index, or no longer one


def test_closed_index_raises_an_error_that_says_so(tmp_path: Path) -> None:
    index = LocalIndex(tmp_path / "i")
    index.close()
    for call in (index.documents, lambda: index.set_setting("a", "b")):
        with pytest.raises(BackendError, match="closed"):
            call()


def test_relative_folder_stays_valid_after_the_working_directory_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with closing(LocalIndex("library")) as index:
        index.replace(entry(), [page()])
        (loaded,) = index.load(["doc#p1"])
        monkeypatch.chdir("/")
        assert loaded.parsed.page.image.size == (60, 80)
        assert index.folder == tmp_path / "library"


def test_index_of_another_format_is_refused_with_both_formats_in_the_error(tmp_path: Path) -> None:
    LocalIndex(tmp_path / "i").close()
    with closing(sqlite3.connect(tmp_path / "i" / local_store.DATABASE)) as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(IndexCorrupt, match=rf"format 99.*format {local_store.FORMAT}"):
        LocalIndex(tmp_path / "i")


def write_garbage(folder: Path) -> None:
    folder.mkdir()
    (folder / local_store.DATABASE).write_bytes(b"this is no database " * 400)


def write_other_database(folder: Path) -> None:
    folder.mkdir()
    with closing(sqlite3.connect(folder / local_store.DATABASE)) as database:
        database.execute("CREATE TABLE recipe (name TEXT)")


def write_other_files(folder: Path) -> None:
    folder.mkdir()
    (folder / "report.pdf").write_bytes(b"%PDF-")


def write_file(folder: Path) -> None:
    folder.write_bytes(b"%PDF-")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (write_garbage, "not a database"),
        (write_other_database, "not an index of colregion"),
        (write_other_files, "holds other files"),
        (write_file, "is a file"),
    ],
)
def test_path_that_is_no_index_is_refused_and_unchanged(
    tmp_path: Path, make: Callable[[Path], None], says: str
) -> None:
    path = tmp_path / "reports"
    make(path)
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    with pytest.raises(IndexCorrupt, match=says):
        LocalIndex(path)
    assert before == {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}


def test_an_empty_folder_becomes_an_index(tmp_path: Path) -> None:
    (tmp_path / ".DS_Store").touch()
    with closing(LocalIndex(tmp_path)) as index:
        assert index.documents() == []


def test_folder_that_cannot_be_created_is_named_in_the_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BackendError, match=r"file/index.*writable"):
        LocalIndex(tmp_path / "file" / "index")


def test_missing_index_is_refused_with_create_false(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no index at"):
        LocalIndex(tmp_path / "i", create=False)
    assert not (tmp_path / "i").exists()
    LocalIndex(tmp_path / "i").close()
    LocalIndex(tmp_path / "i", create=False).close()


def test_truncated_vector_file_is_named_in_the_error(index: LocalIndex) -> None:
    index.replace(entry(), [page("one two", grid=True)])
    (rows,) = vector_files(index, "rows")
    os.truncate(rows, 10)
    with pytest.raises(IndexCorrupt, match=f"{rows.name} has 10 bytes instead of 64"):
        index.search(query("one"), k=1)


def test_missing_vector_file_is_named_in_the_error(index: LocalIndex) -> None:
    index.replace(entry(), [page("one two", grid=True)])
    (rows,) = vector_files(index, "rows")
    rows.unlink()
    with pytest.raises(IndexCorrupt, match=rows.name):
        index.load(["doc#p1"])


@pytest.mark.parametrize("column", ["head", "regions", "words", "outline", "placement", "slots"])
def test_damaged_record_is_refused_with_the_cure(index: LocalIndex, column: str) -> None:
    index.replace(entry(), [page()])
    with closing(sqlite3.connect(index.folder / local_store.DATABASE)) as database:
        database.execute(f"UPDATE page_record SET {column} = x'0123456789'")
        database.commit()
    with pytest.raises(IndexCorrupt, match="add those documents again"):
        index.load(["doc#p1"])
