"""Loads a checkpoint: its files, its model on a device, and its processor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from colregion.encoders.colvision.checkpoint import Family, find_family
from colregion.encoders.torch_utils.devices import pick_device, pick_dtype
from colregion.encoders.torch_utils.model_files import check_weights, fetch, read_json, weight_names
from colregion.errors import BackendError, InvalidInput, MissingDependency, require


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The folder of a model or adapter, and for an adapter that of the base that it adapts."""

    folder: Path
    base: Path | None
    family: Family


def find_checkpoint(source: str, *, revision: str | None, local_files_only: bool) -> Checkpoint:
    """Fetch a model's files, and those of its base when it is an adapter. Raises InvalidInput for
    no such model, one without weights, or one of an unknown family; BackendError as `fetch`."""
    folder = fetch(source, revision=revision, local_files_only=local_files_only, extra="colpali")
    adapter = read_json(folder, "adapter_config.json")
    if not adapter:
        checkpoint = Checkpoint(folder, None, find_family(folder, None, name=source))
        check_weights(folder, adapter=False)
        return checkpoint
    name, revision = adapter.get("base_model_name_or_path"), adapter.get("revision")
    if not isinstance(name, str) or not name:
        raise InvalidInput(f"the adapter {source} does not name its base model")
    try:
        base = fetch(name, revision=revision, local_files_only=local_files_only, extra="colpali")
    except (InvalidInput, BackendError) as cause:
        raise type(cause)(f"the base of the adapter {source} is missing: {cause}") from cause
    checkpoint = Checkpoint(folder, base, find_family(folder, base, name=source))
    check_weights(folder, adapter=True)
    check_weights(base, adapter=False)
    return checkpoint


def load(
    checkpoint: Checkpoint,
    *,
    device: str | None,
    dtype: str | None,
    attention: str | None,
    max_num_visual_tokens: int | None,
) -> tuple[Any, Any, str]:
    """Load a model and its processor; returns both and the device that the model is on.

    The options are those of `ColVisionOptions`. Raises InvalidInput for a device or dtype that is
    not available; BackendError where weights are missing or damaged, or cannot be loaded.
    """
    torch = require("torch", extra="colpali")
    device = pick_device(torch, device)
    number_type = getattr(torch, pick_dtype(device, dtype))
    classes = _classes(checkpoint.family)
    options = {"dtype": number_type}
    if attention is not None:
        options["attn_implementation"] = attention
    damaged = require("safetensors", extra="colpali").SafetensorError
    errors = (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, ImportError)
    try:
        model = _load_weights(getattr(classes, checkpoint.family.model), checkpoint, options)
        processor = getattr(classes, checkpoint.family.processor).from_pretrained(
            _processor_folder(checkpoint), local_files_only=True
        )
    except (*errors, damaged) as cause:
        raise BackendError(
            f"{checkpoint.folder} could not be loaded as {checkpoint.family.model}: {cause}"
        ) from cause
    if checkpoint.family.model == "ColPali":
        # Its head for generating text is neither loaded nor used, but would run, over 257,000 words
        # for each of 1,000 patches, and cannot be moved to a device.
        model.model.lm_head = torch.nn.Identity()
    if max_num_visual_tokens is not None:
        limit_tokens(processor, max_num_visual_tokens, name=checkpoint.family.model)
    return model.to(device).eval(), processor, device


def _load_weights(cls: Any, checkpoint: Checkpoint, options: dict[str, Any]) -> Any:
    fixed = {"use_safetensors": True, "local_files_only": True, "output_loading_info": True}
    if checkpoint.base is None:
        model, info = cls.from_pretrained(checkpoint.folder, **fixed, **options)
        _check_complete(info["missing_keys"], checkpoint.folder)
        return model
    # Loading an adapter reports on the adapter only, and a projection that the base lacks would be
    # random: check the base first, without reading its numbers.
    _, info = cls.from_pretrained(checkpoint.base, device_map="meta", **fixed, **options)
    (weights,) = check_weights(checkpoint.folder, adapter=True)
    whole = [name for name in weight_names(weights) if "lora_" not in name]
    _check_complete(
        [key for key in info["missing_keys"] if not _in_adapter(key, whole)], checkpoint.base
    )
    model, info = cls.from_pretrained(
        checkpoint.base,
        adapter_kwargs={"_adapter_model_path": str(checkpoint.folder)},
        **fixed,
        **options,
    )
    _check_complete(info["missing_keys"], checkpoint.folder)
    return model


def _in_adapter(key: str, adapter_names: Sequence[str]) -> bool:
    """Whether the adapter contains the whole module: its names have a prefix and inner parts."""
    module, _, part = key.rpartition(".")
    return any(f"{module}." in name and name.endswith(part) for name in adapter_names)


def _check_complete(missing: Any, folder: Path) -> None:
    if missing:
        names = sorted(missing)
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        raise BackendError(
            f"{folder} lacks the weights {', '.join(names[:3])}{more}, which would be random. "
            "It is incomplete, or a backbone that was not trained for retrieval"
        )


def _processor_folder(checkpoint: Checkpoint) -> Path:
    """The folder with the processor's files: an adapter is often saved without them."""
    own = checkpoint.folder
    has_own = (own / "tokenizer_config.json").is_file() and any(
        (own / name).is_file() for name in ("preprocessor_config.json", "processor_config.json")
    )
    return own if checkpoint.base is None or has_own else checkpoint.base


def _classes(family: Family) -> ModuleType:
    try:
        # A torchvision built for another torch fails with a RuntimeError here, and with misleading
        # errors later.
        require("torchvision", extra="colpali")
    except RuntimeError as cause:
        raise MissingDependency(
            f"torchvision does not work with the torch that is installed ({cause}). Install the "
            "two together, from the same index: pip install --force-reinstall torch torchvision"
        ) from cause
    return require(family.module, extra="colpali")


def limit_tokens(processor: Any, limit: int, *, name: str) -> None:
    """Make the processor resize pages so that each has at most `limit` visual tokens.

    Raises:
        InvalidInput: a limit below the processor's minimum, or a family with a fixed page size.
    """
    images = processor.image_processor
    if getattr(images, "merge_size", None) is None:
        raise InvalidInput(
            f"max_num_visual_tokens is for the ColQwen families; {name} has its own page size"
        )
    cell_px = images.patch_size * images.merge_size
    minimum = -(-images.size["shortest_edge"] // cell_px**2)
    if limit < max(minimum, 1):
        raise InvalidInput(f"max_num_visual_tokens must be at least {minimum}, got {limit}")
    images.size["longest_edge"] = limit * cell_px**2


def visual_tokens(processor: Any, *, width_px: int, height_px: int) -> int:
    """Approximate number of visual tokens of a page, for planning batches."""
    images = processor.image_processor
    merge = getattr(images, "merge_size", None)
    if merge is not None:
        n_patches = int(images.get_number_of_image_patches(height_px, width_px, {}))
        return n_patches // int(merge) ** 2
    tokens_per_tile = getattr(processor, "image_seq_len", None)
    if tokens_per_tile is not None:
        n_tiles, _, _ = images.get_number_of_image_patches(height_px, width_px, {})
        return int(n_tiles) * int(tokens_per_tile)
    return int(processor.image_seq_length)
