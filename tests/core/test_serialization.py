import json

import numpy as np
import pytest
from numpy.typing import DTypeLike, NDArray
from PIL import Image

from colregion.core.documents import Page
from colregion.core.geometry import Box, BoxPlacement, Coverage, GridPlacement, Placement, Upright
from colregion.core.regions import Cell, ParsedPage, Region, Word
from colregion.core.serialization import (
    parsed_from_json,
    parsed_to_json,
    placement_from_arrays,
    placement_to_arrays,
)
from colregion.errors import InvalidInput

HOSTILE = 'a "quote" \\ \x00 \n </script> 🦊 \ud800 \u202e ../../etc'


def white(*, dpi: int | None = None) -> Image.Image:
    assert dpi is None
    return Image.new("RGB", (3, 2), "white")


def page(**changes: object) -> Page:
    fields: dict[str, object] = {
        "doc_id": "d",
        "number": 1,
        "width": 10.0,
        "height": 20.0,
        "unit": "pt",
        "load_image": white,
    }
    return Page(**{**fields, **changes})  # type: ignore[arg-type]


def round_trip(parsed: ParsedPage) -> ParsedPage:
    return parsed_from_json(json.loads(json.dumps(parsed_to_json(parsed))), load_image=white)


def same_page(a: Page, b: Page) -> bool:
    names = ("doc_id", "number", "width", "height", "unit", "label", "rotation", "upright")
    return all(getattr(a, name) == getattr(b, name) for name in names)


@pytest.mark.parametrize(
    "original",
    [
        ParsedPage(page(), (), ()),
        ParsedPage(page(doc_id=HOSTILE, number=7, unit="px", label="iv", rotation=270), (), ()),
        ParsedPage(page(upright=Upright(-1.7, 612.5, 792.25)), (), ()),
    ],
    ids=["blank", "hostile id, label and rotation", "upright"],
)
def test_page_without_words_survives_serialization(original: ParsedPage) -> None:
    restored = round_trip(original)
    assert same_page(restored.page, original.page)
    assert restored.words == ()
    assert restored.regions == ()


def test_words_survive_serialization_to_the_last_bit() -> None:
    third = Box(1 / 3, 0.1 + 0.2, 2 / 3, np.nextafter(0.9, 1))
    words = (
        Word("plain", third),
        Word(HOSTILE, third, confidence=1 / 7, line=0, block=3, visible=False),
    )
    assert round_trip(ParsedPage(page(), words, ())).words == words


def test_regions_survive_serialization_with_their_tree_and_parts() -> None:
    outer, left, right = Box(0, 0, 1, 0.5), Box(0.1, 0.1, 0.2, 0.2), Box(0.3, 0.1, 1 / 3, 0.2)
    regions = (
        Region("d#p1", (1,), outer, "two\nlines", "table", ocr_confidence=0.5),
        Region("d#p1", (1, 2), left, "", "row", parts=(left, right)),
        Region("d#p1", (1, 2, 4), right, HOSTILE),
    )
    assert round_trip(ParsedPage(page(), (), regions)).regions == regions


def test_cells_and_pieces_on_later_pages_survive_serialization() -> None:
    here, later = Box(0.1, 0.8, 0.9, 1), Box(0.1, 0, 0.9, 1 / 3)
    regions = (
        Region("d#p1", (1,), here, "total\n12", "row", cell=Cell(3, 0, 1, 2, header=True)),
        Region("d#p1", (2,), here, "a text", continues=True, continued_on=((2, later),)),
        Region("d#p1", (3,), here, "faint", hidden_text=("faint",)),
    )
    assert round_trip(ParsedPage(page(), (), regions)).regions == regions


def test_numpy_scalars_are_written_as_plain_numbers() -> None:
    box = Box(*np.array([0.25, 0.5, 0.75, 1.0], dtype=np.float32))
    words = (Word("w", box, confidence=np.float32(0.5), line=np.int64(2)),)  # type: ignore[arg-type]
    restored = round_trip(ParsedPage(page(number=np.int32(3)), words, ()))
    assert restored.words == (Word("w", Box(0.25, 0.5, 0.75, 1.0), 0.5, 2),)
    assert restored.id == "d#p3"


def test_restored_page_uses_the_new_image_loader_and_has_no_text_loader() -> None:
    restored = round_trip(ParsedPage(page(), (), ()))
    assert restored.page.image.size == (3, 2)
    assert restored.page.load_text is None


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rows", [0, 2])
def test_box_placements_survive_serialization_with_their_dtype(rows: int, dtype: DTypeLike) -> None:
    boxes: NDArray[np.floating] = np.array(
        [[0.1, 0.2, 1 / 3, 0.4], [0.5, 0.5, 0.5, 0.6]], dtype=dtype
    )[:rows]
    restored = placement_from_arrays(placement_to_arrays(BoxPlacement(boxes)))
    assert isinstance(restored, BoxPlacement)
    assert restored.boxes_xyxy.dtype == dtype
    np.testing.assert_array_equal(restored.boxes_xyxy, boxes)


def test_grid_placements_survive_serialization_with_every_layer_in_order() -> None:
    fine, coarse = np.arange(-1, 21).reshape(2, 11), np.array([[21, 22, -1]], dtype=np.int32)
    layers = (fine, coarse) + tuple(np.full((1, 1), i) for i in range(10))
    original = GridPlacement(layers, n_vectors=30, map_layers=(1, 11))
    restored = placement_from_arrays(placement_to_arrays(original))
    assert isinstance(restored, GridPlacement)
    assert (restored.n_vectors, restored.map_layers) == (30, (1, 11))
    assert len(restored.layers) == 12
    for restored_layer, layer in zip(restored.layers, layers, strict=True):
        np.testing.assert_array_equal(restored_layer, layer)
        assert restored_layer.dtype == layer.dtype


def test_serialization_of_another_placement_class_is_refused() -> None:
    class Nowhere(Placement):
        def __len__(self) -> int:
            return 0

        @property
        def areas(self) -> NDArray[np.floating]:
            return np.zeros(0)

        def coverage(self, boxes_xyxy: object) -> Coverage:
            raise NotImplementedError

    with pytest.raises(InvalidInput, match="Nowhere"):
        placement_to_arrays(Nowhere())
