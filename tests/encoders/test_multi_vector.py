"""Visual models in the form of sentence-transformers, with a tiny UltraVBERT of random weights."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest

from colregion.core.geometry import GridPlacement
from colregion.encoders import load_encoder
from colregion.encoders.colvision import ColVisionEncoder, proof
from colregion.errors import BackendError, InvalidInput
from colregion.testing import EncoderContract
from colregion.testing.fakes import PlainImage, make_parsed_page
from tests.encoders.test_colvision_loading import load
from tests.encoders.tiny_colvision import TILE_PX, _spread, modernvbert_settings, tiled_tokenizer

TEMPLATE = (
    "<s>{% for message in messages %}{% for part in message.content %}"
    "{% if part.type == 'image' %}<image>{% else %}{{ part.text }}{% endif %}"
    "{% endfor %}{% endfor %}<end_of_utterance>"
)
SIZES = ((425, 550), (600, 200), (300, 310))


@pytest.fixture(scope="module")
def folder(
    working_torchvision: None,  # noqa: ARG001
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    import torch
    import transformers as t
    from sentence_transformers import MultiVectorEncoder
    from sentence_transformers.base.modules import Dense, Normalize, Transformer

    tokenizer = tiled_tokenizer("<s>")
    processor = t.Idefics3Processor(
        image_processor=t.UltraVBertImageProcessor(
            size={"longest_edge": 4 * TILE_PX},
            max_image_size={"longest_edge": TILE_PX},
            max_image_tiles=9,
        ),
        tokenizer=tokenizer,
        image_seq_len=9,
        chat_template=TEMPLATE,
    )
    config = t.UltraVBertConfig(**modernvbert_settings(tokenizer, "ultrabert"))
    torch.manual_seed(0)
    model = t.UltraVBertModel(config).eval()
    with torch.no_grad():
        _spread(model, torch)
    plain = tmp_path_factory.mktemp("backbone")
    model.save_pretrained(plain)
    processor.save_pretrained(plain)
    layers = [
        Transformer(str(plain)),
        Dense(32, 24, bias=False, module_input_name="token_embeddings"),
        Normalize(module_input_name="token_embeddings"),
    ]
    place = tmp_path_factory.mktemp("colultravbert")
    MultiVectorEncoder(modules=layers, device="cpu").save(str(place))
    return place


@pytest.fixture(scope="module")
def encoder(folder: Path) -> ColVisionEncoder:
    return load(folder)


@pytest.mark.torch
class TestMultiVector(EncoderContract):
    @pytest.fixture
    def encoder(self, encoder: ColVisionEncoder) -> ColVisionEncoder:
        return encoder

    def test_vectors_equal_those_of_sentence_transformers(
        self, encoder: ColVisionEncoder, folder: Path
    ) -> None:
        from sentence_transformers import MultiVectorEncoder

        theirs = MultiVectorEncoder(str(folder), device="cpu")
        page = make_parsed_page([], image=PlainImage(*SIZES[0]))
        (shown,) = theirs.encode_document([page.page.image], convert_to_numpy=True)
        (asked,) = theirs.encode_query(["total?"], convert_to_numpy=True)
        (embedding,) = encoder.encode_pages([page])
        np.testing.assert_allclose(embedding.vectors, shown, atol=1e-5)
        query = encoder.encode_query("total?")
        np.testing.assert_allclose(query.vectors, asked, atol=1e-5)
        assert set(np.array(query.tokens)[query.content]) == {"total"}
        assert embedding.vectors.shape[1] == 24

    def test_grid_is_that_of_the_tiles_and_a_thumbnail(self, encoder: ColVisionEncoder) -> None:
        page = make_parsed_page([], image=PlainImage(*SIZES[0]))
        (embedding,) = encoder.encode_pages([page])
        assert isinstance(embedding.placement, GridPlacement)
        # At most 9 tiles: 3 rows of 3, each of 3 x 3 patches.
        assert [layer.shape for layer in embedding.placement.layers] == [(9, 9), (3, 3)]

    def test_places_are_proven(self, encoder: ColVisionEncoder) -> None:
        assert proof.prove_places(encoder) == proof.Proof(24, ())
        assert proof.prove_positions(encoder) is None

    def test_batch_of_three_sizes_equals_single_pages(
        self, encoder: ColVisionEncoder, folder: Path
    ) -> None:
        pages = [
            make_parsed_page([], number=i + 1, image=PlainImage(*size))
            for i, size in enumerate(SIZES)
        ]
        together = load_encoder(str(folder), batch_tokens=100_000).encode_pages(pages)
        for page, batched in zip(pages, together, strict=True):
            (alone,) = encoder.encode_pages([page])
            np.testing.assert_allclose(batched.vectors, alone.vectors, atol=1e-3)

    def test_processor_is_sent_to_processes_without_weights(
        self, encoder: ColVisionEncoder
    ) -> None:
        sent = pickle.dumps(encoder.processor)
        assert len(sent) < 200_000
        image = PlainImage(*SIZES[0])()
        expected = encoder.processor.process_images([image])
        for name, value in pickle.loads(sent).process_images([image]).items():
            np.testing.assert_array_equal(value.numpy(), expected[name].numpy())

    def test_layer_that_needs_code_of_the_repository_is_refused(
        self, folder: Path, tmp_path: Path
    ) -> None:
        copy = tmp_path / "model"
        shutil.copytree(folder, copy)
        modules = json.loads((copy / "modules.json").read_text())
        modules[1]["type"] = "custom_layers.Head"
        (copy / "modules.json").write_text(json.dumps(modules))
        with pytest.raises(InvalidInput, match=r"code of its own repository \(custom_layers\.Head"):
            load_encoder(str(copy))

    def test_damaged_list_of_layers_is_an_error(self, folder: Path, tmp_path: Path) -> None:
        copy = tmp_path / "model"
        shutil.copytree(folder, copy)
        for content, message in (("[{", "is damaged"), ("{}", "must hold a JSON array of objects")):
            (copy / "modules.json").write_text(content)
            with pytest.raises(BackendError, match=rf"modules\.json {message}"):
                load_encoder(str(copy))

    def test_fingerprint_depends_on_the_layers_weights(
        self, encoder: ColVisionEncoder, folder: Path, tmp_path: Path
    ) -> None:
        from safetensors.numpy import load_file, save_file

        copy = tmp_path / "model"
        shutil.copytree(folder, copy)
        (layer,) = copy.glob("*_Dense/model.safetensors")
        save_file({name: value * 2 for name, value in load_file(layer).items()}, layer)
        assert load_encoder(str(copy)).fingerprint != encoder.fingerprint
        assert encoder.fingerprint.startswith("MultiVectorEncoder@")
