"""The files of a checkpoint and of the base that an adapter adapts.

The small files come first, so that a model that cannot be used is refused before its weights are
fetched; then the weights that will be read, of the same commit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from colregion.encoders.colvision.checkpoint import (
    MULTI_VECTOR,
    Family,
    find_family,
    refuse_unsupported,
    saved_by_sentence_transformers,
)
from colregion.encoders.colvision.multi_vector import layer_folders
from colregion.encoders.torch_utils import model_files
from colregion.encoders.torch_utils.model_files import commit_of, read_json
from colregion.errors import BackendError, InvalidInput

Shapes = Mapping[str, tuple[int, ...]]

_TRAINED = "Use a model that was, such as vidore/colqwen2.5-v0.2"
_LAYER = re.compile(r"\blayers\.(\d+)\.")
_SIGHT = re.compile(r"visual|vision")
_LAYER_FILES = ("*.json", "*.safetensors")
_HUB_ID = re.compile(r"[\w-][\w.-]*/[\w.-]+")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The folder of a model or adapter, for an adapter that of the base that it adapts, and the
    number of dimensions of the vectors.

    Args:
        layers: further folders with weights.
    """

    folder: Path
    base: Path | None
    family: Family
    dimensions: int
    layers: tuple[Path, ...] = ()

    @property
    def folders(self) -> list[Path]:
        """All folders with weights."""
        return [self.folder, *([self.base] if self.base else []), *self.layers]


def find_checkpoint(
    source: str, *, revision: str | None, base: str | None, local_files_only: bool
) -> Checkpoint:
    """Fetch a model's files, and those of its base when it is an adapter.

    Args:
        source, revision, base, local_files_only: as in `ColVisionOptions`.

    Raises:
        InvalidInput: no such model, one without weights, without the projection that training
            for retrieval adds, or of an unknown family; an adapter that does not fit its base.
        BackendError: as `model_files.fetch`, and for damaged weights.
    """
    folder = _fetch_small(source, revision=revision, local_files_only=local_files_only)
    if (folder / "adapter_config.json").is_file():
        return _find_adapter(source, folder, base=base, local_files_only=local_files_only)
    if base is not None:
        raise InvalidInput(f"{source} is not an adapter and has no base; omit base={base!r}")
    if saved_by_sentence_transformers(folder):
        layers = layer_folders(folder, name=source)
        if layers is not None:
            return _find_layers(source, folder, layers, local_files_only=local_files_only)
    family = find_family(folder, None, name=source)
    untrained = _untrained(source, folder, family)
    _check_projection(folder, family, untrained)
    _fetch_weights(source, folder, adapter=False, local_files_only=local_files_only)
    _check_projection(folder, family, untrained)
    shapes = model_files.weight_shapes(folder, adapter=False)
    return Checkpoint(folder, None, family, _dimensions(shapes, family))


def _find_layers(
    source: str, folder: Path, layers: list[Path], *, local_files_only: bool
) -> Checkpoint:
    _fetch_weights(source, folder, adapter=False, local_files_only=local_files_only)
    if (commit := commit_of(folder)) is not None and layers:
        model_files.fetch(
            source,
            revision=commit,
            local_files_only=local_files_only,
            extra="colpali",
            patterns=[f"{layer.name}/{kind}" for layer in layers for kind in _LAYER_FILES],
        )
    shapes = model_files.weight_shapes(folder, adapter=False)
    with_weights = tuple(layer for layer in layers if any(layer.glob("*.safetensors")))
    for layer in with_weights:
        shapes = model_files.weight_shapes(layer, adapter=False)
    config = read_json(folder, "config.json")
    width = (config.get("text_config") or {}).get("hidden_size") or config.get("hidden_size") or 0
    dimensions = next(iter(shapes.values()))[0] if with_weights else int(width)
    return Checkpoint(folder, None, MULTI_VECTOR, dimensions, with_weights)


def _find_adapter(
    source: str, folder: Path, *, base: str | None, local_files_only: bool
) -> Checkpoint:
    refuse_unsupported(folder, name=source)
    base_name, base_folder = _fetch_base(
        source, folder, base=base, local_files_only=local_files_only
    )
    family = find_family(folder, base_folder, name=source)
    _fetch_weights(source, folder, adapter=True, local_files_only=local_files_only)
    shapes = model_files.weight_shapes(folder, adapter=True)
    whole = {name: shape for name, shape in shapes.items() if "lora_" not in name}
    brings_projection = any(_is_projection(name, family) for name in whole)
    lost = (
        f"the adapter {source} does not bring the layer that makes vectors ({family.projection}), "
        f"and its base {base_name} has none: it was random in training and is lost. Name a base "
        "that has it, base=ID, or use another model"
    )
    if not brings_projection:
        _check_projection(base_folder, family, lost)
    _check_fit(shapes, family, base_folder, names=(source, base_name))
    _fetch_weights(base_name, base_folder, adapter=False, local_files_only=local_files_only)
    if not brings_projection:
        _check_projection(base_folder, family, lost)
    base_shapes = model_files.weight_shapes(base_folder, adapter=False)
    return Checkpoint(folder, base_folder, family, _dimensions({**base_shapes, **whole}, family))


def _fetch_small(source: str, *, revision: str | None, local_files_only: bool) -> Path:
    return model_files.fetch(
        source,
        revision=revision,
        local_files_only=local_files_only,
        extra="colpali",
        patterns=model_files.SMALL_FILES,
        top_only=True,
    )


def _fetch_weights(source: str, folder: Path, *, adapter: bool, local_files_only: bool) -> None:
    commit = commit_of(folder)
    if commit is None:
        return
    patterns = model_files.weight_patterns(folder, adapter=adapter)
    model_files.fetch(
        source,
        revision=commit,
        local_files_only=local_files_only,
        extra="colpali",
        patterns=patterns,
        top_only=True,
    )
    # Offline, the hub's library returns a cached folder without them.
    if not any(file for pattern in patterns for file in folder.glob(pattern)):
        raise BackendError(
            f"{source} has no {' or '.join(patterns[:3])} in the local cache. Fetch it where there "
            f"is a network, `hf download {source}`; a repository without safetensors is not "
            "supported"
        )


def _fetch_base(
    source: str, adapter_folder: Path, *, base: str | None, local_files_only: bool
) -> tuple[str, Path]:
    """The base's name and the folder with its small files."""
    adapter = read_json(adapter_folder, "adapter_config.json")
    named = adapter.get("base_model_name_or_path")
    name = base or named
    if not isinstance(name, str) or not name:
        raise InvalidInput(f"the adapter {source} does not name its base model; name it, base=ID")
    # A revision belongs to the base that the adapter names; some trainers save an empty one.
    revision = None if base else adapter.get("revision") or None
    is_folder = Path(name).expanduser().is_dir()
    if not is_folder and not _HUB_ID.fullmatch(name):
        raise InvalidInput(
            f"the adapter {source} adapts {name!r}, neither an existing folder nor a hub id: "
            "probably a path where it was trained. Name the base, such as "
            "base=vidore/colqwen2.5-base"
        )
    try:
        folder = _fetch_small(
            name, revision=None if is_folder else revision, local_files_only=local_files_only
        )
    except (InvalidInput, BackendError) as cause:
        raise type(cause)(
            f"the base of the adapter {source} is missing: {cause}. Or name another, base=ID"
        ) from cause
    if (folder / "adapter_config.json").is_file():
        raise InvalidInput(
            f"the adapter {source} cannot be applied: its base {name} is an adapter itself; merge "
            "that one into its own base, and name the result, base=FOLDER"
        )
    return name, folder


def _is_projection(name: str, family: Family) -> bool:
    for pattern, replacement in family.renamed:
        name = re.sub(pattern, replacement, name)
    return f".{name}".endswith(f".{family.projection}.weight")


def _check_projection(folder: Path, family: Family, untrained: str) -> None:
    """Raise InvalidInput for a model without projection: from its weights' names where they are
    known, else from the class that saved it."""
    names = model_files.saved_names(folder)
    classes = read_json(folder, "config.json").get("architectures") or ()
    if names:
        lacks = not any(_is_projection(name, family) for name in names)
    else:
        lacks = any(str(cls).endswith("ForConditionalGeneration") for cls in classes)
    if lacks:
        raise InvalidInput(untrained)


def _untrained(name: str, folder: Path, family: Family) -> str:
    lacks = f"lacks the layer that makes vectors ({family.projection})"
    if (folder / "modules.json").is_file():
        return (
            f"{name} {lacks}: it is a model for sentence-transformers, with layers in folders of "
            "their own, which is not supported for images. Use its form for transformers or "
            "colpali-engine"
        )
    return (
        f"{name} is a backbone that was not trained for retrieval, or incomplete: it {lacks}. "
        f"{_TRAINED}"
    )


def _dimensions(shapes: Shapes, family: Family) -> int:
    return next(shape[0] for name, shape in shapes.items() if _is_projection(name, family))


def _check_fit(shapes: Shapes, family: Family, base: Path, *, names: tuple[str, str]) -> None:
    """Raise InvalidInput for an adapter of a model of another width or depth than `base`."""
    config = read_json(base, "config.json")
    text = config.get("text_config") or {}
    # A weight of the projection, or the first factor of its change, is as wide as the backbone.
    inputs = rf"\b{family.projection}\.(lora_A\.)?(default\.)?(modules_to_save\.)?weight$"
    widths = {shape[-1] for name, shape in shapes.items() if re.search(inputs, name)}
    layers = [_LAYER.search(name) for name in shapes if not _SIGHT.search(name)]
    n_layers = 1 + max((int(layer[1]) for layer in layers if layer), default=-1)
    width = text.get("hidden_size") or config.get("hidden_size")
    depth = text.get("num_hidden_layers") or config.get("num_hidden_layers")
    adapter, base_name = names
    for what, own, of_base in (
        ("width", max(widths, default=0), width),
        ("depth", n_layers, depth),
    ):
        fits = not own or not of_base or own == of_base or (what == "depth" and own < of_base)
        if not fits:
            raise InvalidInput(
                f"the adapter {adapter} is for a model of {what} {own}, and its base {base_name} "
                f"has {of_base}: it was trained on another size of the family. Name its base, "
                "base=ID"
            )
