"""Checkpoints as they are published: names and layouts of other libraries, adapters whose base is
elsewhere, and damage that users meet. Each is a tiny model with its files changed."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from colregion.encoders.colvision import ColVisionEncoder
from colregion.encoders.torch_utils import model_files
from colregion.engine import Engine
from colregion.errors import BackendError, ColregionError, InvalidInput
from colregion.indexes.memory import MemoryIndex
from colregion.testing.fakes import LineParser, PlainImage, make_parsed_page
from tests.encoders.test_colvision_loading import load, save_adapter, without_projection, write
from tests.encoders.tiny_colvision import FAMILIES, QWEN, ModelShelf

pytestmark = pytest.mark.torch

PAGES = [
    make_parsed_page([], image=PlainImage(width_px=300, height_px=420, color=(30, 90, 200))),
    make_parsed_page([], number=2, image=PlainImage(width_px=420, height_px=200)),
]
RUN_NOTHING = "raise SystemError('code of a repository was run')\n"


def variant(
    source: Path,
    folder: Path,
    *,
    weights: Callable[[dict[str, Any]], dict[str, Any]] = dict,
    **config: Any,
) -> Path:
    """A copy of a checkpoint with other weights, and other fields in config.json."""
    from safetensors.torch import load_file, save_file

    shutil.copytree(source, folder)
    file = folder / "model.safetensors"
    changed = {name: weight.clone() for name, weight in weights(load_file(file)).items()}
    save_file(changed, file, metadata={"format": "pt"})
    own = json.loads((folder / "config.json").read_text())
    write(folder, config={**own, **config})
    return folder


def assert_same_vectors(a: ColVisionEncoder, b: ColVisionEncoder) -> None:
    np.testing.assert_allclose(a.encode_query("x").vectors, b.encode_query("x").vectors, atol=1e-5)
    for one, other in zip(a.encode_pages(PAGES), b.encode_pages(PAGES), strict=True):
        np.testing.assert_allclose(one.vectors, other.vectors, atol=1e-4)


def test_transformers_colqwen2_gives_the_vectors_of_colpali_engines(
    models: ModelShelf, tmp_path: Path
) -> None:
    """Also of two page sizes in one batch. Without rows and columns in the positions of patches
    they differ by .01 and more."""
    native = models.folder("colqwen2-native")

    def renamed(weights: dict[str, Any]) -> dict[str, Any]:
        names = {"embedding_proj_layer": "custom_text_proj", "vlm.model.": "", "vlm.": ""}
        result = {}
        for name, weight in weights.items():
            for old, new in names.items():
                name = name.replace(old, new)
            result[name] = weight
        return result

    config = json.loads((native / "config.json").read_text())["vlm_config"]
    engine = variant(native, tmp_path / "engine", weights=renamed)
    write(engine, config={**config, "architectures": ["ColQwen2"]})
    for name in ("processor_config.json", "tokenizer_config.json"):
        shutil.copy(models.folder("colqwen2") / name, engine)
    own = load(native, batch_tokens=100_000)
    assert_same_vectors(own, load(engine))
    batch = own.processor.process_images([page.page.image for page in PAGES])
    positions = own._with_positions(batch)["position_ids"]
    (n_rows, n_cols) = (batch["image_grid_thw"][0, 1:] // 2).tolist()
    (patches,) = (batch["input_ids"][0] == own._image_id).nonzero().T
    rows, cols = positions[1:, 0, patches]
    assert (rows - rows[0]).tolist() == np.repeat(range(n_rows), n_cols).tolist()
    assert (cols - cols[0]).tolist() == np.tile(range(n_cols), n_rows).tolist()
    assert own.fingerprint.startswith("ColQwen2ForRetrieval-2@")


def test_transformers_colpali_saved_by_its_releases_4_52_to_4_57_is_loaded(
    models: ModelShelf, tmp_path: Path
) -> None:
    original = models.folder("colpali-native")
    deeper = variant(
        original,
        tmp_path / "deeper",
        weights=lambda all_: {
            name.replace("vlm.", "vlm.model.", 1): weight for name, weight in all_.items()
        },
    )
    assert_same_vectors(load(deeper), models.encoder("colpali-native"))


def test_wrapped_colqwen3_is_loaded_without_running_its_code(
    models: ModelShelf, tmp_path: Path
) -> None:
    def wrapped(weights: dict[str, Any]) -> dict[str, Any]:
        plain = {name.removeprefix("model."): weight for name, weight in weights.items()}
        return {
            name.replace("custom_text_proj", "embedding_proj_layer")
            if name.startswith("custom")
            else f"vlm.model.{name}": weight
            for name, weight in plain.items()
        }

    folder = variant(
        models.folder("colqwen3"),
        tmp_path / "wrapped",
        weights=wrapped,
        model_type="colqwen3",
        architectures=["ColQwen3"],
        auto_map={
            "AutoModel": "modeling.ColQwen3",
            "AutoProcessor": "processing.ColQwen3Processor",
        },
    )
    for name in ("modeling.py", "processing.py"):
        (folder / name).write_text(RUN_NOTHING)
    encoder = load(folder)
    assert_same_vectors(encoder, models.encoder("colqwen3"))
    # The limit that its own processor sets: 1,280 cells of 32 x 32 px.
    assert encoder.processor.image_processor.size["longest_edge"] == 1280 * 32 * 32
    limited = load(folder, max_num_visual_tokens=64)
    assert limited.processor.image_processor.size["longest_edge"] == 64 * 32 * 32


@pytest.mark.parametrize("family", ["colqwen3", "colqwen2_5", "colidefics3"])
def test_projection_of_another_size_gives_the_first_dimensions(
    models: ModelShelf, tmp_path: Path, family: str
) -> None:
    def first(weights: dict[str, Any]) -> dict[str, Any]:
        layer = re.compile(r"(custom_text_proj|^linear)\.")
        return {
            name: weight[:24] if layer.search(name) else weight for name, weight in weights.items()
        }

    small = load(variant(models.folder(family), tmp_path / "small", weights=first))
    vectors = small.encode_query("total").vectors
    expected = models.encoder(family).encode_query("total").vectors[:, :24]
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(vectors, expected, atol=1e-5)


def test_repository_that_needs_its_own_code_is_refused(models: ModelShelf, tmp_path: Path) -> None:
    folder = variant(
        models.folder("colqwen2_5"),
        tmp_path / "own-code",
        architectures=["StrangeEmbeddingModel"],
        auto_map={"AutoModel": "modeling.StrangeEmbeddingModel"},
    )
    (folder / "modeling.py").write_text(RUN_NOTHING)
    with pytest.raises(
        InvalidInput, match=r"\(StrangeEmbeddingModel\) needs Python code of its own"
    ):
        load(folder)


def test_folder_with_checkpoints_inside_names_them(models: ModelShelf, tmp_path: Path) -> None:
    shutil.copytree(models.folder("colqwen2"), tmp_path / "checkpoint-9")
    save_adapter(models, "colqwen2", tmp_path / "checkpoint-10")
    expected = f"{tmp_path / 'checkpoint-10'}, {tmp_path / 'checkpoint-9'}"
    with pytest.raises(InvalidInput, match=f"no model at its top.*name {expected}"):
        load(tmp_path)


def test_git_lfs_pointer_is_named_as_one(models: ModelShelf, tmp_path: Path) -> None:
    folder = shutil.copytree(models.folder("colqwen2"), tmp_path / "clone")
    pointer = (
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 4418053680\n"
    )
    (folder / "model.safetensors").write_text(pointer)
    with pytest.raises(BackendError, match=r"model\.safetensors is a pointer of Git LFS.*git lfs"):
        load(folder)


@pytest.mark.parametrize("n_bytes", [-1, 1], ids=["cut", "longer"])
def test_shard_of_another_length_is_named(models: ModelShelf, tmp_path: Path, n_bytes: int) -> None:
    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(models.folder("colqwen2"), tmp_path / "shards")
    weights = list(load_file(folder / "model.safetensors").items())
    (folder / "model.safetensors").unlink()
    places: dict[str, str] = {}
    for number, part in enumerate((weights[:9], weights[9:]), start=1):
        file = folder / f"model-0000{number}-of-00002.safetensors"
        save_file(dict(part), file, metadata={"format": "pt"})
        places |= {name: file.name for name, _ in part}
    write(folder, **{"model.safetensors.index": {"metadata": {}, "weight_map": places}})
    assert_same_vectors(load(folder), models.encoder("colqwen2"))
    content = file.read_bytes()
    file.write_bytes(content[:n_bytes] if n_bytes < 0 else content + bytes(n_bytes))
    with pytest.raises(BackendError, match=r"model-00002-of-00002\.safetensors is damaged"):
        load(folder)


@pytest.mark.parametrize(
    ("family", "image_settings", "message"),
    [
        ("colidefics3", {"max_image_size": {"longest_edge": 128}}, "image_seq_len is 9.*needs 4"),
        (
            "colmodernvbert",
            {"max_image_size": {"longest_edge": 320}},
            "image_seq_len is 9.*needs 25",
        ),
        ("colqwen2_5", {"patch_size": 16}, "patch_size is 16.*needs 14"),
        ("colqwen3", {"merge_size": 1}, "merge_size is 1.*needs 2"),
        ("colpali", {"size": {"height": 224, "width": 224}}, "size is 224.*needs 448"),
        ("colpali", {"size": {"shortest_edge": 448}}, "size is None.*needs 448"),
        ("colgemma3", {"size": {"height": 896, "width": 896}}, "size is 896.*needs 448"),
    ],
)
def test_processor_that_makes_other_cells_than_the_model_is_refused(
    models: ModelShelf,
    tmp_path: Path,
    family: str,
    image_settings: dict[str, Any],
    message: str,
) -> None:
    folder = shutil.copytree(models.folder(family), tmp_path / "other")
    path = folder / "processor_config.json"
    settings = json.loads(path.read_text())
    settings["image_processor"] |= image_settings
    path.write_text(json.dumps(settings))
    with pytest.raises(InvalidInput, match=f"processor of {folder} does not fit.*{message}"):
        load(folder)


def set_base(folder: Path, base: str, **fields: Any) -> None:
    path = folder / "adapter_config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, "base_model_name_or_path": base, **fields}))


@pytest.mark.parametrize("place", ["/home/someone/models/base", "./models/base", r"C:\models\base"])
def test_base_named_by_the_trainers_path_is_replaced_with_the_option_base(
    models: ModelShelf, tmp_path: Path, place: str
) -> None:
    adapter = tmp_path / "adapter"
    save_adapter(models, "colqwen2", adapter)
    expected = load(adapter)
    set_base(adapter, place, revision="e" * 40)
    with pytest.raises(InvalidInput, match=r"probably a path where it was trained.*base=vidore/"):
        load(adapter)
    base = shutil.copytree(models.folder("colqwen2"), tmp_path / "a & b?")
    encoder = load(adapter, base=str(base))
    assert_same_vectors(encoder, expected)
    assert encoder.fingerprint == expected.fingerprint
    assert encoder.spec == f"{adapter}?base={tmp_path}/a%20%26%20b%3F"
    assert load(encoder.spec).fingerprint == expected.fingerprint


def test_base_is_refused_for_a_model_that_is_not_an_adapter(models: ModelShelf) -> None:
    with pytest.raises(InvalidInput, match="is not an adapter and has no base; omit base='a/b'"):
        load(models.folder("colqwen2"), base="a/b")


def test_empty_revision_in_an_adapter_means_none(models: ModelShelf, tmp_path: Path) -> None:
    save_adapter(models, "colqwen2", tmp_path)
    expected = load(tmp_path)
    set_base(tmp_path, str(models.folder("colqwen2")), revision="")
    assert load(tmp_path).fingerprint == expected.fingerprint


def test_adapter_for_another_width_of_the_family_is_refused(
    models: ModelShelf, tmp_path: Path
) -> None:
    save_adapter(models, "colqwen2", tmp_path / "adapter")
    config = json.loads((models.folder("colqwen2") / "config.json").read_text())
    narrow = {**config["text_config"], "hidden_size": 16}
    base = variant(models.folder("colqwen2"), tmp_path / "narrow", text_config=narrow)
    message = f"model of width 32, and its base {base} has 16: .* another size of the family"
    with pytest.raises(InvalidInput, match=message):
        load(tmp_path / "adapter", base=str(base))


def test_adapter_for_another_depth_of_the_family_is_refused(
    models: ModelShelf, tmp_path: Path
) -> None:
    changed_adapter(
        models,
        tmp_path,
        lambda all_: (
            all_ | {name.replace("layers.0.", "layers.7."): one for name, one in all_.items()}
        ),
    )
    with pytest.raises(InvalidInput, match=r"model of depth 8, and its base .* has 1: .* size"):
        load(tmp_path)


def changed_adapter(
    models: ModelShelf, folder: Path, change: Callable[[dict[str, Any]], dict[str, Any]]
) -> Path:
    from safetensors.torch import load_file, save_file

    save_adapter(models, "colqwen2", folder)
    file = folder / "adapter_model.safetensors"
    changed = {name: weight.clone() for name, weight in change(load_file(file)).items()}
    save_file(changed, file, metadata={"format": "pt"})
    return folder


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (  # of a model with wider layers inside
            lambda weights: {
                name: weight.repeat(2, 1) if name.endswith("q_proj.lora_B.weight") else weight
                for name, weight in weights.items()
            },
            r"other sizes than its model: .*q_proj\.lora_B.* \(64, 4\) for \(32, 4\)\. ",
        ),
        (
            lambda weights: {name: one for name, one in weights.items() if "v_proj" not in name},
            r"lacks the weights .*v_proj\.lora_A.*It is incomplete",
        ),
        (
            lambda weights: (
                weights | {name.replace("q_proj", "k_proj"): one for name, one in weights.items()}
            ),
            r"does not name, which would be ignored: .*k_proj\.lora_A.*Correct target_modules",
        ),
    ],
    ids=["other-sizes", "missing", "not-named"],
)
def test_adapter_that_would_be_applied_in_part_is_refused(
    models: ModelShelf,
    tmp_path: Path,
    change: Callable[[dict[str, Any]], dict[str, Any]],
    message: str,
) -> None:
    with pytest.raises(BackendError, match=message):
        load(changed_adapter(models, tmp_path, change))


def test_weights_of_other_sizes_than_the_configuration_are_named(
    models: ModelShelf, tmp_path: Path
) -> None:
    config = json.loads((models.folder("colqwen2") / "config.json").read_text())
    other = {**config["text_config"], "intermediate_size": 48}
    folder = variant(models.folder("colqwen2"), tmp_path / "other", text_config=other)
    message = r"other sizes than its model: .*\.mlp\.\w+\.weight \(32, 64\) for \(32, 48\)"
    with pytest.raises(BackendError, match=message):
        load(folder)


def test_configuration_with_impossible_values_is_an_error(
    models: ModelShelf, tmp_path: Path
) -> None:
    config = json.loads((models.folder("colqwen2") / "config.json").read_text())
    broken = {**config["text_config"], "num_hidden_layers": 0}
    folder = variant(models.folder("colqwen2"), tmp_path / "broken", text_config=broken)
    with pytest.raises(
        BackendError, match=r"(?s)could not be loaded as ColQwen2.*num_hidden_layers"
    ):
        load(folder)


COMMIT = "c" * 40


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder `owner/name` is a repository; what is fetched from it lies in `cache`."""
    import huggingface_hub
    from huggingface_hub.utils import filter_repo_objects

    def snapshot_download(source: str, *, revision: str | None, **options: Any) -> str:
        assert revision in (None, COMMIT)
        options.pop("local_files_only")
        repository = tmp_path / "hub" / source
        snapshot = tmp_path / "cache" / source / "snapshots" / COMMIT
        files = [str(file.relative_to(repository)) for file in repository.rglob("*.*")]
        for file in filter_repo_objects(files, **options):
            (snapshot / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(repository / file, snapshot / file)
        return str(snapshot)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    return tmp_path / "hub"


def fetched(hub: Path, name: str) -> set[str]:
    snapshot = hub.parent / "cache" / name / "snapshots" / COMMIT
    return {str(file.relative_to(snapshot)) for file in snapshot.rglob("*.*")}


def test_only_the_files_that_are_used_are_fetched(models: ModelShelf, hub: Path) -> None:
    shutil.copytree(models.folder("colqwen2"), hub / "a" / "base")
    adapter = hub / "a" / "adapter"
    save_adapter(models, "colqwen2", adapter, base="a/base")
    shutil.copytree(adapter, adapter / "checkpoint-10")
    for unused in ("model.safetensors", "optimizer.pt", "modeling.py", "training_args.bin"):
        (adapter / unused).write_text("unused")
    encoder = load("a/adapter")
    assert encoder.spec == f"a/adapter?revision={COMMIT}"
    assert fetched(hub, "a/adapter") == {"adapter_config.json", "adapter_model.safetensors"}
    (hub / "a" / "base" / "consolidated.safetensors").write_text("unused")
    load("a/base")
    assert "model.safetensors" in fetched(hub, "a/base")
    assert "consolidated.safetensors" not in fetched(hub, "a/base")


def plain_base(models: ModelShelf, hub: Path) -> None:
    """A backbone as Qwen publishes it, and an adapter that adds no projection."""
    without_projection(models.folder("colqwen2_5"), hub / "a" / "base")
    config = json.loads((hub / "a" / "base" / "config.json").read_text())
    write(
        hub / "a" / "base",
        config={**config, "architectures": ["Qwen2_5_VLForConditionalGeneration"]},
    )
    save_adapter(models, "colqwen2_5", hub / "a" / "model", base="a/base")


def other_size(models: ModelShelf, hub: Path) -> None:
    shutil.copytree(models.folder("colqwen2_5"), hub / "a" / "base")
    config = json.loads((hub / "a" / "base" / "config.json").read_text())
    write(hub / "a" / "base", config={**config, "text_config": {"hidden_size": 2048}})
    save_adapter(models, "colqwen2_5", hub / "a" / "model", base="a/base")


def omni(models: ModelShelf, hub: Path) -> None:
    save_adapter(models, "colqwen2_5", hub / "a" / "model", base="a/base")
    processor = {"processor_class": "ColQwen2_5OmniProcessor"}
    write(hub / "a" / "model", preprocessor_config=processor)
    shutil.copytree(models.folder("colqwen2_5"), hub / "a" / "base")


def own_code(models: ModelShelf, hub: Path) -> None:
    shutil.copytree(models.folder("colqwen2_5"), hub / "a" / "model")
    config = json.loads((hub / "a" / "model" / "config.json").read_text())
    strange = {"architectures": ["Strange"], "auto_map": {"AutoModel": "m.Strange"}}
    write(hub / "a" / "model", config={**config, **strange})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (plain_base, "does not bring the layer that makes vectors"),
        (other_size, "is for a model of width 32, and its base a/base has 2048"),
        (omni, "is a ColQwen2.5-Omni model"),
        (own_code, "needs Python code of its own"),
    ],
)
def test_unusable_model_is_refused_before_its_weights_are_fetched(
    models: ModelShelf, hub: Path, make: Callable[[ModelShelf, Path], None], message: str
) -> None:
    make(models, hub)
    with pytest.raises(InvalidInput, match=message):
        load("a/model")
    files = fetched(hub, "a/model") | fetched(hub, "a/base")
    assert not {name for name in files if name.startswith("model")}


def test_backbone_that_only_its_weights_tell_is_refused(models: ModelShelf, hub: Path) -> None:
    without_projection(models.folder("colqwen2_5"), hub / "a" / "model")
    config = json.loads((hub / "a" / "model" / "config.json").read_text())
    write(hub / "a" / "model", config={**config, "architectures": None})
    with pytest.raises(InvalidInput, match="a/model is a backbone that was not trained"):
        load("a/model")


def test_model_for_sentence_transformers_is_named_as_one(
    models: ModelShelf, tmp_path: Path
) -> None:
    folder = without_projection(models.folder("colpali-native"), tmp_path / "model")
    (folder / "modules.json").write_text("[]")
    with pytest.raises(InvalidInput, match="is a model for sentence-transformers, with layers in"):
        load(folder)


QWEN_END = "<|endoftext|>" * 10
TILED_END = "<end_of_utterance>" * 10


@pytest.mark.parametrize(
    ("family", "text"),
    [
        ("colpali", "<bos>Query: total?" + "<pad>" * 10 + "\n"),
        ("colqwen2", "Query: total?" + QWEN_END),
        ("colqwen2_5", "Query: total?" + QWEN_END),
        ("colqwen2-native", "Query: total?" + QWEN_END),
        ("colidefics3", "Query: total?" + TILED_END + "\n"),
        ("colqwen3", "total?" + QWEN_END),
        ("colqwen3_5", "total?" + QWEN_END),
        ("colmodernvbert", "total?" + TILED_END),
        ("colpali-native", "<bos>Question: total?" + "<pad>" * 10 + "\n"),
        ("colgemma3", "<bos><start_of_turn>user\nQuery: total?<end_of_turn>\n"),
    ],
)
def test_question_has_the_text_around_it_that_the_family_was_trained_with(
    models: ModelShelf, family: str, text: str
) -> None:
    encoder = models.encoder(family)
    ids = encoder.process_question("total?")["input_ids"][0].tolist()
    assert encoder.processor.tokenizer.decode(ids) == text
    query = encoder.encode_query("total?")
    assert len(query.tokens) == len(ids)
    if "Query: " in text:  # bytes are tokens here
        assert "".join(query.tokens).replace("totaltotal", "").count("Query:") == 1


@pytest.mark.parametrize("family", ["colpali", "colqwen2", "colqwen2_5", "colidefics3"])
def test_query_prefix_replaces_that_of_the_family(models: ModelShelf, family: str) -> None:
    encoder = load(models.folder(family), query_prefix="")
    ids = encoder.process_question("total?")["input_ids"]
    assert ids.tolist() == encoder.processor.process_queries(["total?"])["input_ids"].tolist()
    usual = models.encoder(family)
    assert encoder.fingerprint == usual.fingerprint
    assert encoder.spec == f"{models.folder(family)}?query_prefix="
    again = load(f"{models.folder(family)}?query_prefix=Find%20%26%3A%20")
    assert again.spec == f"{models.folder(family)}?query_prefix=Find%20%26%3A%20"
    text = again.processor.tokenizer.decode(again.process_question("total?")["input_ids"][0])
    assert text.removeprefix("<bos>").startswith("Find &: total?")


def test_query_prefix_is_refused_where_the_processor_has_its_own(models: ModelShelf) -> None:
    with pytest.raises(InvalidInput, match="query_prefix is not for ColQwen3"):
        load(models.folder("colqwen3"), query_prefix="x")
    with pytest.raises(InvalidInput, match="query_prefix must be text, got 3"):
        load(f"{models.folder('colqwen2')}?query_prefix=3")


def test_explain_has_a_map_for_the_text_before_the_question(models: ModelShelf) -> None:
    encoder = models.encoder("colqwen2")
    with Engine(MemoryIndex(), encoder=encoder, parser=LineParser([])) as engine:
        engine.add(PAGES[0].page.image, doc_id="d")
        query = engine.explain("total?", "d#p1").query
    # Bytes are tokens here: seven of "Query: ", six of the question, ten that augment it.
    assert query.tokens[:7] == ("Q", "u", "e", "r", "y", ":", " ")
    assert query.content.tolist() == [False] * 7 + [True] * 5 + [False] * 11


@pytest.mark.parametrize("size", [(40_000, 40), (40, 40_000)])
@pytest.mark.parametrize("family", FAMILIES)
def test_very_long_page_is_encoded_or_refused_by_name(
    models: ModelShelf, family: str, size: tuple[int, int]
) -> None:
    page = make_parsed_page([], image=PlainImage(width_px=size[0], height_px=size[1]))
    encoder = models.encoder(family)
    if family in QWEN:
        with pytest.raises(InvalidInput, match=r"refuses doc#p1 of 40\d* x 40\d* px.*Split long"):
            encoder.encode_pages([page])
    else:
        (embedding,) = encoder.encode_pages([page])
        assert embedding.placement.areas.sum() == pytest.approx(1)


def test_digest_depends_on_the_weights_that_are_loaded_only(
    models: ModelShelf, tmp_path: Path
) -> None:
    save_adapter(models, "colqwen2", tmp_path)
    before = model_files.digest([tmp_path])
    shutil.copy(models.folder("colqwen2") / "model.safetensors", tmp_path)
    assert model_files.digest([tmp_path]) == before
    (tmp_path / "adapter_model.safetensors").unlink()
    with pytest.raises(ColregionError, match="has no weights"):
        model_files.digest([tmp_path])
