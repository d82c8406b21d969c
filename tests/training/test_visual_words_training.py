"""Targets, losses, training, export and the head for answer types, on a few drawn crops."""

from __future__ import annotations

import hashlib
import itertools
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from pathlib import Path
from types import SimpleNamespace
from typing import TypeVar

import numpy as np
import pytest

from colregion.core.text import terms
from colregion.encoders.static.encoder import StaticTokenEncoder
from colregion.encoders.visual_words.answer_types import AnswerTypeHead
from colregion.encoders.visual_words.model import VisualWordModel
from training.visual_words.parts import ShardFeed, read_part
from training.visual_words.shards import IGNORED, NOTHING, Shard, draw_shard
from training.visual_words.targets import CHARACTERS, Targets
from training.visual_words.texts import WordLists

pytestmark = [pytest.mark.torch, pytest.mark.fonts]

T = TypeVar("T")

TINY = (4, 8, 8, 8), (1, 1, 1), 4, 8, 16, (12,)


@pytest.fixture(scope="module")
def vocabulary(sources: Path) -> list[str]:
    return WordLists.read(sources / "words.tsv").terms


class InlineExecutor(Executor):
    """Works when it is asked to."""

    def submit(self, fn: Callable[..., T], /, *args: object, **kwargs: object) -> Future[T]:
        future: Future[T] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


@pytest.fixture(scope="module")
def shards(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two crops to train on, and one for each check."""
    folder = tmp_path_factory.mktemp("shards")
    draw_shard(sources, split="train", seed=0, n_crops=2).save(folder / "train-00000.npz")
    draw_shard(sources, split="seen", seed=0, n_crops=1).save(folder / "seen-00000.npz")
    return folder


@pytest.fixture
def one_thread() -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_pyramid_has_the_characters_of_halves_thirds_and_quarters() -> None:
    from training.visual_words.targets import PYRAMID_SIZE, character_pyramid

    (bits,) = character_pyramid(["abc"]).reshape(1, 9, len(CHARACTERS))
    parts = ["".join(CHARACTERS[i] for i in np.flatnonzero(part)) for part in bits]
    # The middle letter lies in both halves by half, in the second and third quarter by three
    # quarters of a quarter, which is more than half of the letter's third.
    assert parts == ["ab", "bc", "a", "b", "c", "a", "b", "b", "c"]
    assert PYRAMID_SIZE == 9 * 36


def test_misspelled_term_differs_in_one_character_of_its_kind() -> None:
    from training.visual_words.targets import misspelled

    rng = np.random.default_rng(0)
    for name in ("garden", "1994", "12.50"):
        for _ in range(5):
            wrong = misspelled(name, rng)
            assert terms(wrong) == [wrong]
            (at,) = [i for i in range(len(name)) if name[i] != wrong[i]]
            assert wrong[at].isdigit() == name[at].isdigit()


def shard_that_shows(names: list[str], cells: list[int]) -> Shard:
    """One blank crop, of which the first cells show these terms."""
    shown = np.full((1, 24, 24), NOTHING, np.int32)
    shown[0, 0, : len(cells)] = cells
    blank = np.zeros((1, 192, 384), np.uint8)
    return Shard(blank, shown, np.zeros((1, 24, 24), np.int64), names, [""] * len(names))


def test_terms_beyond_the_vocabulary_get_one_row_each_in_all_parts(tmp_path: Path) -> None:
    import torch

    from training.visual_words.data import TrainingData

    words = tmp_path / "words.tsv"
    words.write_text("common\tgarden\ncommon\tschool\n", encoding="utf-8")
    first, second = tmp_path / "train-00000.npz", tmp_path / "train-00001.npz"
    names = ["x9", "garden", "x9", "unseen7"]
    shard_that_shows(names, [0, 1, 2, IGNORED]).save(first)
    shard_that_shows(["17", "x9", "school"], [0, 1, 2]).save(second)
    parts = [read_part(path, words) for path in (first, second)]
    assert [part.beyond for part in parts] == [["x9"], ["17", "x9"]]
    data = TrainingData(Targets.of(["garden", "school"]), device="cpu")
    data.add(parts[:1])
    data.add(parts[1:])
    assert len(data) == 2
    cells = data.batch(torch.arange(2)).cells
    assert cells[0, 0, :5].tolist() == [2, 0, 2, IGNORED, NOTHING]
    assert cells[1, 0, :4].tolist() == [3, 2, 1, NOTHING]
    assert (data.vocabulary_size, len(data.vectors), len(data.wrong_vectors)) == (2, 4, 2)
    for row, name in enumerate(("garden", "school", "x9", "17")):
        right = StaticTokenEncoder().term_vector(name).astype(np.float16)
        np.testing.assert_array_equal(data.vectors[row].numpy(), right)
        assert data.characters[row].sum() == len(set(name))


def test_feed_gives_each_shard_once_and_waits_for_the_first_crops(
    sources: Path, tmp_path: Path
) -> None:
    feed = ShardFeed(tmp_path, sources / "words.tsv", InlineExecutor())
    assert feed.take() == []
    shard = shard_that_shows(["x9"], [0])
    shard.save(tmp_path / "train-00000.npz")
    shard.save(tmp_path / "words-00000.npz")
    timer = threading.Timer(0.3, shard.save, [tmp_path / "train-00001.npz"])
    timer.start()
    parts = feed.first(at_least=2)
    timer.join()
    assert [part.beyond for part in parts] == [["x9"], ["x9"]]
    assert feed.take() == []


def test_learning_rate_warms_up_stays_and_falls_to_a_fiftieth() -> None:
    from training.visual_words.train import learning_rate

    assert learning_rate(0, 0.0) == pytest.approx(1 / 200)
    assert learning_rate(199, 0.35) == pytest.approx(1.0)
    assert learning_rate(10_000, 0.675) == pytest.approx(0.51)
    assert learning_rate(10_000, 1.0) == pytest.approx(0.02)


@pytest.mark.usefixtures("one_thread")
def test_training_lowers_the_loss_takes_crops_that_come_and_writes_weights_log_and_checks(
    sources: Path, shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from training.visual_words import train as module
    from training.visual_words.model import CellNetwork, Size, load_network

    ticks = itertools.count()
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: 0.1 * next(ticks)))
    monkeypatch.setattr(module, "_LOGGED_STEPS", 1)
    monkeypatch.setattr(module, "_TAKE_SECONDS", 0.15)
    monkeypatch.setattr(module, "_WARM_UP_STEPS", 1)
    folder = tmp_path / "shards"
    shutil.copytree(shards, folder)

    def draw_another(_line: str) -> None:
        shutil.copy(folder / "train-00000.npz", folder / "train-00001.npz")

    network = module.train(
        CellNetwork(Size(*TINY)),
        folder,
        sources / "words.tsv",
        tmp_path,
        module.TrainingOptions(seconds=0.45, batch=2, check_seconds=1e9, first_crops=2),
        pool=InlineExecutor(),
        say=draw_another,
    )
    lines = [json.loads(line) for line in (tmp_path / "training.jsonl").read_text().splitlines()]
    steps = [line for line in lines if "pyramid" in line]
    assert len(steps) == 5
    assert steps[-1]["pyramid"] < steps[0]["pyramid"]
    assert (lines[0]["crops"], lines[-1]["crops"]) == (2, 4)
    assert set(lines[-1]["check"]) == {"seen"}
    assert 0 <= lines[-1]["check"]["seen"]["ink"] <= 1
    page = torch.rand(1, 1, 32, 64)
    with torch.no_grad():
        vectors, ink = network(page)
        again, _ = load_network(tmp_path / "visual_words.pt", Size(*TINY))(page)
        late = network.features(page)[1]
        single = network.vectors(late[0, :, 1:3, 2].T)
    assert (vectors.shape, ink.shape) == ((1, 384, 4, 4), (1, 4, 4))
    torch.testing.assert_close(again, vectors, atol=0.01, rtol=0.01)
    torch.testing.assert_close(single, vectors[0, :, 1:3, 2].T)


def test_checks_count_terms_whose_vector_is_the_nearest(vocabulary: list[str]) -> None:
    import torch

    from training.visual_words.checks import check_on_shard
    from training.visual_words.model import CellNetwork

    static = StaticTokenEncoder()

    class SeesSchool(CellNetwork):
        def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            vector = torch.from_numpy(static.term_vector("school").copy())
            size = len(images), 24, 24
            return vector[None, :, None, None].expand(-1, -1, 24, 24), torch.ones(size)

    cells = np.full((1, 24, 24), NOTHING, np.int32)
    cells[0, 0, :2], cells[0, 2, :3], cells[0, 4:, :] = 0, 1, 2
    cells[0, 6] = IGNORED
    names = ["school", "garden", "17"]
    shard = Shard(np.zeros((1, 192, 384), np.uint8), cells, np.zeros_like(cells), names, names)
    figures = check_on_shard(SeesSchool(), shard, vocabulary)
    assert figures["words"] == 0.5
    assert figures["numbers"] == 0.0
    shown = (cells >= 0).sum()
    assert figures["ink"] == pytest.approx(shown / (24 * 24 - 24), abs=1e-4)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the exporter, by itself
@pytest.mark.usefixtures("one_thread")
def test_exported_network_computes_the_same_with_7_bits(shards: Path, tmp_path: Path) -> None:
    import onnx
    import torch
    from onnx import numpy_helper

    from training.visual_words.export import ExportError, compare, export
    from training.visual_words.model import CellNetwork, Size

    torch.manual_seed(0)
    network = CellNetwork(Size(*TINY)).eval()
    crops = Shard.load(shards / "train-00000.npz").images
    path = tmp_path / "tiny.onnx"
    agreement = export(network, path, calibration=crops, check=crops, least_cosine=0.9)
    assert agreement.cosine > 0.9
    assert compare(network, path, crops) == agreement
    stored = onnx.load(path).graph.initializer
    quantized = [numpy_helper.to_array(one) for one in stored if "weight_quantized" in one.name]
    assert quantized
    assert max(int(np.abs(weights.astype(int)).max()) for weights in quantized) <= 64
    with pytest.raises(ExportError, match="cosine to float32"):
        export(network, path, calibration=crops, check=crops, least_cosine=1.1)


@pytest.mark.usefixtures("one_thread")
def test_head_for_answer_types_learns_a_rule_and_is_read_by_the_encoder(tmp_path: Path) -> None:
    from training.visual_words.answer_types import Examples, TypeFigures, check_head, train_head

    rng = np.random.default_rng(0)
    features = rng.standard_normal((600, 1155)).astype(np.float16)
    features[:, :3] *= 20
    types = features[:, :3] > 0  # the first three features tell the types
    path = tmp_path / "head.npz"
    train_head(Examples(features, types), path, epochs=60)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    said = AnswerTypeHead(path, sha256=digest).probabilities(features.astype(np.float32))
    assert (said > 0.5).tolist() == types.tolist()
    n_dates = int(types[:, 0].sum())
    assert check_head(said, types)["date"] == TypeFigures(n_dates, precision=1.0, recall=1.0)


def test_examples_are_pooled_words_with_the_types_of_their_tokens(sources: Path) -> None:
    from training.visual_words.answer_types import Examples

    shard = draw_shard(sources, split="seen", seed=1, n_crops=1)
    examples = Examples.of(shard, VisualWordModel())
    assert examples.features.shape[1] == 1155
    assert len(examples.types) == len(examples.features) > 10
    relabelled = Shard(
        shard.images, shard.cells, shard.characters, shard.terms, ["1/2/2003"] * len(shard.terms)
    )
    dates = Examples.of(relabelled, VisualWordModel()).types
    assert dates[:, 0].sum() > 10
    assert not dates[:, 1:].any()


def test_crop_without_words_gives_no_examples() -> None:
    from training.visual_words.answer_types import Examples

    blank = np.full((1, 192, 384), 255, np.uint8)
    cells = np.full((1, 24, 24), NOTHING, np.int32)
    shard = Shard(blank, cells, np.zeros((1, 24, 24), np.int64), [], [])
    examples = Examples.of(shard, VisualWordModel())
    assert examples.features.shape == (0, 1155)
    assert examples.types.shape == (0, 3)
    assert examples.types.dtype == np.dtype(bool)
