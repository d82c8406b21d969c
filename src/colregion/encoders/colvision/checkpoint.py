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


@dataclass(frozen=True, slots=True)
class Family:
    """The classes of a checkpoint, and the module that defines both."""

    model: str
    processor: str
    module: str


# By the model type of the backbone.
_BACKBONES: Mapping[str, Family] = {
    "paligemma": Family("ColPali", "ColPaliProcessor", ENGINE),
    "qwen2_vl": Family("ColQwen2", "ColQwen2Processor", ENGINE),
    "qwen2_5_vl": Family("ColQwen2_5", "ColQwen2_5_Processor", ENGINE),
    "qwen3_vl": Family("ColQwen3", "ColQwen3Processor", ENGINE),
    "qwen3_5": Family("ColQwen3_5", "ColQwen3_5Processor", ENGINE),
    "idefics3": Family("ColIdefics3", "ColIdefics3Processor", ENGINE),
    "modernvbert": Family("ColModernVBert", "ColModernVBertProcessor", ENGINE),
    "gemma3": Family("ColGemma3", "ColGemmaProcessor3", ENGINE),
}
_NATIVE: Mapping[str, Family] = {
    "colpali": Family("ColPaliForRetrieval", "ColPaliProcessor", NATIVE),
    "colqwen2": Family("ColQwen2ForRetrieval", "ColQwen2Processor", NATIVE),
    "colmodernvbert": Family("ColModernVBertForRetrieval", "ColModernVBertProcessor", NATIVE),
}
_PROCESSOR_FILES = ("processor_config.json", "preprocessor_config.json", "tokenizer_config.json")


def find_family(folder: Path, base: Path | None, *, name: str) -> Family:
    """The classes for the model in `folder`.

    Checked in this order: the class that an adapter was trained on, a model type defined by
    transformers, the architecture, the processor's class, the backbone; then the same for `base`,
    the model that an adapter adapts. Raises InvalidInput for a model with one vector per page, a
    text model, or an unknown family.
    """
    for place in filter(None, (folder, base)):
        config = read_json(place, "config.json")
        mapping = read_json(place, "adapter_config.json").get("auto_mapping") or {}
        kind = str(config.get("model_type", ""))
        named = [str(mapping.get("base_model_class", "")), *(config.get("architectures") or ())]
        processors = [read_json(place, file).get("processor_class") for file in _PROCESSOR_FILES]
        _refuse_others([*map(str, [*named, *processors]), kind], name=name)
        if kind in _NATIVE:
            return _NATIVE[kind]
        engine = _BACKBONES.values()
        by_class = [family for model in named for family in engine if family.model == model]
        by_processor = [family for family in engine if family.processor in processors]
        by_backbone = [_BACKBONES[kind]] if kind in _BACKBONES else []
        for family in (*by_class, *by_processor, *by_backbone):
            return family
        _refuse_text(config, name=name)
    config = read_json(base or folder, "config.json")
    kind = config.get("model_type") or "no config.json, or one without model_type"
    known = ", ".join(family.model for family in (*_BACKBONES.values(), *_NATIVE.values()))
    raise InvalidInput(f"{name} is of an unknown family ({kind}); known are {known}")


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
