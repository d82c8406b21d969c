"""Copying an index: nothing is encoded again and nothing is lost."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from colregion import Engine
from colregion.cli import main
from colregion.core.embeddings import PageEmbedding
from colregion.core.geometry import Box
from colregion.core.interfaces import Index
from colregion.core.regions import ParsedPage
from colregion.errors import InvalidInput, ModelMismatch, NotIndexed
from colregion.indexes import LocalIndex, MemoryIndex
from colregion.indexes.qdrant import QdrantIndex, QdrantOptions
from colregion.ingestion.copy import copy_index
from colregion.testing import LineParser, WordEncoder

LINES = [("one line", Box(0.1, 0.1, 0.6, 0.2)), ("two lines", Box(0.1, 0.3, 0.6, 0.4))]


class NoPageEncoder(WordEncoder):
    """The same vectors, but encoding a page is an error."""

    def encode_pages(self, pages: Sequence[ParsedPage]) -> list[PageEmbedding]:
        raise AssertionError(f"{len(pages)} pages were encoded again")


@pytest.fixture
def library(tmp_path: Path) -> Engine:
    """Two images in a local index."""
    engine = Engine(LocalIndex(tmp_path / "local"), encoder=WordEncoder(), parser=LineParser(LINES))
    for name, colour in (("a", (200, 30, 30)), ("b", (30, 30, 200))):
        path = tmp_path / f"{name}.png"
        Image.new("RGB", (60, 80), colour).save(path)
        engine.add(path, doc_id=name, metadata={"name": name})
    return engine


def state(index: Index) -> list[Any]:
    entries = index.documents()
    pages = index.load([page_id for entry in entries for page_id in index.page_ids(entry.id)])
    return [
        entries,
        index.settings(),
        [page.parsed.words for page in pages],
        [page.parsed.regions for page in pages],
        [page.embedding.vectors.tolist() for page in pages],
        [page.parsed.page.image.getpixel((3, 3)) for page in pages],
        index.document_frequency(["one", "line"]),
    ]


@pytest.mark.parametrize("stored", [True, False], ids=["stored images", "images by reference"])
def test_a_copy_to_qdrant_and_back_is_equal_and_encodes_nothing(
    library: Engine, tmp_path: Path, stored: bool
) -> None:
    images = tmp_path / "images" if stored else None
    remote = QdrantIndex(":memory:", "pages", QdrantOptions(images=images))
    report = library.copy_to(remote)
    assert [(o.doc_id, o.status, o.pages) for o in report.outcomes] == [
        ("a", "added", 1),
        ("b", "added", 1),
    ]
    with Engine(remote, encoder=NoPageEncoder(), parser=LineParser(LINES)) as engine:
        back = LocalIndex(tmp_path / "back")
        assert engine.copy_to(back).pages == 2
        remote_state = state(remote)
    assert remote_state[:4] == state(library.index)[:4] == state(back)[:4]
    for copied in (remote_state, state(back)):
        np.testing.assert_allclose(copied[4], state(library.index)[4], atol=1e-3)
        assert copied[6] == state(library.index)[6]
        np.testing.assert_allclose(copied[5], state(library.index)[5], atol=6)


def test_source_and_copy_give_the_same_hits(library: Engine) -> None:
    remote = QdrantIndex(":memory:", "pages")
    library.copy_to(remote)
    with Engine(remote, encoder=NoPageEncoder(), parser=LineParser(LINES)) as engine:
        question = library.index.load(["a#p1"])[0].parsed.words[0].text
        ours, theirs = library.search(question), engine.search(question)
        assert [hit.id for hit in ours] == [hit.id for hit in theirs] != []
        assert [h.score for h in ours] == pytest.approx([h.score for h in theirs], abs=1e-3)
        crop = theirs[0].crop()
        assert crop.size == ours[0].crop().size
        np.testing.assert_allclose(np.asarray(crop), np.asarray(ours[0].crop()), atol=6)


def test_a_second_copy_copies_only_changed_documents(library: Engine, tmp_path: Path) -> None:
    target = MemoryIndex()
    library.copy_to(target)
    library.add(tmp_path / "a.png", doc_id="b", metadata={"name": "b"})
    steps: list[tuple[int, int]] = []
    report = library.copy_to(
        target, on_progress=lambda s: steps.append((s.files_done, s.pages_done))
    )
    assert [o.status for o in report.outcomes] == ["skipped", "replaced"]
    assert steps == [(1, 1)]
    assert target.documents() == library.documents()


def test_a_copy_keeps_other_documents_of_the_target(library: Engine, tmp_path: Path) -> None:
    target = Engine(MemoryIndex(), encoder=WordEncoder(), parser=LineParser(LINES))
    target.add(tmp_path / "a.png", doc_id="mine")
    library.copy_to(target.index)
    assert [entry.id for entry in target.documents()] == ["a", "b", "mine"]


def test_a_target_of_another_encoder_is_refused(library: Engine) -> None:
    target = MemoryIndex()
    target.set_setting("encoder", "another")
    with pytest.raises(ModelMismatch, match="another"):
        library.copy_to(target)
    assert target.documents() == []


def test_an_index_is_not_copied_into_itself(library: Engine) -> None:
    with pytest.raises(InvalidInput, match="itself"):
        library.copy_to(library.index)


def test_a_document_that_changes_while_it_is_copied_fails_and_is_not_stored(
    library: Engine,
) -> None:
    target = MemoryIndex()

    def change(_step: object) -> None:
        if "a" in library.index.entries(["a"]):
            library.remove("a")

    first, second = copy_index(library.index, target, on_progress=change)
    assert (first.status, second.status) == ("failed", "added")
    assert "a" in first.reason
    assert [entry.id for entry in target.documents()] == ["b"]


def test_an_index_without_images_reads_them_from_the_source_without_an_engine(
    library: Engine, tmp_path: Path
) -> None:
    remote = QdrantIndex(":memory:", "pages")
    library.copy_to(remote)
    (page,) = remote.load(["a#p1"])
    assert page.parsed.page.image.getpixel((3, 3)) == (200, 30, 30)
    (tmp_path / "a.png").write_bytes((tmp_path / "b.png").read_bytes())
    with pytest.raises(NotIndexed, match="changed"):
        page.parsed.page.load_image()
    (tmp_path / "a.png").unlink()
    with pytest.raises(NotIndexed, match="no file"):
        page.parsed.page.load_image()


def test_the_copy_command_copies_and_prints_counts(
    library: Engine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    library.close()
    spec = f"qdrant:{tmp_path}/store/pages"

    def run(*arguments: str) -> str:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        captured = capsys.readouterr()
        return f"{ended.value.code} {captured.out}"

    assert run("copy", str(tmp_path / "local"), spec) == "0 2 added (2 pages)\n"
    assert run("copy", str(tmp_path / "local"), spec, "--json").count('"skipped"') == 2
    listed = run("list", "--index", spec, "--json").removeprefix("0 ")
    assert [entry["id"] for entry in json.loads(listed)] == ["a", "b"]
    assert run("copy", str(tmp_path / "nowhere"), spec).startswith("2")
