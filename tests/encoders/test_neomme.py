"""NeoMME-Retriever: its grid, positions and vectors, with a tiny model of random weights."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from colregion.core.geometry import GridPlacement
from colregion.encoders import load_encoder
from colregion.encoders.colvision import ColVisionEncoder, loading, proof
from colregion.encoders.colvision.checkpoint import find_family
from colregion.encoders.colvision.placement import layers_of
from colregion.errors import InvalidInput, MissingDependency
from colregion.testing import EncoderContract
from colregion.testing.fakes import PlainImage, make_parsed_page
from tests.encoders.test_colvision_loading import load
from tests.encoders.tiny_colvision import _tokenizer

PATCH = 16
CONFIG = {"model_type": "neomme", "architectures": ["NeoMMEForRetrieval"]}
TEMPLATE = (
    "{% if task == 'query' %}{{ query_token + messages[0].content[0].text + mask_token * 10 }}"
    "{% else %}{{ document_token + image_token }}{% endif %}"
)


def test_rows_of_patches_are_between_row_markers_after_the_images_own() -> None:
    # <doc> <img> then two rows of three patches, each ended by <row>.
    layers = layers_of(
        [5, 6, 6, 6, 6, 8, 6, 6, 6, 8],
        image_id=6,
        grid=None,
        tiled=False,
        decode=lambda _: "",
        row_id=8,
    )
    assert [layer.tolist() for layer in layers] == [[[2, 3, 4], [6, 7, 8]]]


def test_release_of_transformers_without_the_class_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    family = find_family(tmp_path, None, name="m")
    monkeypatch.setattr(loading, "require", lambda *_, **__: object())
    message = "release of transformers has no NeoMMEForRetrieval; .*pip install --upgrade"
    with pytest.raises(MissingDependency, match=message):
        loading._classes(family)


def _has_neomme() -> bool:
    try:
        release = version("transformers")
    except PackageNotFoundError:
        return False
    return tuple(map(int, release.split(".")[:2])) >= (5, 24)


@pytest.fixture(scope="module")
def folder(
    working_torchvision: None,  # noqa: ARG001
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    import torch
    import transformers as t

    specials = ["<pad>", "<bos>", "<eos>", "<unk>", "<mask>", "<doc>", "<img>", "<query>", "<row>"]
    tokenizer = _tokenizer(
        specials,
        pad_token="<pad>",
        eos_token="<eos>",
        unk_token="<unk>",
        mask_token="<mask>",
        extra_special_tokens={
            "document_token": "<doc>",
            "image_token": "<img>",
            "query_token": "<query>",
            "row_token": "<row>",
        },
    )
    processor = t.NeoMMEProcessor(
        image_processor=t.NeoMMEImageProcessor(
            patch_size=PATCH, size={"min_pixels": 4096, "max_pixels": 40000}
        ),
        tokenizer=tokenizer,
        chat_template=TEMPLATE,
    )
    config = t.NeoMMEConfig(
        vocab_size=len(tokenizer),
        embedding_rank=16,
        embedding_dim=24,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        layer_types=["sliding_attention", "full_attention"],
        sliding_window=4,
        num_attention_heads=2,
        num_key_value_heads=2,
        head_dim=16,
        patch_size=PATCH,
    )
    torch.manual_seed(0)
    model = t.NeoMMEForRetrieval(config)
    with torch.no_grad():
        for weight in model.parameters():  # many begin as zeros
            weight.copy_(torch.randn_like(weight) * 0.2)
    place = tmp_path_factory.mktemp("neomme")
    model.save_pretrained(place)
    processor.save_pretrained(place)
    return place


@pytest.fixture(scope="module")
def encoder(folder: Path) -> ColVisionEncoder:
    return load(folder)


@pytest.mark.torch
@pytest.mark.skipif(not _has_neomme(), reason="NeoMME needs transformers 5.24 or later")
class TestNeoMME(EncoderContract):
    @pytest.fixture
    def encoder(self, encoder: ColVisionEncoder) -> ColVisionEncoder:
        return encoder

    def test_grid_covers_the_page_in_whole_patches(self, encoder: ColVisionEncoder) -> None:
        page = make_parsed_page([], image=PlainImage(width_px=100, height_px=170))
        (embedding,) = encoder.encode_pages([page])
        assert isinstance(embedding.placement, GridPlacement)
        (layer,) = embedding.placement.layers
        assert layer.shape == (11, 7)  # ceil(170 / 16), ceil(100 / 16)
        assert layer[0].tolist() == list(range(2, 9))
        assert layer[1, 0] == 10  # after the end of the first row
        assert len(embedding.vectors) == 2 + 11 * 8

    def test_vectors_equal_the_librarys(self, encoder: ColVisionEncoder, folder: Path) -> None:
        """Of a page of whole patches; others are padded by the library and stretched here."""
        import torch
        import transformers as t

        model = t.NeoMMEForRetrieval.from_pretrained(folder).eval()
        processor = t.NeoMMEProcessor.from_pretrained(folder)
        page = make_parsed_page([], image=PlainImage(width_px=96, height_px=160))
        messages: list[Any] = [[{"role": "user", "content": [{"type": "text", "text": "total?"}]}]]
        options = {"tokenize": True, "return_dict": True, "return_tensors": "pt"}
        with torch.inference_mode():
            shown = model(**processor(images=[page.page.image], return_tensors="pt")).embeddings[0]
            batch = processor.apply_chat_template(messages, task="query", **options)
            asked = model(**batch).embeddings[0]
        (embedding,) = encoder.encode_pages([page])
        np.testing.assert_allclose(embedding.vectors, shown.numpy(), atol=1e-4)
        query = encoder.encode_query("total?")
        np.testing.assert_allclose(query.vectors, asked.numpy(), atol=1e-5)
        assert query.tokens[0] == "<query>"
        assert set(np.array(query.tokens)[query.content]) == {"total"}

    def test_batch_of_two_sizes_equals_single_pages(
        self, encoder: ColVisionEncoder, folder: Path
    ) -> None:
        sizes = ((96, 160), (170, 60), (120, 120))
        pages = [
            make_parsed_page([], number=i + 1, image=PlainImage(width_px=w, height_px=h))
            for i, (w, h) in enumerate(sizes)
        ]
        together = load_encoder(str(folder), batch_tokens=100_000).encode_pages(pages)
        for page, batched in zip(pages, together, strict=True):
            (alone,) = encoder.encode_pages([page])
            np.testing.assert_allclose(batched.vectors, alone.vectors, atol=1e-4)

    def test_places_and_positions_are_proven(self, encoder: ColVisionEncoder) -> None:
        places, positions = proof.prove_places(encoder), proof.prove_positions(encoder)
        assert places == proof.Proof(12, ())
        assert positions is not None
        assert positions.holds

    def test_very_long_page_is_encoded(self, encoder: ColVisionEncoder) -> None:
        page = make_parsed_page([], image=PlainImage(width_px=40_000, height_px=40))
        (embedding,) = encoder.encode_pages([page])
        assert embedding.placement.areas.sum() == pytest.approx(1)

    def test_model_that_fills_masks_is_refused(self, folder: Path, tmp_path: Path) -> None:
        import transformers as t

        config = t.NeoMMEConfig.from_pretrained(folder)
        t.NeoMMEForMaskedLM(config).save_pretrained(tmp_path)
        with pytest.raises(InvalidInput, match=r"not trained .*\(multi_vector_head\.proj\)"):
            load_encoder(str(tmp_path))
