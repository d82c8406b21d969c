"""Loads a text model: a ColBERT checkpoint, or a plain model whose token vectors are used as is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from colregion.encoders.torch_utils.model_files import (
    check_weights,
    read_json,
    read_modules,
    reads_images,
    weight_shapes,
)
from colregion.errors import BackendError, InvalidInput, require

_STANFORD_LAYER = "linear.weight"
_STANFORD_CLASS = "HF_ColBERT"


def load_model(folder: Path, *, device: str, dtype: Any) -> tuple[Any, bool]:
    """A `sentence_transformers.MultiVectorEncoder`, and whether it was trained as one.

    sentence-transformers would give a plain model a projection of random numbers, so that such a
    model is put together here from its backbone alone. `dtype` is torch's. Raises InvalidInput for
    a model that reads images, or has no weights in the safetensors format; BackendError where
    weights are missing or damaged, or the library cannot load them.
    """
    library = require("sentence_transformers", extra="text")
    modules = require("sentence_transformers.base.modules", extra="text")
    late = _is_late_interaction(folder)
    options = {"dtype": dtype, "use_safetensors": True, "local_files_only": True}
    try:
        _check_complete(folder)
        if late:
            model = library.MultiVectorEncoder(
                str(folder), device=device, local_files_only=True, model_kwargs=options
            )
        else:
            backbone = modules.Transformer(str(folder), model_kwargs=options)
            normalize = modules.Normalize(module_input_name="token_embeddings")
            model = library.MultiVectorEncoder(modules=[backbone, normalize], device=device)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, ImportError) as cause:
        raise BackendError(f"{folder} could not be loaded as a text model: {cause}") from cause
    if not getattr(model.tokenizer, "is_fast", False):
        raise InvalidInput(f"{folder} has no tokenizer.json, which is needed to place tokens")
    if late:
        _do_not_truncate(model[0])
    return model.to(dtype).eval(), late


def _is_late_interaction(folder: Path) -> bool:
    """Whether the checkpoint has a projection for each token (Stanford's ColBERT, PyLate or
    sentence-transformers)."""
    config = read_json(folder, "config.json")
    if reads_images(config):
        kind = config.get("model_type")
        raise InvalidInput(f"{folder} reads images ({kind}); leave out `text:` before it")
    if _STANFORD_LAYER in weight_shapes(folder, adapter=False):
        if _STANFORD_CLASS not in (config.get("architectures") or ()):
            raise InvalidInput(
                f"{folder} has the projection of a ColBERT model, but its config.json does not say "
                f'so; set "architectures" there to ["{_STANFORD_CLASS}"]'
            )
        return True
    modules = read_modules(folder)
    kinds = [str(module.get("type", "")).rpartition(".")[2] for module in modules]
    if "Pooling" in kinds or "Dense" not in kinds:
        return False  # a layer after a pooling is for whole texts
    for module, kind in zip(modules, kinds, strict=True):
        if kind == "Dense":
            check_weights(folder / module["path"], adapter=False)
    return True


def _check_complete(folder: Path) -> None:
    """Raise BackendError for missing weights, which the library would fill with random numbers.

    Loads the backbone once more: sentence-transformers does not report what was missing.
    """
    transformers = require("transformers", extra="text")
    _, info = transformers.AutoModel.from_pretrained(
        folder, use_safetensors=True, local_files_only=True, output_loading_info=True
    )
    # The layer that pools a whole text is not used here, and often not saved.
    missing = sorted(key for key in info["missing_keys"] if "pooler" not in key)
    if missing:
        raise BackendError(
            f"{folder} lacks the weights {', '.join(missing[:3])}, which would be random; fetch "
            "the model again"
        )


def _do_not_truncate(transformer: Any) -> None:
    """Lift a checkpoint's own limits: pages are cut into windows, and a question may be longer
    than the length that it is filled up to with mask tokens."""
    transformer.document_length = transformer.query_length = None
    if transformer.query_expansion is not None:
        transformer.query_expansion = {**transformer.query_expansion, "strategy": "min"}
