"""The engine end to end, on the in-memory index and fakes whose answers are known."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from colregion import Box, Engine, InvalidInput, ModelMismatch, NotIndexed, Progress
from colregion.core.documents import Document
from colregion.core.embeddings import EmbeddedPage
from colregion.core.regions import ParsedPage
from colregion.encoders import load_encoder
from colregion.errors import UnreadableDocument
from colregion.indexes.memory import MemoryIndex
from colregion.retrieval.confidence import FEATURES, Calibration
from colregion.retrieval.paper import PaperScorer
from colregion.retrieval.regions import RegionScorer
from colregion.retrieval.scorer import Scorer
from colregion.testing import (
    ColorEncoder,
    LineParser,
    PlainImage,
    WordEncoder,
    make_page,
    make_parsed_page,
)

TOTAL = ("total due", Box(0.1, 0.1, 0.6, 0.2))
VENDOR = ("vendor name", Box(0.3, 0.4, 0.9, 0.5))


def png(colour: str = "white", size: tuple[int, int] = (60, 80)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG")
    return buffer.getvalue()


def embedded(lines: list[tuple[str, Box]], *, doc_id: str = "doc", number: int = 1) -> EmbeddedPage:
    page = make_parsed_page(lines, doc_id=doc_id, number=number)
    return EmbeddedPage(page, WordEncoder().encode_pages([page])[0])


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine(MemoryIndex(), encoder=WordEncoder(), parser=LineParser([TOTAL, VENDOR])) as engine:
        yield engine


class FailingParser(LineParser):
    """Gives one page and then finds the file damaged."""

    def parse(self, document: Document) -> Iterator[ParsedPage]:
        yield from super().parse(document)
        raise UnreadableDocument("page 2 is damaged")


class TestEmpty:
    def test_an_empty_index_answers_with_nothing(self, engine: Engine) -> None:
        assert engine.search("total") == []
        assert engine.search_pages("total") == []
        assert engine.context("total").text == ""
        assert engine.documents() == []
        assert engine.add([]).outcomes == ()

    @pytest.mark.parametrize("question", ["", "  ", "\n\t"])
    def test_an_empty_question_is_refused(self, engine: Engine, question: str) -> None:
        with pytest.raises(InvalidInput, match="question"):
            engine.search(question)
        with pytest.raises(InvalidInput, match="question"):
            engine.rank(question, [])

    @pytest.mark.parametrize("k", [0, -1, True, 1.5])
    def test_k_is_a_whole_number_from_one(self, engine: Engine, k: int) -> None:
        for ask in (engine.search, engine.search_pages):
            with pytest.raises(InvalidInput, match="k must"):
                ask("total", k=k)


class TestAdd:
    def test_a_file_goes_in_and_is_found(self, engine: Engine, tmp_path: Path) -> None:
        file = tmp_path / "invoice.png"
        file.write_bytes(png())
        (outcome,) = engine.add(file).outcomes
        assert (outcome.status, outcome.doc_id, outcome.pages) == ("added", "invoice.png", 1)
        assert outcome.regions == 6
        (best, *_) = engine.search("total")
        assert (best.text, best.box, best.page_number) == ("total due", TOTAL[1], 1)
        assert best.source == str(file)

    def test_unchanged_files_are_skipped_and_changed_ones_replaced(
        self, engine: Engine, tmp_path: Path
    ) -> None:
        file = tmp_path / "a.png"
        file.write_bytes(png())
        statuses = [engine.add(file).outcomes[0].status for _ in range(2)]
        file.write_bytes(png("red"))
        statuses.append(engine.add(file).outcomes[0].status)
        statuses.append(engine.add(file, metadata={"team": "x"}).outcomes[0].status)
        assert statuses == ["added", "skipped", "replaced", "replaced"]
        assert len(engine.documents()) == 1

    def test_another_parser_reads_the_file_again(self, engine: Engine, tmp_path: Path) -> None:
        file = tmp_path / "a.png"
        file.write_bytes(png())
        engine.add(file)
        other = Engine(engine.index, encoder=WordEncoder(), parser=LineParser([VENDOR]))
        assert other.add(file).outcomes[0].status == "replaced"

    def test_the_rest_goes_in_when_one_fails(self, engine: Engine, tmp_path: Path) -> None:
        (tmp_path / "a.png").write_bytes(png())
        (tmp_path / "b.png").write_bytes(b"\x89PNG\r\n\x1a\n rubbish")
        report = engine.add([tmp_path, tmp_path / "missing.png"])
        assert [o.status for o in report.of("added")] == ["added"]
        reasons = {Path(o.source).name: o.reason for o in report.failed}
        assert set(reasons) == {"b.png", "missing.png"}
        assert all(reasons.values())

    def test_nothing_is_half_stored(self) -> None:
        broken = Engine(MemoryIndex(), encoder=WordEncoder(), parser=FailingParser([TOTAL]))
        (outcome,) = broken.add(png(), doc_id="x").outcomes
        assert (outcome.status, outcome.reason) == ("failed", "page 2 is damaged")
        assert broken.documents() == []
        assert broken.search("total") == []

    def test_files_of_other_types_in_a_folder_are_told(
        self, engine: Engine, tmp_path: Path
    ) -> None:
        (tmp_path / "a.png").write_bytes(png())
        for name in ("b.heic", "LICENCE"):
            (tmp_path / name).touch()
        report = engine.add(tmp_path)
        assert [outcome.doc_id for outcome in report.of("added")] == ["a.png"]
        told = {Path(outcome.source).name: outcome.reason for outcome in report.ignored}
        assert told.keys() == {"b.heic", "LICENCE"}
        assert told["b.heic"].startswith("files of type .heic in a folder are not read")
        assert told["LICENCE"].startswith("files without a suffix")
        assert report.failed == ()

    def test_two_folders_with_the_same_file_name_keep_both(
        self, engine: Engine, tmp_path: Path
    ) -> None:
        for name, colour in (("one", "red"), ("two", "blue")):
            (tmp_path / name).mkdir()
            (tmp_path / name / "a.png").write_bytes(png(colour))
        engine.add([tmp_path / "one", tmp_path / "two"])
        first, second = (entry.id for entry in engine.documents())
        assert first == "a.png"
        assert second.startswith("a.png~")
        again = engine.add([tmp_path / "one", tmp_path / "two"])
        assert [o.status for o in again.outcomes] == ["skipped", "skipped"]

    def test_bytes_and_pictures_go_in_under_a_given_id(self, engine: Engine) -> None:
        engine.add(png("red"), doc_id="bytes")
        engine.add(Image.new("RGB", (30, 40), "blue"), doc_id="picture")
        assert [entry.id for entry in engine.documents()] == ["bytes", "picture"]

    def test_pages_with_their_own_embeddings_go_in(self, engine: Engine) -> None:
        pages = [embedded([TOTAL], number=3), embedded([VENDOR], number=7)]
        assert engine.add(pages).pages == 2
        assert engine.search("vendor", k=1)[0].page_number == 7
        assert engine.add(pages).outcomes[0].status == "skipped"

    def test_one_id_does_not_name_several_documents(self, engine: Engine) -> None:
        with pytest.raises(InvalidInput, match="one document"):
            engine.add([png("red"), png("blue")], doc_id="x")

    def test_pages_of_several_documents_are_refused_together(self, engine: Engine) -> None:
        (outcome,) = engine.add([embedded([TOTAL]), embedded([TOTAL], doc_id="other")]).outcomes
        assert outcome.status == "failed"
        assert "one document" in outcome.reason

    def test_metadata_that_is_not_flat_fails_with_its_key(self, engine: Engine) -> None:
        (outcome,) = engine.add(png(), metadata={"page_number": 1}).outcomes
        assert "page_number" in outcome.reason

    def test_progress_is_told_after_every_page(self, engine: Engine) -> None:
        steps: list[Progress] = []
        engine.add([png("red"), png("blue")], on_progress=steps.append)
        assert [(s.files_done, s.files_total, s.pages_done, s.pages_total) for s in steps] == [
            (0, 2, 1, 1),
            (1, 2, 1, 1),
        ]

    def test_a_source_of_another_type_is_refused(self, engine: Engine) -> None:
        with pytest.raises(InvalidInput, match="int"):
            engine.add([3])  # type: ignore[arg-type]


class TestSearch:
    @pytest.fixture
    def two(self, engine: Engine) -> Engine:
        engine.add([embedded([TOTAL, VENDOR])], metadata={"team": "x"})
        engine.add([embedded([VENDOR], doc_id="other")])
        return engine

    def test_hits_come_from_all_pages_best_first(self, two: Engine) -> None:
        hits = two.search("total due", k=10)
        assert hits[0].text == "total due"
        scores = [hit.score or 0.0 for hit in hits]
        assert scores == sorted(scores, reverse=True)
        assert {hit.doc_id for hit in hits} == {"doc", "other"}

    def test_k_bounds_the_hits(self, two: Engine) -> None:
        assert len(two.search("vendor", k=1)) == 1

    @pytest.mark.parametrize(
        ("filters", "documents"),
        [
            ({"doc_id": "other"}, {"other"}),
            ({"metadata.team": "x"}, {"doc"}),
            ([{"doc_id": "other"}, {"metadata.team": "x"}], set()),
            ({"kind": "table"}, set()),
        ],
    )
    def test_filters_keep_hits_out(
        self, two: Engine, filters: dict[str, str], documents: set[str]
    ) -> None:
        assert {hit.doc_id for hit in two.search("vendor", filters=filters)} == documents
        cited = two.context("vendor", filters=filters).citations.values()
        assert {hit.doc_id for hit in cited} == documents

    def test_a_question_of_fifty_thousand_characters_is_answered(self, two: Engine) -> None:
        assert two.search("vendor " * 7143, k=1)[0].text == "vendor name"

    def test_an_unknown_filter_is_refused(self, two: Engine) -> None:
        with pytest.raises(InvalidInput, match="docid"):
            two.search("vendor", filters={"docid": "x"})

    @pytest.mark.parametrize("argument", ["weights", "keep", "method", "sharpen", "top_k"])
    def test_unknown_argument_of_search_is_a_type_error_that_names_it(
        self, two: Engine, argument: str
    ) -> None:
        with pytest.raises(TypeError, match=argument):
            two.search("vendor", **{argument: None})  # type: ignore[arg-type]
        with pytest.raises(TypeError, match=argument):
            two.rank("vendor", "doc#p1", **{argument: None})

    def test_pages_can_be_searched_too(self, two: Engine) -> None:
        best = two.search_pages("total", k=1)[0]
        assert (best.id, best.doc_id, best.page_number) == ("doc#p1", "doc", 1)
        assert best.text == "total due\n\nvendor name"

    def test_a_removed_document_is_not_found(self, two: Engine) -> None:
        two.remove("doc")
        assert {hit.doc_id for hit in two.search("vendor", k=10)} == {"other"}
        with pytest.raises(NotIndexed):
            two.remove("doc")

    def test_context_keeps_its_budget_and_cites(self, two: Engine) -> None:
        context = two.context("total due", max_tokens=20)
        assert context.tokens <= 20
        assert next(hit.text for hit in context.citations.values()) == "total due"

    def test_rare_terms_count_more(self, two: Engine) -> None:
        # "vendor" stands on both pages and "total" on one.
        weights = two.explain("vendor total", "doc#p1").query.weights
        assert weights[1] > weights[0]
        assert weights.mean() == pytest.approx(1)


class TestRankAndExplain:
    def test_indexed_pages_are_ranked_by_id(self, engine: Engine) -> None:
        engine.add([embedded([TOTAL, VENDOR])])
        assert engine.rank("vendor", ["doc#p1"], k=1)[0].text == "vendor name"
        with pytest.raises(NotIndexed):
            engine.rank("vendor", ["doc#p2"])

    def test_files_that_are_not_indexed_are_read_once(self, tmp_path: Path) -> None:
        class CountingParser(LineParser):
            reads = 0

            def parse(self, document: Document) -> Iterator[ParsedPage]:
                CountingParser.reads += 1
                yield from super().parse(document)

        engine = Engine(MemoryIndex(), encoder=WordEncoder(), parser=CountingParser([TOTAL]))
        file = tmp_path / "a.png"
        file.write_bytes(png())
        for source in (file, str(file), file):
            assert engine.rank("total", source)[0].text == "total due"
        assert CountingParser.reads == 1
        assert (
            engine.rank("total", png())[0].doc_id != file.name
        )  # another document of that content
        assert CountingParser.reads == 2
        assert engine.documents() == []

    def test_parsed_pages_are_embedded_on_the_way(self, engine: Engine) -> None:
        hits = engine.rank("total", make_parsed_page([TOTAL, VENDOR]), k=None)
        assert hits[0].text == "total due"

    def test_no_pages_give_no_hits(self, engine: Engine) -> None:
        assert engine.rank("total", []) == []

    def test_a_missing_file_is_an_error(self, engine: Engine, tmp_path: Path) -> None:
        with pytest.raises(InvalidInput, match="missing"):
            engine.rank("total", tmp_path / "missing.pdf")

    def test_explain_gives_the_map_of_one_page(self, engine: Engine) -> None:
        engine.add([embedded([TOTAL, VENDOR])])
        found = engine.explain("vendor", "doc#p1")
        raster = found.raster(rows=10, cols=10)
        row, col = np.unravel_index(np.nanargmax(raster), raster.shape)
        assert VENDOR[1].y0 * 10 <= row < VENDOR[1].y1 * 10
        assert VENDOR[1].x0 * 10 <= col < VENDOR[1].x1 * 10


class TestPaintedPage:
    """A visual encoder sees a red box at a known place; every swap or flip of an axis between
    picture, patch grid and regions would find another region."""

    # On a page wider than high, off centre both ways, with its mirror images as rivals.
    place = Box(0.6, 0.1, 0.9, 0.2)
    rivals = (Box(0.1, 0.1, 0.4, 0.2), Box(0.6, 0.8, 0.9, 0.9), Box(0.1, 0.6, 0.2, 0.9))
    image = PlainImage(width_px=120, height_px=80, painted=((place, (255, 0, 0)),))

    @pytest.mark.parametrize("scorer", [RegionScorer(), PaperScorer()])
    def test_the_painted_region_wins(self, scorer: Scorer[Any], tmp_path: Path) -> None:
        lines = [("here", self.place), *(("there", box) for box in self.rivals)]
        engine = Engine(
            MemoryIndex(),
            encoder=ColorEncoder(rows=20, cols=30),
            parser=LineParser(sorted(lines, key=lambda line: line[1].y0)),
            scorer=scorer,
        )
        file = tmp_path / "painted.png"
        self.image().save(file)
        engine.add(file)
        best = engine.search("red", k=1)[0]
        assert best.text == "here"
        assert best.crop().getpixel((5, 2)) == (255, 0, 0)
        raster = engine.explain("red", "painted.png#p1").raster(rows=20, cols=30)
        assert raster[2:4, 18:27].min() > raster[:, :18].max()


class TestOpening:
    def test_another_encoder_is_refused_and_both_are_named(self, engine: Engine) -> None:
        engine.add([embedded([TOTAL])])
        with pytest.raises(ModelMismatch, match=r"fake-words/32.*fake-colors/8x6"):
            Engine(engine.index, encoder=ColorEncoder(), parser=LineParser([]))

    def test_a_shared_engine_is_one_until_it_is_closed(self, tmp_path: Path) -> None:
        first = Engine.shared(tmp_path / "library")
        assert Engine.shared(str(tmp_path / "library")) is first
        first.close()
        second = Engine.shared(tmp_path / "library")
        assert second is not first
        second.close()

    def test_an_index_remembers_its_encoder(self, tmp_path: Path) -> None:
        with Engine.open(tmp_path / "library", encoder="static_tokens") as engine:
            engine.add([make_embedded_with(engine)])
        with Engine.open(tmp_path / "library") as again:
            assert again.search("total")[0].text == "total due"

    def test_it_answers_while_it_reads(self, engine: Engine) -> None:
        errors: list[BaseException] = []

        def ask() -> None:
            try:
                for _ in range(20):
                    engine.search("total")
            except BaseException as error:  # noqa: BLE001  (handed to the main thread)
                errors.append(error)

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        for i in range(10):
            engine.add([embedded([TOTAL], doc_id=f"doc{i}")])
        for thread in threads:
            thread.join()
        assert errors == []
        assert len(engine.documents()) == 10


def make_embedded_with(engine: Engine) -> EmbeddedPage:
    page = make_parsed_page([TOTAL, VENDOR])
    return EmbeddedPage(page, engine.encoder.encode_pages([page])[0])


def test_a_page_without_regions_is_no_hit(engine: Engine) -> None:
    page = ParsedPage(make_page(), (), ())
    assert engine.rank("total", page) == []


class TestConfidence:
    BY_MAXSIM = Calibration(tuple(4.0 * (name == "maxsim") for name in FEATURES), -2.0)

    def test_an_encoder_without_a_fit_gives_none_and_refuses_a_threshold(
        self, engine: Engine
    ) -> None:
        engine.add(png())
        assert {hit.confidence for hit in engine.search("total")} == {None}
        with pytest.raises(InvalidInput, match="colregion calibrate"):
            engine.search("total", min_confidence=0.5)

    def test_a_fit_kept_with_the_index_tells_it_and_abstains(self, engine: Engine) -> None:
        engine.add(png())
        engine.set_calibration(self.BY_MAXSIM)
        best, other = engine.search("total due")
        assert best.confidence == pytest.approx(0.880797, abs=1e-6)
        assert best.to_metadata()["confidence"] == best.confidence
        assert other.confidence == pytest.approx(0.119203, abs=1e-6)
        assert [hit.text for hit in engine.search("total", min_confidence=0.5)] == ["total due"]
        assert engine.search("question", min_confidence=0.5) == []
        assert engine.context("question", min_confidence=0.5).text == ""

    def test_min_confidence_with_an_uncalibrated_scorer_is_refused(self) -> None:
        engine = Engine(
            MemoryIndex(),
            encoder=WordEncoder(),
            parser=LineParser([TOTAL]),
            scorer=PaperScorer(),
        )
        engine.set_calibration(self.BY_MAXSIM)
        with pytest.raises(InvalidInput, match="PaperScorer"):
            engine.search("total", min_confidence=0.5)

    def test_the_default_encoder_comes_with_a_fit(self) -> None:
        with Engine(
            MemoryIndex(), encoder=load_encoder("static_tokens"), parser=LineParser([TOTAL, VENDOR])
        ) as it:
            it.add(png())
            first, *_ = it.search("What is the total due?")
            assert first.confidence is not None
            assert 0.1 < first.confidence < 1
            assert it.search("Which glaciers retreated?", min_confidence=0.3) == []


class TestAreaBudget:
    def test_hits_are_taken_while_they_fit(self, engine: Engine) -> None:
        engine.add(png())
        assert [hit.text for hit in engine.search("total", max_area=0.06)] == ["total due"]
        assert len(engine.search("total", max_area=0.2)) == 2

    def test_a_budget_of_nothing_is_refused(self, engine: Engine) -> None:
        with pytest.raises(InvalidInput, match="max_area"):
            engine.search("total", max_area=0)


class TestManyHits:
    def test_all_that_were_asked_for_are_found_on_pages_of_one_region_each(self) -> None:
        with Engine(MemoryIndex(), encoder=WordEncoder(), parser=LineParser([TOTAL])) as engine:
            engine.add([png(size=(60, 80 + i)) for i in range(30)])
            assert len(engine.search("total", k=28)) == 28
