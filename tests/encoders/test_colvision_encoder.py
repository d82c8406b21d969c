"""Visual encoders: the port's contract, equality with the libraries' own results, batches,
questions, pooling, and the whole engine on painted pages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from colregion.core.embeddings import PageEmbedding, QueryEmbedding, maxsim_score, similarity
from colregion.core.geometry import Box, GridPlacement
from colregion.core.regions import ParsedPage
from colregion.encoders import load_encoder
from colregion.encoders.colvision import ColVisionEncoder, ColVisionOptions
from colregion.engine import Engine
from colregion.errors import BackendError, InvalidInput, ModelMismatch
from colregion.indexes.memory import MemoryIndex
from colregion.testing import EncoderContract
from colregion.testing.fakes import LineParser, PlainImage, make_parsed_page
from tests.encoders.tiny_colvision import FAMILIES, QWEN, TILED, ModelShelf, classes

pytestmark = pytest.mark.torch

COLORS = {"red": (220, 30, 30), "green": (20, 160, 60), "blue": (30, 60, 220)}
QUESTION = "What is the total amount?"


def page(*, width_px: int, height_px: int, number: int = 1, spot: float = 0.5) -> ParsedPage:
    """A page with two colored spots."""
    painted = (
        (Box(0.1, 0.1, 0.1 + spot / 2, 0.3), COLORS["red"]),
        (Box(0.5, 0.6, 0.9, 0.6 + spot / 2), COLORS["blue"]),
    )
    image = PlainImage(width_px=width_px, height_px=height_px, painted=painted)
    return make_parsed_page([], number=number, image=image)


MIXED = [
    page(width_px=425, height_px=550),
    page(width_px=600, height_px=200, number=2, spot=0.3),
    page(width_px=300, height_px=310, number=3),
]


def grid_of(embedding: PageEmbedding) -> GridPlacement:
    assert isinstance(embedding.placement, GridPlacement)
    return embedding.placement


@pytest.fixture(scope="module", params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class TestOneFamilyOfEachKind(EncoderContract):
    @pytest.fixture(params=["colpali", "colqwen2_5", "colmodernvbert", "colqwen2-native"])
    def encoder(self, request: pytest.FixtureRequest, models: ModelShelf) -> ColVisionEncoder:
        return models.encoder(request.param)


def test_vectors_and_scores_equal_the_librarys(models: ModelShelf, family: str) -> None:
    """Not those of transformers' ColQwen2: its pages lack rows and columns in their positions."""
    import torch

    model_class, processor_class, _ = classes(family)
    model = model_class.from_pretrained(models.folder(family)).eval()
    processor = processor_class.from_pretrained(models.folder(family))
    encoder = models.encoder(family)
    pages, query = encoder.encode_pages(MIXED), encoder.encode_query(QUESTION)

    def theirs(batch: Any) -> Any:
        with torch.inference_mode():
            output = model(**{key: value for key, value in batch.items() if key != "labels"})
        return getattr(output, "embeddings", output)[0]

    asked = theirs(encoder.process_question(QUESTION))
    batches = [processor.process_images([one.page.image]) for one in MIXED]
    if family == "colqwen2-native":
        batches = [encoder._with_positions(batch) for batch in batches]
    shown = [theirs(batch) for batch in batches]
    np.testing.assert_allclose(query.vectors, asked.numpy(), atol=1e-5)
    for embedding, expected in zip(pages, shown, strict=True):
        np.testing.assert_allclose(embedding.vectors, expected.numpy(), atol=1e-4)

    score = getattr(processor, "score_multi_vector", None) or processor.score_retrieval
    for embedding, expected in zip(pages, shown, strict=True):
        ours = maxsim_score(similarity(query.vectors, embedding.vectors), query.weights)
        # One page at a time: padded with zeros, theirs would count an empty place as 0.
        assert ours == pytest.approx(float(score([asked], [expected])[0, 0]), abs=1e-4)


def test_vectors_of_mixed_page_sizes_do_not_depend_on_the_batch(
    models: ModelShelf, family: str
) -> None:
    together = models.encoder(family, batch_tokens=100_000).encode_pages(MIXED)
    for one, batched in zip(MIXED, together, strict=True):
        (alone,) = models.encoder(family).encode_pages([one])
        np.testing.assert_allclose(batched.vectors, alone.vectors, atol=1e-3)
        for a, b in zip(grid_of(batched).layers, grid_of(alone).layers, strict=True):
            np.testing.assert_array_equal(a, b)


def test_half_precision_changes_vectors_little(models: ModelShelf, family: str) -> None:
    (full,) = models.encoder(family).encode_pages(MIXED[:1])
    (half,) = models.encoder(family, dtype="bfloat16").encode_pages(MIXED[:1])
    assert half.vectors.dtype == np.float32
    cosines = (full.vectors * half.vectors).sum(axis=1)
    assert np.median(cosines) > 0.99


def test_attention_implementation_can_be_chosen(models: ModelShelf) -> None:
    (usual,) = models.encoder("colqwen2_5").encode_pages(MIXED[:1])
    plain = models.encoder("colqwen2_5", attention="eager")
    assert plain.model.config._attn_implementation == "eager"
    (eager,) = plain.encode_pages(MIXED[:1])
    np.testing.assert_allclose(eager.vectors, usual.vectors, atol=1e-3)
    with pytest.raises(BackendError, match=r"could not be loaded as ColQwen2_5.*paged_magic"):
        models.encoder("colqwen2_5", attention="paged_magic")


@pytest.mark.parametrize("family", ["colpali", "colqwen2", "colqwen2_5", "colqwen3", "colqwen3_5"])
def test_grid_equals_the_processors(models: ModelShelf, family: str) -> None:
    processor = classes(family)[1].from_pretrained(models.folder(family))
    for one in MIXED:
        image = one.page.image
        (embedding,) = models.encoder(family).encode_pages([one])
        (layer,) = grid_of(embedding).layers
        if family == "colpali":
            n_x, n_y = processor.get_n_patches(image.size, patch_size=14)
        else:
            n_x, n_y = processor.get_n_patches(image.size, spatial_merge_size=2)
        assert layer.shape == (n_y, n_x)
        mask = processor.get_image_mask(processor.process_images([image]))[0]
        np.testing.assert_array_equal(layer.ravel(), np.flatnonzero(mask.numpy()))


def test_map_of_a_tiled_page_equals_the_processors(models: ModelShelf) -> None:
    import torch

    processor = classes("colmodernvbert")[1].from_pretrained(models.folder("colmodernvbert"))
    # Its own count of patches is for tiles of 8 x 8 patches; the tiny model has 3 x 3.
    for one in MIXED:
        image = one.page.image
        (embedding,) = models.encoder("colmodernvbert").encode_pages([one])
        layer = grid_of(embedding).layers[0]
        n_x, n_y = processor.get_n_patches((image.height, image.width))
        assert layer.shape == (n_y, n_x)
        mask = processor.get_local_image_mask(processor.process_images([image]))[0]
        theirs = processor.rearrange_image_embeddings(
            torch.from_numpy(embedding.vectors), mask, (n_x, n_y)
        )
        np.testing.assert_array_equal(embedding.vectors[layer], theirs.numpy().transpose(1, 0, 2))


class PaintAsker(ColVisionEncoder):
    """Encodes the name of a color as the model's vectors for a page of that color."""

    def encode_query(self, text: str) -> QueryEmbedding:
        colors = [word for word in text.lower().split() if word in COLORS]
        vectors = []
        for color in colors:
            painted = PlainImage(width_px=320, height_px=320, color=COLORS[color])
            (embedding,) = self.encode_pages([make_parsed_page([], image=painted)])
            layer = grid_of(embedding).layers[0]
            vectors.append(embedding.vectors[layer[layer.shape[0] // 2, layer.shape[1] // 2]])
        n = len(vectors)
        return QueryEmbedding(np.stack(vectors), tuple(colors), np.ones(n, bool), np.ones(n))


PAINTED = {
    "red": Box(0.05, 0.08, 0.45, 0.3),
    "green": Box(0.55, 0.35, 0.95, 0.6),
    "blue": Box(0.1, 0.7, 0.6, 0.95),
}


@pytest.mark.parametrize("size", [(400, 640), (640, 400)], ids=["portrait", "landscape"])
def test_engine_finds_the_region_with_the_color_asked_for(
    models: ModelShelf, family: str, size: tuple[int, int]
) -> None:
    encoder = PaintAsker(str(models.folder(family, blind=True)))
    parser = LineParser([(f"a region of {name}", box) for name, box in PAINTED.items()])
    image = PlainImage(*size, painted=tuple((box, COLORS[name]) for name, box in PAINTED.items()))()
    with Engine(MemoryIndex(), encoder=encoder, parser=parser) as engine:
        report = engine.add(image, doc_id="painted")
        assert not report.failed
        for name, box in PAINTED.items():
            (hit,) = engine.search(name, k=1)
            assert hit.text == f"a region of {name}"
            raster = engine.explain(name, "painted#p1").raster(rows=64, cols=64)
            row, col = np.unravel_index(np.nanargmax(raster), raster.shape)
            assert box.x0 <= (col + 0.5) / 64 <= box.x1
            assert box.y0 <= (row + 0.5) / 64 <= box.y1


def content_words(query: QueryEmbedding) -> list[str]:
    """The words of the map, each once."""
    tokens = zip(query.tokens, query.content, strict=True)
    return list(dict.fromkeys(token for token, is_content in tokens if is_content))


def test_map_uses_the_questions_words_and_page_score_uses_all_tokens(
    models: ModelShelf, family: str
) -> None:
    encoder = models.encoder(family)
    query = encoder.encode_query("What is the Überschuß of 東京都 in 2024?")
    assert content_words(query) == ["uberschuss", "東", "京", "都", "2024"]
    assert (query.weights == 1).all()
    assert not query.content[0] or family.startswith("colqwen") or family in TILED
    augmented = {"colgemma3": 2}.get(family, 10)
    assert not query.content[-augmented:].any()
    # Bytes are tokens here: 1 more letter is 1 more token, whatever stands around the question.
    longer = encoder.encode_query("What is the Überschuß of 東京都 in 20244?")
    assert len(longer.tokens) == len(query.tokens) + 1


def test_question_with_only_stop_words_is_mapped_by_them(models: ModelShelf) -> None:
    assert content_words(models.encoder("colpali").encode_query("Who are you?")) == [
        "who",
        "are",
        "you",
    ]


def test_stop_words_follow_the_questions_language(models: ModelShelf) -> None:
    query = models.encoder("colqwen2").encode_query("Quel est le montant de la facture ?")
    assert content_words(query) == ["montant", "facture"]


def test_question_may_start_and_end_like_the_prompt_around_it(models: ModelShelf) -> None:
    query = models.encoder("colgemma3").encode_query("Query: user")
    assert content_words(query) == ["query", "user"]


def test_special_tokens_in_a_question_are_only_text(models: ModelShelf, family: str) -> None:
    encoder = models.encoder(family)
    tokenizer = encoder.processor.tokenizer
    for special in tokenizer.all_special_tokens:
        query = encoder.encode_query(f"total {special} amount")
        assert "amount" in content_words(query)
        plain = encoder.process_question(f"total {special[0]} {special[1:]} amount")
        assert len(plain["input_ids"][0]) == len(query.tokens)


def test_pooled_page_has_fewer_vectors_and_covers_every_cell(
    models: ModelShelf, family: str
) -> None:
    (whole,) = models.encoder(family).encode_pages(MIXED[:1])
    (pooled,) = models.encoder(family, pool_factor=3).encode_pages(MIXED[:1])
    n_cells = sum(layer.size for layer in grid_of(whole).layers)
    n_prompt = len(whole.vectors) - n_cells
    assert n_prompt < len(pooled.vectors) <= n_prompt + n_cells / 3
    used: set[int] = set()
    for before, after in zip(grid_of(whole).layers, grid_of(pooled).layers, strict=True):
        assert before.shape == after.shape
        assert after.min() >= 0
        names = set(after.ravel().tolist())
        assert not names & used
        used |= names
        own = pooled.vectors[after.ravel()]
        cosines = (own * whole.vectors[before.ravel()]).sum(axis=1)
        best = (whole.vectors[before.ravel()] @ pooled.vectors.T).max(axis=1)
        assert np.median(best - cosines) < 0.05
    assert len(used) == len(pooled.vectors) - n_prompt
    assert grid_of(pooled).areas.sum() == pytest.approx(1)


def test_fingerprint_includes_pooling_and_thumbnail(models: ModelShelf) -> None:
    plain = models.encoder("colmodernvbert")
    others = [
        models.encoder("colmodernvbert", pool_factor=3),
        models.encoder("colmodernvbert", thumbnail_in_map=True),
    ]
    prints = {encoder.fingerprint for encoder in (plain, *others)}
    assert len(prints) == 3
    assert all(one.startswith("ColModernVBert@") for one in prints)
    same = models.encoder("colmodernvbert", dtype="bfloat16", batch_tokens=500)
    assert same.fingerprint == plain.fingerprint


@pytest.mark.parametrize("family", TILED)
def test_thumbnail_in_map_adds_the_thumbnail_to_the_map(models: ModelShelf, family: str) -> None:
    (plain,) = models.encoder(family).encode_pages(MIXED[:1])
    (shown,) = models.encoder(family, thumbnail_in_map=True).encode_pages(MIXED[:1])
    fine, thumbnail = grid_of(plain).layers
    np.testing.assert_array_equal(plain.vectors, shown.vectors)
    assert (grid_of(plain).areas[thumbnail.ravel()] == 0).all()
    assert (grid_of(shown).areas[thumbnail.ravel()] > 0).all()
    cover = grid_of(plain).coverage([[0, 0, 1, 1]])
    assert set(cover.indices.tolist()) == set(fine.ravel().tolist())


def test_explain_shows_the_requested_layers(models: ModelShelf) -> None:
    encoder = models.encoder("colidefics3")
    with Engine(MemoryIndex(), encoder=encoder, parser=LineParser([])) as engine:
        engine.add(MIXED[0].page.image, doc_id="d")
        maps = {
            layers: engine.explain("total", "d#p1", layers=layers).raster(rows=36, cols=36)
            for layers in (None, (0,), (1,), (0, 1))
        }
        np.testing.assert_array_equal(maps[None], maps[0,])
        blocks = maps[1,].reshape(3, 12, 3, 12)
        np.testing.assert_allclose(blocks, blocks[:, :1, :, :1].repeat(12, 1).repeat(12, 3))
        np.testing.assert_allclose(maps[0, 1], (maps[0,] + maps[1,]) / 2, atol=1e-6)
        with pytest.raises(InvalidInput, match="map_layers"):
            engine.explain("total", "d#p1", layers=(2,))
        with pytest.raises(InvalidInput, match="one layer"):
            engine.explain("total", "d#p1", layers=())


def test_max_num_visual_tokens_limits_a_page(models: ModelShelf) -> None:
    for family in QWEN:
        encoder = models.encoder(family, max_num_visual_tokens=100)
        (embedding,) = encoder.encode_pages(MIXED[:1])
        (layer,) = grid_of(embedding).layers
        assert 60 < layer.size <= 100
        assert "max_num_visual_tokens=100" in encoder.fingerprint


def test_batch_is_halved_when_memory_runs_out(models: ModelShelf) -> None:
    """A hook stands in for a device that holds two pages."""
    import torch

    encoder = ColVisionEncoder(
        str(models.folder("colpali")), ColVisionOptions(batch_tokens=100_000)
    )
    sizes: list[int] = []

    def hold_two(_module: Any, _args: Any, inputs: dict[str, Any]) -> None:
        sizes.append(len(inputs["input_ids"]))
        if sizes[-1] > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    hook = encoder.model.register_forward_pre_hook(hold_two, with_kwargs=True)
    pages = [page(width_px=100 + i, height_px=120, number=i + 1) for i in range(5)]
    halved = encoder.encode_pages(pages)
    assert sizes == [5, 3, 2, 1, 2]
    hook.remove()
    for one, embedding in zip(pages, halved, strict=True):
        (alone,) = encoder.encode_pages([one])
        np.testing.assert_allclose(embedding.vectors, alone.vectors, atol=1e-3)

    def hold_none(*_: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    encoder.model.register_forward_pre_hook(hold_none, with_kwargs=True)
    with pytest.raises(BackendError, match="max_num_visual_tokens"):
        encoder.encode_pages(pages)


def test_vectors_that_are_not_finite_are_an_error(models: ModelShelf) -> None:
    import torch

    encoder = ColVisionEncoder(str(models.folder("colpali")))
    encoder.model.custom_text_proj.bias.data.fill_(float("nan"))
    with pytest.raises(BackendError, match=r"page doc#p1 are not finite; its weights are damaged"):
        encoder.encode_pages(MIXED[:1])
    encoder.model.to(torch.float16)
    with pytest.raises(BackendError, match=r"'total' are not finite; try dtype='float32'"):
        encoder.encode_query("total")


@pytest.mark.parametrize("family", QWEN)
def test_page_that_the_processor_refuses_is_named(models: ModelShelf, family: str) -> None:
    sliver = make_parsed_page([], image=PlainImage(width_px=4000, height_px=10))
    with pytest.raises(InvalidInput, match="doc#p1 of 4000 x 10 px"):
        models.encoder(family).encode_pages([sliver])


def test_page_that_the_processor_refuses_fails_only_its_document(models: ModelShelf) -> None:
    encoder = models.encoder("colqwen2_5")
    with Engine(MemoryIndex(), encoder=encoder, parser=LineParser([])) as engine:
        report = engine.add([Image.new("RGB", (3000, 10)), MIXED[0].page.image])
        assert [outcome.status for outcome in report.outcomes] == ["failed", "added"]
        assert "3000 x 10 px" in report.failed[0].reason


@pytest.mark.parametrize("size", [(1, 1), (3, 200)])
def test_tiny_pages_are_encoded(models: ModelShelf, family: str, size: tuple[int, int]) -> None:
    width_px, height_px = size
    one = make_parsed_page([], image=PlainImage(width_px=width_px, height_px=height_px))
    (embedding,) = models.encoder(family).encode_pages([one])
    assert grid_of(embedding).areas.sum() == pytest.approx(1)


def test_index_reopens_with_its_model_and_settings(models: ModelShelf, tmp_path: Path) -> None:
    folder = str(models.folder("colqwen2_5"))
    library = tmp_path / "library"
    parser = LineParser([("total", Box(0.1, 0.1, 0.5, 0.2))])
    with Engine.open(library, encoder=folder, parser=parser, device="cpu", pool_factor=2) as engine:
        engine.add(MIXED[0].page.image, doc_id="d")
        stored = engine.index.load(["d#p1"])[0].embedding
        made = engine.encoder.fingerprint
        first = engine.search("total", k=1)[0]
    assert made.endswith("?pool_factor=2")
    with Engine.open(library, parser=parser, device="cpu") as engine:
        assert engine.encoder.fingerprint == made
        again = engine.search("total", k=1)[0]
        assert again.id == first.id
        assert again.score == pytest.approx(first.score)
        assert engine.index.load(["d#p1"])[0].embedding.vectors.shape == stored.vectors.shape
    for encoder in ("static_tokens", folder, str(models.folder("colqwen2"))):
        with pytest.raises(ModelMismatch, match="ColQwen2_5@"):
            Engine.open(library, encoder=encoder, parser=parser)


def test_pages_are_ordered_by_the_models_score(models: ModelShelf) -> None:
    encoder = models.encoder("colpali")
    parser = LineParser([("the total of all", Box(0.1, 0.1, 0.5, 0.2))])
    with Engine(MemoryIndex(), encoder=encoder, parser=parser) as engine:
        for i, one in enumerate(MIXED):
            engine.add(one.page.image, doc_id=f"d{i}")
        query = encoder.encode_query(QUESTION)
        for hit in engine.search_pages(QUESTION, k=3):
            (embedding,) = encoder.encode_pages([hit.parsed])
            sim = similarity(query.vectors, embedding.vectors)
            assert hit.score == pytest.approx(float(sim.max(axis=1).sum()), abs=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pool_factor": 0}, "pool_factor must be 1 or more"),
        ({"pool_factor": 1.5}, "pool_factor must be a whole number"),
        ({"batch_tokens": 0}, "batch_tokens must be 1 or more"),
        ({"max_num_visual_tokens": 3}, "at least 4"),
        ({"device": "cuda:9"}, "'cuda:9' is not available"),
        ({"device": "toaster"}, "device must be"),
        ({"dtype": "int8"}, "dtype must be one of"),
        ({"revision": "main"}, "is a folder and has no revision"),
        ({"color": "red"}, "no option 'color'; known are revision, base, device"),
    ],
)
def test_invalid_options_are_refused(
    models: ModelShelf, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        load_encoder(str(models.folder("colqwen2_5")), **options)


def test_max_num_visual_tokens_is_refused_by_models_without_it(models: ModelShelf) -> None:
    for family in ("colpali", "colidefics3", "colgemma3"):
        with pytest.raises(InvalidInput, match="ColQwen families"):
            load_encoder(str(models.folder(family)), max_num_visual_tokens=200)


def test_options_in_the_spec_are_applied(models: ModelShelf) -> None:
    folder = models.folder("colqwen2_5")
    encoder = load_encoder(f"{folder}?pool_factor=2&device=cpu&local_files_only=true")
    assert encoder.spec == f"{folder}?pool_factor=2"
    assert load_encoder(encoder.spec).fingerprint == encoder.fingerprint
    with pytest.raises(InvalidInput, match="NAME=VALUE"):
        load_encoder(f"{folder}?cuda")


def test_threads_can_share_an_encoder(models: ModelShelf) -> None:
    from concurrent.futures import ThreadPoolExecutor

    encoder = models.encoder("colqwen2")
    expected = encoder.encode_query(QUESTION).vectors

    def ask(_: int) -> Sequence[float]:
        return encoder.encode_query(QUESTION).vectors.ravel().tolist()

    with ThreadPoolExecutor(4) as pool:
        for vectors in pool.map(ask, range(8)):
            np.testing.assert_allclose(vectors, expected.ravel(), atol=1e-5)
