"""Pages as plain data and back, without loss, for indexes and caches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import astuple
from typing import Any

import numpy as np
from numpy.typing import NDArray

from colregion.core.documents import ImageLoader, Page
from colregion.core.geometry import Box, BoxPlacement, GridPlacement, Placement, Upright
from colregion.core.regions import Cell, ParsedPage, Region, Word
from colregion.errors import InvalidInput


def parsed_to_json(parsed: ParsedPage) -> dict[str, Any]:
    """A page, its words and its regions as JSON-able data, without its two loaders."""
    page, upright = parsed.page, parsed.page.upright
    return {
        "doc_id": page.doc_id,
        "number": int(page.number),
        "width": float(page.width),
        "height": float(page.height),
        "unit": page.unit,
        "label": page.label,
        "rotation": int(page.rotation),
        "upright": upright and [float(value) for value in astuple(upright)],
        "missing": page.missing,
        # Rows instead of objects: the keys would be half of the text. What is rare comes last or
        # not at all. Numbers may be numpy's, which JSON does not know.
        "words": [
            [
                word.text,
                *_floats(word.box),
                _optional(float, word.confidence),
                _optional(int, word.line),
                _optional(int, word.block),
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
                _optional(float, region.ocr_confidence),
                [_floats(part) for part in region.parts],
                *([extras] if (extras := _region_extras(region)) else []),
            ]
            for region in parsed.regions
        ],
    }


def parsed_from_json(data: Mapping[str, Any], *, load_image: ImageLoader) -> ParsedPage:
    """The page that `parsed_to_json` wrote, with another image loader and no `load_text`."""
    names = ("doc_id", "number", "width", "height", "unit", "label", "rotation", "missing")
    page = Page(
        **{name: data[name] for name in names},
        load_image=load_image,
        upright=Upright(*data["upright"]) if data["upright"] else None,
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
            **(_extras_from_json(*extras) if extras else {}),
        )
        for path, x0, y0, x1, y1, text, kind, confidence, parts, *extras in data["regions"]
    )
    return ParsedPage(page, words_from_json(data["words"]), regions)


def _region_extras(region: Region) -> dict[str, Any]:
    """The fields that few regions have."""
    extras = {
        "hidden_text": list(region.hidden_text),
        "cell": region.cell and list(astuple(region.cell)),
        "continues": region.continues,
        "continued_on": [[int(number), *_floats(box)] for number, box in region.continued_on],
        "unread": region.unread,
    }
    return {name: value for name, value in extras.items() if value}


def _extras_from_json(extras: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "hidden_text": tuple(extras.get("hidden_text", ())),
        "cell": Cell(*extras["cell"]) if "cell" in extras else None,
        "continues": extras.get("continues", False),
        "continued_on": tuple(
            (number, Box(*box)) for number, *box in extras.get("continued_on", ())
        ),
        "unread": extras.get("unread", False),
    }


def words_from_json(rows: Iterable[Sequence[Any]]) -> tuple[Word, ...]:
    """The words of a page from the "words" of `parsed_to_json`."""
    return tuple(
        Word(text, Box(x0, y0, x1, y1), confidence, line, block, visible, *hidden_text)
        for text, x0, y0, x1, y1, confidence, line, block, visible, *hidden_text in rows
    )


def placement_to_arrays(placement: Placement) -> dict[str, NDArray[Any]]:
    """A placement as named arrays of its own dtypes. Raises InvalidInput when it is neither a
    GridPlacement nor a BoxPlacement."""
    if isinstance(placement, BoxPlacement):
        return {"boxes_xyxy": placement.boxes_xyxy}
    if isinstance(placement, GridPlacement):
        layers = {f"layer_{i}": layer for i, layer in enumerate(placement.layers)}
        map_layers = np.array(placement.map_layers, dtype=np.int64)
        return {"n_vectors": np.array(placement.n_vectors), "map_layers": map_layers, **layers}
    kind = type(placement).__name__
    raise InvalidInput(f"only grid and box placements can be stored, got {kind}")


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


def _optional(convert: Callable[[Any], Any], value: Any) -> Any:
    return None if value is None else convert(value)


def _floats(box: Box) -> list[float]:
    return [float(value) for value in box.xyxy]
