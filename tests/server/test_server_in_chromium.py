"""The page in a browser: asking, keys, zoom, map, copying, phone, dark, accessibility."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from PIL import Image

from colregion.core.geometry import Box
from colregion.engine import Engine
from colregion.indexes import MemoryIndex
from colregion.server import app
from colregion.testing import LineParser, WordEncoder
from tests.conftest import require_package
from tests.export.chromium import Chromium
from tests.server.conftest import REPORT, served

pytestmark = pytest.mark.browser

QUESTION = "How much did fuel cost?"
OTHER = "How many people work for Tarrow?"
DESKTOP, PHONE = (1360, 860), (390, 800)
MARKUP = "<img src=x onerror=alert(1)>"
TOKEN = "correct-horse-battery"


@pytest.fixture
def tab(browser: Chromium) -> Chromium:
    browser.size(*DESKTOP)
    browser.media(prefers_color_scheme="light", prefers_reduced_motion="reduce")
    return browser


@pytest.fixture(scope="module")
def address(demo_library: Path) -> Iterator[str]:
    with Engine.open(demo_library) as engine, served(app(engine)) as address:
        yield address


def url(address: str, *questions: str, **view: Any) -> str:
    return f"{address}/?{urlencode([*(('q', one) for one in questions), *view.items()])}"


def show(tab: Chromium, address: str, *questions: str, **view: Any) -> None:
    """Open the page and wait until a page of a document is displayed."""
    tab.open(url(address, *questions, **view))
    tab.wait_for("document.querySelectorAll('#words span').length > 9")
    tab.wait_for("document.querySelector('#page-image').naturalWidth > 0")
    if questions:
        tab.wait_for("document.querySelectorAll('#marks .mark').length > 0")


def key(tab: Chromium, name: str) -> None:
    tab.press(name, f"Key{name.upper()}", ord(name.upper()), text=name)


def place(tab: Chromium) -> str:
    return str(tab.js("document.querySelector('#hit-place').textContent"))


def axe_violations(tab: Chromium) -> list[str]:
    require_package("axe_core_python", install="axe-core-python")
    spec = find_spec("axe_core_python")
    assert spec is not None
    assert spec.origin is not None
    tab.js(Path(spec.origin).with_name("axe.min.js").read_text(encoding="utf-8") + ";0")
    found = tab.js("axe.run(document).then(result => JSON.stringify(result.violations))")
    return [
        f"{one['id']}: {node['html'][:200]}" for one in json.loads(found) for node in one["nodes"]
    ]


def test_question_is_asked_and_its_hits_are_boxes_on_the_page(tab: Chromium, address: str) -> None:
    tab.open(f"{address}/")
    tab.wait_for("document.querySelector('#start-facts').textContent.startsWith('1 document, ')")
    assert tab.js("document.activeElement.id") == "question"
    tab.call("Input.insertText", text=QUESTION)
    tab.press("Enter", "Enter", 13, text="\r")
    tab.wait_for("document.querySelectorAll('.hit').length === 5")
    assert (
        tab.wait_for("document.querySelector('.hit.selected .whole mark')?.textContent") == "Fuel"
    )
    tab.wait_for("document.activeElement.className === 'pick'")
    sheet, mark = tab.js(
        """['#sheet', '#marks .selected'].map(s => {
        const r = document.querySelector(s).getBoundingClientRect();
        return [r.left, r.top, r.right, r.bottom]; })"""
    )
    (region,) = tab.js(
        """fetch('api/search', {method: 'POST', headers: {'content-type': 'application/json'},
        body: JSON.stringify({question: 'How much did fuel cost?', k: 1})})
        .then(answer => answer.json()).then(value => value.regions)"""
    )
    width, height = sheet[2] - sheet[0], sheet[3] - sheet[1]
    assert width / height == pytest.approx(region["page_width"] / region["page_height"], rel=0.01)
    expected = (
        sheet[0] + region["x0"] * width,
        sheet[1] + region["y0"] * height,
        sheet[0] + region["x1"] * width,
        sheet[1] + region["y1"] * height,
    )
    assert mark == pytest.approx(expected, abs=0.5)


def test_keys_go_through_hits_and_bring_each_into_view(tab: Chromium, address: str) -> None:
    show(tab, address, QUESTION)
    for name, expected in (("j", 2), ("j", 3), ("k", 2), ("k", 1), ("k", 1)):
        key(tab, name)
        tab.wait_for(f"document.querySelector('#hit-place').textContent === 'hit {expected} of 5'")
        tab.wait_for(
            f"document.querySelector('#marks .selected .tag')?.textContent === '{expected}'"
        )
        inside, mark, focused = tab.js(
            """[document.querySelector('#stage'), document.querySelector('#marks .selected'),
            document.activeElement].map(e => {
            const r = e.getBoundingClientRect(); return [r.top, r.bottom]; })"""
        )
        assert inside[0] <= mark[0] <= inside[1]
        assert 0 <= focused[0] < DESKTOP[1]
    assert "Hit 1 of 5" in tab.js("document.querySelector('#status').textContent")


def test_keys_do_nothing_while_typing_and_when_switched_off(tab: Chromium, address: str) -> None:
    show(tab, address, QUESTION)
    tab.js("document.querySelector('#question').focus()")
    key(tab, "j")
    assert place(tab) == "hit 1 of 5"
    tab.press("Escape", "Escape", 27)
    key(tab, "?")
    tab.wait_for("document.querySelector('#keys').open")
    tab.click("#keys .switch")
    tab.press("Escape", "Escape", 27)
    tab.wait_for("!document.querySelector('#keys').open")
    key(tab, "j")
    assert place(tab) == "hit 1 of 5"
    tab.js("localStorage.clear()")


def test_clicked_number_on_the_page_selects_its_hit(tab: Chromium, address: str) -> None:
    show(tab, address, QUESTION)
    tab.click("#marks .mark:not(.selected) .tag")
    tab.wait_for("document.querySelector('#hit-place').textContent !== 'hit 1 of 5'")
    rank = tab.js("document.querySelector('#marks .selected .tag').textContent")
    assert place(tab) == f"hit {rank} of 5"
    assert tab.js("document.querySelector('.hit.selected .n').lastChild.textContent") == rank


def test_text_of_the_page_can_be_selected_at_its_place(tab: Chromium, address: str) -> None:
    show(tab, address, QUESTION)
    text = tab.js(
        """(() => { getSelection().selectAllChildren(document.querySelector('#words'));
        return getSelection().toString(); })()"""
    )
    assert "Fuel and electricity" in text
    assert "Table 2. Income statement, million euros\n" in text.replace(" \n", "\n")
    page = tab.js(f"fetch('api/pages/{quote(f'{REPORT.name}#p5', safe='')}').then(a => a.json())")
    shown = tab.js(
        """(() => { const sheet = document.querySelector('#sheet').getBoundingClientRect();
        return [...document.querySelectorAll('#words span')].map(s => {
        const word = new Range();
        word.setStart(s.firstChild, 0);
        word.setEnd(s.firstChild, s.firstChild.length - 1);
        const r = word.getBoundingClientRect();
        return [(r.left - sheet.left) / sheet.width, (r.right - sheet.left) / sheet.width,
        (r.top - sheet.top) / sheet.height]; }); })()"""
    )
    assert len(shown) == len(page["words"])
    for (_, x0, y0, x1, _), (left, right, top) in zip(page["words"], shown, strict=True):
        assert (left, right, top) == pytest.approx((x0, x1, y0), abs=0.01)


def test_words_of_the_question_are_marked_within_the_selected_hit(
    tab: Chromium, address: str
) -> None:
    show(tab, address, QUESTION)
    marked = "[...document.querySelectorAll('#words .match')].map(e => e.textContent)"
    assert tab.js(marked) == ["Fuel "]
    tab.press("]", "BracketRight", 221, text="]")
    tab.press("[", "BracketLeft", 219, text="[")
    tab.wait_for("document.querySelector('#page-place').textContent === 'page 4 of 5'")
    tab.wait_for("document.querySelectorAll('#marks .selected').length === 0")
    assert tab.js(marked) == []


def test_sideways_page_is_shown_upright_with_its_boxes_and_text(
    tab: Chromium, sideways_engine: Engine
) -> None:
    with served(app(sideways_engine)) as address:
        tab.open(url(address, "delta"))
        tab.wait_for("document.querySelectorAll('#marks .mark').length > 0")
        paper, sheet, mark, word = tab.js(
            """['#paper', '#sheet', '#marks .selected', '#words span:last-child'].map(s => {
            const r = document.querySelector(s).getBoundingClientRect();
            return [r.left, r.top, r.right, r.bottom]; })"""
        )
    width, height = paper[2] - paper[0], paper[3] - paper[1]
    assert height == pytest.approx(2 * width, rel=0.01)
    assert sheet == pytest.approx(paper, abs=1)
    # A quarter turn clockwise takes (x, y) to (1 - y, x).
    x0, y0, x1, y1 = 1 - 0.7, 0.25, 1 - 0.5, 0.75
    expected = (
        paper[0] + x0 * width,
        paper[1] + y0 * height,
        paper[0] + x1 * width,
        paper[1] + y1 * height,
    )
    assert mark == pytest.approx(expected, abs=1)
    assert mark[0] - 1 <= word[0] < word[2] <= mark[2] + 1
    assert mark[1] < word[1] < mark[3]


def test_zoom_enlarges_page_and_boxes_together(tab: Chromium, address: str) -> None:
    show(tab, address, QUESTION)
    measure = """['#paper', '#marks .selected', '#words span'].map(s =>
        document.querySelector(s).getBoundingClientRect().width)"""
    before = tab.js(measure)
    for _ in range(3):  # to 125, 150, 200 percent
        key(tab, "+")
    assert tab.js("document.querySelector('#zoom-fit').textContent") == "200 %"
    assert tab.js(measure) == pytest.approx([2 * width for width in before], rel=0.01)
    tab.click("#zoom-fit")
    assert tab.js(measure) == pytest.approx(before, rel=0.01)


def test_map_of_the_question_and_of_each_word_covers_the_page(tab: Chromium, address: str) -> None:
    show(tab, address, QUESTION)
    assert tab.js("document.querySelector('#heat').hidden")
    key(tab, "m")
    tab.wait_for("!document.querySelector('#heat').hidden")
    labels = tab.js("[...document.querySelectorAll('#tokens bdi')].map(e => e.textContent)")
    assert labels[0] == "whole question"
    assert "fuel" in labels
    sheet, heat = tab.js(
        """['#sheet', '#heat'].map(s => { const r = document.querySelector(s)
        .getBoundingClientRect(); return [r.left, r.top, r.right, r.bottom]; })"""
    )
    assert heat == pytest.approx(sheet, abs=0.5)
    whole = tab.js("document.querySelector('#heat').src")
    tab.click(f"#tokens .chip:nth-of-type({1 + labels.index('fuel')})")
    tab.wait_for("document.querySelector('#heat').alt === 'Relevance map: fuel'")
    assert tab.js("document.querySelector('#heat').src") != whole
    assert "map=fuel" in tab.js("location.search")
    key(tab, "m")
    tab.wait_for("document.querySelector('#heat').hidden")


def test_boxes_can_be_switched_off(tab: Chromium, address: str) -> None:
    show(tab, address, QUESTION)
    assert tab.shown("#marks .tag")
    key(tab, "b")
    assert not tab.shown("#marks .tag")


@pytest.mark.parametrize("clipboard", ["allowed", "refused"])
def test_citation_names_text_document_page_and_region(
    tab: Chromium, address: str, clipboard: str
) -> None:
    show(tab, address, OTHER)
    tab.js(
        """(() => { window.copied = ''; navigator.clipboard.writeText = text =>
        %s; document.addEventListener('copy', () => {
        window.copied = document.activeElement.value ?? ''; }); return 0; })()"""
        % ("Promise.reject()" if clipboard == "refused" else "{window.copied = text}")
    )
    tab.click(".hit.selected .cite")
    text = tab.wait_for("window.copied")
    region = tab.js("document.querySelector('.hit.selected code').textContent")
    assert text.endswith(f"({REPORT.name}, p. {region.split('#p')[1].split('#')[0]}) [{region}]")
    assert text.startswith("“")
    tab.wait_for("document.querySelector('.hit.selected .cite').textContent === 'Copied'")


def test_link_reproduces_the_view(tab: Chromium, address: str) -> None:
    show(tab, address, QUESTION)
    tab.js("document.querySelector('#question').value = ''")
    tab.click("#question")
    tab.call("Input.insertText", text=OTHER)
    tab.press("Enter", "Enter", 13, text="\r")
    tab.wait_for("document.querySelectorAll('#tabs .tab').length === 2")
    tab.wait_for("document.querySelectorAll('.current .hit').length === 5")
    key(tab, "j")
    key(tab, "+")
    key(tab, "m")
    tab.wait_for("location.search.includes('map=')")
    link = tab.js("location.href")
    look = """[location.search, document.querySelector('#hit-place').textContent,
        document.querySelector('#zoom-fit').textContent,
        document.querySelector('#page-place').textContent,
        document.querySelector('#tabs [aria-current]').textContent,
        document.querySelector('#heat').hidden]"""
    before = tab.js(look)
    assert before[1:3] == ["hit 2 of 5", "125 %"]
    assert before[4:] == [OTHER, False]
    tab.open("about:blank")
    tab.open(link)
    tab.wait_for("document.querySelector('#heat')?.hidden === false")
    assert tab.js(look) == before


def test_questions_are_compared_side_by_side(tab: Chromium, address: str) -> None:
    show(tab, address, QUESTION, OTHER)
    assert tab.js("[...document.querySelectorAll('.column')].map(c => c.hidden)") == [False, True]
    tab.click("#tabs .switch")
    tops = tab.js(
        "[...document.querySelectorAll('.column')].map(c => c.getBoundingClientRect().top)"
    )
    assert tops[0] == tops[1] > 0
    assert "side=1" in tab.js("location.search")
    tab.click(".column:nth-of-type(3) .hit:nth-of-type(2) .pick")
    tab.wait_for(f"document.querySelector('#tabs [aria-current]').textContent === {OTHER!r}")
    assert place(tab) == "hit 2 of 5"
    tab.click("#tabs li:nth-of-type(2) .close")
    tab.wait_for("document.querySelector('#tabs').hidden")
    assert place(tab) == "hit 1 of 5"


def test_more_regions_can_be_asked_for(tab: Chromium, address: str) -> None:
    show(tab, address, QUESTION)
    tab.click(".more")
    tab.wait_for("document.querySelectorAll('.hit').length === 10")
    assert "k=10" in tab.js("location.search")


def test_document_opens_and_its_pages_are_turned(tab: Chromium, address: str) -> None:
    tab.open(f"{address}/")
    tab.wait_for("document.querySelectorAll('#documents tbody tr').length === 1")
    tab.press("Escape", "Escape", 27)
    key(tab, "d")
    tab.wait_for("document.querySelector('#documents').open")
    cells = tab.js("[...document.querySelectorAll('#documents td')].map(c => c.textContent)")
    assert cells[:2] == ["5", "complete"]
    tab.click("#documents th .as-link")
    tab.wait_for("document.querySelector('#page-place').textContent === 'page 1 of 5'")
    tab.press("]", "BracketRight", 221, text="]")
    tab.wait_for("document.querySelector('#page-place').textContent === 'page 2 of 5'")
    file = tab.js("document.querySelector('#open-file').href")
    assert file == f"{address}/api/documents/{REPORT.name}/file#page=2"
    assert tab.js("document.querySelector('#open-file').textContent") == "Open PDF here"
    assert "page=" in tab.js("location.search")


def test_phone_shows_hits_then_the_page_without_scrolling_sideways(
    tab: Chromium, address: str
) -> None:
    tab.size(*PHONE)
    show(tab, address, QUESTION)
    assert tab.js("document.documentElement.scrollWidth") <= PHONE[0]
    assert tab.js("document.querySelector('.hit').getBoundingClientRect().top") < PHONE[1] / 2
    tab.click(".hit:nth-of-type(2) .pick")
    tab.wait_for("document.querySelector('#viewer').getBoundingClientRect().top < innerHeight / 2")
    tab.click("#next-hit")
    tab.wait_for("document.querySelector('#hit-place').textContent === 'hit 3 of 5'")
    size = tab.js(
        """['#next-hit', '#previous-hit', '#to-other'].map(s => {
        const r = document.querySelector(s).getBoundingClientRect();
        return Math.min(r.width, r.height); })"""
    )
    assert min(size) >= 40
    tab.click("#to-other")
    assert tab.wait_for("document.querySelector('#bar').getBoundingClientRect().top === 0")


def test_dark_pages_have_dark_ground_and_light_paper(tab: Chromium, address: str) -> None:
    tab.media(prefers_color_scheme="dark")
    show(tab, address, QUESTION)
    ground, paper = tab.js(
        """['body', '#paper'].map(s => getComputedStyle(document.querySelector(s))
        .backgroundColor)"""
    )
    assert ground == "rgb(20, 23, 27)"
    assert paper == "rgb(255, 255, 255)"


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_axe_has_no_complaint(
    tab: Chromium, address: str, scheme: str, size: tuple[int, int]
) -> None:
    tab.size(*size)
    tab.media(prefers_color_scheme=scheme, prefers_reduced_motion="reduce")
    tab.open(f"{address}/")
    tab.wait_for("document.querySelector('#start-facts').textContent")
    assert axe_violations(tab) == []
    show(tab, address, QUESTION, OTHER, map="fuel", hit=2)
    tab.wait_for("!document.querySelector('#heat').hidden")
    assert axe_violations(tab) == []
    for dialog, opener in (("#documents", "#show-documents"), ("#keys", "#show-keys")):
        tab.click(opener)
        tab.wait_for(f"document.querySelector('{dialog}').open")
        assert axe_violations(tab) == []
        tab.press("Escape", "Escape", 27)


def test_page_logs_no_error_and_asks_no_other_host(tab: Chromium, address: str) -> None:
    show(tab, address, QUESTION, OTHER, map="fuel", side=1)
    tab.wait_for("!document.querySelector('#heat').hidden")
    events = [*tab.events]
    assert [one for one in events if one["method"] == "Log.entryAdded"] == []
    assert [one for one in events if one["method"] == "Runtime.exceptionThrown"] == []
    requests = [one["params"]["request"]["url"] for one in events if "request" in one["params"]]
    assert len(requests) > 10
    assert [one for one in requests if not one.startswith((address, "data:"))] == []


def test_without_script_the_link_leads_to_a_readable_report(tab: Chromium, address: str) -> None:
    tab.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        tab.open(url(address, QUESTION, hit=2))
        tab.wait_for("location.pathname === '/report' && document.readyState === 'complete'")
        assert tab.js("document.querySelector('h2').textContent") == QUESTION
        assert tab.js("document.querySelectorAll('.hit').length") == 5
        assert [one for one in tab.events if one["method"] == "Log.entryAdded"] == []
    finally:
        tab.call("Emulation.setScriptExecutionDisabled", value=False)


def test_errors_of_the_server_are_sentences_on_the_page(tab: Chromium, address: str) -> None:
    tab.open(url(address, "x" * 5000))
    tab.wait_for("document.querySelector('.problem') !== null")
    problem = tab.js("document.querySelector('.problem').textContent")
    assert problem == "the question has 5,000 characters; shorten it to 4,000"
    tab.open(url(address, page="nothing#p1"))
    tab.wait_for("!document.querySelector('#problem').hidden")
    problem = tab.js("document.querySelector('#problem').textContent")
    assert problem == "no page 'nothing#p1' in the index"


def test_page_whose_image_is_gone_says_so_and_shows_its_text(
    tab: Chromium, local_engine: Engine, tmp_path: Path
) -> None:
    shutil.rmtree(tmp_path / "library" / "images")
    with served(app(local_engine)) as address:
        tab.open(url(address, "alpha"))
        tab.wait_for("!document.querySelector('#problem').hidden")
        assert "is gone" in tab.js("document.querySelector('#problem').textContent")
        assert "alpha beta" in tab.js("document.querySelector('#words').textContent")


def test_names_texts_and_questions_with_markup_stay_text(tab: Chromium, tmp_path: Path) -> None:
    path = tmp_path / f"{MARKUP}.png"
    Image.new("RGB", (200, 100), "white").save(path)
    parser = LineParser([(f"alpha {MARKUP}", Box(0.1, 0.1, 0.9, 0.2))])
    engine = Engine(MemoryIndex(), encoder=WordEncoder(), parser=parser)
    engine.add(path, metadata={"note": MARKUP}, workers=0)
    with served(app(engine)) as address:
        tab.open(url(address, f"alpha {MARKUP}", "alpha", map="alpha", side=1))
        tab.wait_for("document.querySelectorAll('#marks .mark').length > 0")
        tab.click("#show-documents")
        assert MARKUP in tab.js("document.querySelector('#documents tbody').textContent")
        assert MARKUP in tab.js("document.querySelector('#words').textContent")
        assert tab.js("document.querySelectorAll('img[src=x]').length") == 0
        dialogs = [one for one in tab.events if one["method"] == "Page.javascriptDialogOpening"]
        assert dialogs == []


def test_dropped_files_are_added_and_can_be_removed(tab: Chromium, tmp_path: Path) -> None:
    engine = Engine(
        MemoryIndex(),
        encoder=WordEncoder(),
        parser=LineParser([("alpha beta", Box(0.1, 0.1, 0.9, 0.2))]),
    )
    Image.new("RGB", (200, 100), "white").save(tmp_path / "new.png")
    content = base64.b64encode((tmp_path / "new.png").read_bytes()).decode()
    with served(app(engine, writable=True)) as address:
        tab.open(f"{address}/")
        tab.wait_for("document.querySelector('#start-facts').textContent.includes('Drop')")
        tab.js(
            f"""(() => {{ const bytes = Uint8Array.from(atob('{content}'), c => c.charCodeAt(0));
            const dropped = new DataTransfer();
            dropped.items.add(new File([bytes], 'new.png'));
            dropped.items.add(new File(['rubbish'], 'bad.pdf'));
            window.dispatchEvent(new DragEvent('drop', {{dataTransfer: dropped}}));
            return 0; }})()"""
        )
        states = "[...document.querySelectorAll('#uploads span')].map(s => s.textContent)"
        tab.wait_for(f"{states}[1]?.startsWith('failed')")
        assert tab.js(f"{states}[0]") == "added, 1 page"
        tab.wait_for("document.querySelectorAll('#documents tbody tr').length === 1")
        tab.click("#documents .actions .as-link")
        assert len(engine.documents()) == 1  # asks first
        tab.click("#documents .actions .as-link")
        tab.wait_for("document.querySelectorAll('#documents tbody tr').length === 0")
    assert engine.documents() == []


def test_token_is_entered_once_and_leads_to_the_question(tab: Chromium, demo_library: Path) -> None:
    with (
        Engine.open(demo_library) as engine,
        served(app(engine, token=TOKEN)) as address,
    ):
        tab.open(url(address, QUESTION))
        assert axe_violations(tab) == []
        tab.click("#token")
        tab.call("Input.insertText", text=TOKEN)
        tab.press("Enter", "Enter", 13, text="\r")
        tab.wait_for("document.querySelectorAll('#marks .mark').length > 0")
        assert TOKEN not in tab.js("location.href + document.cookie")
