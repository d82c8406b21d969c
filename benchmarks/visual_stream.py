"""How busy a visual encoder keeps its device, beside the loop that colpali-engine documents.

The pages are files of the demo's report at 200 dpi. Both sides have the same number of worker
processes, which are started before the clock runs.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks.timing import Row, row
from colregion.core.documents import Page
from colregion.core.interfaces import Encoder
from colregion.core.regions import ParsedPage
from colregion.demo import DOCUMENTS
from colregion.documents import open_document
from colregion.encoders import load_encoder
from colregion.encoders.colvision import ColVisionEncoder
from colregion.errors import InvalidInput, require

_DPI = 200
_LOOP_BATCH = 4  # of colpali-engine's documentation


@dataclass(frozen=True, slots=True)
class _File:
    """An `ImageLoader` of a file."""

    path: Path

    def __call__(self, *, dpi: int | None = None) -> Image.Image:  # noqa: ARG002
        with Image.open(self.path) as image:
            return image.convert("RGB")


@dataclass(frozen=True, slots=True)
class _Files:
    """The pages as colpali-engine's loop reads them."""

    paths: Sequence[Path]
    processor: Any

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, position: int) -> Image.Image:
        return _File(self.paths[position])()

    def collate(self, images: list[Image.Image]) -> dict[str, Any]:
        return dict(self.processor.process_images(images))


@dataclass(slots=True, eq=False)
class _SleepingDevice:
    """A model in whose place the clock runs: each page takes `page_s`."""

    model: Any
    page_s: float
    slept_s: float = field(default=0.0, init=False)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)

    def __call__(self, **inputs: Any) -> Any:
        torch = require("torch", extra="colpali")
        n_pages, n_tokens = inputs["input_ids"].shape
        started = time.perf_counter()
        time.sleep(self.page_s * n_pages)
        self.slept_s += time.perf_counter() - started
        return torch.full((n_pages, n_tokens, 128), 128**-0.5, dtype=self.model.dtype)


class _ForwardEvents:
    """Marks on the GPU before and after each run of a model."""

    def __init__(self, model: Any) -> None:
        self._cuda = require("torch", extra="colpali").cuda
        self._marks: list[Any] = []
        hooks = (model.register_forward_pre_hook, model.register_forward_hook)
        self._hooks = [add(lambda *_: self._mark()) for add in hooks]

    def _mark(self) -> None:
        event = self._cuda.Event(enable_timing=True)
        event.record()
        self._marks.append(event)

    def seconds(self) -> float:
        """Between the marks, until now; takes the hooks off."""
        self._cuda.synchronize()
        for hook in self._hooks:
            hook.remove()
        pairs = zip(self._marks[::2], self._marks[1::2], strict=True)
        return float(sum(start.elapsed_time(end) for start, end in pairs)) / 1000


def stream_row(
    spec: str, *, workers: int, pages: int, page_ms: float | None = None, rounds: int = 1
) -> Row:
    """Milliseconds a page of the encoder's stream and of colpali-engine's loop, in turn.

    Args:
        spec: of a visual encoder, for `load_encoder`.
        workers: processes that prepare pages, of each side.
        pages: how many.
        page_ms: in place of running the model, sleep for so long for each page. The row then
            also tells the share of the time that this was, as `busy`; on a GPU that of the model.
        rounds: turns of each side; the row has the medians.

    Returns:
        The row, with the milliseconds `without` processes, as is the default on a CPU, where pages
        were `prepared`, and the `threads` of torch, which `OMP_NUM_THREADS` sets.

    Raises:
        InvalidInput: no processes, or the encoder is not a visual one.
    """
    encoder = load_encoder(spec, workers=workers)
    if not isinstance(encoder, ColVisionEncoder) or encoder._processes is None:
        raise InvalidInput(f"{spec!r} with workers={workers} prepares no pages in processes")
    for started in encoder._processes.warm_up():
        started.result()
    if page_ms is not None:
        encoder.model = _SleepingDevice(encoder.model, page_ms / 1000)
        encoder.batch_pages = 32  # as beside an accelerator
        encoder._batch_tokens = 8192
    with _page_files(pages) as paths:
        parsed = [
            ParsedPage(Page("report", i + 1, 1, 1, "px", _File(path)), (), ())
            for i, path in enumerate(paths)
        ]
        sides = {
            "ours": lambda: list(encoder.encode_stream(parsed)),
            "other": _loop(encoder, paths, workers),
            "without": lambda: list(Encoder.encode_stream(encoder, parsed)),
        }
        turns = [{name: _timed(encoder, run) for name, run in sides.items()} for _ in range(rounds)]
    ms = {name: 1000 * statistics.median(one[name][0] for one in turns) / pages for name in sides}
    more: dict[str, Any] = {
        "without": round(ms["without"], 4),
        "prepared": encoder.preparing.report if encoder.preparing else "",
        "threads": require("torch", extra="colpali").get_num_threads(),
    }
    for name, key in (("ours", "busy"), ("other", "other_busy")):
        shares = [device / whole for whole, device in (one[name] for one in turns)]
        if any(shares):
            more[key] = round(statistics.median(shares), 3)
    against = f"colpali-engine's loop over {encoder.fingerprint}, {workers} workers"
    return row("stream", ms["ours"], ms["other"], against=against, **more)


def _timed(encoder: ColVisionEncoder, run: Callable[[], object]) -> tuple[float, float]:
    """Seconds that a run takes, and that its device sleeps or, on a GPU, runs the model."""
    before = getattr(encoder.model, "slept_s", 0.0)
    events = _ForwardEvents(encoder.model) if encoder.device.startswith("cuda") else None
    started = time.perf_counter()
    run()
    seconds = time.perf_counter() - started
    slept = getattr(encoder.model, "slept_s", 0.0) - before
    return seconds, slept or (events.seconds() if events else 0.0)


@contextmanager
def _page_files(n: int) -> Iterator[list[Path]]:
    (report,) = DOCUMENTS.glob("*report*.pdf")
    with tempfile.TemporaryDirectory(prefix="colregion-bench-") as folder:
        paths = []
        for i, page in enumerate(open_document(report).pages()):
            path = Path(folder) / f"{i}.jpg"
            page.load_image(dpi=_DPI).save(path, "JPEG", quality=85)
            paths.append(path)
        yield [paths[i % len(paths)] for i in range(n)]


def _loop(
    encoder: ColVisionEncoder, paths: Sequence[Path], workers: int
) -> Callable[[], list[Any]]:
    """colpali-engine's documented loop; its workers are forked and have nothing to load."""
    torch = require("torch", extra="colpali")
    data = require("torch.utils.data", extra="colpali")
    files = _Files(paths, encoder.processor)
    loader = data.DataLoader(
        files, batch_size=_LOOP_BATCH, collate_fn=files.collate, num_workers=workers
    )

    def run() -> list[Any]:
        vectors: list[Any] = []
        for batch in loader:
            inputs = {
                key: value.to(encoder.device) for key, value in batch.items() if key != "labels"
            }
            with torch.inference_mode():
                output = encoder.model(**inputs)
            vectors.extend(torch.unbind(getattr(output, "embeddings", output).to("cpu")))
        return vectors

    return run
