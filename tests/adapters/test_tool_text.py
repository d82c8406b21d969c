"""Shared by the adapters: opening engines, reading files, and results as a model reads them."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from colregion import Box, Engine, Hit, InvalidInput, ParsedPage
from colregion.adapters.tool_text import (
    content_for_model,
    crop_for_model,
    load_regions,
    resolve_engine,
    text_for_model,
    to_png,
    validate_source,
)
from colregion.core.documents import DocumentEntry
from colregion.indexes import MemoryIndex
from colregion.testing import LineParser, PlainImage, WordEncoder, make_parsed_page

BOX = Box(0.25, 0.5, 0.75, 0.6)


def an_engine() -> Engine:
    return Engine(MemoryIndex(), encoder=WordEncoder(), parser=LineParser([("total", BOX)]))


def a_hit(parsed: ParsedPage) -> Hit:
    return Hit(parsed.regions[0], parsed, DocumentEntry("doc", "doc.pdf", "", ""), score=0.5)


def test_an_index_or_an_engine_is_accepted_but_not_both() -> None:
    engine = an_engine()
    assert validate_source(None, engine) is engine
    assert validate_source("library", None) == "library"
    for index, both in ((None, None), ("library", engine)):
        with pytest.raises(InvalidInput, match="one of the two"):
            validate_source(index, both)


def test_an_index_is_opened_once_and_never_created(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no index"):
        resolve_engine(tmp_path / "mistyped")
    assert not (tmp_path / "mistyped").exists()
    Engine.open(tmp_path / "index", encoder="static_tokens").close()
    with resolve_engine(tmp_path / "index") as engine:
        assert resolve_engine(str(tmp_path / "index")) is engine
    given = an_engine()
    assert resolve_engine(given) is given


def test_no_sources_have_no_regions() -> None:
    assert list(load_regions([], level="area", parser=LineParser([]), metadata={})) == []


def test_loaded_regions_have_the_ids_and_metadata_of_an_index_and_no_score(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        Image.new("RGB", (30, 40)).save(tmp_path / folder / "scan.png")
    parser = LineParser([("total", BOX)])
    paths = [tmp_path / "a" / "scan.png", tmp_path / "b" / "scan.png", tmp_path / "a"]
    pages = list(load_regions(paths, level="line", parser=parser, metadata={"team": "x"}))
    hits = [hit for (hit,) in pages]
    assert [hit.text for hit in hits] == ["total", "total"]
    assert [hit.score for hit in hits] == [None, None]
    assert [hit.source for hit in hits] == [str(path) for path in paths[:2]]
    assert hits[0].doc_id == "scan.png"
    assert hits[1].doc_id.startswith("scan.png~")
    assert {hit.to_metadata()["team"] for hit in hits} == {"x"}


def test_text_for_model_has_id_kind_page_and_text() -> None:
    hit = a_hit(make_parsed_page([("total due", BOX)], number=3))
    assert text_for_model(hit) == "[doc#p3#1] text on page 3\ntotal due"
    wordless = replace(hit, region=replace(hit.region, text="", kind="figure"))
    assert text_for_model(wordless) == "[doc#p3#1] figure on page 3\n(an image without text)"


@pytest.mark.parametrize(
    ("page_px", "size_px"),
    [
        # Half of 200 px by a tenth of 100 px, and 1.2 px on every side, to whole pixels outwards.
        ((200, 100), (104, 14)),
        # 2000 x 960 px and 24 px on every side, to fit 1568 px.
        ((4000, 9600), (1568, 772)),
    ],
)
def test_crop_for_a_model_has_a_margin_and_a_longest_side(
    page_px: tuple[int, int], size_px: tuple[int, int]
) -> None:
    image = PlainImage(width_px=page_px[0], height_px=page_px[1])
    hit = a_hit(make_parsed_page([("total", BOX)], image=image))
    crop = crop_for_model(hit)
    assert crop.size == size_px
    with Image.open(io.BytesIO(to_png(crop))) as png:
        assert (png.format, png.size) == ("PNG", size_px)


def test_images_follow_their_texts_on_request() -> None:
    hits = [a_hit(make_parsed_page([("total", BOX)], number=number)) for number in (1, 2)]
    texts = [text_for_model(hit) for hit in hits]
    assert content_for_model(hits, an_engine()) == texts
    content = content_for_model(hits, an_engine(), include_images=True)
    assert content[::2] == texts
    assert content[1::2] == [to_png(crop_for_model(hit)) for hit in hits]


def test_without_results_a_model_reads_the_document_names_unless_the_search_was_filtered() -> None:
    engine = an_engine()
    assert content_for_model([], engine) == ["No regions found. The documents are: (none)."]
    for n in range(51):
        engine.add(Image.new("RGB", (30, 40)), doc_id=f"d{n:02}", workers=0)
    (message,) = content_for_model([], engine)
    assert isinstance(message, str)
    assert message.startswith("No regions found. The documents are: d00, d01, ")
    assert message.endswith(", d49 and 1 more.")
    assert content_for_model([], engine, filtered=True) == ["No regions found. Try other words."]
