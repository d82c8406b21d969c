"""Loads a checkpoint: its model on a device, and its processor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from colregion.encoders.colvision.checkpoint import ENGINE, MULTI_VECTOR, Family
from colregion.encoders.colvision.checkpoint_files import Checkpoint
from colregion.encoders.colvision.multi_vector import load_multi_vector
from colregion.encoders.colvision.neomme import NeoMMEPages
from colregion.encoders.colvision.placement import check_processor
from colregion.encoders.colvision.window_attention import attend_in_groups
from colregion.encoders.torch_utils.batching import is_out_of_memory
from colregion.encoders.torch_utils.devices import pick_device, pick_dtype
from colregion.encoders.torch_utils.model_files import read_json, weight_shapes
from colregion.errors import BackendError, InvalidInput, MissingDependency, require


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
    options = {"dtype": getattr(torch, pick_dtype(device, dtype))}
    if attention is not None:
        options["attn_implementation"] = attention
    family = checkpoint.family
    classes = _classes(family)
    damaged = require("safetensors", extra="colpali").SafetensorError
    refused = require("huggingface_hub.errors", extra="colpali").StrictDataclassError
    errors = (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, ImportError)
    try:
        if family is MULTI_VECTOR:
            model, processor = load_multi_vector(checkpoint.folder, options=options)
        else:
            model, processor = _load_pair(classes, checkpoint, options, torch)
    except (*errors, damaged, refused) as cause:
        raise BackendError(
            f"{checkpoint.folder} could not be loaded as {family.model}: {cause}"
        ) from cause
    check_processor(processor, model.config, name=str(checkpoint.folder))
    if family.model == "ColPali":
        # Its head for generating text is neither loaded nor used, but would run, over 257,000 words
        # for each of 1,000 patches, and cannot be moved to a device.
        model.model.lm_head = torch.nn.Identity()
    limit = max_num_visual_tokens or family.max_tokens
    if limit is not None:
        limit_tokens(processor, limit, name=family.model)
    try:
        model = model.to(device).eval()
    except RuntimeError as cause:
        if not is_out_of_memory(cause):
            raise
        raise BackendError(
            f"{family.model} does not fit the memory of {device}. Try dtype='bfloat16', a smaller "
            "model, another device, or device='cpu'"
        ) from cause
    if attention is None:
        attend_in_groups(model)
    return model, processor, device


def _load_pair(
    classes: ModuleType, checkpoint: Checkpoint, options: dict[str, Any], torch: ModuleType
) -> tuple[Any, Any]:
    family = checkpoint.family
    processor = getattr(classes, family.processor).from_pretrained(
        _processor_folder(checkpoint), local_files_only=True, trust_remote_code=False
    )
    if family.model == "NeoMMEForRetrieval":
        processor = NeoMMEPages(processor)
    cls = getattr(classes, family.model)
    if family.module == ENGINE:
        cls = _sized(cls, checkpoint, torch)
    return _load_weights(cls, checkpoint, {**options, **_conversion(cls, checkpoint)}), processor


def _conversion(cls: Any, checkpoint: Checkpoint) -> dict[str, Any]:
    """Options that make the class read weights and a configuration of other names."""
    family = checkpoint.family
    options: dict[str, Any] = {}
    if family.renamed:
        own = getattr(cls, "_checkpoint_conversion_mapping", None) or {}
        options["key_mapping"] = {**dict(family.renamed), **own}
    if family.backbone is not None:
        config = getattr(require("transformers", extra="colpali"), family.backbone)
        values = read_json(checkpoint.base or checkpoint.folder, "config.json")
        unknown = {"auto_map", "model_type"}
        options["config"] = config.from_dict(
            {key: value for key, value in values.items() if key not in unknown}
        )
    return options


def _sized(cls: Any, checkpoint: Checkpoint, torch: ModuleType) -> Any:
    """The class, with a projection to the checkpoint's number of dimensions: colpali-engine's have
    a fixed one."""
    name, n_dimensions = checkpoint.family.projection, checkpoint.dimensions

    def initialize(self: Any, *args: Any, **kwargs: Any) -> None:
        cls.__init__(self, *args, **kwargs)
        layer = getattr(self, name)
        if layer.out_features != n_dimensions:
            setattr(self, name, torch.nn.Linear(layer.in_features, n_dimensions))
            self.dim = n_dimensions

    # transformers looks classes up by their names, and reads the source of their module.
    return type(cls.__name__, (cls,), {"__init__": initialize, "__module__": cls.__module__})


def _load_weights(cls: Any, checkpoint: Checkpoint, options: dict[str, Any]) -> Any:
    fixed = {
        "use_safetensors": True,
        "local_files_only": True,
        "output_loading_info": True,
        "ignore_mismatched_sizes": True,  # they are in the report, and refused below
    }
    if checkpoint.base is None:
        model, info = cls.from_pretrained(checkpoint.folder, **fixed, **options)
        _check_complete(info, checkpoint.folder)
        return model
    # Loading an adapter reports on the adapter only, and a projection that the base lacks would be
    # random: check the base first, without reading its numbers.
    _, info = cls.from_pretrained(checkpoint.base, device_map="meta", **fixed, **options)
    shapes = weight_shapes(checkpoint.folder, adapter=True)
    whole = [name for name in shapes if "lora_" not in name]
    missing = [key for key in info["missing_keys"] if not _in_adapter(key, whole)]
    _check_complete({**info, "missing_keys": missing}, checkpoint.base)
    model, info = cls.from_pretrained(
        checkpoint.base,
        adapter_kwargs={"_adapter_model_path": str(checkpoint.folder)},
        **fixed,
        **options,
    )
    _check_complete(info, checkpoint.folder)
    return model


def _in_adapter(key: str, adapter_names: Sequence[str]) -> bool:
    """Whether the adapter contains the whole module: its names have a prefix and inner parts."""
    module, _, part = key.rpartition(".")
    return any(f"{module}." in name and name.endswith(part) for name in adapter_names)


def _check_complete(info: Mapping[str, Any], folder: Path) -> None:
    """Raise BackendError, from transformers' report on loading, for weights of other sizes, for
    missing ones, which would be random, and for changes by an adapter that would be ignored."""
    sizes = [
        f"{name} {(*own,)} for {(*of_model,)}" for name, own, of_model in info["mismatched_keys"]
    ]
    if sizes:
        raise BackendError(
            f"{folder} has weights of other sizes than its model: {_first(sizes)}. Its "
            "configuration belongs to another model, or it is an adapter of another base"
        )
    missing, unexpected = info["missing_keys"], info["unexpected_keys"]
    if missing and unexpected:
        reason = (
            f"It has others instead ({_first(unexpected)}): names of another release of the "
            "library that saved it"
        )
    else:
        reason = "It is incomplete, or a backbone that was not trained for retrieval"
    if missing:
        raise BackendError(
            f"{folder} lacks the weights {_first(missing)}, which would be random. {reason}"
        )
    ignored = [name for name in unexpected if "lora_" in name]
    if ignored:
        raise BackendError(
            f"{folder} changes layers that its adapter_config.json does not name, which would be "
            f"ignored: {_first(ignored)}. Correct target_modules there, or fetch it again"
        )


def _first(names: Any) -> str:
    ordered = sorted(names)
    more = f" and {len(ordered) - 3} more" if len(ordered) > 3 else ""
    return f"{', '.join(ordered[:3])}{more}"


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
    module = require(family.module, extra="text" if family is MULTI_VECTOR else "colpali")
    if not hasattr(module, family.model):
        name = family.module.partition(".")[0]
        raise MissingDependency(
            f"the installed release of {name} has no {family.model}; install a newer one: "
            "pip install --upgrade transformers colpali-engine sentence-transformers"
        )
    return module


def process_question(processor: Any, text: str, *, family: Family) -> Any:
    """The model's inputs for a question, with the text around it of the family's training."""
    if family.around is None:
        # By position, because the classes differ in the argument's name.
        return processor.process_queries([text])
    before, after = family.around
    whole = f"{before}{text}{processor.query_augmentation_token * 10}{after}"
    if hasattr(processor, "process_texts"):
        return processor.process_texts([whole])
    return processor.tokenizer([whole], return_tensors="pt")


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
    if isinstance(processor, NeoMMEPages):
        return int(images.get_number_of_image_patches(height_px, width_px, {}))
    tokens_per_tile = getattr(processor, "image_seq_len", None)
    if tokens_per_tile is not None:
        n_tiles, _, _ = images.get_number_of_image_patches(height_px, width_px, {})
        return int(n_tiles) * int(tokens_per_tile)
    return int(processor.image_seq_length)
