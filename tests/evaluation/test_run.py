from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from rich.console import Console

from colregion.core.documents import Document
from colregion.core.geometry import Box
from colregion.core.interfaces import Parser
from colregion.core.regions import ParsedPage
from colregion.engine import Engine
from colregion.errors import BackendError, InvalidInput, UnreadableDocument
from colregion.evaluation.cases import Case
from colregion.evaluation.run import Options, evaluate
from colregion.evaluation.searches import RANKINGS, SEARCHES
from colregion.evaluation.table import print_rows
from colregion.indexes.memory import MemoryIndex
from colregion.testing import WordEncoder, make_parsed_page

# Areas of 0.04, 0.032 and 0.21 of the page; the first is the evidence for "total".
RECEIPT = (
    ("Total 17.20", Box(0.1, 0.1, 0.5, 0.2)),
    ("Net sum 15.00", Box(0.1, 0.3, 0.5, 0.38)),
    ("thank you kindly", Box(0.2, 0.5, 0.9, 0.8)),
)
# A page that says "total" more often than the right one; 0.04.
LURE = (("Total total", Box(0.3, 0.6, 0.7, 0.7)),)


class LinesParser(Parser):
    """Returns the lines that the test defines for an image's name."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # which keeps it in this process

    @property
    def fingerprint(self) -> str:
        return "lines"

    def parse(self, document: Document) -> Iterator[ParsedPage]:
        lines = {"receipt": RECEIPT, "lure": LURE, "blank": ()}[Path(document.source).stem]
        yield make_parsed_page(lines, doc_id=document.id)


def engine() -> Engine:
    # 40 tokens per word, so that the first region's two words pass 64 tokens.
    return Engine(
        MemoryIndex(),
        encoder=WordEncoder(),
        parser=LinesParser(),
        count_tokens=lambda text: 40 * len(text.split()),
    )


@pytest.fixture
def images(tmp_path: Path) -> Path:
    for i, name in enumerate(("receipt", "lure", "blank")):
        Image.new("RGB", (100, 200 + i), "white").save(tmp_path / f"{name}.png")
    return tmp_path


def case(images: Path, name: str = "receipt", **changes: Any) -> Case:
    fields: dict[str, Any] = {
        "id": name,
        "dataset": "shops",
        "doc_id": name,
        "page": 0,
        "image": images / f"{name}.png",
        "question": "What is the total?",
        "answers": ("17.20",),
        "boxes": (Box(0.1, 0.1, 0.5, 0.2),),
        **changes,
    }
    return Case(**fields)


def figures(result: dict[str, Any], ranking: str, dataset: str = "shops") -> dict[str, Any]:
    row: dict[str, Any] = result["rows"][ranking][dataset]
    return row


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Of one case, given its page."""
    folder = tmp_path_factory.mktemp("images")
    Image.new("RGB", (100, 200), "white").save(folder / "receipt.png")
    return evaluate([case(folder)], engine())


class TestWithTheRightPage:
    @pytest.mark.slow
    def test_every_ranking_has_every_figure(self, result: dict[str, Any]) -> None:
        assert result["cases"] == 1
        assert list(result["rows"]) == list(RANKINGS)
        for name in RANKINGS:
            row = figures(result, name)
            assert set(row) == {
                "n",
                "recall_at_area",
                "area_of_first",
                "hit_at_1",
                "hit_at_3",
                "hit_or_contains_at",
                "box_at",
                "mrr",
                "miou_at_1",
                "answer_in_tokens",
                "answer_on_page",
                "answer_on_page_of_all",
                "answer_with_box",
                "answer_with_box_of_all",
                "answer_n",
                "answer_n_of_all",
                "tokens_of_5",
                "ci95",
            }
            budgets = ["0.01", "0.02", "0.05", "0.1", "0.2", "0.3", "0.5"]
            assert list(row["recall_at_area"]) == budgets
            assert list(row["hit_at_1"]) == list(row["hit_at_3"]) == ["0.25", "0.5", "0.7"]
            for measure in ("answer_in_tokens", "answer_on_page", "answer_on_page_of_all"):
                assert list(row[measure]) == ["64", "128", "256", "512", "1024"]
            for measure in ("hit_or_contains_at", "box_at", "answer_with_box"):
                assert list(row[measure]) == ["1", "3", "5"]
            assert (row["n"], row["answer_n"]) == (1, 1)

    @pytest.mark.parametrize("ranking", ["bm25", "all", "best"])
    def test_ranking_with_the_evidence_first_has_full_scores(
        self, result: dict[str, Any], ranking: str
    ) -> None:
        row = figures(result, ranking)
        assert list(row["recall_at_area"].values()) == [0.25, 0.5, 1.0, 1.0, 1.0, 1.0, 1.0]
        assert row["hit_at_1"] == {"0.25": 1.0, "0.5": 1.0, "0.7": 1.0}
        assert row["miou_at_1"] == 1.0
        assert list(row["answer_in_tokens"].values()) == [0.0, 1.0, 1.0, 1.0, 1.0]
        assert list(row["answer_on_page_of_all"].values()) == [0.0, 1.0, 1.0, 1.0, 1.0]
        assert row["answer_with_box"] == {"1": 1.0, "3": 1.0, "5": 1.0}
        assert (row["mrr"], row["area_of_first"]) == pytest.approx((1.0, 0.04))

    def test_largest_first_spends_area_before_the_evidence(self, result: dict[str, Any]) -> None:
        row = figures(result, "largest")
        # 0.21 without evidence, then 0.04 with all of it.
        assert list(row["recall_at_area"].values()) == [0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0]
        assert (row["hit_at_1"]["0.25"], row["hit_at_3"]["0.7"]) == (0.0, 1.0)
        # Three words, then two: 40 tokens each.
        assert list(row["answer_in_tokens"].values()) == [0.0, 0.0, 1.0, 1.0, 1.0]
        assert row["answer_with_box"] == {"1": 0.0, "3": 1.0, "5": 1.0}
        assert (row["mrr"], row["tokens_of_5"]) == (0.5, 320.0)

    def test_intervals_of_one_document_have_no_width(self, result: dict[str, Any]) -> None:
        interval = figures(result, "bm25")["ci95"]
        assert interval["recall_at_area"]["0.01"] == [0.25, 0.25]
        assert interval["miou_at_1"] == [1.0, 1.0]

    def test_result_is_json(self, result: dict[str, Any]) -> None:
        assert json.loads(json.dumps(result, allow_nan=False)) == result

    def test_table_names_every_ranking(self, result: dict[str, Any]) -> None:
        written = StringIO()
        print_rows(result, console=Console(width=80, file=written))
        text = written.getvalue()
        assert "shops (n = 1)" in text
        assert all(name in text for name in RANKINGS)
        assert "0.250" in text


def test_data_sets_are_averaged_separately(images: Path) -> None:
    cases = [
        case(images, id="a"),
        case(images, id="b", boxes=(Box(0.2, 0.5, 0.9, 0.8),), doc_id="other"),
        case(images, id="c", dataset="forms"),
    ]
    result = evaluate(cases, engine(), Options(rankings=["bm25"]))
    shops = figures(result, "bm25")
    assert (result["cases"], shops["n"], figures(result, "bm25", "forms")["n"]) == (3, 2, 1)
    assert shops["hit_at_1"]["0.5"] == 0.5
    assert shops["ci95"]["hit_at_1"]["0.5"] == [0.0, 1.0]


def test_answers_missing_from_the_page_words_count_as_missed_only_of_all(images: Path) -> None:
    cases = [case(images, id="a"), case(images, id="b", answers=("7.20",))]
    row = figures(evaluate(cases, engine(), Options(rankings=["all"])), "all")
    assert (row["answer_n"], row["answer_in_tokens"]["256"]) == (1, 1.0)
    assert (row["answer_n_of_all"], row["answer_on_page_of_all"]["256"]) == (2, 0.5)
    assert row["answer_with_box_of_all"]["1"] == 0.5
    row = figures(evaluate(cases[1:], engine(), Options(rankings=["all"])), "all")
    assert row["answer_n"] == 0
    assert set(row["answer_in_tokens"].values()) == {None}
    assert row["ci95"]["answer_in_tokens"]["64"] is None


def test_blank_page_scores_zero(images: Path) -> None:
    result = evaluate([case(images, "blank")], engine())
    for name in RANKINGS:
        row = figures(result, name)
        assert set(row["recall_at_area"].values()) == {0.0}
        assert (row["miou_at_1"], row["answer_n"]) == (0.0, 0)


def test_other_pages_of_the_corpus_cost_area(images: Path) -> None:
    cases = [case(images), case(images, "lure", dataset="lures")]
    result = evaluate(cases, engine(), Options(corpus=True))
    row = figures(result, "bm25")
    # The lure first: 0.04 without evidence, then the receipt's line.
    expected = [0.0, 0.0, 0.25, 1.0, 1.0, 1.0, 1.0]
    assert list(row["recall_at_area"].values()) == pytest.approx(expected)
    assert (row["hit_at_1"]["0.25"], row["hit_at_3"]["0.7"]) == (0.0, 1.0)
    assert row["page_at"] == {"1": 0.0, "5": 1.0, "10": 1.0}
    assert figures(result, "colregion")["page_at"]["5"] == 1.0
    assert figures(result, "best")["hit_at_1"]["0.7"] == 1.0
    assert "page_at" not in figures(result, "random")


def test_every_baseline_is_measured_over_a_corpus(images: Path) -> None:
    cases = [case(images), case(images, "lure", dataset="lures", answers=())]
    result = evaluate(cases, engine(), Options(corpus=True, rankings=SEARCHES))
    assert list(result["rows"]) == list(SEARCHES)
    page = figures(result, "bm25_page")
    # The lure's page, then the receipt's, which contains the evidence but does not fit it.
    assert page["page_at"] == page["hit_page_at"] == {"1": 0.0, "5": 1.0, "10": 1.0}
    assert (page["mrr"], page["miou_at_1"], page["area_of_first"]) == (0.5, 0.0, 1.0)
    assert page["hit_or_contains_at"] == page["box_at"] == {"1": 0.0, "3": 1.0, "5": 1.0}
    assert page["hit_at_3"]["0.25"] == 0.0
    # Two words of the lure and two of the receipt.
    assert page["answer_on_page"] == {"64": 0.0, "128": 0.0, "256": 1.0, "512": 1.0, "1024": 1.0}
    chunk = figures(result, "bm25_chunk_128")
    # One page in one chunk: 0.04 of the lure, then lines of 0.04, 0.032 and 0.21.
    assert chunk["recall_at_area"]["0.1"] == pytest.approx(1.0)
    assert (chunk["hit_or_contains_at"]["3"], chunk["mrr"]) == (1.0, 0.5)


def test_mrr_counts_a_region_that_fits_or_has_the_answer_on_the_right_page(images: Path) -> None:
    # The evidence is the third area by size; the answer stands in the first.
    one = case(images, boxes=(Box(0.1, 0.3, 0.5, 0.38),), answers=("kindly",))
    row = figures(evaluate([one], engine(), Options(rankings=["largest"])), "largest")
    assert (row["mrr"], row["hit_or_contains_at"]) == (1.0, {"1": 0.0, "3": 1.0, "5": 1.0})
    unread = replace(one, answers=("zebra",))
    row = figures(evaluate([unread], engine(), Options(rankings=["largest"])), "largest")
    assert row["mrr"] == pytest.approx(1 / 3, abs=1e-5)
    # The same words on another page do not count.
    cases = [case(images, answers=("total",), boxes=(Box(0.2, 0.5, 0.9, 0.8),))]
    cases.append(case(images, "lure", dataset="lures"))
    options = Options(corpus=True, rankings=["bm25"])
    assert figures(evaluate(cases, engine(), options), "bm25")["mrr"] == 0.5


def test_corpus_groups_the_cases_that_name_their_document(images: Path) -> None:
    cases = [case(images, question="Who says kindly?"), case(images, "lure")]
    result = evaluate(cases, engine(), Options(corpus=True, rankings=["bm25"]))
    groups = result["rows"]["bm25"]
    assert {group: row["n"] for group, row in groups.items()} == {
        "shops": 2,
        "shops, answerable": 1,
    }


def test_corpus_of_one_blank_page_scores_zero_in_every_ranking(images: Path) -> None:
    names = ["colregion", "bm25", *SEARCHES]
    result = evaluate([case(images, "blank")], engine(), Options(corpus=True, rankings=names))
    for name in names:
        row = figures(result, name)
        assert (row["mrr"], row["hit_at_3"]["0.25"], row["answer_n"]) == (0.0, 0.0, 0)
        assert row["answer_on_page_of_all"]["1024"] == 0.0


def test_differences_to_another_ranking_are_paired(images: Path) -> None:
    cases = [case(images, id="a"), case(images, id="b", boxes=(Box(0.2, 0.5, 0.9, 0.8),))]
    options = Options(rankings=["bm25", "largest"], against="bm25")
    result = evaluate(cases, engine(), options)
    assert "difference" not in figures(result, "bm25")
    difference = figures(result, "largest")["difference"]
    # For "a" from the first to the second rank, for "b" from the second or third to the first.
    assert difference["hit_at_1"]["0.5"] == 0.0
    assert difference["miou_at_1"] == 0.0
    assert difference["ci95"]["miou_at_1"] == [0.0, 0.0]
    first = evaluate(cases[:1], engine(), options)
    assert figures(first, "largest")["difference"]["mrr"] == -0.5


class TestArchive:
    @pytest.fixture
    def cases(self, images: Path) -> list[Case]:
        changes = {"dataset": "shops", "evidence_type": ("table",)}
        return [
            case(images, "receipt", doc_id="receipt.png", **changes),
            case(images, "lure", doc_id="lure.png", answers=("total",)),
        ]

    def test_all_documents_of_the_folder_are_searched(
        self, images: Path, cases: list[Case]
    ) -> None:
        result = evaluate(cases, engine(), Options(archive=images))
        assert (result["searched"], result["pages"], result["documents"]) == ("archive", 3, 3)
        assert result["failed"] == {}
        assert list(result["rows"]) == ["colregion", "bm25", *SEARCHES]
        groups = result["rows"]["bm25"]
        assert {group: row["n"] for group, row in groups.items()} == {"shops": 2, "shops, table": 1}
        table = groups["shops, table"]
        assert table["page_at"] == {"1": 0.0, "5": 1.0, "10": 1.0}
        assert table["box_at"] == {"1": 0.0, "3": 1.0, "5": 1.0}
        assert table["area_of_first"] == pytest.approx(0.04)
        written = StringIO()
        print_rows(result, console=Console(width=80, file=written))
        assert "shops, table (n = 1)" in written.getvalue()
        assert max(map(len, written.getvalue().splitlines())) <= 80

    def test_index_of_the_archive_is_used_again(self, images: Path, cases: list[Case]) -> None:
        indexed = engine()
        options = Options(archive=images, rankings=["colregion"])
        first = evaluate(cases, indexed, options)
        added = indexed.documents()
        assert evaluate(cases, indexed, options) == first
        assert indexed.documents() == added

    def test_document_that_cannot_be_read_is_reported_unless_a_question_names_it(
        self, images: Path, cases: list[Case]
    ) -> None:
        (images / "lure.png").write_bytes(b"no image")
        options = Options(archive=images, rankings=["bm25"])
        result = evaluate(cases[:1], engine(), options)
        assert list(result["failed"]) == ["lure.png"]
        assert result["pages"] == 2
        with pytest.raises(UnreadableDocument, match=r"lure\.png: "):
            evaluate(cases, engine(), options)

    def test_page_that_the_document_does_not_have_is_refused(self, images: Path) -> None:
        beyond = case(images, doc_id="receipt.png", page=1)
        with pytest.raises(InvalidInput, match=r"page 1 \(from 0\), but receipt.png has 1 pages"):
            evaluate([beyond], engine(), Options(archive=images))

    def test_index_with_documents_of_another_folder_is_refused(
        self, images: Path, cases: list[Case]
    ) -> None:
        indexed = engine()
        indexed.add(images / "receipt.png", doc_id="elsewhere.png")
        with pytest.raises(InvalidInput, match=r"'elsewhere.png', which is not in"):
            evaluate(cases, indexed, Options(archive=images))


def test_unreadable_image_is_named(images: Path) -> None:
    (images / "receipt.png").write_bytes(b"no picture")
    with pytest.raises(UnreadableDocument, match=r"receipt\.png: "):
        evaluate([case(images)], engine())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rankings": ["worst"]}, "unknown ranking 'worst'; known are colregion"),
        ({"rankings": ["bm25_page"]}, "'bm25_page'; it needs --corpus or --archive"),
        ({"rankings": ["dense_chunk_128"], "corpus": True}, "it needs --text-model"),
        ({"rankings": ["bm25"], "against": "all"}, "against must be one of the rankings bm25"),
    ],
)
def test_rankings_that_cannot_be_measured_are_refused(
    options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        Options(**options)


def test_overlays_show_evidence_in_green_and_hits_in_red(images: Path, tmp_path: Path) -> None:
    one = case(images, id="a/1", boxes=(Box(0.6, 0.85, 0.9, 0.95),))
    evaluate([one], engine(), Options(rankings=["bm25"], overlays=tmp_path / "out"))
    (path,) = (tmp_path / "out").iterdir()
    assert path.name == "a%2F1.png"
    with Image.open(path) as image:
        assert image.size == (60, 80)
        # Outlines are 2 pixels outside the box, left of 0.6 and right of 0.5 of the width.
        assert image.getpixel((35, 72)) == (0x00, 0x80, 0x2B)
        assert image.getpixel((31, 12)) == (0xD0, 0x18, 0x1F)
        assert image.getpixel((57, 2)) == (255, 255, 255)


def test_overlay_folder_that_cannot_be_created_is_named(images: Path) -> None:
    with pytest.raises(BackendError, match="cannot be written"):
        evaluate([case(images)], engine(), Options(overlays=images / "receipt.png" / "out"))
