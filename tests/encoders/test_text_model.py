"""Text models: placement of tokens, long pages, ColBERT checkpoints, and damaged checkpoints."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from colregion.core.embeddings import PageEmbedding
from colregion.core.geometry import Box, BoxPlacement
from colregion.core.regions import ParsedPage
from colregion.encoders import load_encoder
from colregion.encoders.text import TextModelEncoder
from colregion.engine import Engine
from colregion.errors import BackendError, InvalidInput, ModelMismatch
from colregion.indexes.memory import MemoryIndex
from colregion.testing import EncoderContract
from colregion.testing.fakes import LineParser, make_parsed_page
from tests.encoders.tiny_text_models import (
    DIMENSION,
    POSITIONS,
    save_bert,
    save_pylate,
    save_stanford,
)

pytestmark = pytest.mark.torch

LEFT, RIGHT = Box(0.1, 0.1, 0.4, 0.2), Box(0.5, 0.6, 0.9, 0.7)


@pytest.fixture(scope="session")
def bert(working_torchvision: None, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: ARG001
    folder = tmp_path_factory.mktemp("bert")
    save_bert(folder)
    return folder


@pytest.fixture(scope="session")
def encoder(bert: Path) -> TextModelEncoder:
    encoder = load_encoder(f"text:{bert}")
    assert isinstance(encoder, TextModelEncoder)
    return encoder


def places(embedding: PageEmbedding) -> list[list[float]]:
    assert isinstance(embedding.placement, BoxPlacement)
    return [[float(x) for x in box] for box in embedding.placement.boxes_xyxy]


def encode(encoder: TextModelEncoder, *lines: tuple[str, Box]) -> PageEmbedding:
    (embedding,) = encoder.encode_pages([make_parsed_page(lines)])
    return embedding


class TestBert(EncoderContract):
    @pytest.fixture
    def encoder(self, bert: Path) -> TextModelEncoder:
        return TextModelEncoder(str(bert))


class TestColBert(EncoderContract):
    @pytest.fixture
    def encoder(self, working_torchvision: None, tmp_path: Path) -> TextModelEncoder:  # noqa: ARG002
        save_stanford(tmp_path)
        return TextModelEncoder(str(tmp_path))


def test_every_token_is_placed_at_its_words_box(encoder: TextModelEncoder) -> None:
    embedding = encode(encoder, ("total", LEFT), ("dues,", RIGHT))
    # One token, then "due", "##s" and the comma.
    assert places(embedding) == [list(LEFT.xyxy), *[list(RIGHT.xyxy)] * 3]


def test_vectors_equal_the_models_in_context(encoder: TextModelEncoder, bert: Path) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    batch = AutoTokenizer.from_pretrained(bert)("total amount", return_tensors="pt")
    with torch.inference_mode():
        expected = (
            AutoModel.from_pretrained(bert).eval()(**batch).last_hidden_state[0, 1:-1].numpy()
        )
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    embedding = encode(encoder, ("total", LEFT), ("amount", RIGHT))
    np.testing.assert_allclose(embedding.vectors, expected, atol=1e-5)
    np.testing.assert_allclose(encoder.encode_query("total amount").vectors, expected, atol=1e-5)
    alone = encode(encoder, ("total", LEFT))
    assert np.abs(alone.vectors[0] - embedding.vectors[0]).max() > 0.01


def test_page_without_words_has_no_vectors(encoder: TextModelEncoder) -> None:
    assert encode(encoder).vectors.shape == (0, 32)


def test_long_page_is_encoded_in_windows_with_every_word_once(
    encoder: TextModelEncoder,
) -> None:
    lines = [("total", Box(0.1, i / 200, 0.4, (i + 1) / 200)) for i in range(150)]
    embedding = encode(encoder, *lines)
    assert places(embedding) == [list(box.xyxy) for _, box in lines]


def test_question_tokens_are_labelled_with_their_words(encoder: TextModelEncoder) -> None:
    query = encoder.encode_query("What is the Overdue amount?")
    assert query.tokens == ("what", "is", "the", *["overdue"] * 7, "amount", "?")
    tokens = zip(query.tokens, query.content, strict=True)
    content = [token for token, is_content in tokens if is_content]
    assert content == [*["overdue"] * 7, "amount"]
    assert encoder.weighs_terms


def test_noise_floor_is_measured_when_the_model_is_loaded(encoder: TextModelEncoder) -> None:
    assert 0 < encoder.noise_floor < 0.95


def test_special_tokens_on_a_page_are_only_text(encoder: TextModelEncoder) -> None:
    embedding = encode(encoder, ("[SEP]", LEFT), ("total", RIGHT))
    assert places(embedding)[-1] == list(RIGHT.xyxy)
    assert places(embedding)[:-1] == [list(LEFT.xyxy)] * (len(embedding.vectors) - 1)
    assert len(embedding.vectors) == 6  # "[", "s", "##e", "##p", "]" and the word


def test_question_longer_than_the_model_is_refused(encoder: TextModelEncoder) -> None:
    with pytest.raises(InvalidInput, match="the question has 60 tokens; the model takes 36"):
        encoder.encode_query("total " * 60)


def test_stanford_checkpoints_use_their_projection_markers_and_mask_tokens(
    working_torchvision: None,  # noqa: ARG001
    tmp_path: Path,
) -> None:
    import torch

    model, weight = save_stanford(tmp_path)
    encoder = TextModelEncoder(str(tmp_path))
    vocabulary = encoder.tokenizer.get_vocab()
    total = vocabulary["total"]

    def theirs(ids: list[int], seen: list[int]) -> np.ndarray:
        with torch.inference_mode():
            hidden = model(
                input_ids=torch.tensor([ids]), attention_mask=torch.tensor([seen])
            ).last_hidden_state
            projected = torch.nn.functional.normalize(hidden @ weight.T, dim=-1)
        return np.asarray(projected[0].numpy())

    query = encoder.encode_query("total")
    # [CLS] [unused0] total [SEP] and eight masks, which see the question but are not seen.
    expected = theirs([2, vocabulary["[unused0]"], total, 3, *[4] * 8], [1] * 4 + [0] * 8)
    np.testing.assert_allclose(query.vectors, expected, atol=1e-5)
    assert query.vectors.shape == (12, DIMENSION)
    assert np.flatnonzero(query.content).tolist() == [2]
    assert not encoder.weighs_terms
    page = encode(encoder, ("total", LEFT), ("?!", RIGHT))
    mark, bang = vocabulary["?"], vocabulary["!"]
    expected = theirs([2, vocabulary["[unused1]"], total, mark, bang, 3], [1] * 6)
    np.testing.assert_allclose(page.vectors, expected[2:3], atol=1e-5)
    assert places(page) == [list(LEFT.xyxy)]


@pytest.mark.parametrize("activation", ["Identity", "Tanh"])
def test_pylate_checkpoints_use_their_layer_markers_and_mask_tokens(
    working_torchvision: None,  # noqa: ARG001
    tmp_path: Path,
    activation: str,
) -> None:
    import torch
    from transformers import AutoModel

    weight = save_pylate(tmp_path, activation=activation)
    encoder = TextModelEncoder(str(tmp_path))
    vocabulary = encoder.tokenizer.get_vocab()
    total, amount = vocabulary["total"], vocabulary["amount"]

    def theirs(ids: list[int], seen: list[int]) -> np.ndarray:
        model = AutoModel.from_pretrained(tmp_path).eval()
        with torch.inference_mode():
            hidden = model(
                input_ids=torch.tensor([ids]), attention_mask=torch.tensor([seen])
            ).last_hidden_state
            projected = getattr(torch.nn, activation)()(hidden @ weight.T)
        return np.asarray(torch.nn.functional.normalize(projected, dim=-1)[0].numpy())

    query = encoder.encode_query("total amount")
    expected = theirs([2, vocabulary["[Q] "], total, amount, 3, *[4] * 5], [1] * 5 + [0] * 5)
    np.testing.assert_allclose(query.vectors, expected, atol=1e-5)
    assert query.tokens == ("[Q]", "[Q]", "total", "amount", *["[MASK]"] * 6)
    page = encode(encoder, ("total", LEFT), ("amount", RIGHT))
    expected = theirs([2, vocabulary["[D] "], total, amount, 3], [1] * 5)
    np.testing.assert_allclose(page.vectors, expected[2:4], atol=1e-5)


def test_markers_written_on_a_page_are_only_text(
    working_torchvision: None,  # noqa: ARG001
    tmp_path: Path,
) -> None:
    save_pylate(tmp_path)
    encoder = TextModelEncoder(str(tmp_path))
    page = encode(encoder, ("[D]", LEFT), ("total", RIGHT))
    # Without the brackets, which are punctuation: the letter and the word.
    assert places(page) == [list(LEFT.xyxy), list(RIGHT.xyxy)]


def test_question_longer_than_the_mask_length_is_not_cut(
    working_torchvision: None,  # noqa: ARG001
    tmp_path: Path,
) -> None:
    save_stanford(tmp_path, query_length=8)
    query = TextModelEncoder(str(tmp_path)).encode_query("total amount due date invoice revenue of")
    words = ("total", "amount", "due", "date", "invoice", "revenue", "of")
    assert query.tokens == ("[Q]", "[Q]", *words, "[MASK]")


def test_layer_after_pooling_is_for_whole_texts_and_not_used(
    working_torchvision: None,  # noqa: ARG001
    tmp_path: Path,
) -> None:
    save_pylate(tmp_path, pooled=True)
    assert TextModelEncoder(str(tmp_path)).encode_query("total").vectors.shape == (1, 32)


def test_colbert_weights_in_a_config_that_denies_them_are_refused(
    working_torchvision: None,  # noqa: ARG001
    tmp_path: Path,
) -> None:
    save_stanford(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    (tmp_path / "config.json").write_text(json.dumps({**config, "architectures": ["BertModel"]}))
    with pytest.raises(InvalidInput, match=r'set "architectures" there to \["HF_ColBERT"\]'):
        TextModelEncoder(str(tmp_path))


def test_unusable_checkpoints_say_what_is_wrong(bert: Path, tmp_path: Path) -> None:
    import shutil

    from safetensors.torch import load_file, save_file

    folder = tmp_path / "model"
    shutil.copytree(bert, folder)
    file = folder / "model.safetensors"
    weights = load_file(file)
    save_file({k: v for k, v in weights.items() if "word_emb" not in k}, file, {"format": "pt"})
    with pytest.raises(BackendError, match=r"lacks the weights embeddings\.word_embeddings"):
        load_encoder(f"text:{folder}")
    file.unlink()
    with pytest.raises(InvalidInput, match="has no weights"):
        load_encoder(f"text:{folder}")
    (folder / "config.json").write_text(json.dumps({"model_type": "siglip", "vision_config": {}}))
    with pytest.raises(InvalidInput, match=r"reads images \(siglip\)"):
        load_encoder(f"text:{folder}")
    with pytest.raises(InvalidInput, match=r'text model.*encoder="text:'):
        load_encoder(str(bert))
    with pytest.raises(InvalidInput, match="no option 'pool_factor'"):
        load_encoder(f"text:{bert}?pool_factor=2")
    with pytest.raises(InvalidInput, match="neither an existing folder"):
        load_encoder("text:/no/such/folder")


def test_engine_finds_the_line_and_index_knows_its_text_model(
    bert: Path, encoder: TextModelEncoder
) -> None:
    parser = LineParser([("invoice date", LEFT), ("total amount due", RIGHT)])
    index = MemoryIndex()
    page = make_parsed_page([]).page.image
    with Engine(index, encoder=encoder, parser=parser) as engine:
        engine.add(page, doc_id="d")
        assert engine.search("total amount", k=1)[0].text == "total amount due"
        assert engine.explain("date", "d#p1").raster(rows=10, cols=10)[1, 2] > 0
        assert encoder.fingerprint.startswith("text:bert@")
        assert encoder.spec == f"text:{bert}"
        with pytest.raises(ModelMismatch, match="text:bert@"):
            Engine.open(index, encoder="static_tokens", parser=parser)


def test_vectors_of_mixed_page_lengths_do_not_depend_on_the_batch(bert: Path) -> None:
    pages: list[ParsedPage] = [
        make_parsed_page([("total amount due " * n, LEFT)], number=n) for n in (1, 5, 30)
    ]
    together = TextModelEncoder(str(bert), batch_tokens=POSITIONS * 10).encode_pages(pages)
    alone = TextModelEncoder(str(bert), batch_tokens=1).encode_pages(pages)
    for a, b in zip(together, alone, strict=True):
        np.testing.assert_allclose(a.vectors, b.vectors, atol=1e-5)
