"""The HTML report in a browser: layout, controls, safety, accessibility, print."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pypdfium2
import pytest
from reportlab.pdfgen.canvas import Canvas

from colregion import Engine
from colregion.core.geometry import Box
from colregion.core.results import Hit, RelevanceMap
from colregion.export.html import Section, write_html
from colregion.testing import PlainImage
from tests.export.chromium import Chromium

pytestmark = pytest.mark.browser

MakeHit: TypeAlias = Callable[..., Hit]

PAGE = PlainImage(width_px=850, height_px=1100, painted=((Box(0.1, 0.1, 0.4, 0.2), (0, 0, 90)),))
BOXES = (Box(0.125, 0.2, 0.5, 0.25), Box(0.1, 0.15, 0.9, 0.6), Box(0.0, 0.9, 0.3, 0.97))
DESKTOP, PHONE = (1280, 900), (360, 740)


@pytest.fixture
def tab(browser: Chromium) -> Chromium:
    browser.size(*DESKTOP)
    browser.media(prefers_color_scheme="light", prefers_reduced_motion="reduce")
    return browser


@pytest.fixture
def report(tmp_path: Path, make_hit: MakeHit, two_words: RelevanceMap) -> Path:
    hits = [
        make_hit(f"net sum {i}", box, path=(i + 1,), score=0.9 - i / 4, image=PAGE)
        for i, box in enumerate(BOXES)
    ]
    path = tmp_path / "report.html"
    sections = [Section("What is the net sum?", hits, {"doc#p1": two_words})]
    write_html(path, [*sections, Section("And nothing?", [])])
    return path


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_boxes_are_displayed_at_their_place_on_the_page(
    tab: Chromium, report: Path, size: tuple[int, int]
) -> None:
    tab.size(*size)
    tab.open(report)
    page, *marks = tab.js(
        """['.page', '#b-1-1', '#b-1-2', '#b-1-3'].map(s => {
        const r = document.querySelector(s).getBoundingClientRect();
        return [r.left, r.top, r.right, r.bottom]; })"""
    )
    width, height = page[2] - page[0], page[3] - page[1]
    assert width / height == pytest.approx(850 / 1100, rel=0.01)
    for box, mark in zip(BOXES, marks, strict=True):
        expected = (
            page[0] + box.x0 * width,
            page[1] + box.y0 * height,
            page[0] + box.x1 * width,
            page[1] + box.y1 * height,
        )
        assert mark == pytest.approx(expected, abs=0.5)


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_hit_numbers_do_not_cover_each_other(
    tab: Chromium, report: Path, size: tuple[int, int]
) -> None:
    tab.size(*size)
    tab.open(report)
    tags = tab.js(
        """[...document.querySelectorAll('.tag')].map(t => {
        const r = t.getBoundingClientRect(); return [r.left, r.top, r.right, r.bottom]; })"""
    )
    assert len(tags) == 3
    for i, a in enumerate(tags):
        for b in tags[:i]:
            assert a[0] >= b[2] or b[0] >= a[2] or a[1] >= b[3] or b[1] >= a[3]


def test_map_is_hidden_until_its_switch_is_clicked(tab: Chromium, report: Path) -> None:
    tab.open(report)
    assert not tab.shown("#m-1-1-0")
    tab.click(".switch:has(.on-map)")
    assert tab.shown("#m-1-1-0")
    assert tab.js("getComputedStyle(document.querySelector('#l-1-1-0')).display") == "flex"
    tab.click(".switch:has(.on-map)")
    assert not tab.shown("#m-1-1-0")


def test_map_covers_the_page_exactly(tab: Chromium, report: Path) -> None:
    tab.open(report)
    tab.click(".switch:has(.on-map)")
    page, heat = tab.js(
        """['.page', '#m-1-1-0'].map(s => {
        const r = document.querySelector(s).getBoundingClientRect();
        return [r.left, r.top, r.right, r.bottom]; })"""
    )
    assert heat == pytest.approx(page, abs=0.5)


def test_map_and_token_can_be_chosen_with_the_keyboard(tab: Chromium, report: Path) -> None:
    tab.open(report)
    for _ in range(40):
        tab.press("Tab", "Tab", 9)
        if tab.js("document.activeElement.className") == "on-map":
            break
    assert tab.js("document.activeElement.matches(':focus-visible')")
    tab.press(" ", "Space", 32, text=" ")
    assert tab.shown("#m-1-1-0")
    tab.press("Tab", "Tab", 9)
    assert tab.js("document.activeElement.id") == "t-1-1-0"
    tab.press("ArrowRight", "ArrowRight", 39)
    assert [tab.shown(f"#m-1-1-{i}") for i in range(3)] == [False, True, False]


def test_boxes_can_be_switched_off(tab: Chromium, report: Path) -> None:
    tab.open(report)
    assert tab.shown("#b-1-1")
    tab.click(".switch:has(.on-boxes)")
    assert not tab.shown("#b-1-1")


def test_citation_is_copied_to_the_clipboard(tab: Chromium, report: Path) -> None:
    tab.open(report)
    label = "document.querySelector('.copy').firstChild.data"
    tab.js(
        """navigator.clipboard.writeText = async text => {
        if (window.copied) throw new Error(); window.copied = text; }"""
    )
    tab.click(".copy")
    tab.wait_for(f"{label} == 'Copied'")
    assert tab.js("window.copied") == "doc, p. 1"
    tab.click(".copy")
    tab.wait_for(f"{label} == 'The browser does not allow it'")
    tab.wait_for(f"{label} == 'Copy'")


def test_report_is_readable_without_script(tab: Chromium, report: Path) -> None:
    tab.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        tab.open(report)
        assert tab.js("getComputedStyle(document.querySelector('.copy')).display") == "none"
        assert tab.shown("#h-1-1")
    finally:
        tab.call("Emulation.setScriptExecutionDisabled", value=False)


def test_box_links_to_its_text_and_crop_links_to_its_box(tab: Chromium, report: Path) -> None:
    tab.size(*PHONE)
    tab.open(report)
    tab.js("document.querySelector('#b-1-3').click()")
    assert tab.js("location.hash") == "#h-1-3"
    assert tab.js("document.querySelector('#h-1-3').getBoundingClientRect().top < innerHeight")
    tab.js("document.querySelector('#h-1-3 .crop').click()")
    assert tab.js("document.querySelector(':target').id") == "b-1-3"


def test_report_logs_no_error_and_fetches_nothing(tab: Chromium, report: Path) -> None:
    tab.open(report)
    tab.click(".switch:has(.on-map)")
    errors = [
        event
        for event in tab.events
        if event["method"]
        in ("Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled")
    ]
    assert errors == []
    requested = [
        event["params"]["request"]["url"]
        for event in tab.events
        if event["method"] == "Network.requestWillBeSent"
    ]
    assert report.as_uri() in requested
    assert [url for url in requested if not url.startswith("data:image/")] == [report.as_uri()]
    assert tab.js("[...document.images].every(i => i.complete && i.naturalWidth > 0)")


def test_hostile_text_is_inert(tab: Chromium, tmp_path: Path, make_hit: MakeHit) -> None:
    attacks = (
        "<script>window.pwned = 1</script>",
        "<img src=x onerror='window.pwned = 1'>",
        "'\"></style><svg onload='window.pwned = 1'>",
        "</title><a href='javascript:window.pwned = 1' autofocus onfocus='window.pwned = 1'>",
    )
    text = "\n".join(attacks)
    hit = make_hit(text, BOXES[0], source=text, doc_id=text, image=PAGE)
    path = tmp_path / "hostile.html"
    write_html(path, [Section(text, [hit])], title=text)
    tab.open(path)
    assert tab.js("typeof window.pwned") == "undefined"
    assert tab.js("document.querySelectorAll('script, svg, [onerror], [onload]').length") == 1
    assert tab.js("document.querySelector('h2').textContent") == text
    assert tab.js("document.title") == " ".join(text.split())


def test_hostile_file_is_inert_from_indexing_to_report(tab: Chromium, tmp_path: Path) -> None:
    attack = "<img src=x onerror='window.pwned = 1'><script>window.pwned = 1</script>"
    source = tmp_path / f"{attack.replace('/', '_')}.pdf"
    canvas = Canvas(str(source), pagesize=(900, 200))
    canvas.drawString(20, 100, f"harbour {attack}")
    canvas.setFillGray(1)
    canvas.drawString(20, 40, "harbour: do as this says")
    canvas.save()
    with Engine.open(tmp_path / "library", parser="text_layer+geometry") as engine:
        engine.add(source, doc_id=attack)
        hits = engine.search("harbour")
        maps = {hits[0].page_id: engine.explain("harbour", hits[0].page_id)}
    path = tmp_path / "report.html"
    write_html(path, [Section(f"harbour {attack}", hits, maps)])
    tab.open(path)
    assert tab.js("typeof window.pwned") == "undefined"
    assert tab.js("document.querySelectorAll('script, [onerror]').length") == 1
    shown = tab.js("document.querySelector('.hits').innerText")
    assert attack in shown
    caution = "a reader of the page would not see: faint"
    assert caution in shown
    assert caution in tab.js("document.querySelector('.answers').innerText")


def test_policy_stops_an_injected_script(tab: Chromium, report: Path) -> None:
    smuggled = report.read_text(encoding="utf-8").replace(
        "</main>", "<script>window.pwned = 1</script><img src=x onerror='window.pwned = 1'></main>"
    )
    path = report.with_name("smuggled.html")
    path.write_text(smuggled, encoding="utf-8")
    tab.open(path)
    assert tab.js("document.querySelectorAll('main script').length") == 1
    assert tab.js("typeof window.pwned") == "undefined"


def test_accessibility_tree_has_names_and_ordered_headings(tab: Chromium, report: Path) -> None:
    tab.open(report)
    nodes = [
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in tab.call("Accessibility.getFullAXTree")["nodes"]
        if not node["ignored"]
    ]
    assert ("switch", "Relevance map") in nodes
    assert ("switch", "Boxes") in nodes
    assert ("link", "Hit 1, text, score 0.900: go to its text") in nodes
    assert ("image", "Page 1 of doc, with hits 1, 2, 3 outlined") in nodes
    named = ("image", "link", "switch", "radio", "heading", "navigation", "article", "region")
    assert [node for node in nodes if node[0] in named and not node[1].strip()] == []
    levels = tab.js("[...document.querySelectorAll('h1,h2,h3,h4')].map(h => +h.tagName[1])")
    assert levels == [1, 2, 3, 4, 4, 4, 2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_has_contrast(tab: Chromium, report: Path, scheme: str) -> None:
    tab.media(prefers_color_scheme=scheme, prefers_reduced_motion="reduce")
    tab.open(report)
    tab.click(".switch:has(.on-map)")
    faint = tab.js(
        """(() => {
        const canvas = new OffscreenCanvas(1, 1).getContext('2d', {willReadFrequently: true});
        const rgba = c => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = c;
          canvas.fillRect(0, 0, 1, 1); return [...canvas.getImageData(0, 0, 1, 1).data]; };
        const light = c => c.slice(0, 3).map(v => v / 255).map(
          v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
          .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
        const ground = e => { for (; e; e = e.parentElement) {
          const c = rgba(getComputedStyle(e).backgroundColor); if (c[3] === 255) return c; } };
        const faint = [];
        for (const e of document.querySelectorAll('body *')) {
          const says = [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
          if (!says || !e.checkVisibility({visibilityProperty: true})) continue;
          const [a, b] = [light(rgba(getComputedStyle(e).color)), light(ground(e))];
          const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
          if (ratio < 4.5) faint.push([e.outerHTML.slice(0, 80), ratio]);
        }
        return faint; })()"""
    )
    assert faint == []


@pytest.mark.parametrize("width", [320, 700, 1600])
def test_nothing_overflows_horizontally(tab: Chromium, report: Path, width: int) -> None:
    tab.size(width, 800)
    tab.open(report)
    tab.click(".switch:has(.on-map)")
    assert tab.js("innerWidth") == width
    root = "document.documentElement"
    assert tab.js(f"{root}.scrollWidth - {root}.clientWidth") == 0


def test_print_has_questions_and_boxes_without_controls(tab: Chromium, report: Path) -> None:
    tab.open(report)
    pdf = pypdfium2.PdfDocument(base64.b64decode(tab.call("Page.printToPDF")["data"]))
    try:
        words = " ".join(page.get_textpage().get_text_bounded() for page in pdf)
        blue = (0x0B, 0x5F, 0xA5)
        images = [page.render(scale=1.5).to_pil().convert("RGB") for page in pdf]
    finally:
        pdf.close()
    assert "What is the net sum?" in words
    assert "Relevance map" not in words
    colors = [color for image in images for color in image.getcolors(1 << 24) or []]
    assert sum(count for count, color in colors if color == blue) > 300
