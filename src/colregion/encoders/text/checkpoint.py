"""What a text model's files say: its backbone, and how ColBERT's additions are to be applied.

ColBERT models add to a backbone one or more linear layers for each token, a marker after the
first token that tells questions from documents, and mask tokens up to a fixed length of a
question. Stanford's ColBERT keeps the layer among the backbone's weights, PyLate and
sentence-transformers in folders of its own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from colregion.encoders.torch_utils.model_files import check_weights, read_json, weight_names
from colregion.errors import InvalidInput, require

_STANFORD_LAYER = "linear.weight"
_STANFORD_MARKERS = ("[unused0]", "[unused1]")
_QUERY_LENGTH = 32


@dataclass(frozen=True, slots=True)
class Late:
    """ColBERT's additions.

    Args:
        layers: (weight (out, in), bias (out) or None) of each linear layer, tensors.
        query_marker, page_marker: put after the first token; "" for none.
        query_length: tokens up to which a question is filled with mask tokens; 0 for none.
        attends_to_masks: whether the other tokens see those.
        skips_punctuation: whether a page's punctuation has no vectors.
    """

    layers: tuple[tuple[Any, Any], ...]
    query_marker: str
    page_marker: str
    query_length: int
    attends_to_masks: bool
    skips_punctuation: bool


def read_late(folder: Path, *, name: str) -> Late | None:
    """ColBERT's additions in a checkpoint; None for a plain model.

    Raises:
        InvalidInput: the checkpoint holds a model that reads pictures, or layers that are not
            linear.
    """
    config = read_json(folder, "config.json")
    if any(key in config for key in ("vision_config", "vlm_config", "image_token_id")):
        raise InvalidInput(
            f"{name} reads pictures ({config.get('model_type')}); leave out `text:` before it"
        )
    for file in check_weights(folder, adapter=False):
        if _STANFORD_LAYER in weight_names(file):
            return _stanford(folder, file)
    dense = _dense_folders(folder)
    return _pylate(folder, dense, name=name) if dense else None


def _stanford(folder: Path, weights: Path) -> Late:
    path = folder / "artifact.metadata"
    told = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return Late(
        layers=((_tensors(weights)[_STANFORD_LAYER], None),),
        query_marker=told.get("query_token_id", _STANFORD_MARKERS[0]),
        page_marker=told.get("doc_token_id", _STANFORD_MARKERS[1]),
        query_length=int(told.get("query_maxlen", _QUERY_LENGTH)),
        attends_to_masks=bool(told.get("attend_to_mask_tokens", False)),
        skips_punctuation=bool(told.get("mask_punctuation", True)),
    )


def _dense_folders(folder: Path) -> list[Path]:
    """The folders of the layers for each token. After a pooling they are for whole texts."""
    path = folder / "modules.json"
    modules = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    kinds = [str(module.get("type", "")).rpartition(".")[2] for module in modules]
    if "Pooling" in kinds:
        return []
    return [
        folder / module["path"]
        for module, kind in zip(modules, kinds, strict=True)
        if kind == "Dense"
    ]


def _pylate(folder: Path, dense: list[Path], *, name: str) -> Late:
    layers = []
    for place in dense:
        activation = str(read_json(place, "config.json").get("activation_function", "Identity"))
        if not activation.endswith("Identity"):
            raise InvalidInput(f"{name} has a layer with {activation}; only linear ones are known")
        tensors = _tensors(check_weights(place, adapter=False)[0])
        layers.append((tensors["linear.weight"], tensors.get("linear.bias")))
    told = read_json(folder, "config_sentence_transformers.json")
    expands = told.get("do_query_expansion", True)
    return Late(
        layers=tuple(layers),
        query_marker=told.get("query_prefix", "[Q] ") or "",
        page_marker=told.get("document_prefix", "[D] ") or "",
        query_length=int(told.get("query_length") or _QUERY_LENGTH) if expands else 0,
        attends_to_masks=bool(told.get("attend_to_expansion_tokens", False)),
        skips_punctuation=bool(told.get("skiplist_words", True)),
    )


def _tensors(file: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = require("safetensors.torch", extra="text").load_file(file)
    return loaded
