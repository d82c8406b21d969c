"""Small replicas of published repositories against what the libraries of their authors computed.

The replicas are evaluation data beside the repository, in `shared/data/hub`: the layout, the names
and the configuration of each repository with random weights, and for most the input tensors and
the vectors of the library that saved it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from colregion.encoders import load_encoder
from colregion.encoders.colvision import ColVisionEncoder
from colregion.errors import BackendError, InvalidInput

_PLACES = (parent / "shared" / "data" / "hub" for parent in Path(__file__).resolve().parents)
HUB = next(filter(Path.is_dir, _PLACES), Path("shared/data/hub"))
pytestmark = [
    pytest.mark.torch,
    pytest.mark.slow,
    pytest.mark.skipif(not HUB.is_dir(), reason="the replicas, shared/data/hub, are not here"),
    pytest.mark.usefixtures("working_torchvision", "bases"),
]

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
REVISION = "30ab955d073de4a91dc5a288e8c97226647e3e5a"  # that `adapter-rev` asks for
# Replicas whose vectors are those of another: its layout or its files differ, not its weights.
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
NEEDS_CODE = "needs Python code of its own repository, which is not run"
UNTRAINED = r"is a backbone that was not trained for retrieval"
REFUSED = {
    "Qwen2.5-VL-3B-Instruct": UNTRAINED,
    "Qwen2.5-VL-7B-Instruct": UNTRAINED,
    "adapter-bin": r"adapter_model\.bin is a pickle",
    "adapter-foreign-path": r"base of the adapter .* is missing: vidore/not-here.*base=ID",
    "colSmol-othertiles": "image_seq_len is 64, and the model needs 4",
    "colqwen2-v1.0-hf-converted-oldnames": r"It has others instead \(vlm\.embed_tokens",
    "lfs-pointers": "is a pointer of Git LFS",
    "lora-on-plain-qwen": r"does not bring the layer that makes vectors \(custom_text_proj\)",
    "only-ckpt": "no model at its top.*name .*only-ckpt/checkpoint-1800",
    "remote/BAAI_bge-m3": r"text model \(xlm-roberta\)",
    "remote/HuggingFaceTB_SmolVLM2-256M": r"unknown family \(smolvlm\)",
    "remote/OpenSearch-AI_Ops-Colqwen3-4B": NEEDS_CODE,
    "remote/VAGOsolutions_SauerkrautLM-ColLFM2-450M-v0.1": r"unknown family \(lfm2_vl\)",
    "remote/VAGOsolutions_SauerkrautLM-ColMinistral3-3b-v0.1": r"unknown family \(mistral3\)",
    "remote/ahmed-masry_ColFlor": NEEDS_CODE,
    "remote/jinaai_jina-embeddings-v4": NEEDS_CODE,
    "remote/nvidia_llama-nemoretriever-colembed-3b-v1": NEEDS_CODE,
    "remote/nvidia_nemotron-colembed-vl-4b-v2": NEEDS_CODE,
    "remote/vidore_biqwen2-v0.1": "bi-encoder",
    "remote/vidore_colqwen-omni-v0.1": "ColQwen2.5-Omni",
    "remote/webAI-Official_webAI-ColVec1.1-4b": NEEDS_CODE,
}
FOLDERS = (*HUB.glob("replicas/*/"), *HUB.glob("replicas/remote/*/"))
NAMES = sorted(str(folder.relative_to(HUB / "replicas")) for folder in FOLDERS)
LOADABLE = [name for name in NAMES if name not in REFUSED and name != "remote"]
QUESTION = "total revenue in 2023?"


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hub cache with the models that adapters name as their bases."""
    cache = tmp_path_factory.mktemp("hub")
    for hub_id, name in BASES.items():
        place = cache / f"models--{hub_id.replace('/', '--')}"
        (place / "refs").mkdir(parents=True)
        (place / "refs" / "main").write_text(REVISION)
        (place / "snapshots").mkdir()
        (place / "snapshots" / REVISION).symlink_to(HUB / "replicas" / name)
    return cache


def load(name: str, bases: Path, monkeypatch: pytest.MonkeyPatch, **options: Any) -> Any:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(bases))
    return load_encoder(str(HUB / "replicas" / name), device="cpu", **options)


def expected(name: str) -> Mapping[str, Any]:
    with np.load(HUB / "expected" / f"{SAME_WEIGHTS.get(name, name)}.npz") as arrays:
        return dict(arrays)


def first(vectors: Any, n_dimensions: int) -> Any:
    cut = vectors[:, :n_dimensions]
    return cut / np.linalg.norm(cut, axis=1, keepdims=True)


def check_vectors(encoder: ColVisionEncoder, arrays: Mapping[str, Any]) -> None:
    import torch

    for part in ("page", "query"):
        start = f"in.{part}."
        names = [name for name in arrays if name.startswith(start)]
        batch = {name.removeprefix(start): torch.from_numpy(arrays[name]) for name in names}
        (vectors,) = encoder._run(batch, [part])
        np.testing.assert_allclose(vectors, first(arrays[part], vectors.shape[1]), atol=1e-4)
    asked = encoder.encode_query(QUESTION).vectors
    np.testing.assert_allclose(asked, first(arrays["query"], asked.shape[1]), atol=1e-4)


@pytest.mark.parametrize("name", LOADABLE)
def test_replica_gives_the_vectors_of_the_library_that_saved_it(
    name: str, bases: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of its own input tensors, and of the question as text."""
    check_vectors(load(name, bases, monkeypatch), expected(name))


@pytest.mark.parametrize("name", REFUSED)
def test_replica_that_cannot_be_used_is_refused_with_the_reason(
    name: str, bases: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises((InvalidInput, BackendError), match=REFUSED[name]):
        load(name, bases, monkeypatch)


def test_adapter_of_a_missing_base_is_loaded_with_another(
    bases: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = "nomic-ai/colqwen2.5-7B-base"
    encoder = load("adapter-foreign-path", bases, monkeypatch, base=base)
    check_vectors(encoder, expected("colqwen2.5-7b-lora"))
    assert encoder.spec.endswith(f"?base={base}")
