"""The family of a checkpoint, determined from its JSON files: its classes, and how it differs from
what these expect.

transformers' automatic classes do not suffice: for most of this family they silently load the bare
backbone without its projection.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from colregion.encoders.torch_utils.model_files import read_json, reads_images
from colregion.errors import InvalidInput

ENGINE, NATIVE = "colpali_engine.models", "transformers"


@dataclass(frozen=True, slots=True)
class Family:
    """The classes of a checkpoint, and how to load and ask it.

    Args:
        model, processor, module: the classes' names, and the module that defines both.
        projection: the layer that makes a retrieval model of a backbone.
        renamed: patterns and replacements for names of weights that the class does not know.
        backbone: the class of transformers that reads config.json, when its model type is
            unknown there.
        around: text before a question, and after its augmentation tokens, in training; None where
            the processor puts there what the model was trained with.
        max_tokens: the limit of visual tokens per page that the model's own processor sets when
            it is loaded, whatever its files say; None for that of the files.
        version: raised when the same checkpoint gets other vectors than before, so that an
            index made with the old ones is refused.
    """

    model: str
    processor: str
    module: str
    projection: str = "custom_text_proj"
    renamed: tuple[tuple[str, str], ...] = ()
    backbone: str | None = None
    around: tuple[str, str] | None = None
    max_tokens: int | None = None
    version: int = 1


# colpali-engine up to 0.3.12 put "Query: " before a question (`query_prefix` of its processors),
# and for ColPali and ColIdefics3 a line break at its end, in training too. 0.3.13 dropped both
# (commit 174055b, 2025-10-27); the published models of these families were trained before it.
# The later families were trained without. transformers' ColQwen2Processor has the prefix and, since
# release 5, a line break that its model, a conversion of colpali-engine's, did not know.
_PREFIX = ("Query: ", "")
_PREFIX_AND_LINE = ("Query: ", "\n")
# By the model type of the backbone.
_BACKBONES: Mapping[str, Family] = {
    "paligemma": Family("ColPali", "ColPaliProcessor", ENGINE, around=_PREFIX_AND_LINE),
    "qwen2_vl": Family("ColQwen2", "ColQwen2Processor", ENGINE, around=_PREFIX),
    "qwen2_5_vl": Family("ColQwen2_5", "ColQwen2_5_Processor", ENGINE, around=_PREFIX),
    "qwen3_vl": Family("ColQwen3", "ColQwen3Processor", ENGINE),
    "qwen3_5": Family("ColQwen3_5", "ColQwen3_5Processor", ENGINE),
    "idefics3": Family(
        "ColIdefics3",
        "ColIdefics3Processor",
        ENGINE,
        projection="linear",
        around=_PREFIX_AND_LINE,
    ),
    "modernvbert": Family("ColModernVBert", "ColModernVBertProcessor", ENGINE),
    "gemma3": Family("ColGemma3", "ColGemmaProcessor3", ENGINE),
}
_NATIVE_PROJECTION = "embedding_proj_layer"
# By a model type that says by itself that the model is trained for retrieval.
_RETRIEVAL: Mapping[str, Family] = {
    "colpali": Family(
        "ColPaliForRetrieval",
        "ColPaliProcessor",
        NATIVE,
        projection=_NATIVE_PROJECTION,
        # transformers 4.52 to 4.57 saved the backbone one level deeper.
        renamed=((r"^vlm\.model\.", "vlm."),),
    ),
    "colqwen2": Family(
        "ColQwen2ForRetrieval",
        "ColQwen2Processor",
        NATIVE,
        projection=_NATIVE_PROJECTION,
        around=_PREFIX,
        version=2,  # 1 had no rows and columns in the positions of patches
    ),
    "colmodernvbert": Family(
        "ColModernVBertForRetrieval",
        "ColModernVBertProcessor",
        NATIVE,
        projection=_NATIVE_PROJECTION,
    ),
    "neomme": Family(
        "NeoMMEForRetrieval", "NeoMMEProcessor", NATIVE, projection="multi_vector_head.proj"
    ),
    # VAGOsolutions' name for colpali-engine's ColQwen3.
    "colqwen3": Family("ColQwen3", "ColQwen3Processor", ENGINE, backbone="Qwen3VLConfig"),
}
_FAMILIES = (*_BACKBONES.values(), *_RETRIEVAL.values())
# TomoroAI's ColQwen3: the same model type, with code for a wrapper around the same layers. Its
# prompts are colpali-engine's.
_WRAPPED_COLQWEN3 = replace(
    _RETRIEVAL["colqwen3"],
    renamed=((r"^vlm\.model\.", ""), (r"^embedding_proj_layer\.", "custom_text_proj.")),
    max_tokens=1280,
)
# Any visual model that sentence-transformers can load, whose layers lie in folders of their own.
MULTI_VECTOR = Family("MultiVectorEncoder", "", "sentence_transformers")
_PROCESSOR_FILES = ("processor_config.json", "preprocessor_config.json", "tokenizer_config.json")


def find_family(folder: Path, base: Path | None, *, name: str) -> Family:
    """The family of the model in `folder`.

    Checked in this order: the class that an adapter was trained on, a model type that is one of
    retrieval, the architecture, the processor's class, the backbone; then the same for `base`,
    the model that an adapter adapts. Raises InvalidInput for a model with one vector per page, a
    text model, one that needs code of its repository, or an unknown family.
    """
    for place in filter(None, (folder, base)):
        config = read_json(place, "config.json")
        kind = str(config.get("model_type", ""))
        named = _model_classes(place)
        refuse_unsupported(place, name=name)
        if not any(family.model in named for family in _FAMILIES):
            _refuse_own_code(config, name=name)
        if kind == "colqwen3" and config.get("auto_map"):
            return _WRAPPED_COLQWEN3
        if kind in _RETRIEVAL:
            return _RETRIEVAL[kind]
        processors = _processor_classes(place)
        engine = _BACKBONES.values()
        by_class = [family for model in named for family in engine if family.model == model]
        by_processor = [family for family in engine if family.processor in processors]
        by_backbone = [_BACKBONES[kind]] if kind in _BACKBONES else []
        for family in (*by_class, *by_processor, *by_backbone):
            return family
        _refuse_text(config, name=name)
    raise InvalidInput(_unknown(base or folder, name=name))


def saved_by_sentence_transformers(folder: Path) -> bool:
    """Whether a visual model is of none of the other families' classes, and sentence-transformers
    has saved it."""
    config = read_json(folder, "config.json")
    is_own = config.get("model_type") in _RETRIEVAL or any(
        family.model in _model_classes(folder) for family in _FAMILIES
    )
    return not is_own and reads_images(config) and (folder / "modules.json").is_file()


def refuse_unsupported(folder: Path, *, name: str) -> None:
    """Raise InvalidInput for a model or adapter whose class cannot be used: a bi-encoder, or
    ColQwen2.5-Omni."""
    kind = read_json(folder, "config.json").get("model_type")
    for cls in map(str, [*_model_classes(folder), *_processor_classes(folder), kind]):
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


def _model_classes(folder: Path) -> list[Any]:
    """The class that an adapter was trained on, None for no adapter, and the architectures."""
    mapping = read_json(folder, "adapter_config.json").get("auto_mapping") or {}
    architectures = read_json(folder, "config.json").get("architectures") or ()
    return [mapping.get("base_model_class"), *architectures]


def _processor_classes(folder: Path) -> list[Any]:
    return [read_json(folder, file).get("processor_class") for file in _PROCESSOR_FILES]


def _refuse_own_code(config: Mapping[str, Any], *, name: str) -> None:
    code = config.get("auto_map")
    if code:
        cls = next(iter(config.get("architectures") or ()), config.get("model_type"))
        raise InvalidInput(
            f"{name} ({cls}) needs Python code of its own repository, which is not run. "
            f"Supported are {_known()}"
        )


def _refuse_text(config: Mapping[str, Any], *, name: str) -> None:
    if config.get("model_type") and not reads_images(config):
        raise InvalidInput(
            f"{name} is a text model ({config['model_type']}), which cannot read images. "
            f'Use it on the words of a page: encoder="text:{name}"'
        )


def _unknown(folder: Path, *, name: str) -> str:
    kind = read_json(folder, "config.json").get("model_type")
    if kind:
        return f"{name} is of an unknown family ({kind}); supported are {_known()}"
    configs = (*folder.glob("*/adapter_config.json"), *folder.glob("*/config.json"))
    inner = ", ".join(sorted({str(folder / path.parent.name) for path in configs}))
    cure = inner or f"that folder, after `hf download {name} --local-dir FOLDER`"
    return (
        f"{name} has no model at its top: no config.json with a model_type, and no "
        f"adapter_config.json. If the model lies in a folder inside it, name {cure}"
    )


def _known() -> str:
    return ", ".join(dict.fromkeys(family.model for family in _FAMILIES))
