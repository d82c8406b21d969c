"""A page that cannot be read goes in blank, with its reason in the report; the others stay."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest

from colregion import Engine
from colregion.core.documents import Page
from colregion.core.geometry import Box
from colregion.core.interfaces import Parser
from colregion.core.regions import Word
from colregion.errors import MissingDependency
from colregion.parsers.auto_reader import AutoReader
from colregion.parsers.external.function import FunctionRegions
from colregion.parsers.external.region_source import RegionSource
from colregion.parsers.external.regions import ExternalPage, ExternalRegion
from colregion.parsers.layout import Layout
from colregion.parsers.page_parser import PageParser
from colregion.parsers.text_layer.reader import TextLayerReader
from tests.documents.conftest import write_pdf
from tests.ingestion.hostile_parsers import TroubledParser
from tests.ingestion.test_workers import tiff


@pytest.mark.parametrize("workers", [0, None])
def test_a_page_that_needs_what_is_not_installed_goes_in_blank(
    engine_of: Callable[[Parser], Engine], workers: int | None
) -> None:
    engine = engine_of(TroubledParser({1: "uninstalled"}))
    report = engine.add(tiff(3), workers=workers)
    (outcome,) = report.incomplete
    assert (outcome.status, outcome.pages, outcome.missing_pages) == ("added", 3, (1,))
    assert outcome.reason == "page 1: apt-get install something"
    texts = [page.parsed.text for page in engine.index.load(engine.index.page_ids(outcome.doc_id))]
    assert texts == ["", "page 2", "page 3"]


def test_a_document_all_of_whose_pages_need_what_is_not_installed_fails(
    engine_of: Callable[[Parser], Engine],
) -> None:
    parser = TroubledParser(dict.fromkeys((1, 2, 3), "uninstalled"))
    (outcome,) = engine_of(parser).add(tiff(3)).outcomes
    assert (outcome.status, outcome.reason) == ("failed", "apt-get install something")


class NoOcrForTheCover(TextLayerReader):
    """Lacks the OCR that page 1 needs."""

    def read_upright(self, page: Page) -> tuple[Page, tuple[Word, ...]]:
        if page.number == 1:
            raise MissingDependency("install OCR")
        return super().read_upright(page)


class TwoListedPages(RegionSource):
    """Lists one region, without words, on each of two pages."""

    name = "listed"

    def pages(self, content: bytes, *, name: str) -> Mapping[int, ExternalPage]:
        del content, name
        region = ExternalRegion(Box(0.1, 0.1, 0.9, 0.9), text="listed")
        return {number: ExternalPage((region,)) for number in (1, 2)}


@pytest.mark.parametrize(
    "parser",
    [
        PageParser(NoOcrForTheCover(), Layout("geometry")),
        TwoListedPages(b"", words=NoOcrForTheCover()),
        FunctionRegions(
            lambda _: [ExternalRegion(Box(0.1, 0.1, 0.9, 0.9), text="listed")],
            name="whole",
            words=NoOcrForTheCover(),
        ),
    ],
    ids=["pages", "regions of a file", "regions of a function"],
)
def test_a_cover_that_needs_ocr_costs_itself_whatever_the_parser(
    engine_of: Callable[[Parser], Engine], parser: Parser
) -> None:
    (outcome,) = engine_of(parser).add(tiff(2)).outcomes
    assert (outcome.status, outcome.pages, outcome.reason) == ("added", 2, "page 1: install OCR")


def test_an_image_only_cover_without_ocr_costs_its_words_and_keeps_its_image(
    engine_of: Callable[[Parser], Engine],
) -> None:
    media = "/MediaBox[0 0 300 200]"
    cover = (media, "1 0 0 rg 50 50 200 100 re f")
    text = (media, "BT /F 20 Tf 20 150 Td (The canal survey of the year) Tj ET")
    parser = PageParser(AutoReader(TextLayerReader(), ocr=None), Layout("geometry"))
    engine = engine_of(parser)
    (outcome,) = engine.add(write_pdf([cover, text, text, text, text])).incomplete
    assert (outcome.pages, outcome.missing_pages) == (5, (1,))
    assert outcome.reason.startswith("page 1: it needs OCR: it has no text of its own. Install OCR")
    pages = [page.parsed for page in engine.index.load(engine.index.page_ids(outcome.doc_id))]
    assert [page.text for page in pages] == ["", *["The canal survey of the year"] * 4]
    assert (pages[0].page.width, pages[0].page.height) == (300, 200)
    middle = pages[0].page.image.crop((250, 150, 350, 250))  # at 150 dpi
    assert np.asarray(middle).mean(axis=(0, 1)) == pytest.approx([255, 0, 0], abs=3)
