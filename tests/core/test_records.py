"""Records are checked when they are made, and a hit says where it is in one flat schema."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace

import numpy as np
import pytest

from colregion.core.documents import Document, DocumentEntry, TextLayer, check_metadata
from colregion.core.embeddings import PageEmbedding, QueryEmbedding
from colregion.core.geometry import Box, BoxPlacement, GridPlacement, Upright
from colregion.core.regions import Cell, ParsedPage, Region, Word, mean_confidence
from colregion.core.results import Hit, RelevanceMap
from colregion.errors import InvalidInput, NotIndexed, ShapeMismatch
from colregion.testing import PlainImage, make_page, make_parsed_page

BOX = Box(0.1, 0.2, 0.4, 0.3)


def region(*path: int, box: Box = BOX, parts: tuple[Box, ...] = ()) -> Region:
    return Region(page_id="doc#p3", path=path, box=box, text="words", parts=parts)


def query(n: int = 2) -> QueryEmbedding:
    return QueryEmbedding(
        np.eye(n, dtype=np.float32), ("a", "b")[:n], np.ones(n, dtype=bool), np.ones(n)
    )


class TestRegion:
    def test_region_id_is_its_path_in_the_tree(self) -> None:
        assert region(2, 4, 1).id == "doc#p3#2.4.1"
        assert region().id == "doc#p3"

    def test_id_of_a_merged_region_counts_the_other_parts(self) -> None:
        merged = region(2, 1, parts=(BOX, Box(0.1, 0.3, 0.4, 0.4), Box(0.1, 0.4, 0.4, 0.5)))
        assert merged.id == "doc#p3#2.1+2"
        assert len(merged.boxes) == 3

    def test_region_level_is_its_depth_in_the_tree(self) -> None:
        paths: list[tuple[int, ...]] = [(), (1,), (1, 1), (1, 1, 1)]
        assert [region(*p).level for p in paths] == ["page", "area", "block", "line"]

    @pytest.mark.parametrize(
        "changed",
        [
            {"path": (0,)},
            {"path": (1, 1, 1, 1)},
            {"kind": "blob"},
            {"box": Box(0.5, 0.5, 1.2, 0.6)},  # off the page
            {"ocr_confidence": 1.2},
            {"parts": (BOX,)},
        ],
    )
    def test_region_with_impossible_fields_is_refused(self, changed: dict[str, object]) -> None:
        fields = {"page_id": "doc#p1", "path": (1,), "box": BOX, "text": ""} | changed
        with pytest.raises(InvalidInput):
            Region(**fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("confidences", "mean"), [([], None), ([None], None), ([0.5, None, 1.0], 0.75), ([0.0], 0.0)]
)
def test_mean_confidence_ignores_unknown_confidences(
    confidences: list[float | None], mean: float | None
) -> None:
    assert mean_confidence(confidences) == mean


class TestParsedPage:
    def test_parsed_page_may_be_blank(self) -> None:
        blank = make_parsed_page([])
        assert (blank.text, blank.region_boxes.shape, blank.parents.shape) == ("", (0, 4), (0,))
        assert blank.whole().box == Box(0, 0, 1, 1)

    @pytest.mark.parametrize(
        "paths",
        [
            [(2,), (1,)],  # out of order
            [(1,), (1,)],  # twice
            [(1,), (2, 1)],  # no parent
        ],
    )
    def test_regions_out_of_reading_order_or_without_parent_are_refused(
        self, paths: list[tuple[int, ...]]
    ) -> None:
        regions = tuple(Region(page_id="doc#p1", path=p, box=BOX, text="") for p in paths)
        with pytest.raises(InvalidInput, match="reading order"):
            ParsedPage(make_page(), (), regions)

    def test_region_of_another_page_is_refused(self) -> None:
        with pytest.raises(InvalidInput, match="doc#p3"):
            ParsedPage(make_page(number=2), (), (region(1),))

    def test_parents_parts_and_leaves_are_positions_of_regions(self) -> None:
        parsed = make_parsed_page([("a", BOX), ("b", Box(0.1, 0.5, 0.4, 0.6))])
        assert parsed.parents.tolist() == [-1, 0, 1, -1, 3, 4]
        assert parsed.parts == [[1], [2], [], [4], [5], []]
        assert parsed.leaves == [2, 5]

    @pytest.mark.parametrize(
        ("level", "expected"),
        [
            ("area", [(1,), (2,)]),
            ("block", [(1, 1), (1, 2), (2,)]),
            ("line", [(1, 1, 1), (1, 1, 2), (1, 2), (2,)]),
        ],
    )
    def test_regions_at_each_level_make_up_the_page_once(
        self, level: str, expected: list[tuple[int, ...]]
    ) -> None:
        paths: list[tuple[int, ...]] = [(1,), (1, 1), (1, 1, 1), (1, 1, 2), (1, 2), (2,)]
        regions = tuple(Region(page_id="doc#p1", path=p, box=BOX, text="") for p in paths)
        parsed = ParsedPage(make_page(), (), regions)
        assert [region.path for region in parsed.at_level(level)] == expected

    def test_blank_page_has_no_regions_and_an_unknown_level_is_refused(self) -> None:
        assert make_parsed_page([]).at_level("line") == []
        with pytest.raises(InvalidInput, match="area, block, line"):
            make_parsed_page([]).at_level("word")

    def test_ancestor_is_the_region_of_a_level_that_contains_another(self) -> None:
        parsed = make_parsed_page([("a", BOX)])
        line = parsed.regions[2]
        assert parsed.ancestor(line, "block").path == (1, 1)
        assert parsed.ancestor(line, "area").path == (1,)
        assert parsed.ancestor(parsed.regions[0], "line").path == (1,)
        assert parsed.ancestor(line, "page").text == "a"
        with pytest.raises(InvalidInput, match="paragraph"):
            parsed.ancestor(line, "paragraph")
        with pytest.raises(NotIndexed):
            parsed.ancestor(Region(page_id=parsed.id, path=(7, 1), box=BOX, text=""), "area")


class TestPage:
    def test_page_image_is_loaded_once_and_not_pickled(self) -> None:
        page = make_page(image=PlainImage(width_px=30, height_px=20))
        assert page.image is page.image
        copy = pickle.loads(pickle.dumps(page))
        assert "image" not in copy.__dict__
        assert copy.image.size == (30, 20)

    @pytest.mark.parametrize(
        "changed", [{"number": 0}, {"doc_id": ""}, {"unit": "cm"}, {"width": 0}]
    )
    def test_page_with_impossible_fields_is_refused(self, changed: dict[str, object]) -> None:
        page = make_page()
        with pytest.raises(InvalidInput):
            type(page)(**({**page.__dict__} | changed))


class TestEmbeddings:
    def test_page_embedding_may_have_no_vectors(self) -> None:
        empty = PageEmbedding(np.zeros((0, 4), np.float32), BoxPlacement(np.zeros((0, 4))))
        assert len(empty.placement) == 0

    def test_page_embedding_with_more_vectors_than_places_is_refused(self) -> None:
        with pytest.raises(ShapeMismatch, match="3"):
            PageEmbedding(np.zeros((3, 4), np.float32), BoxPlacement(np.zeros((2, 4))))

    def test_vectors_that_are_not_finite_are_refused(self) -> None:
        with pytest.raises(InvalidInput, match="finite"):
            PageEmbedding(np.array([[np.nan, 1.0]]), BoxPlacement(np.zeros((1, 4))))

    def test_query_with_fewer_tokens_than_vectors_or_negative_weights_is_refused(self) -> None:
        with pytest.raises(ShapeMismatch):
            QueryEmbedding(np.eye(2), ("a",), np.ones(2, dtype=bool), np.ones(2))
        with pytest.raises(InvalidInput, match="weights"):
            QueryEmbedding(np.eye(2), ("a", "b"), np.ones(2, dtype=bool), np.array([1.0, -1.0]))

    def test_text_layer_with_fewer_boxes_than_characters_is_refused(self) -> None:
        with pytest.raises(ShapeMismatch):
            TextLayer(("a", "b"), np.zeros((1, 4)), np.ones(2, dtype=bool))


class TestRelevanceMap:
    # Two rows, three columns; the tokens light up the upper right and the lower left.
    placement = GridPlacement((np.arange(6).reshape(2, 3),), n_vectors=6)
    similarity = np.array([[0, 0, 0.9, 0, 0, 0], [0, 0, 0, 0.6, 0, 0]])

    def test_raster_of_one_token_shows_its_similarity_where_the_vector_looks(self) -> None:
        raster = RelevanceMap(self.similarity, self.placement, query()).raster(
            rows=4, cols=3, token=0
        )
        assert raster.tolist() == [[0, 0, 0.9]] * 2 + [[0, 0, 0]] * 2

    def test_combined_map_is_the_weighted_mean_of_content_tokens(self) -> None:
        weighted = QueryEmbedding(
            np.eye(2), ("a", "b"), np.array([True, True]), np.array([3.0, 1.0])
        )
        combined = RelevanceMap(self.similarity, self.placement, weighted).combined()
        assert combined == pytest.approx([0, 0, 0.675, 0.15, 0, 0])

    def test_combined_map_without_content_tokens_is_zero(self) -> None:
        none = QueryEmbedding(np.eye(2), ("a", "b"), np.zeros(2, dtype=bool), np.ones(2))
        assert RelevanceMap(self.similarity, self.placement, none).combined().tolist() == [0] * 6

    def test_raster_cells_without_vectors_are_nan(self) -> None:
        words = BoxPlacement(np.array([[0.0, 0.0, 0.5, 0.5], [0.0, 0.0, 0.5, 0.5]]))
        raster = RelevanceMap(np.array([[0.2, 0.4], [0, 0]]), words, query()).raster(
            rows=2, cols=2, token=0
        )
        assert raster[0, 0] == pytest.approx(0.3)
        assert np.isnan(raster).sum() == 3


class TestMetadata:
    @pytest.mark.parametrize(
        "metadata",
        [{"doc_id": "x"}, {"score": 1}, {"team": ["x"]}, {"size": float("nan")}, {1: "x"}],
    )
    def test_metadata_with_reserved_keys_or_nested_values_is_refused(
        self, metadata: dict[str, object]
    ) -> None:
        with pytest.raises(InvalidInput):
            check_metadata(metadata)  # type: ignore[arg-type]

    def test_document_with_a_reserved_metadata_key_is_refused(self) -> None:
        with pytest.raises(InvalidInput, match="page_number"):
            Document("d", "d", "", lambda: iter(()), 0, {"page_number": 1})


class TestHit:
    parsed = make_parsed_page(
        [("Total 42", Box(0.25, 0.5, 0.75, 0.6))], number=3, image=PlainImage(40, 100)
    )
    entry = DocumentEntry("doc", "a/doc.pdf", "hash", "settings", {"team": "x"}, 1)

    def hit(self, position: int = 2, confidence: float | None = None) -> Hit:
        return Hit(self.parsed.regions[position], self.parsed, self.entry, 0.5, confidence)

    def test_hit_metadata_is_flat_json_with_the_users_keys(self) -> None:
        flat = self.hit(confidence=0.75).to_metadata()
        assert json.loads(json.dumps(flat)) == {
            "region_id": "doc#p3#1.1.1",
            "doc_id": "doc",
            "source": "a/doc.pdf",
            "page_number": 3,
            "page_label": None,
            "x0": 0.25,
            "y0": 0.5,
            "x1": 0.75,
            "y1": 0.6,
            "page_width": 40.0,
            "page_height": 100.0,
            "page_unit": "px",
            "rotation": 0,
            "kind": "text",
            "ocr_confidence": None,
            "hidden_text": "",
            "unread": False,
            "boxes_json": "[[3, 0.25, 0.5, 0.75, 0.6]]",
            "confidence": 0.75,
            "team": "x",
        }

    def test_boxes_of_a_text_that_goes_on_over_the_page_name_both_pages(self) -> None:
        region = replace(self.parsed.regions[2], continued_on=((4, Box(0.25, 0, 0.75, 0.125)),))
        hit = replace(self.hit(), region=region)
        assert hit.boxes == ((3, Box(0.25, 0.5, 0.75, 0.6)), (4, Box(0.25, 0, 0.75, 0.125)))
        assert json.loads(str(hit.to_metadata()["boxes_json"]))[1] == [4, 0.25, 0.0, 0.75, 0.125]

    def test_metadata_of_a_hit_without_confidence_has_no_confidence_key(self) -> None:
        assert "confidence" not in self.hit().to_metadata()

    def test_crop_is_the_box_in_pixels_with_its_margin(self) -> None:
        assert self.hit().crop().size == (20, 10)
        assert self.hit().crop(margin=0.05).size == (24, 14)

    def test_expanded_hit_keeps_page_and_score(self) -> None:
        page = self.hit().expand("page")
        assert (page.id, page.text, page.score) == ("doc#p3", "Total 42", 0.5)
        assert self.hit().expand("block").id == "doc#p3#1.1"


class TestWord:
    def test_word_without_text_or_with_a_confidence_above_one_is_refused(self) -> None:
        with pytest.raises(InvalidInput):
            Word("  ", BOX)
        with pytest.raises(InvalidInput):
            Word("a", BOX, confidence=96)


def _table() -> ParsedPage:
    def row(number: int, *, header: bool = False) -> list[Region]:
        y = 0.1 * number
        cells = [
            Region(
                "doc#p1",
                (1, number, column),
                Box(0.4 * column, y, 0.4 * column + 0.2, y + 0.1),
                f"{number}{column}",
                "row",
                cell=Cell(number - 1, column - 1, header=header),
            )
            for column in (1, 2)
        ]
        return [Region("doc#p1", (1, number), Box(0.4, y, 1, y + 0.1), "row", "row"), *cells]

    table = Region("doc#p1", (1,), Box(0.4, 0.1, 1, 0.4), "table", "table")
    regions = (table, *row(1, header=True), *row(2), *row(3))
    return ParsedPage(make_page(), (), regions)


class TestTableRows:
    def test_row_is_a_header_when_all_its_cells_name_their_columns(self) -> None:
        assert np.flatnonzero(_table().is_header).tolist() == [1]

    def test_cell_before_the_first_row_or_without_extent_is_refused(self) -> None:
        with pytest.raises(InvalidInput, match="rows and columns count from 0"):
            Cell(-1, 0)
        with pytest.raises(InvalidInput, match="spans from 1"):
            Cell(0, 0, column_span=0)


@pytest.mark.parametrize(
    ("degrees_clockwise", "turns"),
    [(None, 0), (0, 0), (-1.7, 0), (88.5, 1), (180, 2), (-180, 2), (-90, 3), (359, 0)],
)
def test_quarter_turns_of_a_page_bring_it_nearest_to_upright(
    degrees_clockwise: float | None, turns: int
) -> None:
    upright = None if degrees_clockwise is None else Upright(degrees_clockwise, 60, 80)
    assert replace(make_page(), upright=upright).quarter_turns == turns
