"""Pages as plain data and back, without loss, for indexes and caches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from colregion.core.documents import ImageLoader, Page
from colregion.core.geometry import Box, BoxPlacement, GridPlacement, Placement, Upright
from colregion.core.regions import ParsedPage, Region, Word
from colregion.errors import InvalidInput


def parsed_to_json(parsed: ParsedPage) -> dict[str, Any]:
    """A page, its words and its regions as JSON-able data; its two loaders are left out."""
    page, upright = parsed.page, parsed.page.upright
    return {
        "doc_id": page.doc_id,
        "number": int(page.number),
        "width": float(page.width),
        "height": float(page.height),
        "unit": page.unit,
        "label": page.label,
        "rotation": int(page.rotation),
        "upright": upright
        and [float(upright.degrees_clockwise), float(upright.width), float(upright.height)],
        "missing": page.missing,
        # Rows instead of objects: the keys would be half of the text. What is seldom there
        # stands last or not at all. Numbers may be numpy's, which JSON does not know.
        "words": [
            [
                word.text,
                *_floats(word.box),
                word.confidence if word.confidence is None else float(word.confidence),
                word.line if word.line is None else int(word.line),
                word.block if word.block is None else int(word.block),
                bool(word.visible),
                *([word.hidden_text] if word.hidden_text else []),
            ]
            for word in parsed.words
        ],
        "regions": [
            [
                [int(position) for position in region.path],
                *_floats(region.box),
                region.text,
                region.kind,
                region.ocr_confidence
                if region.ocr_confidence is None
                else float(region.ocr_confidence),
                [_floats(part) for part in region.parts],
                *([list(region.hidden_text)] if region.hidden_text else []),
            ]
            for region in parsed.regions
        ],
    }


def parsed_from_json(data: Mapping[str, Any], *, load_image: ImageLoader) -> ParsedPage:
    """The page that `parsed_to_json` wrote, without its own characters (`load_text` is None).

    Args:
        load_image: loads the page's image from now on.
    """
    page = Page(
        doc_id=data["doc_id"],
        number=data["number"],
        width=data["width"],
        height=data["height"],
        unit=data["unit"],
        load_image=load_image,
        label=data["label"],
        rotation=data["rotation"],
        upright=Upright(*data["upright"]) if data["upright"] else None,
        missing=data["missing"],
    )
    page_id = page.id
    regions = tuple(
        Region(
            page_id=page_id,
            path=tuple(path),
            box=Box(x0, y0, x1, y1),
            text=text,
            kind=kind,
            ocr_confidence=confidence,
            parts=tuple(Box(*part) for part in parts),
            hidden_text=tuple(hidden_text[0]) if hidden_text else (),
        )
        for path, x0, y0, x1, y1, text, kind, confidence, parts, *hidden_text in data["regions"]
    )
    return ParsedPage(page, words_from_json(data["words"]), regions)


def words_from_json(rows: Iterable[Sequence[Any]]) -> tuple[Word, ...]:
    """The words of a page from the value of "words" that `parsed_to_json` gives."""
    return tuple(
        Word(text, Box(x0, y0, x1, y1), confidence, line, block, visible, *hidden_text)
        for text, x0, y0, x1, y1, confidence, line, block, visible, *hidden_text in rows
    )


def placement_to_arrays(placement: Placement) -> dict[str, NDArray[Any]]:
    """A placement as named arrays, of the dtypes it has; `placement_from_arrays` undoes it.

    Raises:
        InvalidInput: the placement is neither a GridPlacement nor a BoxPlacement.
    """
    if isinstance(placement, BoxPlacement):
        return {"boxes_xyxy": placement.boxes_xyxy}
    if isinstance(placement, GridPlacement):
        layers = {f"layer_{i}": layer for i, layer in enumerate(placement.layers)}
        return {
            "n_vectors": np.array(placement.n_vectors),
            "map_layers": np.array(placement.map_layers, dtype=np.int64),
            **layers,
        }
    raise InvalidInput(f"only grid and box placements can be kept, got {type(placement).__name__}")


def placement_from_arrays(arrays: Mapping[str, NDArray[Any]]) -> Placement:
    """The placement that `placement_to_arrays` wrote."""
    if "boxes_xyxy" in arrays:
        return BoxPlacement(arrays["boxes_xyxy"])
    count = sum(name.startswith("layer_") for name in arrays)
    return GridPlacement(
        layers=tuple(arrays[f"layer_{i}"] for i in range(count)),
        n_vectors=int(arrays["n_vectors"]),
        map_layers=tuple(int(layer) for layer in arrays["map_layers"]),
    )


def _floats(box: Box) -> list[float]:
    return [float(value) for value in box.xyxy]
