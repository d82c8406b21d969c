"""Where pages are prepared for the model: in processes, or here, by the image processor on the
device. The first pages are prepared in both ways, and the faster one has the others.

The grid is the same in both ways, and so are the pixels, but for rounding: a CPU resizes in whole
numbers, a GPU in float32, and 3 of 1,000 numbers differ by 1 or 2 of 255. Vectors change by less
than bfloat16 changes them, so that an index may have pages of both.
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

from PIL import Image

from colregion.core.regions import ParsedPage
from colregion.encoders.colvision.inputs import Inputs, prepare_task
from colregion.encoders.torch_utils.process_pool import ProcessPool, completed
from colregion.errors import ColregionError

# For fewer, a process would load its libraries in vain.
_PAGES_WITHOUT_PROCESSES = 5
# In each way here; the first of them, for which libraries start, does not count.
_TRIALS = 3
_MOST_TIMES = 256


@dataclass(frozen=True, slots=True)
class PageSeconds:
    """Seconds for a page.

    Args:
        load: its image, here.
        device: the processor, with the image on the device.
        model: the model, on the device.
        process: image and processor, in a process.
        pooling: of its vectors, in a process.
    """

    load: float
    device: float
    model: float
    process: float
    pooling: float = 0.0

    def device_is_faster(self, *, workers: int) -> bool:
        """Whether a stream is faster if the device prepares and runs pages in turn, while one
        thread loads them, than if `workers` processes prepare them beside it."""
        in_processes = max((self.process + self.pooling) / workers, self.model)
        on_device = max(self.device + max(self.load, self.model), self.pooling / workers)
        return on_device < in_processes


def why_not_on_device(images: Any) -> str:
    """Why an image processor has to stay on the CPU; "" for one that can run on a GPU."""
    if getattr(images, "backend", None) != "torchvision":
        return "its image processor runs on a CPU only"
    if images.resample == Image.Resampling.LANCZOS:
        # transformers would interpolate bicubically instead, for other vectors.
        return "its image processor resamples by Lanczos's method, which GPUs lack"
    return ""


class Preparing:
    """Starts to prepare the pages of an encoder's streams.

    Args:
        prepare: makes a page's inputs here, with its image on the CPU, or on a device.
        dtype: of the inputs.
        device: on which the image processor may run, None for none, with the reason as `why_not`.
        model_lock: keeps the model from running.
    """

    def __init__(
        self,
        processes: ProcessPool,
        prepare: Callable[[ParsedPage, str | None], Inputs],
        *,
        dtype: str,
        device: str | None,
        why_not: str,
        model_lock: AbstractContextManager[Any],
    ) -> None:
        self._seconds: defaultdict[str, list[float]] = defaultdict(list)
        self._processes = processes
        self._prepare = prepare
        self._dtype = dtype
        self._device, self._why_not = device, why_not
        self._model_lock = model_lock
        self._decision: PageSeconds | None = None

    @property
    def report(self) -> str:
        """Where pages are prepared, and why."""
        workers = self._processes.workers
        in_processes = f"in {workers} process{'es' if workers > 1 else ''}"
        if self._device is None:
            return f"{in_processes}: {self._why_not}"
        if self._decision is None:
            return f"{in_processes}, until some pages have been timed"
        ms = {name: 1000 * getattr(self._decision, name) for name in PageSeconds.__slots__}
        times = (
            "{device:.1f} ms a page there after {load:.1f} ms to load it, {model:.1f} ms for the "
            "model, {process:.1f} ms in a process"
        ).format(**ms)
        return f"{f'on {self._device}' if self._is_on_device else in_processes}: {times}"

    def note(self, step: str, seconds: float) -> None:
        """What a page took: "load" and the ways here, "cpu" and "device"; "process"; and, from
        outside, "model" and "pooling"."""
        if len(self._seconds[step]) < _MOST_TIMES:
            self._seconds[step].append(seconds)

    def stream(self) -> Callable[[ParsedPage], Future[Inputs]]:
        """Prepares pages here until a process is ready, which takes seconds: a few pages need
        none."""
        count = itertools.count(1)
        starting: list[Future[None]] = []

        def start(page: ParsedPage) -> Future[Inputs]:
            self._decide()
            is_warm = self._processes.is_warm
            if next(count) == _PAGES_WITHOUT_PROCESSES and not is_warm and not self._is_on_device:
                starting.extend(self._processes.warm_up())
            for process in starting:
                if process.done():
                    process.result()  # raises why it did not start
            if is_warm and not self._is_on_device and not self._lacks("device"):
                task = prepare_task(page.page, dtype=self._dtype)
                return self._processes.submit(task, took=partial(self.note, "process"))
            return completed(self._here, page)

        return start

    def try_both(self, page: ParsedPage) -> dict[str, float]:
        """Typical seconds for a page that is loaded, on the "cpu", and on the "device" if it can
        prepare pages."""
        for _ in range(_TRIALS):
            self._timed("cpu", page, None)
            if self._device is not None:
                self._on_device(page, self._device)
        names = ("cpu", "device") if self._device else ("cpu",)
        return {name: self._typical(name) for name in names}

    @property
    def _is_on_device(self) -> bool:
        return (
            self._device is not None
            and self._decision is not None
            and self._decision.device_is_faster(workers=self._processes.workers)
        )

    def _decide(self) -> None:
        """Once enough pages have been timed. A process's first page counts as little as here."""
        timed, workers = self._seconds, self._processes.workers
        if self._decision is not None or self._device is None or self._lacks("device"):
            return
        if len(timed["process"]) < 2 * workers or len(timed["model"]) < _TRIALS:
            return
        self._decision = PageSeconds(
            load=self._typical("load"),
            device=self._typical("device"),
            model=min(timed["model"]),  # alone on the device, in a full batch
            process=statistics.median(timed["process"][workers:]),
            pooling=statistics.median(timed["pooling"] or [0.0]),
        )

    def _here(self, page: ParsedPage) -> Inputs:
        start = time.perf_counter()
        _ = page.page.image
        self.note("load", time.perf_counter() - start)
        if self._device is not None and self._prefers_device:
            inputs = self._on_device(page, self._device)
            if inputs is not None:
                return inputs
        return self._timed("cpu", page, None)

    @property
    def _prefers_device(self) -> bool:
        """Here: if it is tried or chosen, else, while processes start, as the times say."""
        if self._processes.is_warm or self._is_on_device:
            return True
        if self._lacks("cpu") or self._lacks("device"):
            return len(self._seconds["device"]) <= len(self._seconds["cpu"])
        return self._typical("device") < self._typical("cpu")

    def _on_device(self, page: ParsedPage, device: str) -> Inputs | None:
        """None where the device turns out not to be able to, which ends its use for this."""
        try:
            with self._model_lock if self._lacks("device") else nullcontext():
                return self._timed("device", page, device)
        except ColregionError:
            raise
        except (RuntimeError, TypeError) as cause:  # one of a broken device the model will have too
            what = str(cause).partition("\n")[0]
        self._device, self._why_not = None, f"the image processor failed on {device} ({what})"
        return None

    def _timed(self, name: str, page: ParsedPage, device: str | None) -> Inputs:
        start = time.perf_counter()
        inputs = self._prepare(page, device)
        self.note(name, time.perf_counter() - start)
        return inputs

    def _lacks(self, name: str) -> bool:
        """Whether a way here has not been tried often enough."""
        is_possible = name == "cpu" or self._device is not None
        return is_possible and len(self._seconds[name]) < _TRIALS

    def _typical(self, name: str) -> float:
        return statistics.median(self._seconds[name][1:])
