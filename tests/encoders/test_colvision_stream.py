"""A visual model's pages as a stream: the same vectors as page by page, with processes ahead."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from benchmarks.visual_stream import stream_row
from colregion import interpreter
from colregion.core.embeddings import PageEmbedding
from colregion.core.geometry import GridPlacement
from colregion.encoders.colvision import ColVisionEncoder, ColVisionOptions
from colregion.encoders.colvision.inputs import collate, prepare, prepare_task
from colregion.encoders.torch_utils.devices import is_device_failure
from colregion.errors import BackendError, InvalidInput
from colregion.testing.fakes import PlainImage, make_parsed_page
from tests.encoders.test_colvision_encoder import MIXED
from tests.encoders.tiny_colvision import FAMILIES, ModelShelf

pytestmark = pytest.mark.torch

# PyPI's torchvision does not load beside a CPU build of torch; see tests/conftest.py.
MAIN = interpreter._MAIN.replace(
    "from {module}",
    "from tests.conftest import make_torchvision_importable\n"
    "make_torchvision_importable()\n"
    "from {module}",
)


@pytest.mark.parametrize("family", FAMILIES)
def test_inputs_of_single_pages_are_collated_to_those_of_the_processor(
    models: ModelShelf, family: str
) -> None:
    processor = models.encoder(family).processor
    images = [page.page.image for page in MIXED]
    parts = [prepare(processor, image, page_id="p", dtype="float32") for image in images]
    whole = collate(parts, processor.tokenizer, pinned=False)
    expected = dict(processor.process_images(images))
    # Left out: it says which pixels are part of the page, and these are all, but of added tiles.
    mask = expected.pop("pixel_attention_mask", None)
    if mask is not None:
        tiles = expected["pixel_values"].flatten(2).any(dim=2)
        assert (mask.flatten(2).all(dim=2) == tiles).all()
    assert set(whole) == set(expected) - {"labels"}
    for name, value in whole.items():
        assert value.dtype == expected[name].dtype
        np.testing.assert_array_equal(value.numpy(), expected[name].numpy(), err_msg=name)


@pytest.mark.parametrize(("side", "rows"), [("left", [[0, 1, 2], [7, 8, 9]]), ("right", None)])
def test_positions_of_several_axes_are_padded_at_the_side_of_the_tokenizer(
    side: str, rows: list[list[int]] | None
) -> None:
    """As of NeoMME: (axes, pages, tokens)."""
    import torch

    parts = [
        {"input_ids": torch.tensor([ids]), "position_ids": torch.tensor([[ids], [ids]])}
        for ids in ([1, 2], [7, 8, 9])
    ]
    tokenizer = SimpleNamespace(pad_token_id=5, padding_side=side)
    whole = collate(parts, tokenizer, pinned=False)
    expected = rows or [[1, 2, 0], [7, 8, 9]]
    assert whole["position_ids"].tolist() == [expected, expected]
    assert sorted(whole["input_ids"][0].tolist()) == [1, 2, 5]


@pytest.mark.slow
def test_stream_gives_the_vectors_of_single_pages_and_the_error_of_a_refused_one(
    models: ModelShelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interpreter, "_MAIN", MAIN)
    folder = str(models.folder("colqwen2-native"))
    options = ColVisionOptions(workers=1, pool_factor=2, batch_tokens=1500)
    encoder = ColVisionEncoder(folder, options)
    assert encoder._processes is not None
    encoder.batch_pages = 4  # as beside an accelerator
    for started in encoder._processes.warm_up():
        started.result()
    sliver = make_parsed_page([], number=4, image=PlainImage(width_px=40_000, height_px=40))
    pages = [*MIXED, sliver, *MIXED]
    results = list(encoder.encode_stream(pages))
    assert isinstance(results[3], InvalidInput)
    assert "doc#p4 of 40000 x 40 px" in str(results[3])
    alone = models.encoder("colqwen2-native", pool_factor=2).encode_pages(MIXED)
    for result, expected in zip([*results[:3], *results[4:]], alone * 2, strict=True):
        assert not isinstance(result, Exception)
        np.testing.assert_allclose(result.vectors, expected.vectors, atol=1e-3)
        assert isinstance(result.placement, GridPlacement)
        assert isinstance(expected.placement, GridPlacement)
        np.testing.assert_array_equal(result.placement.layers, expected.placement.layers)
    # As beside a GPU: by the processor on the device, and then in the process.
    assert encoder.preparing is not None
    encoder.preparing._device = "cpu"
    encoder._processes.seconds.clear()
    again = list(encoder.encode_stream([*pages, *MIXED]))
    assert encoder.preparing.report.startswith(("on cpu: ", "in 1 process: "))
    for result, before in zip(again, [*results, *results[:3]], strict=True):
        if isinstance(before, PageEmbedding):
            assert isinstance(result, PageEmbedding)
            np.testing.assert_allclose(result.vectors, before.vectors, atol=1e-3)
    encoder._processes.kill()


@pytest.mark.slow
def test_benchmark_tells_how_busy_the_device_is_beside_the_loop_of_colpali_engine(
    models: ModelShelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interpreter, "_MAIN", MAIN)
    row = stream_row(str(models.folder("colqwen2-native")), workers=1, pages=5, page_ms=20)
    assert row["prepared"] == "in 1 process: no CUDA device, but cpu"
    assert row["ours"] >= 20
    assert row["other"] >= 20
    assert row["busy"] == pytest.approx(20 / row["ours"], abs=0.05)
    assert row["other_busy"] == pytest.approx(20 / row["other"], abs=0.05)
    with pytest.raises(InvalidInput, match="workers=0 prepares no pages in processes"):
        stream_row(str(models.folder("colqwen2-native")), workers=0, pages=1)


@dataclass(frozen=True)
class Scan(PlainImage):
    """An image, and the file that it comes from."""

    file: bytes = b""


@pytest.mark.parametrize(("file_bytes", "travels"), [(1000, "loader"), (2_000_000, "image")])
def test_page_travels_to_a_process_as_its_loader_unless_that_holds_a_whole_file(
    file_bytes: int, travels: str
) -> None:
    scan = Scan(width_px=10, height_px=20, file=bytes(file_bytes))
    page = make_parsed_page([], image=scan).page
    task = prepare_task(page, dtype="float32")
    assert task.image is (scan if travels == "loader" else page.image)


def test_image_that_is_loaded_already_travels_to_a_process() -> None:
    page = make_parsed_page([], image=PlainImage(width_px=10, height_px=20)).page
    image = page.image
    assert prepare_task(page, dtype="float32").image is image


@pytest.mark.parametrize(
    ("message", "failed"),
    [
        ("CUDA error: unspecified launch failure\nCUDA kernel errors might be ...", True),
        ("CUDA driver initialization failed", True),
        ("mat1 and mat2 shapes cannot be multiplied", False),
    ],
)
def test_failure_of_a_device_is_told_from_other_errors(message: str, failed: bool) -> None:
    assert is_device_failure(RuntimeError(message)) is failed


def test_device_that_vanishes_is_an_error_that_names_it(models: ModelShelf) -> None:
    encoder = ColVisionEncoder(str(models.folder("colpali")))

    def vanish(*_: Any) -> None:
        raise RuntimeError("CUDA error: no CUDA-capable device is detected\nCompile with ...")

    encoder.model.register_forward_pre_hook(vanish, with_kwargs=True)
    message = r"the device cpu failed at page doc#p1: CUDA error: no .* detected\. .* start this"
    with pytest.raises(BackendError, match=message):
        encoder.encode_pages(MIXED[:1])


def test_half_precision_vectors_have_length_one(models: ModelShelf) -> None:
    encoder = models.encoder("colpali", dtype="bfloat16")
    (embedding,) = encoder.encode_pages(MIXED[:1])
    for vectors in (embedding.vectors, encoder.encode_query("total").vectors):
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_question_that_does_not_fit_the_memory_is_tried_twice(models: ModelShelf) -> None:
    import torch

    encoder = ColVisionEncoder(str(models.folder("colpali")))
    expected = encoder.encode_query("total").vectors
    failures = [torch.OutOfMemoryError("CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate")]

    def fail(*_: Any) -> None:
        if failures:
            raise failures.pop()

    encoder.model.register_forward_pre_hook(fail, with_kwargs=True)
    np.testing.assert_array_equal(encoder.encode_query("total").vectors, expected)
    failures += [torch.OutOfMemoryError("CUDA out of memory")] * 2
    with pytest.raises(BackendError, match="the question does not fit the device's memory"):
        encoder.encode_query("total")


def test_model_that_does_not_fit_the_device_is_an_error(
    models: ModelShelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    def full(*_: Any, **__: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    monkeypatch.setattr(torch.nn.Module, "to", full)
    with pytest.raises(BackendError, match=r"ColPali does not fit the memory of cpu"):
        ColVisionEncoder(str(models.folder("colpali")))
