"""What notebooks show: escaped, small, and with images of the pages."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from PIL import Image

from colregion import AddReport, Context, Engine, Outcome, PageHit
from colregion.core.geometry import Box, Upright
from colregion.core.quotes import Quote
from colregion.core.results import Hit, Hits, RelevanceMap
from colregion.demo import DOCUMENTS
from colregion.errors import UnreadableDocument
from colregion.export.excerpt import quote_spans
from colregion.export.html.markup import mark_spans
from colregion.indexes import MemoryIndex
from colregion.testing import PlainImage

MakeHit = Callable[..., Hit]
HOSTILE = '<script>alert(1)</script> & "x"\x00'
BOX = Box(0.1, 0.25, 0.9, 0.5)


def images(html: str) -> list[Image.Image]:
    data = re.findall(r"data:image/jpeg;base64,([A-Za-z0-9+/=]+)", html)
    return [Image.open(io.BytesIO(base64.b64decode(one))) for one in data]


@pytest.fixture(scope="module")
def engine() -> Engine:
    engine = Engine.open(MemoryIndex(), parser="text_layer+geometry")
    engine.add(DOCUMENTS / "tarrow-annual-report-2024.pdf", doc_id="report", workers=0)
    return engine


def test_a_hit_shows_its_page_its_crop_and_its_confidence(make_hit: MakeHit) -> None:
    hit = replace(make_hit("the total", BOX, image=PlainImage(1400, 2000)), confidence=0.29)
    html = hit._repr_html_()
    page, crop = images(html)
    assert page.size == (700, 1000)
    # 0.812 x 0.2584 of the page with the margin, shrunk to 640 px.
    assert crop.width == 640
    assert '<b><span title="reports/doc.pdf"><bdi>doc.pdf</bdi></span></b>, page 1' in html
    assert "confidence 29%" in html
    assert "the total" in html


def test_everything_that_a_document_says_is_escaped(make_hit: MakeHit) -> None:
    hit = make_hit(HOSTILE, BOX, source=HOSTILE)
    outcome = Outcome(HOSTILE, HOSTILE, "failed", reason=HOSTILE)
    shown = [
        hit,
        Hits([hit] * 9),
        PageHit(hit.parsed, hit.entry, 0.5),
        Context(HOSTILE, {HOSTILE: hit}, 9),
        Context("", {}, 0, HOSTILE),
        AddReport((outcome,)),
    ]
    for record in shown:
        html = record._repr_html_()
        assert "<script" not in html
        assert "\x00" not in html
        assert html.count("<div") == html.count("</div>")


def test_quotes_are_marked_whatever_white_space_separates_their_words() -> None:
    quotes = [Quote("b <c>", (BOX,)), Quote("e f", (BOX,)), Quote("not there", (BOX,))]
    text = "a b\n<c> d e\u2003f"
    assert mark_spans(text, quote_spans(text, quotes)) == (
        "a <mark>b\n&lt;c&gt;</mark> d <mark>e\u2003f</mark>"
    )
    assert mark_spans("a & b", ()) == "a &amp; b"


def test_hits_of_one_page_share_its_image_and_later_ones_are_lines(make_hit: MakeHit) -> None:
    one, other = make_hit("a", BOX), make_hit("b", BOX, doc_id="other")
    html = Hits([one, other, one])._repr_html_()
    assert len(images(html)) == 2 + 3
    html = Hits([one] * 8 + [other] * 60)._repr_html_()
    assert len(images(html)) == 1 + 8
    assert html.count("<tr>") == 1 + 25
    assert "and 35 more" in html
    assert "no hits" in Hits()._repr_html_()


def test_a_page_without_its_source_is_shown_without_an_image(make_hit: MakeHit) -> None:
    def gone(*, dpi: int | None = None) -> Image.Image:
        raise UnreadableDocument(f"doc.pdf is gone ({dpi})")

    hit = make_hit("a", BOX)
    lost = replace(hit, parsed=replace(hit.parsed, page=replace(hit.parsed.page, load_image=gone)))
    for record in (lost, Hits([lost]), PageHit(lost.parsed, lost.entry, 0.5)):
        html = record._repr_html_()
        assert images(html) == []
        assert "no image: doc.pdf is gone (None)" in html


def test_a_sideways_page_is_shown_upright(make_hit: MakeHit) -> None:
    hit = make_hit("a", BOX, image=PlainImage(300, 200))
    page = replace(hit.parsed.page, upright=Upright(90.0, 300, 200))
    turned = replace(hit, parsed=replace(hit.parsed, page=page))
    assert images(turned._repr_html_())[0].size == (200, 300)
    assert turned.show().size == (200, 300)
    assert hit.show().size == (300, 200)


def test_show_outlines_the_region_and_tints_its_quotes(engine: Engine) -> None:
    (hit,) = engine.search("What did fuel and electricity cost in 2024?", k=1)
    shown, plain = hit.show(), hit.parsed.page.image
    assert shown.size == plain.size
    (quote,) = hit.quotes
    x0, y0, _, _ = quote.boxes[0].to_pixels(width_px=plain.width, height_px=plain.height)
    assert plain.getpixel((x0, y0)) == (255, 255, 255)
    assert shown.getpixel((x0, y0)) == (0xFF, 0xE9, 0x8A)
    left, top, _, _ = hit.box.to_pixels(width_px=plain.width, height_px=plain.height)
    assert shown.getpixel((left - 2, top + 40)) == (0x0B, 0x5F, 0xA5)


def test_a_context_shows_its_text_and_what_each_mark_rests_on(engine: Engine) -> None:
    context = engine.context("What did fuel and electricity cost in 2024?")
    html = context._repr_html_()
    assert all(mark in html for mark in context.citations)
    assert f"{context.tokens} tokens" in html
    nothing = Context("", {}, 0, "nothing in the documents answers")
    assert "nothing in the documents answers" in nothing._repr_html_()


def test_a_map_shows_the_question_and_its_heaviest_terms_on_the_page(engine: Engine) -> None:
    html = engine.explain("fuel and electricity", "report#p5")._repr_html_()
    labels = re.findall(r"alt=\"relevance map of ([^\"]*)\"", html)
    assert labels == ["the whole question", "fuel", "electricity"]
    assert {image.size for image in images(html)} == {(495, 700)}


def test_a_map_of_an_unknown_page_is_shown_on_white(two_words: RelevanceMap) -> None:
    html = two_words._repr_html_()
    assert [image.size for image in images(html)] == [(500, 700)] * 3
    assert "the page is not known" in html
    # Above and right of the place that "net" looks at, nothing is lit.
    assert images(html)[1].getpixel((490, 10)) == (255, 255, 255)


def test_a_report_lists_problems_first_and_counts_the_rest() -> None:
    outcomes = [Outcome(f"in/{n}.pdf", f"{n}", "added", pages=2) for n in range(30)]
    failed = Outcome("in/z.pdf", "z", "failed", reason="damaged")
    html = AddReport((*outcomes, failed))._repr_html_()
    assert "<b>30 added, 1 failed</b>" in html
    files = re.findall(r"<bdi>(\w+\.pdf)</bdi>", html)
    assert files == ["z.pdf", *(f"{n}.pdf" for n in range(24))]
    assert "and 6 more" in html
    assert "no files" in AddReport(())._repr_html_()


def test_an_engine_lists_its_documents(engine: Engine) -> None:
    html = engine._repr_html_()
    assert "<b>1 document, 5 pages</b>" in html
    assert "<bdi>report</bdi>" in html
    assert "0 documents, 0 pages" in Engine.open(MemoryIndex())._repr_html_()


@pytest.mark.parametrize("size", [(200, 4000), (4000, 200), (3000, 4000)])
def test_images_are_small_whatever_the_shape_of_the_page(
    make_hit: MakeHit, size: tuple[int, int]
) -> None:
    noise = Image.effect_noise(size, 90).convert("RGB")
    hit = make_hit("a", BOX)

    def load(*, dpi: int | None = None) -> Image.Image:
        assert dpi is None
        return noise

    page = replace(hit.parsed.page, load_image=load)
    html = replace(hit, parsed=replace(hit.parsed, page=page))._repr_html_()
    for image in images(html):
        assert image.width <= 700
        assert image.height <= 1000
    assert len(html) < 2 * 150_000 + 10_000
