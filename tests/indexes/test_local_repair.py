"""Damage is reported and omitted on request, removed documents free their space, and indexes of
other formats are refused."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from colregion.core.embeddings import EmbeddedPage, PageEmbedding
from colregion.core.interfaces import IndexSetting
from colregion.errors import IndexCorrupt, InvalidInput
from colregion.indexes.local import schema as local_store
from colregion.indexes.local.index import LocalIndex
from colregion.indexes.memory import MemoryIndex
from colregion.ingestion.copy import copy_index
from colregion.testing import IndexContract

CONTRACT = IndexContract()
entry, page, query = CONTRACT.entry, CONTRACT.page, CONTRACT.query


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An index of a page of words, and of two of 300 vectors each."""
    with closing(LocalIndex(tmp_path / "index")) as index:
        index.replace(entry("words"), [page("one two one", doc_id="words")])
        pages = [page(f"p{n}", doc_id="grid", number=n, grid=True, v=300) for n in (1, 2)]
        index.replace(entry("grid"), pages)
    return tmp_path / "index"


def vector_file(folder: Path, form: str) -> Path:
    (path,) = (folder / "vectors").glob(f"*.{form}")
    return path


def flip_bit(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 4
    path.write_bytes(content)


def search_ids(index: LocalIndex) -> list[str]:
    return sorted(score.page_id for score in index.search(query("one p2"), k=9))


def scores(index: LocalIndex, text: str) -> dict[str, float]:
    return {one.page_id: one.score for one in index.search(query(text), k=9)}


def with_vectors_again(page: EmbeddedPage) -> EmbeddedPage:
    """The page with a copy of its vectors."""
    embedding = page.embedding
    return replace(page, embedding=PageEmbedding(embedding.vectors.copy(), embedding.placement))


# Damage


def test_intact_index_has_no_damage(folder: Path) -> None:
    with closing(LocalIndex(folder)) as index:
        assert index.verify() == []


def test_flipped_bit_is_reported_and_the_rest_can_be_searched(folder: Path) -> None:
    rows = vector_file(folder, "rows")
    flip_bit(rows, 300 * CONTRACT.dim * 2 + 77)  # of the second page
    with closing(LocalIndex(folder)) as index:
        (damage,) = index.verify()
        assert (damage.file, damage.doc_id, damage.page_number) == (
            f"vectors/{rows.name}",
            "grid",
            2,
        )
        assert str(damage) == f"vectors/{rows.name}: grid#p2: its vectors"
        with pytest.raises(IndexCorrupt, match=rf"grid#p2 in {rows.name}.*--skip-damaged"):
            index.load(["grid#p2"])
        assert index.load(["grid#p1"])
    with closing(LocalIndex(folder, skip_damaged=True)) as index:
        assert search_ids(index) == ["grid#p1", "words#p1"]
        assert index.page_count == 2
        index.replace(entry("grid"), [page("p9", doc_id="grid", number=9, grid=True, v=300)])
        assert search_ids(index) == ["grid#p9", "words#p1"]
        assert index.verify() == []


def test_truncated_file_is_reported_and_the_rest_can_be_searched(folder: Path) -> None:
    rows = vector_file(folder, "rows")
    size = rows.stat().st_size
    with rows.open("r+b") as file:
        file.truncate(size - 10)
    with closing(LocalIndex(folder)) as index:
        with pytest.raises(IndexCorrupt, match=f"{rows.name} has {size - 10} bytes instead of"):
            index.search(query("one"), k=1)
        assert [(one.file, one.page_number) for one in index.verify()] == [
            (f"vectors/{rows.name}", None),
            (f"vectors/{rows.name}", 2),
        ]
    with closing(LocalIndex(folder, skip_damaged=True)) as index:
        assert search_ids(index) == ["grid#p1", "words#p1"]


@pytest.mark.parametrize("form", ["rows", "codebook", "coarse"])
def test_missing_file_is_reported_and_the_rest_can_be_searched(folder: Path, form: str) -> None:
    path = vector_file(folder, form)
    path.unlink()
    with closing(LocalIndex(folder)) as index:
        assert {one.file for one in index.verify()} == {f"vectors/{path.name}"}
        with pytest.raises(IndexCorrupt, match=path.name):
            index.search(query("one"), k=1)
    with closing(LocalIndex(folder, skip_damaged=True)) as index:
        remaining = ["grid#p1", "grid#p2"] if form == "codebook" else ["words#p1"]
        assert search_ids(index) == remaining


def test_damage_to_codebook_record_image_and_entry_is_reported(folder: Path) -> None:
    flip_bit(vector_file(folder, "codebook"), 5)
    for image in folder.glob("images/*/2.jpg"):
        flip_bit(image, 200)
    for image in folder.glob("images/*/1.jpg"):
        if (image.parent / "2.jpg").exists():
            image.unlink()
    with closing(sqlite3.connect(folder / local_store.DATABASE)) as database:
        database.execute("UPDATE page_record SET words = x'00' WHERE page = 1")
        database.execute("UPDATE document SET entry = replace(entry, 'grid.pdf', 'grit.pdf')")
        database.execute("UPDATE page_codes SET codes = x'00000000'")
        database.commit()
    with closing(LocalIndex(folder)) as index:
        problems = {(one.problem, one.doc_id, one.page_number) for one in index.verify()}
    assert problems == {
        ("its vectors have another checksum", None, None),
        ("its list of vectors", "words", 1),
        ("its record", "words", 1),
        ("its image is missing", "grid", 1),
        ("its image", "grid", 2),
        ("the document's entry", "grid", None),
    }


# Compaction


def test_compact_reclaims_rows_that_no_page_uses(folder: Path) -> None:
    with closing(LocalIndex(folder)) as index, closing(LocalIndex(folder)) as reader:
        for n in range(4):
            index.replace(entry(f"x{n}"), [page(f"x{n}", doc_id=f"x{n}", grid=True, v=300 + n)])
        before = vector_file(folder, "rows").stat().st_size
        expected = {one.id: one.embedding.vectors for one in reader.load(["grid#p2", "x3#p1"])}
        for n in range(3):
            index.remove(f"x{n}")
        assert vector_file(folder, "rows").stat().st_size == before
        index.remove("words")
        index.compact()
        assert vector_file(folder, "rows").stat().st_size == (600 + 303) * CONTRACT.dim * 2
        assert vector_file(folder, "coarse").stat().st_size == 3 * 64 * CONTRACT.dim
        for one in reader.load(list(expected)):
            np.testing.assert_array_equal(one.embedding.vectors, expected[one.id])
        assert index.verify() == []


def test_compaction_is_automatic_when_most_rows_are_unused(folder: Path) -> None:
    with closing(LocalIndex(folder)) as index:
        index.replace(entry("big"), [page("big", doc_id="big", grid=True, v=5000)])
        expected = search_ids(index)
        index.remove("big")
        assert vector_file(folder, "rows").stat().st_size == 600 * CONTRACT.dim * 2
        assert search_ids(index) == [one for one in expected if one != "big#p1"]


def test_compact_drops_unused_vectors_of_the_codebook(folder: Path) -> None:
    with closing(LocalIndex(folder)) as index, closing(LocalIndex(folder)) as reader:
        index.replace(entry("z"), [page("three three two four", doc_id="z")])
        before = scores(reader, "four two")
        index.remove("words")
        index.compact()
        codebook = vector_file(folder, "codebook")
        assert codebook.stat().st_size == 3 * CONTRACT.dim * 4
        for target in (index, reader):
            (loaded,) = target.load(["z#p1"])
            vectors = [CONTRACT.vector(word) for word in ("three", "three", "two", "four")]
            np.testing.assert_array_equal(loaded.embedding.vectors, vectors)
        del before["words#p1"]
        assert scores(reader, "four two") == before
        index.replace(entry("y"), [page("four four five", doc_id="y")])
        assert codebook.stat().st_size == 4 * CONTRACT.dim * 4
        assert index.verify() == []


# Formats and precisions


@pytest.mark.parametrize("version", [1, 2, local_store.FORMAT + 1])
@pytest.mark.parametrize("read_only", [False, True])
def test_other_formats_are_refused_with_how_to_recreate_the_index(
    folder: Path, version: int, read_only: bool
) -> None:
    with closing(sqlite3.connect(folder / local_store.DATABASE)) as database:
        database.execute(f"PRAGMA user_version = {version}")
        database.commit()
    message = rf"has format {version}.*reads format {local_store.FORMAT} only; add the documents"
    with pytest.raises(IndexCorrupt, match=message):
        LocalIndex(folder, read_only=read_only)


FORMS = {"int8": "bytes", "int4": "int4"}


def int4_bytes(n_vectors: int) -> int:
    """Of a page: rows of D / 2 + 4 bytes, a centre for every 6 vectors, two for the mean, and the
    vectors."""
    return (n_vectors // 6 + 2 + n_vectors) * (CONTRACT.dim // 2 + 4)


@pytest.mark.parametrize(
    ("precision", "page_bytes", "rtol"),
    [("int8", 300 * CONTRACT.dim, 0.02), ("int4", int4_bytes(300), 0.1)],
)
def test_lower_precision_takes_less_space_and_scores_nearly_the_same(
    tmp_path: Path, precision: str, page_bytes: int, rtol: float
) -> None:
    rng, oracle = np.random.default_rng(3), MemoryIndex()
    vectors = rng.standard_normal((40, 300, CONTRACT.dim)).astype(np.float32)
    with closing(LocalIndex(tmp_path / "i", precision=precision)) as index:
        for n, rows in enumerate(vectors):
            blank = page("x", doc_id=f"d{n}", grid=True, v=300)
            pages = [EmbeddedPage(blank.parsed, PageEmbedding(rows, blank.embedding.placement))]
            for target in (index, oracle):
                target.replace(entry(f"d{n}"), pages)
        assert vector_file(index.folder, FORMS[precision]).stat().st_size == 40 * page_bytes
        for n in range(5):
            embedding = query(f"a{n} b{n} c{n}")
            got, expected = (target.search(embedding, k=40) for target in (index, oracle))
            exact = {one.page_id: one.score for one in expected}
            np.testing.assert_allclose(
                [one.score for one in got], [exact[one.page_id] for one in got], rtol=rtol
            )
        (loaded,) = index.load(["d7#p1"])
        lost = np.linalg.norm(loaded.embedding.vectors - vectors[7], axis=1)
        assert lost.max() <= rtol * np.linalg.norm(vectors[7], axis=1).max()
        assert index.verify() == []
    with closing(LocalIndex(tmp_path / "i")) as index:
        assert index.precision == precision
    with pytest.raises(InvalidInput, match=f"has {precision} vectors, not float16"):
        LocalIndex(tmp_path / "i", precision="float16")


@pytest.fixture
def in_four_bits(tmp_path: Path) -> Path:
    """An index of two pages of 300 vectors each."""
    with closing(LocalIndex(tmp_path / "int4", precision="int4")) as index:
        pages = [page(f"p{n}", doc_id="grid", number=n, grid=True, v=300) for n in (1, 2)]
        index.replace(entry("grid"), pages)
    return tmp_path / "int4"


def test_vectors_of_a_4_bit_page_lose_nothing_more_however_often_it_is_changed(
    in_four_bits: Path,
) -> None:
    with closing(LocalIndex(in_four_bits)) as index:
        (before, _) = index.load(["grid#p1", "grid#p2"])
        for _ in range(5):
            index.update_page(entry("grid"), 1, with_vectors_again)
        (after, _) = index.load(["grid#p1", "grid#p2"])
        np.testing.assert_allclose(
            after.embedding.vectors, before.embedding.vectors, rtol=0, atol=1e-3
        )
        assert search_ids(index) == ["grid#p1", "grid#p2"]
        assert index.verify() == []


@pytest.mark.parametrize("place", [3, int4_bytes(300) - 3])
def test_flipped_bit_in_the_head_or_a_vector_of_a_4_bit_page_is_reported(
    in_four_bits: Path, place: int
) -> None:
    flip_bit(vector_file(in_four_bits, "int4"), int4_bytes(300) + place)
    with closing(LocalIndex(in_four_bits)) as index:
        assert [str(one).split(": ")[1:] for one in index.verify()] == [["grid#p2", "its vectors"]]
    with closing(LocalIndex(in_four_bits, skip_damaged=True)) as index:
        assert search_ids(index) == ["grid#p1"]


def test_compaction_moves_4_bit_pages_with_their_heads(in_four_bits: Path) -> None:
    with closing(LocalIndex(in_four_bits)) as index, closing(LocalIndex(in_four_bits)) as reader:
        index.replace(entry("x"), [page("x", doc_id="x", grid=True, v=31)])
        before = scores(reader, "one p2")
        index.replace(entry("big"), [page("big", doc_id="big", grid=True, v=5000)])
        index.remove("big")
        rows = vector_file(in_four_bits, "int4")
        assert rows.stat().st_size == 2 * int4_bytes(300) + int4_bytes(31)
        assert scores(reader, "one p2") == before
        assert index.verify() == []


@pytest.mark.parametrize(("wait", "n_pages"), [(True, 2), (False, 5)])
def test_changes_of_pages_free_their_space_where_they_may_take_time(
    folder: Path, wait: bool, n_pages: int
) -> None:
    with closing(LocalIndex(folder)) as index:
        for _ in range(3):
            index.update_page(entry("grid"), 1, with_vectors_again, wait=wait)
        page_bytes = 300 * CONTRACT.dim * 2
        assert vector_file(folder, "rows").stat().st_size == n_pages * page_bytes
        assert index.verify() == []


def test_copies_of_a_4_bit_index_have_its_vectors(in_four_bits: Path, tmp_path: Path) -> None:
    with (
        closing(LocalIndex(in_four_bits)) as index,
        closing(LocalIndex(tmp_path / "copy")) as copy,
    ):
        copy_index(index, copy)
        assert copy.precision == "float16"
        assert copy.get_setting(IndexSetting.PRECISION) is None
        for ours, theirs in zip(
            *(one.load(["grid#p1", "grid#p2"]) for one in (index, copy)), strict=True
        ):
            np.testing.assert_allclose(
                theirs.embedding.vectors, ours.embedding.vectors, rtol=0, atol=1e-3
            )


def test_unknown_or_different_precision_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="has float16 vectors, not int8"):
        LocalIndex(folder, precision="int8")
    with pytest.raises(InvalidInput, match="float16, int8, int4, got 'int2'"):
        LocalIndex(tmp_path / "new", precision="int2")


def test_vectors_that_are_not_finite_are_refused_and_nothing_is_lost(folder: Path) -> None:
    def pages() -> Iterator[EmbeddedPage]:
        yield page("fine", doc_id="n")
        spoilt = page("x", doc_id="n", number=2, grid=True, v=300)
        spoilt.embedding.vectors[17, 3] = np.nan  # after the record was checked
        yield spoilt

    with closing(LocalIndex(folder)) as index:
        with pytest.raises(InvalidInput, match="finite"):
            index.replace(entry("n"), pages())
        assert search_ids(index) == ["grid#p1", "grid#p2", "words#p1"]
        assert index.verify() == []


def test_removal_succeeds_even_if_compaction_fails(folder: Path) -> None:
    with closing(LocalIndex(folder)) as index:
        index.replace(entry("big"), [page("big", doc_id="big", grid=True, v=5000)])
    rows = vector_file(folder, "rows")
    with rows.open("r+b") as file:
        file.truncate(100)
    with closing(LocalIndex(folder, skip_damaged=True)) as index:
        index.remove("big")
        assert [entry.id for entry in index.documents()] == ["grid", "words"]
        assert search_ids(index) == ["words#p1"]
