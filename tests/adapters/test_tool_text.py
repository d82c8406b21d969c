"""What the adapters share: where the engine comes from, files read, what a model is told."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from colregion import Box, Engine, Hit, InvalidInput, ParsedPage
from colregion.adapters.tool_text import (
    nothing_found,
    opened,
    parse_files,
    picture_for_model,
    source_of,
    text_for_model,
)
from colregion.core.documents import DocumentEntry
from colregion.indexes import MemoryIndex
from colregion.testing import LineParser, PlainImage, WordEncoder, make_parsed_page

BOX = Box(0.25, 0.5, 0.75, 0.6)


def an_engine() -> Engine:
    return Engine(MemoryIndex(), encoder=WordEncoder(), parser=LineParser([("total", BOX)]))


def a_hit(parsed: ParsedPage) -> Hit:
    return Hit(parsed.regions[0], parsed, DocumentEntry("doc", "doc.pdf", "", ""), score=0.5)


def test_an_engine_comes_from_an_index_or_is_given() -> None:
    engine = an_engine()
    assert source_of(None, engine) is engine
    assert source_of("library", None) == "library"
    for index, both in ((None, None), ("library", engine)):
        with pytest.raises(InvalidInput, match="one of the two"):
            source_of(index, both)


def test_an_index_is_opened_once_and_never_made(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no index"):
        opened(tmp_path / "mistyped")
    assert not (tmp_path / "mistyped").exists()
    Engine.open(tmp_path / "index", encoder="static_tokens").close()
    with opened(tmp_path / "index") as engine:
        assert opened(str(tmp_path / "index")) is engine
    given = an_engine()
    assert opened(given) is given


def test_no_sources_have_no_pages() -> None:
    assert list(parse_files([], parser=LineParser([]), metadata={})) == []


def test_files_are_parsed_with_what_an_index_would_say_of_them(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        Image.new("RGB", (30, 40)).save(tmp_path / folder / "scan.png")
    parser = LineParser([("total", BOX)])
    paths = [tmp_path / "a" / "scan.png", tmp_path / "b" / "scan.png", tmp_path / "a"]
    pages = list(parse_files(paths, parser=parser, metadata={"team": "x"}))
    assert [parsed.words[0].text for parsed, _ in pages] == ["total", "total"]
    assert [entry.source for _, entry in pages] == [str(path) for path in paths[:2]]
    first, second = (entry.id for _, entry in pages)
    assert first == "scan.png"
    assert second.startswith("scan.png~")
    assert {entry.metadata["team"] for _, entry in pages} == {"x"}


def test_a_model_reads_the_regions_id_kind_page_and_text() -> None:
    hit = a_hit(make_parsed_page([("total due", BOX)], number=3))
    assert text_for_model(hit) == "[doc#p3#1] text on page 3\ntotal due"
    wordless = replace(hit, region=replace(hit.region, text="", kind="figure"))
    assert text_for_model(wordless) == "[doc#p3#1] figure on page 3\n(a picture without text)"


@pytest.mark.parametrize(
    ("page_px", "size_px"),
    [
        # Half of 200 px and 2 px on either side; a tenth of 100 px and 2 px on either side.
        ((200, 100), (104, 14)),
        # 2080 x 1040 px with the margin, to fit 1024 px.
        ((4000, 9600), (1024, 512)),
    ],
)
def test_a_model_sees_the_region_with_a_margin_and_no_larger_than_is_useful(
    page_px: tuple[int, int], size_px: tuple[int, int]
) -> None:
    image = PlainImage(width_px=page_px[0], height_px=page_px[1])
    hit = a_hit(make_parsed_page([("total", BOX)], image=image))
    with Image.open(io.BytesIO(picture_for_model(hit))) as picture:
        assert (picture.format, picture.size) == ("PNG", size_px)


def test_a_model_that_finds_nothing_is_told_what_it_may_know() -> None:
    engine = an_engine()
    assert nothing_found(engine, filtered=False) == "No regions found. The documents are: (none)."
    picture = Image.new("RGB", (30, 40))
    for n in range(51):
        engine.add(picture, doc_id=f"d{n:02}")
    told = nothing_found(engine, filtered=False)
    assert told.startswith("No regions found. The documents are: d00, d01, ")
    assert told.endswith(", d49 and 1 more.")
    assert nothing_found(engine, filtered=True) == "No regions found. Try other words."
