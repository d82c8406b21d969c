"""The HTML report: content, safety, and the file written."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest
from PIL import Image

from colregion.core.geometry import Box, Upright
from colregion.core.quotes import Evidence
from colregion.core.regions import ParsedPage
from colregion.core.results import Hit, RelevanceMap
from colregion.errors import BackendError, InvalidInput
from colregion.export.html import Section, html_report, write_html
from colregion.testing import PlainImage

MakeHit: TypeAlias = Callable[..., Hit]

LEFT = Box(0.25, 0.125, 0.5, 0.25)
RIGHT = Box(0.5, 0.5, 0.75, 0.625)


class Reader(HTMLParser):
    """Every element with its attributes, and the text in all of them."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data

    def all(self, tag: str, **with_attributes: str) -> list[dict[str, str | None]]:
        return [
            attributes
            for name, attributes in self.elements
            if name == tag and with_attributes.items() <= attributes.items()
        ]


def test_report_without_sections_says_so() -> None:
    assert "No questions were asked." in html_report([])


def test_question_without_hits_says_so() -> None:
    report = Reader(html_report([Section("Who?", [])]))
    assert "Nothing was found." in report.words
    assert report.all("img") == []


def test_page_is_shown_once_with_all_its_hits(make_hit: MakeHit) -> None:
    hits = [
        make_hit("a", LEFT, path=(1,)),
        make_hit("b", LEFT, doc_id="other"),
        make_hit("c", RIGHT, path=(2,)),
    ]
    report = Reader(html_report([Section("Who?", hits)]))
    assert [a["id"] for a in report.all("article")] == ["v-1-1", "v-1-2"]
    assert len(report.all("img", **{"class": "page"})) == 2
    marks = [a for a in report.all("a") if "mark" in str(a.get("class")).split()]
    assert [a["id"] for a in marks] == ["b-1-1", "b-1-3", "b-1-2"]


def test_hits_without_score_are_shown_without_score(make_hit: MakeHit) -> None:
    scored, unscored = make_hit("a", LEFT, score=0.25), make_hit("b", RIGHT, path=(2,), score=None)
    report = html_report([Section("Who?", [unscored, scored])])
    shown = Reader(report)
    assert len(shown.all("span", **{"class": "score"})) == 2  # in the list of answers, by the crop
    assert shown.words.count("0.250") == 2
    labels = [a["aria-label"] for a in shown.all("a") if str(a.get("class")).startswith("mark ")]
    assert labels == ["Hit 1, text: go to its text", "Hit 2, text, score 0.250: go to its text"]
    assert "#f-1-1{" not in report
    assert "#f-1-2{width:0.0%}" in report
    assert "None" not in report


def test_ids_are_unique_and_links_lead_to_ids(make_hit: MakeHit, two_words: RelevanceMap) -> None:
    parts = (LEFT, RIGHT)
    hits = [make_hit("a", LEFT), make_hit("b", Box(0, 0, 1, 1), path=(2,), parts=parts)]
    sections = [
        Section("One?", hits, {"doc#p1": two_words}),
        Section("Two?", hits),
        Section("", []),
    ]
    report = Reader(html_report(sections))
    ids = [a["id"] for _, a in report.elements if "id" in a]
    assert len(ids) == len(set(ids))
    links = [str(a["href"]) for a in report.all("a")]
    assert links
    assert {link.removeprefix("#") for link in links} <= set(ids)


def test_boxes_are_placed_in_percent_of_the_page(make_hit: MakeHit) -> None:
    report = html_report([Section("Who?", [make_hit("a", LEFT)])])
    assert "#b-1-1{left:25.0000%;top:12.5000%;width:25.0000%;height:12.5000%;" in report


def test_small_box_is_above_the_large_box_around_it(make_hit: MakeHit) -> None:
    hits = [make_hit("a", Box(0.1, 0.1, 0.9, 0.9)), make_hit("b", LEFT, path=(2,))]
    report = html_report([Section("Who?", hits)])
    large, small = re.findall(r"#b-1-\d\{[^}]*z-index:(\d+)\}", report)
    assert int(small) > int(large)


def test_card_shows_text_score_source_page_kind_and_region(
    make_hit: MakeHit,
) -> None:
    hit = make_hit("net sum 15.00", LEFT, score=0.8125, kind="table", source="in/acme.pdf")
    words = " ".join(Reader(html_report([Section("Net sum?", [hit])])).words.split())
    for expected in ("net sum 15.00", "0.812", "doc, p. 1", "in/acme.pdf", "table", "doc#p1#1"):
        assert expected in words


def test_crop_is_cut_from_the_page(make_hit: MakeHit) -> None:
    red = PlainImage(width_px=200, height_px=400, painted=((LEFT, (200, 0, 0)),))
    report = Reader(html_report([Section("Who?", [make_hit("a", LEFT, image=red)])]))
    crop = next(a for a in report.all("img") if str(a["alt"]).startswith("The region"))
    image = Image.open(io.BytesIO(base64.b64decode(str(crop["src"]).split(",")[1])))
    # 50 x 50 px of the page and a margin of 0.006 of its width all round, outward to whole pixels.
    assert image.size == (54, 54) == (int(str(crop["width"])), int(str(crop["height"])))
    assert np.asarray(image)[28, 28, 0] > 180
    assert np.asarray(image)[28, 28, 1] < 40


def test_crop_of_a_sideways_page_is_upright(make_hit: MakeHit) -> None:
    # Red at the left end of the region, which is its top once the page is turned clockwise.
    left_end = PlainImage(width_px=200, height_px=400, painted=((Box(0, 0, 0.5, 1), (200, 0, 0)),))
    hit = make_hit("a", Box(0.25, 0.25, 0.75, 0.375), image=left_end)
    turned = replace(hit.parsed.page, upright=Upright(91.4, 200, 400))
    sideways = replace(hit, parsed=ParsedPage(turned, (), ()))
    report = Reader(html_report([Section("Who?", [sideways])]))
    crop = next(a for a in report.all("img") if str(a["alt"]).startswith("The region"))
    image = Image.open(io.BytesIO(base64.b64decode(str(crop["src"]).split(",")[1])))
    assert image.width < image.height
    top, bottom = np.asarray(image)[5, 28], np.asarray(image)[-5, 28]
    assert top[1] < 60
    assert bottom[1] > 200


def test_words_of_the_question_are_marked(make_hit: MakeHit) -> None:
    report = html_report([Section("What is the Total?", [make_hit("TOTAL: 3.50 the", LEFT)])])
    assert "<mark>TOTAL:</mark> 3.50 the" in report


def test_long_text_is_folded_and_complete(make_hit: MakeHit) -> None:
    text = "\n".join(f"line {i}" for i in range(40))
    report = html_report([Section("Who?", [make_hit(text, LEFT, kind="list")])])
    assert "<summary>All 309 characters</summary>" in report
    assert report.count("line 39") == 1
    assert report.count("line 3\n") == 2


def test_region_without_text_says_so(make_hit: MakeHit) -> None:
    report = html_report([Section("Who?", [make_hit("", LEFT, kind="figure")])])
    assert "No text was read here." in report
    assert 'alt="The region, cut out: no text"' in report


def test_printed_page_number_is_shown_as_printed(make_hit: MakeHit) -> None:
    hit = make_hit("a", LEFT)
    page = replace(hit.parsed.page, label="IV")
    report = Reader(html_report([Section("Who?", [replace(hit, parsed=ParsedPage(page, (), ()))])]))
    assert " ".join(report.words.split()).count("page 1 (IV)") == 2
    assert report.all("img", **{"class": "page"})[0]["alt"] == (
        "Page 1 (IV) of doc, with hit 1 outlined"
    )


def test_the_title_in_the_metadata_names_the_document(make_hit: MakeHit) -> None:
    hit = make_hit("a", LEFT)
    titled = replace(hit, entry=replace(hit.entry, metadata={"title": "Acme 2024"}))
    words = " ".join(Reader(html_report([Section("Who?", [titled])])).words.split())
    assert "Acme 2024, p. 1" in words
    assert "reports/doc.pdf" in words
    untitled = replace(hit, entry=replace(hit.entry, metadata={"title": 7}))
    assert "doc, p. 1" in Reader(html_report([Section("Who?", [untitled])])).words


def test_words_in_a_figure_are_folded_up(make_hit: MakeHit) -> None:
    report = Reader(html_report([Section("Who?", [make_hit("2,000\n1,500", LEFT, kind="figure")])]))
    assert "The words in the figure" in report.words
    (details,) = report.all("details")
    assert "open" not in details
    assert "2,000\u20031,500" in report.words


def test_a_sideways_page_is_shown_upright_with_its_boxes_and_map(
    make_hit: MakeHit, two_words: RelevanceMap
) -> None:
    # Red at the bottom left of a page of 200 x 400, which is the top left once it is turned.
    corner = Box(0, 0.75, 0.5, 1)
    image = PlainImage(width_px=200, height_px=400, painted=((corner, (200, 0, 0)),))
    hit = make_hit("a", corner, image=image)
    page = replace(hit.parsed.page, upright=Upright(91.4, 200, 400))
    quoted = replace(
        hit,
        parsed=ParsedPage(page, hit.parsed.words, hit.parsed.regions),
        evidence=Evidence(np.ones(len(hit.parsed.regions)), {}),
    )
    source = html_report([Section("Who?", [quoted], {"doc#p1": two_words})])
    report = Reader(source)
    (shown,) = report.all("img", **{"class": "page"})
    pixels = Image.open(io.BytesIO(base64.b64decode(str(shown["src"]).split(",")[1])))
    assert pixels.size == (400, 200)
    red = np.asarray(pixels)[..., 1] < 40
    assert red[10:90, 10:90].all()
    assert not red[:, 110:].any()
    assert not red[110:].any()
    assert "#b-1-1{left:0.0000%;top:0.0000%;width:25.0000%;height:50.0000%" in source
    assert "#w-1-1-0{left:0.0000%;top:0.0000%;width:25.0000%;height:50.0000%" in source
    heat = report.all("img", **{"class": "heat"})[1]  # of "net", the page's upper left
    alpha = np.asarray(
        Image.open(io.BytesIO(base64.b64decode(str(heat["src"]).split(",")[1]))).convert("RGBA")
    )[..., 3]
    rows, cols = alpha.shape
    assert cols > rows
    assert (alpha[: rows // 2 - 2, -cols // 4 + 2 :] > 0).all()
    assert (alpha[rows // 2 + 2 :] == 0).all()


def test_a_written_report_links_to_the_page_in_its_file(tmp_path: Path, make_hit: MakeHit) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a b#1.pdf", "javascript:alert(1).png"):
        (tmp_path / "in" / name).write_bytes(b"")
    sources = [tmp_path / "in" / "a b#1.pdf", tmp_path / "in" / "javascript:alert(1).png"]
    hits = [make_hit("a", LEFT, source=str(one), doc_id=one.name) for one in sources]
    gone = make_hit("a", LEFT, source=str(tmp_path / "gone.pdf"))
    write_html(tmp_path / "in" / "near.html", [Section("Who?", [*hits, gone])])
    write_html(tmp_path / "out" / "far.html", [Section("Who?", hits)])
    links = [
        [str(one["href"]) for one in Reader(path.read_text("utf-8")).all("a", **{"class": "open"})]
        for path in (tmp_path / "in" / "near.html", tmp_path / "out" / "far.html")
    ]
    assert links == [
        ["a%20b%231.pdf#page=1", "javascript%3Aalert%281%29.png"],
        ["../in/a%20b%231.pdf#page=1", "../in/javascript%3Aalert%281%29.png"],
    ]


def test_a_written_report_links_to_a_file_whose_name_is_no_text(
    tmp_path: Path, make_hit: MakeHit
) -> None:
    name = os.fsdecode(b"a\xff.pdf")
    (tmp_path / name).write_bytes(b"")
    write_html(
        tmp_path / "r.html", [Section("Who?", [make_hit("a", LEFT, source=str(tmp_path / name))])]
    )
    (link,) = Reader((tmp_path / "r.html").read_text("utf-8")).all("a", **{"class": "open"})
    assert link["href"] == "a%FF.pdf#page=1"


@pytest.mark.parametrize("source", ["~nobody-of-this-name/a.pdf", "a" * 5000, "a\0.pdf"])
def test_a_written_report_has_no_link_for_a_source_that_can_be_no_file(
    source: str, tmp_path: Path, make_hit: MakeHit
) -> None:
    write_html(tmp_path / "r.html", [Section("Who?", [make_hit("a", LEFT, source=source)])])
    assert Reader((tmp_path / "r.html").read_text("utf-8")).all("a", **{"class": "open"}) == []


def test_the_only_script_of_a_written_report_is_the_one_that_its_policy_names(
    tmp_path: Path, make_hit: MakeHit
) -> None:
    write_html(tmp_path / "report.html", [Section("Who?", [make_hit("a", LEFT)])])
    source = (tmp_path / "report.html").read_text("utf-8")
    (script,) = re.findall(r"<script>(.*?)</script>", source, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = Reader(source).all("meta", **{"http-equiv": "Content-Security-Policy"})[0]["content"]
    assert "default-src 'none'; " in str(policy)
    assert f"script-src 'sha256-{digest}'; " in str(policy)
    (button,) = Reader(source).all("button")
    assert button["data-text"] == "doc, p. 1"
    assert "hidden" in button


def test_pages_with_a_map_have_a_switch_and_a_choice_of_tokens(
    make_hit: MakeHit, two_words: RelevanceMap
) -> None:
    hits = [make_hit("a", LEFT), make_hit("b", LEFT, doc_id="other")]
    report = Reader(html_report([Section("Net sum?", hits, {"doc#p1": two_words})]))
    assert len(report.all("input", **{"class": "on-map"})) == 1
    # The prefix token "query:" has no map of its own; the tokenizer's word mark is not shown.
    assert [a["alt"] for a in report.all("img", **{"class": "heat"})] == [
        "Relevance map: whole question",
        "Relevance map: net",
        "Relevance map: sum",
    ]


def test_tokens_of_one_word_are_numbered(make_hit: MakeHit, two_words: RelevanceMap) -> None:
    query = replace(two_words.query, tokens=("query:", "net", "net"))
    relevance = replace(two_words, query=query)
    report = html_report([Section("Net?", [make_hit("a", LEFT)], {"doc#p1": relevance})])
    assert [a["alt"] for a in Reader(report).all("img", **{"class": "heat"})] == [
        "Relevance map: whole question",
        "Relevance map: net 1/2",
        "Relevance map: net 2/2",
    ]


def test_map_is_a_png_that_is_transparent_where_no_vector_looks(
    make_hit: MakeHit, two_words: RelevanceMap
) -> None:
    hit = make_hit("a", LEFT)  # the page is 60 x 80, so the map 160 x 213
    report = Reader(html_report([Section("Net?", [hit], {"doc#p1": two_words})]))
    source = str(report.all("img", id="m-1-1-1")[0]["src"])
    assert source.startswith("data:image/png;base64,")
    image = Image.open(io.BytesIO(base64.b64decode(source.split(",")[1]))).convert("RGBA")
    assert image.size == (160, 213)
    alpha = np.asarray(image)[:, :, 3]
    assert (alpha[:50, :79] == 158).all()
    assert (alpha[60:] == 0).all()


def test_report_fetches_nothing_and_forbids_scripts(
    make_hit: MakeHit, two_words: RelevanceMap
) -> None:
    source = html_report([Section("Net?", [make_hit("a", LEFT)], {"doc#p1": two_words})])
    report = Reader(source)
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in report.elements}
    for _, attributes in report.elements:
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        for name in ("src", "href"):
            assert str(attributes.get(name, "#")).startswith(("#", "data:image/"))
    style = source[source.index("<style>") + 7 : source.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = report.all("meta", **{"http-equiv": "Content-Security-Policy"})[0]["content"]
    assert policy == (
        f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'"
    )


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ('"><img src=x onerror=alert(1)>', '"><img src=x onerror=alert(1)>'),
        ("</style></bdi></title>'", "</style></bdi></title>'"),
        ("&lt;b&gt; &amp;", "&lt;b&gt; &amp;"),
        ("a\x00b\x1b[31m\x7f\x85", "a\ufffdb\ufffd[31m\ufffd\ufffd"),
        ("half \ud83d of a pair \uffff", "half \ufffd of a pair \ufffd"),
    ],
)
def test_hostile_text_is_escaped_wherever_it_comes_from(
    make_hit: MakeHit, hostile: str, shown: str
) -> None:
    hit = make_hit(hostile, LEFT, source=hostile, doc_id=f"doc {hostile}")
    source = html_report([Section(hostile, [hit])], title=hostile)
    source.encode()
    report = Reader(source)
    assert report.words.count(shown) >= 5
    harmless = Reader(html_report([Section("q", [make_hit("a", LEFT)])], title="q"))
    assert _tags(report) == _tags(harmless)


def _tags(report: Reader) -> list[str]:
    return [tag for tag, _ in report.elements if tag != "mark"]


def test_writing_direction_ends_with_the_text_that_sets_it(make_hit: MakeHit) -> None:
    override = "invoice\u202efdp.exe"
    hit = make_hit("a", LEFT, source=override)
    source = html_report([Section("Who?", [hit])], title=override)
    assert f"<bdi>{override}</bdi>" in source
    assert override not in source.replace(f"<bdi>{override}</bdi>", "")
    assert "<title>invoicefdp.exe</title>" in source


@pytest.mark.slow
def test_report_of_five_busy_pages_is_below_four_megabytes(
    make_hit: MakeHit,
) -> None:
    rng = np.random.default_rng(5)
    letters = rng.random((2339, 1654)) < 0.06  # more edges than any page of small print has
    noise = Image.fromarray(np.where(letters, 0, 255).astype(np.uint8))

    class Noise(PlainImage):
        def __call__(self, *, dpi: int | None = None) -> Image.Image:  # noqa: ARG002
            return noise

    page = Noise(width_px=1654, height_px=2339)
    hits = [make_hit("a", LEFT, doc_id=f"doc{i}", image=page) for i in range(5)]
    assert len(html_report([Section("Who?", hits)])) < 4_000_000


class TestWriteHtml:
    def test_folder_is_created_and_the_file_is_utf8(
        self, tmp_path: Path, make_hit: MakeHit
    ) -> None:
        path = tmp_path / "new" / "report.html"
        write_html(path, [Section("Où est le café?", [make_hit("à droite", LEFT)])])
        assert "Où est le café?" in path.read_bytes().decode("utf-8")

    def test_error_names_a_path_that_cannot_be_written(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(BackendError, match="the report cannot be written to"):
            write_html(tmp_path / "file" / "report.html", [])

    def test_source_of_a_hit_is_not_overwritten(self, tmp_path: Path, make_hit: MakeHit) -> None:
        source = tmp_path / "report.html"
        source.write_text("the document")
        with pytest.raises(InvalidInput, match=r"report\.html is an indexed document"):
            write_html(source, [Section("Who?", [make_hit("a", LEFT, source=str(source))])])
        assert source.read_text() == "the document"
