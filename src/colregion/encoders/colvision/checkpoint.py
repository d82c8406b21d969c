"""The classes that load a checkpoint, determined from its JSON files.

transformers' automatic classes do not suffice: for most of this family they silently load the bare
backbone without its projection.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from colregion.encoders.torch_utils.model_files import read_json
from colregion.errors import InvalidInput

ENGINE, NATIVE = "colpali_engine.models", "transformers"

_PROCESSORS: Mapping[str, str] = {
    "ColPali": "ColPaliProcessor",
    "ColQwen2": "ColQwen2Processor",
    "ColQwen2_5": "ColQwen2_5_Processor",
    "ColQwen3": "ColQwen3Processor",
    "ColQwen3_5": "ColQwen3_5Processor",
    "ColIdefics3": "ColIdefics3Processor",
    "ColModernVBert": "ColModernVBertProcessor",
    "ColGemma3": "ColGemmaProcessor3",
}
_BACKBONES: Mapping[str, str] = {
    "paligemma": "ColPali",
    "qwen2_vl": "ColQwen2",
    "qwen2_5_vl": "ColQwen2_5",
    "qwen3_vl": "ColQwen3",
    "qwen3_5": "ColQwen3_5",
    "idefics3": "ColIdefics3",
    "modernvbert": "ColModernVBert",
    "gemma3": "ColGemma3",
}
_NATIVE: Mapping[str, tuple[str, str]] = {
    "colpali": ("ColPaliForRetrieval", "ColPaliProcessor"),
    "colqwen2": ("ColQwen2ForRetrieval", "ColQwen2Processor"),
    "colmodernvbert": ("ColModernVBertForRetrieval", "ColModernVBertProcessor"),
}
KNOWN = (*_PROCESSORS, *(model for model, _ in _NATIVE.values()))
_PROCESSOR_FILES = ("processor_config.json", "preprocessor_config.json", "tokenizer_config.json")


@dataclass(frozen=True, slots=True)
class Family:
    """The classes of a checkpoint, and the module that defines both."""

    model: str
    processor: str
    module: str


def find_family(folder: Path, base: Path | None, *, name: str) -> Family:
    """The classes for the model in `folder`.

    Checked in this order: the class that an adapter was trained on, a model type defined by
    transformers, the architecture, the processor's class, the backbone; then the same for the
    adapter's base.

    Args:
        base: for an adapter, the folder of the model that it adapts.
        name: the user's name for the model, for messages.

    Raises:
        InvalidInput: a model with one vector per page, a text model, or an unknown family.
    """
    for place in filter(None, (folder, base)):
        config = read_json(place, "config.json")
        mapping = read_json(place, "adapter_config.json").get("auto_mapping") or {}
        kind = str(config.get("model_type", ""))
        named = [
            str(mapping.get("base_model_class", "")),
            *map(str, config.get("architectures") or ()),
        ]
        processors = [
            str(read_json(place, file).get("processor_class", "")) for file in _PROCESSOR_FILES
        ]
        _refuse_others([*named, *processors, kind], name=name)
        if kind in _NATIVE:
            return Family(*_NATIVE[kind], NATIVE)
        for model in named:
            if model in _PROCESSORS:
                return Family(model, _PROCESSORS[model], ENGINE)
        for model, processor in _PROCESSORS.items():
            if processor in processors:
                return Family(model, processor, ENGINE)
        if kind in _BACKBONES:
            model = _BACKBONES[kind]
            return Family(model, _PROCESSORS[model], ENGINE)
        _refuse_text(config, name=name)
    config = read_json(base or folder, "config.json")
    kind = config.get("model_type") or "no config.json, or one without model_type"
    raise InvalidInput(f"{name} is of an unknown family ({kind}); known are {', '.join(KNOWN)}")


def _refuse_others(classes: list[str], *, name: str) -> None:
    for cls in classes:
        if "omni" in cls.lower():
            raise InvalidInput(
                f"{name} is a ColQwen2.5-Omni model, which colpali-engine 0.3.18 cannot load with "
                "the releases of transformers it requires. Use ColQwen2.5 or ColQwen3 instead"
            )
        if cls.startswith("Bi"):
            raise InvalidInput(
                f"{name} is a bi-encoder ({cls}): it makes one vector per page, which cannot tell "
                "where on the page an answer is. Use the Col* model of the family"
            )


def _refuse_text(config: Mapping[str, Any], *, name: str) -> None:
    sees = any(key in config for key in ("vision_config", "vlm_config", "image_token_id"))
    if config.get("model_type") and not sees:
        raise InvalidInput(
            f"{name} is a text model ({config['model_type']}), which cannot read images. "
            f'Use it on the words of a page: encoder="text:{name}"'
        )
