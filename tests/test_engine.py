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
from colregion.retrieval.rerank import RerankScorer
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
    """Yields one page and then fails on a damaged file."""

    def parse(self, document: Document) -> Iterator[ParsedPage]:
        yield from super().parse(document)
        raise UnreadableDocument("page 2 is damaged")


class TestEmpty:
    def test_search_in_an_empty_index_returns_no_hits(self, engine: Engine) -> None:
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
    def test_k_that_is_no_whole_number_from_one_is_refused(self, engine: Engine, k: int) -> None:
        for ask in (engine.search, engine.search_pages):
            with pytest.raises(InvalidInput, match="k must"):
                ask("total", k=k)


class TestAdd:
    def test_added_file_is_returned_by_a_search(self, engine: Engine, tmp_path: Path) -> None:
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

    def test_add_with_another_parser_reads_the_file_again(
        self, engine: Engine, tmp_path: Path
    ) -> None:
        file = tmp_path / "a.png"
        file.write_bytes(png())
        engine.add(file)
        other = Engine(engine.index, encoder=WordEncoder(), parser=LineParser([VENDOR]))
        assert other.add(file).outcomes[0].status == "replaced"

    def test_add_continues_after_a_source_that_fails(self, engine: Engine, tmp_path: Path) -> None:
        (tmp_path / "a.png").write_bytes(png())
        (tmp_path / "b.png").write_bytes(b"\x89PNG\r\n\x1a\n rubbish")
        report = engine.add([tmp_path, tmp_path / "missing.png"])
        assert [o.status for o in report.of("added")] == ["added"]
        reasons = {Path(o.source).name: o.reason for o in report.failed}
        assert set(reasons) == {"b.png", "missing.png"}
        assert all(reasons.values())

    def test_document_that_fails_halfway_is_not_stored(self) -> None:
        broken = Engine(MemoryIndex(), encoder=WordEncoder(), parser=FailingParser([TOTAL]))
        (outcome,) = broken.add(png(), doc_id="x").outcomes
        assert (outcome.status, outcome.reason) == ("failed", "page 2 is damaged")
        assert broken.documents() == []
        assert broken.search("total") == []

    def test_add_reports_files_of_other_types_in_a_folder_as_ignored(
        self, engine: Engine, tmp_path: Path
    ) -> None:
        (tmp_path / "a.png").write_bytes(png())
        for name in ("b.heic", "LICENCE"):
            (tmp_path / name).touch()
        report = engine.add(tmp_path)
        assert [outcome.doc_id for outcome in report.of("added")] == ["a.png"]
        reasons = {Path(outcome.source).name: outcome.reason for outcome in report.ignored}
        assert reasons.keys() == {"b.heic", "LICENCE"}
        assert reasons["b.heic"].startswith("files of type .heic in a folder are not read")
        assert reasons["LICENCE"].startswith("files without a suffix")
        assert report.failed == ()

    def test_files_of_the_same_name_in_two_folders_are_two_documents(
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

    def test_bytes_and_images_are_added_under_the_doc_id(self, engine: Engine) -> None:
        engine.add(png("red"), doc_id="bytes")
        engine.add(Image.new("RGB", (30, 40), "blue"), doc_id="image")
        assert [entry.id for entry in engine.documents()] == ["bytes", "image"]

    def test_pages_with_their_own_embeddings_are_added(self, engine: Engine) -> None:
        pages = [embedded([TOTAL], number=3), embedded([VENDOR], number=7)]
        assert engine.add(pages).pages == 2
        assert engine.search("vendor", k=1)[0].page_number == 7
        assert engine.add(pages).outcomes[0].status == "skipped"

    def test_one_doc_id_for_several_documents_is_refused(self, engine: Engine) -> None:
        with pytest.raises(InvalidInput, match="one document"):
            engine.add([png("red"), png("blue")], doc_id="x")

    def test_add_of_pages_from_several_documents_fails(self, engine: Engine) -> None:
        (outcome,) = engine.add([embedded([TOTAL]), embedded([TOTAL], doc_id="other")]).outcomes
        assert outcome.status == "failed"
        assert "one document" in outcome.reason

    def test_add_with_reserved_metadata_fails_and_names_the_key(self, engine: Engine) -> None:
        (outcome,) = engine.add(png(), metadata={"page_number": 1}).outcomes
        assert "page_number" in outcome.reason

    def test_progress_is_reported_after_every_page(self, engine: Engine) -> None:
        steps: list[Progress] = []
        engine.add([png("red"), png("blue")], workers=0, on_progress=steps.append)
        assert [(s.files_total, s.pages_done, s.pages_total) for s in steps] == [(2, 1, 1)] * 2
        assert steps[0].files_done == 0
        assert steps[1].files_done <= 1  # the first may still be stored meanwhile

    def test_source_of_an_unknown_type_is_refused(self, engine: Engine) -> None:
        with pytest.raises(InvalidInput, match="int"):
            engine.add([3])  # type: ignore[arg-type]


class TestSearch:
    @pytest.fixture
    def two(self, engine: Engine) -> Engine:
        engine.add([embedded([TOTAL, VENDOR])], metadata={"team": "x"})
        engine.add([embedded([VENDOR], doc_id="other")])
        return engine

    def test_search_returns_hits_from_all_pages_best_first(self, two: Engine) -> None:
        hits = two.search("total due", k=10)
        assert hits[0].text == "total due"
        scores = [hit.score for hit in hits if hit.score is not None]
        assert scores == sorted(scores, reverse=True)
        assert len(scores) == len(hits)
        assert {hit.doc_id for hit in hits} == {"doc", "other"}

    def test_search_returns_at_most_k_hits(self, two: Engine) -> None:
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
    def test_search_leaves_out_hits_that_do_not_pass_the_filters(
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

    def test_search_pages_returns_the_best_page_first(self, two: Engine) -> None:
        best = two.search_pages("total", k=1)[0]
        assert (best.id, best.doc_id, best.page_number) == ("doc#p1", "doc", 1)
        assert best.text == "total due\n\nvendor name"

    def test_search_does_not_return_a_removed_document(self, two: Engine) -> None:
        two.remove("doc")
        assert {hit.doc_id for hit in two.search("vendor", k=10)} == {"other"}
        with pytest.raises(NotIndexed):
            two.remove("doc")

    def test_context_stays_within_its_budget_and_cites(self, two: Engine) -> None:
        context = two.context("total due", max_tokens=20)
        assert context.tokens <= 20
        assert next(hit.text for hit in context.citations.values()) == "total due"

    def test_rare_terms_of_a_question_have_a_higher_weight(self, two: Engine) -> None:
        # "vendor" is on both pages and "total" on one.
        weights = two.explain("vendor total", "doc#p1").query.weights
        assert weights[1] > weights[0]
        assert weights.mean() == pytest.approx(1)


class TestRankAndExplain:
    def test_rank_takes_ids_of_indexed_pages(self, engine: Engine) -> None:
        engine.add([embedded([TOTAL, VENDOR])])
        assert engine.rank("vendor", ["doc#p1"], k=1)[0].text == "vendor name"
        with pytest.raises(NotIndexed):
            engine.rank("vendor", ["doc#p2"])

    def test_rank_reads_files_that_are_not_indexed_once(self, tmp_path: Path) -> None:
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

    def test_rank_embeds_parsed_pages(self, engine: Engine) -> None:
        hits = engine.rank("total", make_parsed_page([TOTAL, VENDOR]), k=None)
        assert hits[0].text == "total due"

    def test_rank_of_no_pages_returns_no_hits(self, engine: Engine) -> None:
        assert engine.rank("total", []) == []

    def test_rank_of_a_missing_file_is_refused(self, engine: Engine, tmp_path: Path) -> None:
        with pytest.raises(InvalidInput, match="missing"):
            engine.rank("total", tmp_path / "missing.pdf")

    def test_explain_returns_the_relevance_map_of_one_page(self, engine: Engine) -> None:
        engine.add([embedded([TOTAL, VENDOR])])
        raster = engine.explain("vendor", "doc#p1").raster(rows=10, cols=10)
        row, col = np.unravel_index(np.nanargmax(raster), raster.shape)
        assert VENDOR[1].y0 * 10 <= row < VENDOR[1].y1 * 10
        assert VENDOR[1].x0 * 10 <= col < VENDOR[1].x1 * 10


class TestPaintedPage:
    """A visual encoder sees a red box at a known place; every swap or flip of an axis between
    image, patch grid and regions would find another region."""

    # On a page wider than high, off centre both ways, with its mirror images as rivals.
    place = Box(0.6, 0.1, 0.9, 0.2)
    rivals = (Box(0.1, 0.1, 0.4, 0.2), Box(0.6, 0.8, 0.9, 0.9), Box(0.1, 0.6, 0.2, 0.9))
    image = PlainImage(width_px=120, height_px=80, painted=((place, (255, 0, 0)),))

    @pytest.mark.parametrize("scorer", [RegionScorer(), PaperScorer()])
    def test_painted_region_ranks_first_for_its_colour(
        self, scorer: Scorer[Any], tmp_path: Path
    ) -> None:
        lines = [("here", self.place), *(("there", box) for box in self.rivals)]
        engine = Engine(
            MemoryIndex(),
            encoder=ColorEncoder(rows=20, cols=30),
            parser=LineParser(sorted(lines, key=lambda line: line[1].y0)),
            scorer=scorer,
        )
        file = tmp_path / "painted.png"
        self.image().save(file)
        engine.add(file, workers=0)
        best = engine.search("red", k=1)[0]
        assert best.text == "here"
        assert best.crop().getpixel((5, 2)) == (255, 0, 0)
        raster = engine.explain("red", "painted.png#p1").raster(rows=20, cols=30)
        assert raster[2:4, 18:27].min() > raster[:, :18].max()


class TestOpening:
    def test_opening_with_another_encoder_is_refused_and_both_are_named(
        self, engine: Engine
    ) -> None:
        engine.add([embedded([TOTAL])])
        with pytest.raises(ModelMismatch, match=r"fake-words/32.*fake-colors/8x6"):
            Engine(engine.index, encoder=ColorEncoder(), parser=LineParser([]))

    def test_shared_engine_is_the_same_object_until_it_is_closed(self, tmp_path: Path) -> None:
        first = Engine.shared(tmp_path / "library")
        assert Engine.shared(str(tmp_path / "library")) is first
        first.close()
        second = Engine.shared(tmp_path / "library")
        assert second is not first
        second.close()

    def test_index_is_reopened_with_its_own_encoder(self, tmp_path: Path) -> None:
        with Engine.open(tmp_path / "library", encoder="static_tokens") as engine:
            engine.add([make_embedded_with(engine)])
        with Engine.open(tmp_path / "library") as again:
            assert again.search("total")[0].text == "total due"

    def test_rerank_is_loaded_from_its_spec_and_needs_the_default_scorer(self) -> None:
        encoder, parser = WordEncoder(), LineParser([TOTAL])
        with Engine.open(
            MemoryIndex(), encoder=encoder, parser=parser, rerank="static_tokens"
        ) as reranking:
            assert isinstance(reranking.retriever.scorer, RerankScorer)
            reranking.add(png())
            assert [hit.text for hit in reranking.search("total due")] == ["total due"]
        with pytest.raises(InvalidInput, match="leave out scorer or rerank"):
            Engine(
                MemoryIndex(), encoder=encoder, parser=parser, scorer=PaperScorer(), rerank=encoder
            )

    def test_search_works_while_documents_are_added(self, engine: Engine) -> None:
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


def test_page_without_regions_gives_no_hits(engine: Engine) -> None:
    page = ParsedPage(make_page(), (), ())
    assert engine.rank("total", page) == []


class TestConfidence:
    BY_MAXSIM = Calibration(tuple(4.0 * name.startswith("maxsim") for name in FEATURES), -2.0)

    def test_min_confidence_without_a_calibration_is_refused(self, engine: Engine) -> None:
        engine.add(png(), workers=0)
        assert {hit.confidence for hit in engine.search("total")} == {None}
        with pytest.raises(InvalidInput, match="colregion calibrate"):
            engine.search("total", min_confidence=0.5)

    def test_calibration_of_the_index_gives_confidences_and_leaves_out_unlikely_hits(
        self, engine: Engine
    ) -> None:
        engine.add(png(), workers=0)
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

    def test_default_encoder_has_a_calibration(self) -> None:
        with Engine(
            MemoryIndex(), encoder=load_encoder("static_tokens"), parser=LineParser([TOTAL, VENDOR])
        ) as it:
            it.add(png(), workers=0)
            first, *_ = it.search("What is the total due?")
            assert first.confidence is not None
            assert 0.1 < first.confidence < 1
            assert it.search("Which glaciers retreated?", min_confidence=0.3) == []


class TestAreaBudget:
    def test_area_budget_is_filled_with_the_best_hits_that_fit(self, engine: Engine) -> None:
        engine.add(png(), workers=0)
        assert [hit.text for hit in engine.search("total", max_area=0.06)] == ["total due"]
        assert len(engine.search("total", max_area=0.2)) == 2

    def test_area_budget_of_zero_is_refused(self, engine: Engine) -> None:
        with pytest.raises(InvalidInput, match="max_area"):
            engine.search("total", max_area=0)


class TestManyHits:
    def test_search_returns_k_hits_from_pages_of_one_region_each(self) -> None:
        with Engine(MemoryIndex(), encoder=WordEncoder(), parser=LineParser([TOTAL])) as engine:
            engine.add([png(size=(60, 80 + i)) for i in range(30)], workers=0)
            assert len(engine.search("total", k=28)) == 28
