"""A model's files: a folder, or the copy of a hub repository in the local cache.

Only weights in the safetensors format and plain data are fetched, no pickles and no code.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from colregion.errors import BackendError, InvalidInput, require

# Everything but weights: configurations, tokenizers, templates.
SMALL_FILES = ("*.json", "*.txt", "*.model", "*.jinja")
_INDEX = "model.safetensors.index.json"
_ADAPTER = "adapter_model.safetensors"
_IN_FOLDERS = "*/*"
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SAMPLES = 64
_SAMPLE_BYTES = 4096
# Paths at the time of training, and the version that saved the file.
_VARYING_KEYS = ("_name_or_path", "base_model_name_or_path", "revision", "transformers_version")
_POINTER = b"version https://git-lfs"


def fetch(
    source: str,
    *,
    revision: str | None,
    local_files_only: bool,
    extra: str,
    patterns: Sequence[str] = (*SMALL_FILES, "*.safetensors", "*.metadata"),
    top_only: bool = False,
) -> Path:
    """The folder with a model's files, downloaded if necessary.

    Args:
        source: a folder, or a hub id as `owner/name`.
        revision: a branch, tag or commit of the hub; None for its main branch.
        local_files_only: use the cache only. `HF_HUB_OFFLINE=1` does the same.
        extra: the extra that installs the hub's library.
        patterns: of the names of the files to download.
        top_only: leave out the folders of the repository: often checkpoints of its training.

    Raises:
        InvalidInput: no such folder or repository, or a revision of a folder.
        BackendError: the hub cannot be reached and the cache does not have it.
    """
    if revision is not None and not isinstance(revision, str):
        raise InvalidInput(f"revision must be text, got {revision!r}; pass it as an argument")
    folder = Path(source).expanduser()
    if folder.is_dir():
        if revision is not None:
            raise InvalidInput(f"{source} is a folder and has no revision {revision!r}; omit it")
        return folder.resolve()
    hub = require("huggingface_hub", extra=extra)
    # The package does not import this submodule automatically.
    errors = require("huggingface_hub.errors", extra=extra)
    try:
        path = hub.snapshot_download(
            source,
            revision=revision,
            local_files_only=local_files_only,
            allow_patterns=list(patterns),
            ignore_patterns=[_IN_FOLDERS] if top_only else None,
        )
        return Path(path)
    except errors.HFValidationError as cause:
        raise InvalidInput(
            f"{source!r} is neither an existing folder nor a hub id such as vidore/colqwen2.5-v0.2"
        ) from cause
    except errors.RevisionNotFoundError as cause:
        raise InvalidInput(f"{source} has no revision {revision!r} on the hub") from cause
    except errors.RepositoryNotFoundError as cause:
        raise InvalidInput(
            f"the hub has no {source} that you may read; check the name, and log in with "
            "`hf auth login` if it is private or needs consent"
        ) from cause
    except (errors.HfHubHTTPError, OSError) as cause:
        # The hub's errors "offline" and "not in the cache" are OSErrors too.
        at, flag = (f" at {revision!r}", f" --revision {revision}") if revision else ("", "")
        raise BackendError(
            f"{source}{at} is not complete in the local cache and cannot be fetched from the hub "
            f"({type(cause).__name__}). Fetch it where there is a network, "
            f"`hf download {source}{flag}`, or name a folder that holds its files"
        ) from cause


def commit_of(folder: Path) -> str | None:
    """The commit of a folder in the hub's cache; None for any other folder."""
    in_cache = folder.parent.name == "snapshots" and _COMMIT.fullmatch(folder.name)
    return folder.name if in_cache else None


def read_json(folder: Path, name: str) -> dict[str, Any]:
    """A JSON file of the model; {} when there is none. Raises BackendError for other content."""
    content = _content(folder / name)
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise BackendError(f"{folder / name} must hold a JSON object; fetch the model again")
    return content


def read_modules(folder: Path) -> list[dict[str, Any]]:
    """The layers that sentence-transformers lists for a model, in order; [] when it lists none.
    Raises BackendError for other content."""
    path = folder / "modules.json"
    content = _content(path)
    if content is None:
        return []
    if not isinstance(content, list) or not all(isinstance(one, dict) for one in content):
        raise BackendError(f"{path} must hold a JSON array of objects; fetch the model again")
    return content


def _content(path: Path) -> Any:
    """Of a JSON file; None when there is none."""
    if not path.is_file():
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as cause:
        raise BackendError(f"{path} is damaged: {cause}; fetch the model again") from cause


def reads_images(config: Mapping[str, Any]) -> bool:
    """Whether the model of this config.json is a visual one."""
    return any(key in config for key in ("vision_config", "vlm_config", "image_token_id"))


def weight_patterns(folder: Path, *, adapter: bool) -> list[str]:
    """The names of the weight files to fetch for a model whose small files are in `folder`."""
    if adapter:
        return [_ADAPTER]
    return sorted(set(_weight_map(folder).values())) or ["model*.safetensors"]


def _weight_map(folder: Path) -> dict[str, str]:
    """The file of each tensor, from the model's index; {} without one."""
    return dict(read_json(folder, _INDEX).get("weight_map", {}))


def check_weights(folder: Path, *, adapter: bool) -> list[Path]:
    """The files with the weights. Raises InvalidInput without any in the safetensors format,
    BackendError where a part that the model's index names is missing or damaged."""
    if adapter:
        files = list(folder.glob(_ADAPTER))
    else:
        files = [folder / name for name in sorted(set(_weight_map(folder).values()))]
        for file in files:
            if not file.is_file():
                raise BackendError(f"{folder} lacks {file.name}; fetch the model again")
        files = files or sorted(folder.glob("model*.safetensors"))
    if not files:
        others = sorted(file.name for file in folder.glob("*.bin"))
        pickle = f"; {others[0]} is a pickle, which may run code and is not read" if others else ""
        raise InvalidInput(
            f"{folder} has no weights (safetensors){pickle}. Save the model with "
            "save_pretrained(folder, safe_serialization=True), or check the folder"
        )
    for file in files:
        _check_length(file)
    return files


def weight_shapes(folder: Path, *, adapter: bool) -> dict[str, tuple[int, ...]]:
    """The shape of each tensor of a model or adapter. Raises as `check_weights`."""
    return {
        name: tuple(tensor["shape"])
        for file in check_weights(folder, adapter=adapter)
        for name, tensor in _tensors(file).items()
    }


def saved_names(folder: Path) -> list[str]:
    """The names of a model's tensors, from its index or its weights; [] where neither is there."""
    files = sorted(folder.glob("model*.safetensors"))
    return list(_weight_map(folder)) or [name for file in files for name in _tensors(file)]


def _tensors(file: Path) -> dict[str, dict[str, Any]]:
    try:
        header = json.loads(_header(file))
    except ValueError as cause:
        raise _damaged(file) from cause
    return {name: tensor for name, tensor in header.items() if name != "__metadata__"}


def _check_length(file: Path) -> None:
    """Raise BackendError for a file that is shorter or longer than its list of tensors says."""
    end = max((tensor["data_offsets"][1] for tensor in _tensors(file).values()), default=0)
    if file.stat().st_size != 8 + len(_header(file)) + end:
        raise _damaged(file)


def _damaged(file: Path) -> BackendError:
    return BackendError(f"{file} is damaged or not a safetensors file; fetch the model again")


def digest(folders: list[Path]) -> str:
    """A short hash of the models in these folders, independent of where the folders are.

    It covers each weight file's list of tensors and 64 samples of 4 KiB: two trainings of one
    architecture differ everywhere, and reading whole files would take as long as loading.
    """
    hashed = hashlib.sha256()
    for folder in folders:
        adapter = (folder / "adapter_config.json").is_file()
        for file in check_weights(folder, adapter=adapter):
            hashed.update(file.name.encode() + _header(file))
            size = file.stat().st_size
            with file.open("rb") as weights:
                for i in range(_SAMPLES):
                    weights.seek(max(size - _SAMPLE_BYTES, 0) * i // (_SAMPLES - 1))
                    hashed.update(weights.read(_SAMPLE_BYTES))
        for name in ("config.json", "adapter_config.json", "preprocessor_config.json"):
            config = {k: v for k, v in read_json(folder, name).items() if k not in _VARYING_KEYS}
            hashed.update(json.dumps(config, sort_keys=True).encode())
    return hashed.hexdigest()[:12]


def _header(file: Path) -> bytes:
    """The JSON list of tensors at the start of a safetensors file, after its length in 8 bytes."""
    with file.open("rb") as weights:
        start = weights.read(8)
        if _POINTER.startswith(start) and start:
            raise BackendError(
                f"{file} is a pointer of Git LFS and not the weights; run `git lfs pull` in its "
                "folder, or fetch the model with `hf download`"
            )
        length = int.from_bytes(start, "little")
        header = weights.read(length) if length < file.stat().st_size else b""
    if not header.startswith(b"{"):
        raise _damaged(file)
    return header
