"""Write `docs/published-checkpoints.md`: which replicas of published repositories load, how far
their vectors are from those of the library that saved them, and why the others are refused.

    python -m scripts.write_checkpoints_page ../shared/data/hub EMPTY_FOLDER

The replicas are evaluation data beside the repository: the layout, the names and the configuration
of each repository with random weights, and for most the input tensors and the vectors of the
library that saved it. `tests/encoders/test_hub_replicas.py` checks every row where they are.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from unittest.mock import patch

import numpy as np
import typer

from colregion.core.geometry import FloatArray
from colregion.encoders import load_encoder
from colregion.encoders.colvision import ColVisionEncoder
from colregion.errors import BackendError, InvalidInput

PAGE = Path(__file__).parent.parent / "docs" / "published-checkpoints.md"
QUESTION = "total revenue in 2023?"

BASES = {
    "vidore/colqwen2-base": "colqwen2-base",
    "vidore/colpaligemma-3b-pt-448-base": "colpaligemma-3b-pt-448-base",
    "vidore/colqwen2.5-base": "colqwen2.5-base",
    "vidore/ColSmolVLM-Instruct-256M-base": "ColSmolVLM-Instruct-256M-base",
    "nomic-ai/colqwen2.5-7B-base": "colqwen2.5-7b-base",
    "local/colqwen2.5-7b-base": "colqwen2.5-7b-base",
    "ModernVBERT/colmodernvbert-base": "colmodernvbert-base",
    "Qwen/Qwen2.5-VL-3B-Instruct": "Qwen2.5-VL-3B-Instruct",
    "x/colgemma3-523": "colgemma3-523",
    "x/colqwen3-523": "colqwen3-523",
    "x/colqwen3_5-523": "colqwen3_5-523",
}
"""Hub ids that adapters name as their bases, and the replicas of these."""

_REVISION = "30ab955d073de4a91dc5a288e8c97226647e3e5a"  # that `adapter-rev` asks for

SAME_WEIGHTS = {
    "adapter-and-config": "colqwen2-v1.0",
    "adapter-noproc": "colqwen2-v1.0",
    "adapter-rev": "colpali-v1.3",
    "colmodernvbert-modelproj": "colmodernvbert",
    "colnomic-7b-realproc": "colqwen2.5-7b-lora",
    "colqwen2-v1.0-hf-converted": "colqwen2-v1.0-merged",
    "hub-colSmol-256M": "colSmol-256M",
    "hub-colpali-v1.2": "colpali-v1.3",
    "hub-colqwen2-hf": "colqwen2-v1.0-merged",
    "hub-colqwen2-v1.0": "colqwen2-v1.0",
    "q35-causal": "colqwen3_5-523",
    "st-files": "colqwen2-v1.0",
    "remote/TomoroAI_tomoro-colqwen3-embed-4b": "colqwen3-523",
    # With the first 128 of 320 dimensions.
    "remote/VAGOsolutions_SauerkrautLM-ColQwen3-4b-v0.1": "colqwen3-523",
    "remote/VAGOsolutions_SauerkrautLM-ColQwen3-mt-colqwen3": "colqwen3-523",
}
"""Replicas whose vectors are those of another: its layout or its files differ, not its weights."""

WHAT = {
    "ColSmolVLM-Instruct-256M-base": "vidore/ColSmolVLM-Instruct-256M-base",
    "Qwen2.5-VL-3B-Instruct": "Qwen/Qwen2.5-VL-3B-Instruct",
    "Qwen2.5-VL-7B-Instruct": "Qwen/Qwen2.5-VL-7B-Instruct",
    "adapter-and-config": "an adapter beside the config.json of its base",
    "adapter-bin": "an adapter saved as adapter_model.bin",
    "adapter-foreign-path": "an adapter whose base is not there",
    "adapter-noproc": "an adapter without the files of its processor",
    "adapter-rev": "an adapter that names a revision of its base",
    "colSmol-256M": "vidore/colSmol-256M (adapter, colpali-engine 0.3.8)",
    "colSmol-merged": "a merged ColSmol (colpali-engine 0.3.8)",
    "colSmol-othertiles": "a ColSmol with another tile geometry and no processor_config.json",
    "colgemma3-523": "ColGemma3, a whole model",
    "colgemma3-523-lora": "ColGemma3, an adapter",
    "colgemma3-523-merged": "ColGemma3, merged",
    "colmodernvbert": "ModernVBERT/colmodernvbert (adapter)",
    "colmodernvbert-base": "ModernVBERT/colmodernvbert-base",
    "colmodernvbert-merged": "ModernVBERT/colmodernvbert-merged",
    "colmodernvbert-modelproj": "ModernVBERT/colmodernvbert, other name of its last layer",
    "colnomic-7b-realproc": "nomic-ai/colnomic-embed-multimodal-7b with its real JSON files",
    "colpali-v1.3": "vidore/colpali-v1.3 (adapter, colpali-engine 0.3.4)",
    "colpali-v1.3-hf-4.51.3": "vidore/colpali-v1.3-hf (transformers 4.51)",
    "colpali-v1.3-hf-4.53.3": "a ColPaliForRetrieval saved by transformers 4.53",
    "colpali-v1.3-merged": "vidore/colpali-v1.3-merged",
    "colpaligemma-3b-pt-448-base": "vidore/colpaligemma-3b-pt-448-base",
    "colqwen2-base": "vidore/colqwen2-base",
    "colqwen2-v1.0": "vidore/colqwen2-v1.0 (adapter, colpali-engine 0.3.4)",
    "colqwen2-v1.0-hf-4.53.3": "vidore/colqwen2-v1.0-hf (transformers 4.53)",
    "colqwen2-v1.0-hf-4.57.3": "vidore/colqwen2-v1.0-hf (transformers 4.57)",
    "colqwen2-v1.0-hf-converted": "a merged ColQwen2 with the names of transformers' class",
    "colqwen2-v1.0-hf-converted-oldnames": "a merged ColQwen2 with old names of that class",
    "colqwen2-v1.0-merged": "vidore/colqwen2-v1.0-merged",
    "colqwen2.5-7b-base": "nomic-ai/colqwen2.5-7B-base",
    "colqwen2.5-7b-lora": "nomic-ai/colnomic-embed-multimodal-7b (adapter)",
    "colqwen2.5-base": "vidore/colqwen2.5-base",
    "colqwen2.5-v0.2": "vidore/colqwen2.5-v0.2 (adapter, colpali-engine 0.3.10)",
    "colqwen2.5-v0.2-merged": "a merged ColQwen2.5, as Metric-AI's and tsystems'",
    "colqwen2.5-v0.2-neg": "nomic-ai/colnomic-embed-multimodal-3b (adapter, no vision layers)",
    "colqwen3-523": "ColQwen3, a whole model",
    "colqwen3-523-lora": "ColQwen3, an adapter",
    "colqwen3-523-merged": "ColQwen3, merged",
    "colqwen3_5-523": "ColQwen3.5, a whole model",
    "colqwen3_5-523-lora": "ColQwen3.5, an adapter",
    "colqwen3_5-523-merged": "ColQwen3.5, merged",
    "hub-colSmol-256M": "vidore/colSmol-256M with all the files beside it",
    "hub-colpali-v1.2": "vidore/colpali-v1.2 with all the files beside it",
    "hub-colqwen2-hf": "vidore/colqwen2-v1.0-hf without processor_config.json",
    "hub-colqwen2-v1.0": "vidore/colqwen2-v1.0 with all the files beside it",
    "lfs-pointers": "a clone without Git LFS",
    "lora-modules_to_save": "an adapter of a plain Qwen2.5-VL with its own last layer",
    "lora-on-plain-qwen": "an adapter of a plain Qwen2.5-VL that lost its last layer",
    "only-ckpt": "a repository with a training checkpoint only",
    "q35-causal": "ColQwen3.5 with `is_causal` in its config.json",
    "st-files": "an adapter with the files of sentence-transformers",
}
"""What the replicas of `replicas` are; those of `replicas/remote` have the names of the hub."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A replica that was loaded, or not.

    Args:
        family: the class of the model; empty if it was refused.
        page, question: the largest difference of any number of a vector; vectors have length 1.
        refusal: the sentence, without the folder of the replicas; empty if it was loaded.
    """

    family: str = ""
    page: float = 0.0
    question: float = 0.0
    refusal: str = ""


def replica_names(hub: Path) -> list[str]:
    """Of all replicas in a folder, sorted."""
    replicas = hub / "replicas"
    folders = (*replicas.glob("*/"), *replicas.glob("remote/*/"))
    return sorted(str(one.relative_to(replicas)) for one in folders if one.name != "remote")


def write_cache(hub: Path, cache: Path) -> None:
    """Write a hub cache with the models that adapters name as their bases."""
    for hub_id, name in BASES.items():
        place = cache / f"models--{hub_id.replace('/', '--')}"
        (place / "refs").mkdir(parents=True)
        (place / "refs" / "main").write_text(_REVISION)
        (place / "snapshots").mkdir()
        (place / "snapshots" / _REVISION).symlink_to(hub.resolve() / "replicas" / name)


def load(name: str, hub: Path, cache: Path, **options: Any) -> ColVisionEncoder:
    """The encoder of a replica. Raises as `load_encoder`."""
    import huggingface_hub.constants

    with patch.object(huggingface_hub.constants, "HF_HUB_CACHE", str(cache)):
        encoder = load_encoder(str(hub / "replicas" / name), device="cpu", **options)
    assert isinstance(encoder, ColVisionEncoder)
    return encoder


def check(name: str, hub: Path, cache: Path) -> Checked:
    """Load a replica and compare its vectors, if it can be used."""
    hub = hub.resolve()
    try:
        encoder = load(name, hub, cache)
    except (InvalidInput, BackendError) as error:
        return Checked(refusal=str(error).replace(f"{hub / 'replicas'}{os.sep}", ""))
    page, question = differences(encoder, SAME_WEIGHTS.get(name, name), hub)
    return Checked(type(encoder.model).__name__, page, question)


def differences(encoder: ColVisionEncoder, name: str, hub: Path) -> tuple[float, float]:
    """The largest differences from what was computed for a replica: of its page, from the same
    input tensors, and of its question, from these and as text."""
    import torch

    with np.load(hub / "expected" / f"{name}.npz") as file:
        arrays: Mapping[str, Any] = dict(file)
    lost = {}
    for part in ("page", "query"):
        start = f"in.{part}."
        names = [one for one in arrays if one.startswith(start)]
        batch = {one.removeprefix(start): torch.from_numpy(arrays[one]) for one in names}
        (vectors,) = encoder._run(batch, [part])
        lost[part] = _difference(vectors, arrays[part])
    asked = _difference(encoder.encode_query(QUESTION).vectors, arrays["query"])
    return lost["page"], max(lost["query"], asked)


def _difference(vectors: FloatArray, expected: FloatArray) -> float:
    first = expected[:, : vectors.shape[1]]
    first = first / np.linalg.norm(first, axis=1, keepdims=True)
    if first.shape != vectors.shape:
        return float("inf")
    return float(np.abs(vectors - first).max())


def title(name: str) -> str:
    """What a replica is, for people."""
    return WHAT[name] if name in WHAT else name.removeprefix("remote/").replace("_", "/", 1)


def row(name: str, checked: Checked) -> str:
    """The row of a replica in its table."""
    if checked.refusal:
        refusal = checked.refusal.replace(name, title(name)) if "/" in name else checked.refusal
        refusal = refusal.replace("|", "\\|").replace("<", "&lt;")
        return f"| {title(name)} | {refusal} |"
    differences = f"{checked.page:.0e} | {checked.question:.0e}"
    return f"| {title(name)} | {checked.family} | {differences} |"


_PAGE = """\
<!-- Written by scripts/write_checkpoints_page.py: do not edit. -->

# Published checkpoints

Small replicas of published repositories: their layout, file names and configuration with random
weights, most saved by the versions of the libraries that their authors used. {loaded} load, and
their vectors are those that these libraries computed; {refused} are refused. [Visual
models](visual-models.md) has how to use one. Real weights have not been run: `colregion check-model
ID` says what becomes of a repository itself.

## Loaded

The largest difference of any number of a page's vectors, from the same input tensors, and of a
question's, also as text. Vectors have length 1. A page that goes through today's image processors
differs by up to 3e-3.

| replica of | class | page | question |
|---|---|---|---|
{loaded_rows}

## Refused

| replica of | the message |
|---|---|
{refused_rows}
"""


def page(checks: Iterable[tuple[str, Checked]]) -> str:
    """The page, from all replicas."""
    rows: dict[bool, list[str]] = {True: [], False: []}
    for name, checked in checks:
        rows[not checked.refusal].append(row(name, checked))
    return _PAGE.format(
        loaded=len(rows[True]),
        refused=len(rows[False]),
        loaded_rows="\n".join(sorted(rows[True], key=str.lower)),
        refused_rows="\n".join(sorted(rows[False], key=str.lower)),
    )


def main(
    hub: Annotated[Path, typer.Argument(help="The folder of the replicas.")],
    cache: Annotated[Path, typer.Argument(help="An empty folder, for a hub cache.")],
) -> None:
    """Load every replica and write the page."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    write_cache(hub, cache)
    checks = [(name, check(name, hub, cache)) for name in replica_names(hub)]
    PAGE.write_text(page(checks), encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
