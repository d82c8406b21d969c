"""Where pages are prepared: in processes, or by the image processor on the device."""

from __future__ import annotations

import gc
import threading
import weakref
from collections import defaultdict
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from colregion.core.regions import ParsedPage
from colregion.encoders.colvision import ColVisionEncoder, ColVisionOptions, preparing
from colregion.encoders.colvision.inputs import prepare
from colregion.encoders.colvision.preparing import PageSeconds, Preparing, why_not_on_device
from colregion.encoders.torch_utils.process_pool import completed
from colregion.errors import InvalidInput
from colregion.testing.fakes import PlainImage, make_parsed_page
from tests.encoders.test_colvision_encoder import MIXED
from tests.encoders.tiny_colvision import ModelShelf

PAGE = make_parsed_page([], image=PlainImage(width_px=10, height_px=20))


@pytest.mark.parametrize(
    ("seconds", "workers", "expected"),
    [
        # Two processes: a page in 50 ms. The device: 4 + 12 ms.
        (PageSeconds(load=0.001, device=0.004, model=0.012, process=0.1), 2, True),
        # 16 processes: 6.25 ms, so that the model's 12 ms decide.
        (PageSeconds(load=0.001, device=0.004, model=0.012, process=0.1), 16, False),
        # One thread loads a page in 60 ms, and then the processor runs for 4.
        (PageSeconds(load=0.06, device=0.004, model=0.012, process=0.1), 2, False),
        (PageSeconds(load=0.04, device=0.004, model=0.012, process=0.1), 2, True),
        # Equal: nothing is gained.
        (PageSeconds(load=0, device=0.125, model=0.125, process=0.5), 2, False),
    ],
)
def test_device_prepares_pages_where_more_of_them_get_through(
    seconds: PageSeconds, workers: int, expected: bool
) -> None:
    assert seconds.device_is_faster(workers=workers) is expected


BICUBIC = SimpleNamespace(backend="torchvision", resample=Image.Resampling.BICUBIC)


class Place:
    """A device and processes, with a clock: what each takes for a page is what it says.

    `log` has where each page was prepared.
    """

    def __init__(self, *, workers: int = 2, is_warm: bool = True, **page_s: float) -> None:
        self.workers, self.is_warm = workers, is_warm
        self.page_s = page_s
        self.now = 0.0
        self.log: list[str] = []
        self.seconds: defaultdict[str, list[float]] = defaultdict(list)
        self.error: Exception | None = None

    def prepare(self, _: ParsedPage, device: str | None) -> dict[str, Any]:
        way = "cpu" if device is None else "device"
        if way == "device" and self.error is not None:
            raise self.error
        self.now += self.page_s[way]
        self.log.append(way)
        return {"input_ids": way}

    def submit(self, task: Any) -> Future[dict[str, Any]]:
        self.seconds[type(task).__name__].append(self.page_s["process"])
        self.log.append("process")
        return completed(lambda: {"input_ids": "process"})

    def warm_up(self) -> list[Future[None]]:
        self.log.append("start")
        return [completed(lambda: None)]

    def preparing(self, monkeypatch: pytest.MonkeyPatch, **options: Any) -> Preparing:
        monkeypatch.setattr(preparing, "time", SimpleNamespace(perf_counter=lambda: self.now))
        settings = {"images": BICUBIC, "device": "cuda", "model_lock": threading.Lock(), **options}
        return Preparing(self, self.prepare, dtype="float32", **settings)  # type: ignore[arg-type]

    def run(self, pages: Preparing, n: int) -> list[str]:
        """Where each of the pages of a stream was prepared; the model takes what it takes."""
        del self.log[:]
        start = pages.stream()
        for _ in range(n):
            start(PAGE).result()
            pages.seconds["model"].append(self.page_s["model"])
        return self.log


def test_device_that_is_faster_prepares_all_pages_after_the_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place = Place(device=0.004, process=0.1, model=0.012)
    pages = place.preparing(monkeypatch)
    assert pages.report == "in 2 processes, until some pages have been timed"
    assert place.run(pages, 10) == ["device"] * 3 + ["process"] * 4 + ["device"] * 3
    assert pages.report == (
        "on cuda: 4.0 ms a page there after 0.0 ms to load it, 12.0 ms for the model, "
        "100.0 ms in a process"
    )
    assert place.run(pages, 3) == ["device"] * 3  # of the next stream
    place.is_warm = False
    assert place.run(pages, 6) == ["device"] * 6
    place.error, place.page_s["cpu"] = RuntimeError("CUDA out of memory"), 0.05
    assert place.run(pages, 6) == ["cpu"] * 4 + ["start"] + ["cpu"] * 2


def test_processes_that_are_faster_prepare_all_pages_after_the_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place = Place(device=0.004, process=0.02, model=0.012)
    pages = place.preparing(monkeypatch)
    assert place.run(pages, 20) == ["device"] * 3 + ["process"] * 17
    assert pages.report.startswith("in 2 processes: 4.0 ms a page there")


def test_device_that_cannot_prepare_pages_is_never_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place(process=0.1, model=0.012)
    pages = place.preparing(monkeypatch, images=SimpleNamespace(backend="pil"))
    assert place.run(pages, 12) == ["process"] * 12
    assert pages.report == "in 2 processes: its image processor runs on a CPU only"


@pytest.mark.parametrize("after", [0, 8])
def test_device_without_memory_leaves_pages_to_the_processes_and_says_so(
    monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """In the trial, and after the device was chosen."""
    place = Place(cpu=0.05, device=0.004, process=0.1, model=0.012)
    pages = place.preparing(monkeypatch)
    place.run(pages, after)
    place.error = RuntimeError("CUDA out of memory. Tried to allocate 2 GiB\nGPU 0 has ...")
    assert place.run(pages, 4) == ["cpu", "process", "process", "process"]
    assert pages.report == (
        "in 2 processes: the image processor failed on cuda "
        "(CUDA out of memory. Tried to allocate 2 GiB)"
    )


def test_page_that_the_processor_refuses_is_an_error_and_no_fault_of_the_device(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place = Place(device=0.004, process=0.1, model=0.012)
    pages = place.preparing(monkeypatch)
    place.error = InvalidInput("a page of 40,000 x 40 px")
    with pytest.raises(InvalidInput):
        place.run(pages, 1)
    place.error = None
    assert place.run(pages, 4) == ["device"] * 3 + ["process"]


def test_device_prepares_pages_while_processes_start(monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place(is_warm=False, cpu=0.05, device=0.004, process=0.1, model=0.012)
    pages = place.preparing(monkeypatch)
    assert place.run(pages, 6) == ["device"] * 4 + ["start"] + ["device"] * 2
    assert pages.try_both(PAGE) == {"cpu": pytest.approx(0.05), "device": pytest.approx(0.004)}


def test_pooling_is_part_of_what_a_page_takes_in_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """20 ms of preparation alone would keep the device busy."""
    place = Place(device=0.004, process=0.02, model=0.012)
    place.seconds["PoolTask"] = [0.1] * 3
    pages = place.preparing(monkeypatch)
    assert place.run(pages, 9) == ["device"] * 3 + ["process"] * 4 + ["device"] * 2
    assert pages.report.endswith("12.0 ms for the model, 120.0 ms in a process")


def test_model_does_not_run_while_the_device_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    lock = threading.Lock()
    locked: list[bool] = []
    place = Place(device=0.004, process=0.1, model=0.012)
    prepare_page = place.prepare

    def prepare_and_look(page: ParsedPage, device: str | None) -> dict[str, Any]:
        locked.append(lock.locked())
        return prepare_page(page, device)

    monkeypatch.setattr(place, "prepare", prepare_and_look)
    place.run(place.preparing(monkeypatch, model_lock=lock), 9)
    assert locked == [True, True, True, False, False]


@pytest.mark.parametrize(
    ("backend", "resample", "reason"),
    [
        ("torchvision", Image.Resampling.BICUBIC, ""),
        ("torchvision", Image.Resampling.LANCZOS, "resamples by Lanczos's method"),
        ("pil", Image.Resampling.BICUBIC, "runs on a CPU only"),
    ],
)
def test_image_processors_that_have_to_stay_on_the_cpu(
    backend: str, resample: Image.Resampling, reason: str
) -> None:
    images = SimpleNamespace(backend=backend, resample=resample)
    why_not = why_not_on_device(images, "cuda:1")
    assert (reason in why_not) if reason else why_not == ""
    assert why_not_on_device(images, "mps") == "no CUDA device, but mps"


@pytest.mark.torch
@pytest.mark.parametrize("family", ["colpali", "colqwen2_5", "colgemma3"])
def test_pixels_of_a_device_are_those_of_a_cpu_but_for_rounding(
    models: ModelShelf, monkeypatch: pytest.MonkeyPatch, family: str
) -> None:
    """A GPU resizes in float32, which a CPU here does in its stead."""
    import torch
    from torchvision.transforms.v2.functional import _geometry

    encoder = models.encoder(family)
    images = encoder.processor.image_processor
    assert why_not_on_device(images, "cuda") == ""
    rng = np.random.default_rng(3)
    letters = np.where(rng.random((550, 425)) < 0.1, 0, 255).astype(np.uint8)
    image = Image.fromarray(letters).convert("RGB").resize((850, 1100), Image.Resampling.NEAREST)
    options = {"page_id": "p", "dtype": "float32"}
    expected = prepare(encoder.processor, image, **options)
    kind = type(images)
    on_cpu = prepare(encoder.processor, image, device="cpu", **options)
    nowhere = prepare(encoder.processor, image, device="meta", **options)
    assert {name: one.device.type for name, one in nowhere.items()} == {
        name: "meta" if name == "pixel_values" else "cpu" for name in expected
    }
    monkeypatch.setattr(_geometry, "_do_native_uint8_resize_on_cpu", lambda _: False)
    in_floats = prepare(encoder.processor, image, device="cpu", **options)
    assert type(images) is kind
    assert list(on_cpu) == list(in_floats) == list(expected)
    for name, value in expected.items():
        assert torch.equal(on_cpu[name], value)
        if name != "pixel_values":
            assert torch.equal(in_floats[name], value)
    level = 1 / 255 / min(images.image_std)
    difference = (in_floats["pixel_values"] - expected["pixel_values"]).abs()
    assert difference.max() < 2.01 * level
    assert (difference > level / 4).float().mean() < 0.02
    rows = [encoder._run(inputs, ["p"])[0] for inputs in (in_floats, expected)]
    half = models.encoder(family, dtype="bfloat16")
    rounded = half._run(prepare(half.processor, image, page_id="p", dtype="bfloat16"), ["p"])[0]
    assert np.abs(rows[0] - rows[1]).max() < np.abs(rounded - rows[1]).max()


@pytest.mark.torch
def test_page_on_its_side_is_prepared_upright_on_a_device_too(models: ModelShelf) -> None:
    encoder = models.encoder("colqwen2_5")
    for page in MIXED:
        there, here = encoder._prepare(page, "cpu"), encoder._prepare(page)
        for ours, expected in zip(encoder._layers(there), encoder._layers(here), strict=True):
            np.testing.assert_array_equal(ours, expected)


@pytest.mark.torch
def test_encoder_with_processes_is_freed_with_its_last_reference(models: ModelShelf) -> None:
    encoder = ColVisionEncoder(str(models.folder("colqwen2_5")), ColVisionOptions(workers=1))
    model = weakref.ref(encoder.model)
    gc.collect()
    gc.disable()
    try:
        del encoder
        assert model() is None
    finally:
        gc.enable()
