"""Where a model's files are: a folder, or the copy of a hub repository in the local cache.

Only weights in the safetensors format and plain data are ever fetched, no pickles and no code.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from colregion.errors import BackendError, InvalidInput, require

_WANTED = ["*.json", "*.safetensors", "*.txt", "*.model", "*.jinja", "*.metadata"]
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SAMPLES = 64
_SAMPLE_BYTES = 4096


def fetch(source: str, *, revision: str | None, local_files_only: bool, extra: str) -> Path:
    """The folder with the files of a model.

    Args:
        source: a folder, or a hub id as `owner/name`.
        revision: a branch, tag or commit of the hub; None for its main branch.
        local_files_only: look into the cache only. `HF_HUB_OFFLINE=1` does the same.
        extra: the extra that brings the hub's library.

    Raises:
        InvalidInput: no such folder or repository, or a revision of a folder.
        BackendError: the hub cannot be reached and the cache does not have it.
    """
    if revision is not None and not isinstance(revision, str):
        raise InvalidInput(f"revision must be text, got {revision!r}; pass it as an argument")
    folder = Path(source).expanduser()
    if folder.is_dir():
        if revision is not None:
            raise InvalidInput(
                f"{source} is a folder and has no revision {revision!r}; leave it out"
            )
        return folder.resolve()
    hub = require("huggingface_hub", extra=extra)
    # A submodule of its own: the package does not import it by itself.
    errors = require("huggingface_hub.errors", extra=extra)
    try:
        found = hub.snapshot_download(
            source, revision=revision, local_files_only=local_files_only, allow_patterns=_WANTED
        )
    except errors.HFValidationError as cause:
        raise InvalidInput(
            f"{source!r} is neither a folder that is there nor a hub id such as "
            "vidore/colqwen2.5-v0.2"
        ) from cause
    except errors.RevisionNotFoundError as cause:
        raise InvalidInput(f"{source} has no revision {revision!r} on the hub") from cause
    except errors.RepositoryNotFoundError as cause:
        raise InvalidInput(
            f"the hub has no {source} that may be read from here; check the name, and log in with "
            "`hf auth login` if it is private or needs consent"
        ) from cause
    except (errors.HfHubHTTPError, OSError) as cause:
        # Also the hub's own "offline" and "not in the cache", which are OSErrors.
        raise BackendError(
            f"{source} is not complete in the local cache and cannot be fetched from the hub "
            f"({type(cause).__name__}). Fetch it where there is a network, `hf download {source}`, "
            "or name a folder that holds its files"
        ) from cause
    return Path(found)


def commit_of(folder: Path) -> str | None:
    """The commit of a folder of the hub's cache; None for any other folder."""
    in_cache = folder.parent.name == "snapshots" and _COMMIT.fullmatch(folder.name)
    return folder.name if in_cache else None


def read_json(folder: Path, name: str) -> dict[str, Any]:
    """One of the model's small files; {} when it is not there.

    Raises:
        BackendError: the file is not a JSON object.
    """
    path = folder / name
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as cause:
        raise BackendError(f"{path} is damaged: {cause}; fetch the model again") from cause
    if not isinstance(content, dict):
        raise BackendError(f"{path} must hold a JSON object; fetch the model again")
    return content


def check_weights(folder: Path, *, adapter: bool) -> list[Path]:
    """The files that hold the weights.

    Raises:
        InvalidInput: there are none in the safetensors format.
        BackendError: a part that the model's own list names is missing.
    """
    if adapter:
        files = [folder / "adapter_model.safetensors"]
        found = [file for file in files if file.is_file()]
    else:
        index = read_json(folder, "model.safetensors.index.json")
        files = [folder / name for name in sorted(set(index.get("weight_map", {}).values()))]
        found = [file for file in files if file.is_file()]
        if len(found) < len(files):
            missing = next(file.name for file in files if file not in found)
            raise BackendError(f"{folder} lacks {missing}; fetch the model again")
        found = found or sorted(folder.glob("model*.safetensors"))
    if not found:
        others = sorted(file.name for file in folder.glob("*.bin"))
        held = f"; {others[0]} is a pickle, which may run code and is not read" if others else ""
        raise InvalidInput(
            f"{folder} holds no weights (safetensors){held}. Save the model with "
            "save_pretrained(folder, safe_serialization=True), or check the folder"
        )
    return found


def weight_names(file: Path) -> list[str]:
    """The names of the tensors in a safetensors file."""
    return [name for name in json.loads(_header(file)) if name != "__metadata__"]


def digest(folders: list[Path]) -> str:
    """A short hash of the models in these folders, the same wherever they are copied to.

    Of the weights it takes the list of tensors and 64 samples of 4 KiB a file: two trainings of
    one architecture differ everywhere, and reading all of them would take as long as loading.
    """
    hashed = hashlib.sha256()
    for folder in folders:
        for file in sorted(folder.glob("*.safetensors")):
            hashed.update(file.name.encode())
            for part in _samples(file):
                hashed.update(part)
        for name in ("config.json", "adapter_config.json", "preprocessor_config.json"):
            # An adapter's own file names where its base lay when it was trained.
            known = {k: v for k, v in read_json(folder, name).items() if not _is_place(k)}
            hashed.update(json.dumps(known, sort_keys=True).encode())
    return hashed.hexdigest()[:12]


def _is_place(key: str) -> bool:
    return key in ("_name_or_path", "base_model_name_or_path", "transformers_version")


def _samples(file: Path) -> Iterator[bytes]:
    yield _header(file)
    size = file.stat().st_size
    with file.open("rb") as weights:
        for i in range(_SAMPLES):
            weights.seek(max(size - _SAMPLE_BYTES, 0) * i // (_SAMPLES - 1))
            yield weights.read(_SAMPLE_BYTES)


def _header(file: Path) -> bytes:
    """The list of tensors that a safetensors file begins with, after its length in 8 bytes."""
    with file.open("rb") as weights:
        length = int.from_bytes(weights.read(8), "little")
        header = weights.read(length) if length < file.stat().st_size else b""
    if not header.startswith(b"{"):
        raise BackendError(f"{file} is damaged or no safetensors file; fetch the model again")
    return header
