"""Small replicas of published repositories against what the libraries of their authors computed.

The replicas are evaluation data beside the repository, in `shared/data/hub`; what is known of them
is in `scripts/write_checkpoints_page.py`, which wrote the page that is checked here too.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scripts import write_checkpoints_page as script

_PLACES = (parent / "shared" / "data" / "hub" for parent in Path(__file__).resolve().parents)
HUB = next(filter(Path.is_dir, _PLACES), Path("shared/data/hub"))
pytestmark = [
    pytest.mark.torch,
    pytest.mark.slow,
    pytest.mark.skipif(not HUB.is_dir(), reason="the replicas, shared/data/hub, are not here"),
    pytest.mark.usefixtures("working_torchvision"),
]

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
NAMES = script.replica_names(HUB)
_DIFFERENCE = re.compile(r"\de-\d\d")


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hub cache with the models that adapters name as their bases."""
    cache = tmp_path_factory.mktemp("hub")
    script.write_cache(HUB, cache)
    return cache


@pytest.mark.parametrize("name", NAMES)
def test_replica_gives_the_vectors_of_its_library_or_the_refusal_and_is_in_the_docs(
    name: str, bases: Path
) -> None:
    checked = script.check(name, HUB, bases)
    assert re.search(REFUSED.get(name, "^$"), checked.refusal)
    assert max(checked.page, checked.question) < 1e-4
    # The last digits of the differences are the processor's.
    rows = {_DIFFERENCE.sub("", line) for line in script.PAGE.read_text("utf-8").splitlines()}
    assert _DIFFERENCE.sub("", script.row(name, checked)) in rows


def test_page_of_the_replicas_has_one_row_each_and_small_differences() -> None:
    text = script.PAGE.read_text("utf-8")
    rows = {line.split(" | ")[0] for line in text.splitlines() if line.startswith("| ")}
    assert rows - {"| replica of"} == {f"| {script.title(name)}" for name in NAMES}
    assert max(float(difference) for difference in _DIFFERENCE.findall(text)) < 1e-4


def test_adapter_of_a_missing_base_is_loaded_with_another(bases: Path) -> None:
    base = "nomic-ai/colqwen2.5-7B-base"
    encoder = script.load("adapter-foreign-path", HUB, bases, base=base)
    assert max(script.differences(encoder, "colqwen2.5-7b-lora", HUB)) < 1e-4
    assert str(encoder.spec).endswith(f"?base={base}")
