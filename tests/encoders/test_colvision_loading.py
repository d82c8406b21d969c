"""Loading of visual models: classes, files, adapters, and errors for what is missing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from colregion.encoders import load_encoder
from colregion.encoders.colvision import ColVisionEncoder, loading
from colregion.encoders.colvision.checkpoint import ENGINE, NATIVE, Family, find_family
from colregion.encoders.torch_utils import model_files
from colregion.engine import Engine
from colregion.errors import BackendError, InvalidInput, MissingDependency, ModelMismatch
from colregion.testing.fakes import LineParser, PlainImage, make_parsed_page
from tests.encoders.tiny_colvision import FAMILIES, ModelShelf, classes

pytestmark = pytest.mark.torch

PAGE = make_parsed_page([], image=PlainImage(width_px=300, height_px=420))


def write(folder: Path, **files: dict[str, Any]) -> Path:
    """A folder of small files: `config={...}` becomes config.json."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    return folder


COLQWEN2_5 = ("ColQwen2_5", "ColQwen2_5_Processor", ENGINE)


def classes_of(family: Family) -> tuple[str, str, str]:
    return family.model, family.processor, family.module


@pytest.mark.parametrize(
    ("files", "family"),
    [
        (  # an adapter says what it was trained on
            {
                "adapter_config": {"auto_mapping": {"base_model_class": "ColQwen2_5"}},
                "config": {"model_type": "paligemma", "vision_config": {}},
            },
            COLQWEN2_5,
        ),
        (  # of transformers itself, whatever the processor is called
            {
                "config": {"model_type": "colpali", "architectures": ["ColPaliForRetrieval"]},
                "processor_config": {"processor_class": "ColPaliProcessor"},
            },
            ("ColPaliForRetrieval", "ColPaliProcessor", NATIVE),
        ),
        (
            {"config": {"model_type": "colqwen2"}},
            ("ColQwen2ForRetrieval", "ColQwen2Processor", NATIVE),
        ),
        (
            {"config": {"model_type": "colmodernvbert"}},
            ("ColModernVBertForRetrieval", "ColModernVBertProcessor", NATIVE),
        ),
        (  # the architecture counts before the backbone's type
            {"config": {"model_type": "qwen2_vl", "architectures": ["ColQwen2_5"]}},
            COLQWEN2_5,
        ),
        (
            {
                "config": {"model_type": "unheard_of", "vision_config": {}},
                "preprocessor_config": {"processor_class": "ColQwen2_5_Processor"},
            },
            COLQWEN2_5,
        ),
        ({"config": {"model_type": "qwen2_5_vl", "vision_config": {}}}, COLQWEN2_5),
        (
            {"config": {"model_type": "gemma3", "vision_config": {}}},
            ("ColGemma3", "ColGemmaProcessor3", ENGINE),
        ),
    ],
)
def test_model_class_is_read_from_the_json_files(
    tmp_path: Path, files: dict[str, dict[str, Any]], family: tuple[str, str, str]
) -> None:
    assert classes_of(find_family(write(tmp_path, **files), None, name="m")) == family


def test_adapter_without_class_has_its_bases_family(tmp_path: Path) -> None:
    adapter = write(tmp_path / "a", adapter_config={"auto_mapping": None})
    base = write(tmp_path / "b", config={"model_type": "idefics3", "vision_config": {}})
    assert find_family(adapter, base, name="m").model == "ColIdefics3"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"config": {"model_type": "qwen2_5_omni_thinker"}}, "ColQwen2.5-Omni.*Use ColQwen2.5"),
        ({"config": {"architectures": ["ColQwen2_5Omni"]}}, "Omni"),
        (
            {"config": {"model_type": "qwen2_vl", "architectures": ["BiQwen2"]}},
            r"bi-encoder \(BiQwen2\): it makes one vector",
        ),
        ({"processor_config": {"processor_class": "BiIdefics3Processor"}}, "bi-encoder"),
        ({"config": {"model_type": "bert"}}, r'text model \(bert\).*encoder="text:m"'),
        (
            {"config": {"model_type": "llava", "vision_config": {}}},
            r"\(llava\); supported are ColPali",
        ),
        ({}, "m has no model at its top: no config.json.*hf download m --local-dir"),
    ],
)
def test_unsupported_models_are_refused_with_the_reason(
    tmp_path: Path, files: dict[str, dict[str, Any]], message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        find_family(write(tmp_path, **files), None, name="m")


@pytest.mark.parametrize("family", FAMILIES)
def test_saved_checkpoint_of_every_family_is_recognized(models: ModelShelf, family: str) -> None:
    model, processor, module = classes(family)
    detected = find_family(models.folder(family), None, name=family)
    assert classes_of(detected) == (model.__name__, processor.__name__, module.__name__)


def load(source: Path | str, **options: Any) -> ColVisionEncoder:
    encoder = load_encoder(str(source), **options)
    assert isinstance(encoder, ColVisionEncoder)
    return encoder


TARGETS = r"(.*\.(q_proj|v_proj|query_key_value|Wqkv)$)|(.*custom_text_proj$)|(^linear$)"


def save_adapter(
    models: ModelShelf, family: str, folder: Path, *, base: str | None = None, whole: bool = False
) -> Any:
    """A LoRA adapter on disk; gives the model with it merged, by peft itself."""
    from peft import LoraConfig, get_peft_model

    model = classes(family)[0].from_pretrained(models.folder(family))
    config = LoraConfig(
        r=4,
        lora_alpha=8,
        target_modules=TARGETS.split("|(.*custom")[0] if whole else TARGETS,
        modules_to_save=["custom_text_proj"] if whole else None,
        init_lora_weights=False,
    )
    adapted = get_peft_model(model, config)
    for name, weight in adapted.named_parameters():
        if "modules_to_save" in name:
            weight.data.mul_(-1.5)
    adapted.save_pretrained(folder)
    path = folder / "adapter_config.json"
    config_json = json.loads(path.read_text())
    config_json["base_model_name_or_path"] = base or str(models.folder(family))
    path.write_text(json.dumps(config_json))
    return adapted.merge_and_unload().eval()


@pytest.mark.parametrize("family", [f for f in FAMILIES if not f.endswith("-native")])
def test_adapter_gives_the_merged_models_output(
    models: ModelShelf, family: str, tmp_path: Path
) -> None:
    import torch

    merged = save_adapter(models, family, tmp_path)
    encoder = load(tmp_path)
    processor = classes(family)[1].from_pretrained(models.folder(family))
    with torch.inference_mode():
        asked = merged(**encoder.process_question("total amount"))[0]
        shown = merged(**processor.process_images([PAGE.page.image]))[0]
    plain = models.encoder(family)
    query = encoder.encode_query("total amount")
    np.testing.assert_allclose(query.vectors, asked.numpy(), atol=1e-4)
    assert np.abs(query.vectors - plain.encode_query("total amount").vectors).max() > 0.01
    (embedding,) = encoder.encode_pages([PAGE])
    np.testing.assert_allclose(embedding.vectors, shown.numpy(), atol=1e-4)
    assert encoder.fingerprint != plain.fingerprint


def test_adapter_with_a_whole_projection_needs_none_in_its_base(
    models: ModelShelf, tmp_path: Path
) -> None:
    import torch

    base = without_projection(models.folder("colqwen2"), tmp_path / "base")
    merged = save_adapter(models, "colqwen2", tmp_path / "a", base=str(base), whole=True)
    encoder = load(tmp_path / "a")
    with torch.inference_mode():
        asked = merged(**encoder.process_question("total"))[0]
    np.testing.assert_allclose(encoder.encode_query("total").vectors, asked.numpy(), atol=1e-4)


def without_projection(source: Path, folder: Path) -> Path:
    """The checkpoint as a backbone would be: nothing that makes vectors of late interaction."""
    from safetensors.torch import load_file, save_file

    shutil.copytree(source, folder)
    file = folder / "model.safetensors"
    weights = {k: v for k, v in load_file(file).items() if "_proj" not in k.split(".")[0]}
    save_file(weights, file, metadata={"format": "pt"})
    return folder


def test_backbone_without_the_layer_that_makes_vectors_is_refused(
    models: ModelShelf, tmp_path: Path
) -> None:
    backbone = without_projection(models.folder("colqwen2"), tmp_path / "backbone")
    with pytest.raises(InvalidInput, match=r"backbone that was not trained .*\(custom_text_proj\)"):
        load_encoder(str(backbone))
    save_adapter(models, "colqwen2", tmp_path / "adapter", base=str(backbone))
    message = rf"adapter does not bring the layer .*its base {backbone} has none.*base=ID"
    with pytest.raises(InvalidInput, match=message):
        load_encoder(str(tmp_path / "adapter"))


@pytest.mark.parametrize("renamed", [False, True], ids=["missing", "renamed"])
def test_weights_that_would_be_random_are_named(
    models: ModelShelf, tmp_path: Path, renamed: bool
) -> None:
    from safetensors.torch import load_file, save_file

    folder = copy_of(models, tmp_path / "model")
    weights = load_file(folder / "model.safetensors")
    norm = weights.pop("language_model.norm.weight")
    if renamed:
        weights["decoder.norm.weight"] = norm
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    message = r"lacks the weights language_model\.norm\.weight, which would be random. "
    message += r"It has others .decoder\.norm\.weight" if renamed else "It is incomplete"
    with pytest.raises(BackendError, match=message.replace("others ", r"others instead \(?")):
        load_encoder(str(folder))


def test_adapter_of_another_adapter_is_refused(models: ModelShelf, tmp_path: Path) -> None:
    save_adapter(models, "colqwen2", tmp_path / "base")
    save_adapter(models, "colqwen2", tmp_path / "adapter", base=str(tmp_path / "base"))
    with pytest.raises(InvalidInput, match=r"its base .* is an adapter itself; merge that one"):
        load_encoder(str(tmp_path / "adapter"))


def test_adapter_without_its_base_names_what_is_missing(models: ModelShelf, tmp_path: Path) -> None:
    save_adapter(models, "colqwen2", tmp_path, base="nobody/no-such-base")
    with pytest.raises(BackendError, match=r"base of the adapter .*no-such-base.*hf download"):
        load_encoder(str(tmp_path))
    write(tmp_path, adapter_config={"auto_mapping": {"base_model_class": "ColQwen2"}})
    with pytest.raises(InvalidInput, match="does not name its base"):
        load_encoder(str(tmp_path))


def copy_of(models: ModelShelf, folder: Path) -> Path:
    shutil.copytree(models.folder("colqwen2"), folder)
    return folder


def test_folder_without_weights_is_refused(models: ModelShelf, tmp_path: Path) -> None:
    folder = copy_of(models, tmp_path / "model")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(InvalidInput, match=r"no weights.*pytorch_model\.bin is a pickle"):
        load_encoder(str(folder))
    (folder / "pytorch_model.bin").unlink()
    with pytest.raises(InvalidInput, match="has no weights"):
        load_encoder(str(folder))


def test_missing_weight_file_is_named(models: ModelShelf, tmp_path: Path) -> None:
    folder = copy_of(models, tmp_path / "model")
    shards = {
        "a": "model.safetensors",
        "custom_text_proj.weight": "model-00002-of-00002.safetensors",
    }
    index = {"weight_map": shards}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(BackendError, match=r"lacks model-00002-of-00002\.safetensors"):
        load_encoder(str(folder))


@pytest.mark.parametrize("damage", [b"", b"nonsense", bytes(8) + b"{"])
def test_damaged_weights_are_an_error(models: ModelShelf, tmp_path: Path, damage: bytes) -> None:
    folder = copy_of(models, tmp_path / "model")
    (folder / "model.safetensors").write_bytes(damage)
    with pytest.raises(BackendError, match=str(folder)):
        load_encoder(str(folder))


def test_damaged_json_files_are_an_error(models: ModelShelf, tmp_path: Path) -> None:
    folder = copy_of(models, tmp_path / "model")
    (folder / "config.json").write_text("{")
    with pytest.raises(BackendError, match=r"config\.json is damaged"):
        load_encoder(str(folder))
    (folder / "config.json").write_text("[]")
    with pytest.raises(BackendError, match="must hold a JSON object"):
        load_encoder(str(folder))


def test_processor_that_cannot_be_loaded_is_an_error(models: ModelShelf, tmp_path: Path) -> None:
    folder = copy_of(models, tmp_path / "model")
    (folder / "tokenizer.json").unlink()
    with pytest.raises(BackendError, match="could not be loaded as ColQwen2"):
        load_encoder(str(folder))


def test_fingerprint_depends_on_weights_and_not_on_the_folder(
    models: ModelShelf, tmp_path: Path
) -> None:
    folder = copy_of(models, tmp_path / "elsewhere")
    moved = model_files.digest([folder])
    assert moved == model_files.digest([models.folder("colqwen2")])
    file = folder / "model.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    assert model_files.digest([folder]) != moved


HUB_ID, COMMIT, OLD = "someone/tiny-colqwen2", "a" * 40, "b" * 40


@pytest.fixture
def cache(models: ModelShelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A hub cache with two revisions of one model."""
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    place = tmp_path / f"models--{HUB_ID.replace('/', '--')}"
    for commit, family in ((COMMIT, "colqwen2"), (OLD, "colpali")):
        shutil.copytree(models.folder(family), place / "snapshots" / commit)
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text(COMMIT)
    (place / "refs" / "v1").write_text(OLD)
    return place


@pytest.mark.usefixtures("cache")
def test_cached_model_needs_no_network_and_spec_records_its_commit() -> None:
    encoder = load_encoder(HUB_ID, local_files_only=True, pool_factor=2)
    assert encoder.fingerprint.startswith("ColQwen2@")
    assert encoder.spec == f"{HUB_ID}?revision={COMMIT}&pool_factor=2"
    assert load_encoder(encoder.spec).fingerprint == encoder.fingerprint


@pytest.mark.usefixtures("cache")
def test_revision_can_be_pinned() -> None:
    assert load_encoder(HUB_ID, revision="v1").fingerprint.startswith("ColPali@")
    assert load_encoder(HUB_ID, revision=OLD).fingerprint.startswith("ColPali@")


def index_with_a_page(folder: Path, encoder: str) -> str:
    """The fingerprint of its encoder."""
    with Engine.open(folder, encoder=encoder, parser=LineParser([])) as engine:
        engine.add(PAGE.page.image, doc_id="d")
        return engine.encoder.fingerprint


def test_index_keeps_the_commit_of_its_model_while_the_repository_moves_on(
    cache: Path, tmp_path: Path
) -> None:
    made_with = index_with_a_page(tmp_path / "index", HUB_ID)
    (cache / "refs" / "main").write_text(OLD)
    with Engine.open(tmp_path / "index") as engine:
        assert engine.encoder.fingerprint == made_with
        assert {hit.doc_id for hit in engine.search("total")} == {"d"}
    with pytest.raises(ModelMismatch, match=made_with):
        Engine.open(tmp_path / "index", encoder=HUB_ID)


def test_commit_of_an_index_that_is_gone_is_named(cache: Path, tmp_path: Path) -> None:
    index_with_a_page(tmp_path / "index", HUB_ID)
    (cache / "refs" / "main").write_text(OLD)
    shutil.rmtree(cache / "snapshots" / COMMIT)
    with pytest.raises(BackendError, match=f"hf download {HUB_ID} --revision {COMMIT}"):
        Engine.open(tmp_path / "index")


def test_folder_whose_weights_have_changed_is_another_model(
    models: ModelShelf, tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    folder = copy_of(models, tmp_path / "model")
    made_with = index_with_a_page(tmp_path / "index", str(folder))
    weights = load_file(folder / "model.safetensors")
    weights["custom_text_proj.bias"] += 1
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelMismatch, match=made_with):
        Engine.open(tmp_path / "index")


@pytest.mark.parametrize(
    ("kind", "file"),
    [("model", r"model\*\.safetensors"), ("adapter", r"adapter_model\.safetensors")],
)
def test_cached_model_without_weights_says_how_to_download_them(
    models: ModelShelf, cache: Path, kind: str, file: str
) -> None:
    snapshot = cache / "snapshots" / COMMIT
    if kind == "adapter":
        save_adapter(models, "colqwen2", snapshot)
    for weights in snapshot.glob("*.safetensors"):
        weights.unlink()
    with pytest.raises(BackendError, match=rf"has no {file} in the local cache.*hf download"):
        load_encoder(HUB_ID)


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("options", [{}, {"local_files_only": True}, {"revision": "v9"}])
def test_model_neither_cached_nor_reachable_says_how_to_download_it(
    options: dict[str, Any],
) -> None:
    command = f"{HUB_ID} --revision v9" if "revision" in options else "someone/else"
    with pytest.raises(BackendError, match=f"hf download {command}`"):
        load_encoder(command.partition(" ")[0], **options)


@pytest.mark.parametrize("name", ["/no/such/folder", "./nothing", "~/nothing-here"])
@pytest.mark.usefixtures("models")
def test_missing_folder_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="neither an existing folder nor a hub id"):
        load_encoder(name)


def test_torchvision_built_for_another_torch_is_explained(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(module: str, *, extra: str) -> None:
        raise RuntimeError(f"operator {module}::nms does not exist ({extra})")

    monkeypatch.setattr(loading, "require", broken)
    with pytest.raises(MissingDependency, match="pip install --force-reinstall torch torchvision"):
        loading._classes(Family(*COLQWEN2_5))
