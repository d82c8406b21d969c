"""Where pages are prepared for the model: in processes, or here, by the image processor on the
device. The first pages are prepared in both ways, and the faster one has the others.

The grid is the same in both ways, and so are the pixels, but for rounding: a CPU resizes in whole
numbers, a GPU in float32, and 3 of 1,000 numbers differ by 1 or 2 of 255. Vectors change by less
than bfloat16 changes them, so that an index may have pages of both.
"""

from __future__ import annotations

import itertools
import time
from collections import defaultdict, deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from statistics import median
from typing import Any, NamedTuple

from PIL import Image

from colregion.core.regions import ParsedPage
from colregion.encoders.colvision.inputs import Inputs, PrepareTask, prepare_task
from colregion.encoders.colvision.pooling import PoolTask
from colregion.encoders.torch_utils.process_pool import ProcessPool, completed
from colregion.errors import ColregionError

# For fewer, a process would load its libraries in vain.
_PAGES_WITHOUT_PROCESSES = 5
# Of a way here and of the model; the first of them, for which libraries start, does not count.
_TRIALS = 3


class PageSeconds(NamedTuple):
    """Seconds for a page: to load its image here; for the processor, with the image on the device;
    for the model there; and for image, processor and the pooling of vectors in a process."""

    load: float
    device: float
    model: float
    process: float

    def device_is_faster(self, *, workers: int) -> bool:
        """Whether more pages get through if the device prepares and encodes them in turn, while one
        thread loads them, than if `workers` processes prepare them beside it."""
        on_device = self.device + max(self.load, self.model)
        return on_device < max(self.process / workers, self.model)


def why_not_on_device(images: Any, device: str) -> str:
    """Why an image processor has to stay on the CPU; "" for one that can run on the device."""
    if not device.startswith("cuda"):
        return f"no CUDA device, but {device}"
    if getattr(images, "backend", None) != "torchvision":
        return "its image processor runs on a CPU only"
    if getattr(images, "resample", None) == Image.Resampling.LANCZOS:
        # transformers would interpolate bicubically instead, for other vectors.
        return "its image processor resamples by Lanczos's method, which GPUs lack"
    return ""


class Preparing:
    """Starts to prepare the pages of an encoder's streams.

    Args:
        prepare: makes a page's inputs here, with its image on the CPU, or on a device.
        model_lock: keeps the model from running on the `device`.

    Attributes:
        seconds: for each of the latest pages: "load", "cpu", "device"; from outside, "model".
    """

    def __init__(
        self,
        processes: ProcessPool,
        prepare: Callable[[ParsedPage, str | None], Inputs],
        *,
        images: Any,
        dtype: str,
        device: str,
        model_lock: AbstractContextManager[Any],
    ) -> None:
        self.seconds: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=256))
        self._processes, self._prepare, self._dtype = processes, prepare, dtype
        self._why_not = why_not_on_device(images, device)
        self._device = None if self._why_not else device
        self._model_lock = model_lock
        self._decision: PageSeconds | None = None

    @property
    def report(self) -> str:
        """Where pages are prepared, and why."""
        workers = self._processes.workers
        place = f"in {workers} process{'es' if workers > 1 else ''}"
        if self._device is None:
            return f"{place}: {self._why_not}"
        if self._decision is None:
            return f"{place}, until some pages have been timed"
        load, device, model, process = (f"{1000 * s:.1f} ms" for s in self._decision)
        return (
            f"{f'on {self._device}' if self._is_on_device else place}: {device} a page there after "
            f"{load} to load it, {model} for the model, {process} in a process"
        )

    def stream(self) -> Callable[[ParsedPage], Future[Inputs]]:
        """Prepares pages here until a process is ready, which takes seconds: a few pages need
        none."""
        count = itertools.count(1)
        starting: list[Future[None]] = []

        def start(page: ParsedPage) -> Future[Inputs]:
            self._decide()
            is_warm, is_on_device = self._processes.is_warm, self._is_on_device
            are_many = next(count) >= _PAGES_WITHOUT_PROCESSES
            if are_many and not is_warm and not is_on_device and not starting:
                starting.extend(self._processes.warm_up())
            for process in starting:
                if process.done():
                    process.result()  # raises why it did not start
            if is_warm and not is_on_device and not self._is_on_trial:
                return self._processes.submit(prepare_task(page.page, dtype=self._dtype))
            return completed(self._here, page)

        return start

    def try_both(self, page: ParsedPage) -> dict[str, float]:
        """Typical seconds for a page on the "cpu", and on the "device" if it can prepare pages."""
        for _ in range(_TRIALS):
            self._timed("cpu", page, None)
            self._here(page)
        return {way: self._typical(way) for way in (["cpu", "device"] if self._device else ["cpu"])}

    @property
    def _is_on_trial(self) -> bool:
        return self._device is not None and len(self.seconds["device"]) < _TRIALS

    @property
    def _is_on_device(self) -> bool:
        if self._device is None or self._decision is None:
            return False
        return self._decision.device_is_faster(workers=self._processes.workers)

    def _decide(self) -> None:
        if self._decision is not None or self._device is None or self._is_on_trial:
            return
        workers, timed = self._processes.workers, self._processes.seconds
        prepared, pooled = list(timed[PrepareTask.__name__]), timed[PoolTask.__name__]
        if len(prepared) >= 2 * workers and len(self.seconds["model"]) >= _TRIALS:
            # A process's first page counts as little as here.
            in_process = median(prepared[workers:]) + median(pooled or [0.0])
            model = min(self.seconds["model"])  # alone on the device, in a full batch
            here = self._typical("load"), self._typical("device")
            self._decision = PageSeconds(*here, model, in_process)

    def _here(self, page: ParsedPage) -> Inputs:
        """Where the device turns out not to be able to, that ends its use for this."""
        start = time.perf_counter()
        _ = page.page.image
        self.seconds["load"].append(time.perf_counter() - start)
        if self._device is None:
            return self._timed("cpu", page, None)
        try:
            with self._model_lock if self._is_on_trial else nullcontext():
                return self._timed("device", page, self._device)
        except ColregionError:
            raise
        except (RuntimeError, TypeError) as cause:  # one of a broken device the model will have too
            what = str(cause).partition("\n")[0]
        self._why_not = f"the image processor failed on {self._device} ({what})"
        self._device = None
        return self._timed("cpu", page, None)

    def _timed(self, way: str, page: ParsedPage, device: str | None) -> Inputs:
        start = time.perf_counter()
        inputs = self._prepare(page, device)
        self.seconds[way].append(time.perf_counter() - start)
        return inputs

    def _typical(self, step: str) -> float:
        return median(list(self.seconds[step])[1:])
