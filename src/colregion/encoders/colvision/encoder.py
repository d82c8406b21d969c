"""Visual late-interaction models: ColPali and its family."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from PIL import Image

from colregion.core.cpu import core_count
from colregion.core.embeddings import PageEmbedding, QueryEmbedding
from colregion.core.geometry import FloatArray, IntArray
from colregion.core.interfaces import Encoder
from colregion.core.regions import ParsedPage
from colregion.encoders.colvision import placement
from colregion.encoders.colvision.ahead import EncodingAhead, Steps
from colregion.encoders.colvision.checkpoint import Family
from colregion.encoders.colvision.checkpoint_files import find_checkpoint
from colregion.encoders.colvision.inputs import Inputs, collate, prepare, upright_image
from colregion.encoders.colvision.loading import load, process_question, visual_tokens
from colregion.encoders.colvision.options import ColVisionOptions
from colregion.encoders.colvision.pooling import PoolTask, pool
from colregion.encoders.colvision.preparing import Preparing
from colregion.encoders.torch_utils.batching import is_out_of_memory, plan, run_halving
from colregion.encoders.torch_utils.devices import is_device_failure
from colregion.encoders.torch_utils.model_files import commit_of, digest
from colregion.encoders.torch_utils.process_pool import ProcessPool, completed, then
from colregion.encoders.torch_utils.query_tokens import label, without_specials
from colregion.errors import BackendError, ColregionError, InvalidInput, require

# Visual tokens per forward pass. More makes an accelerator little faster and needs more memory; on
# a CPU single pages are as fast as batches.
_BATCH_TOKENS = {"cuda": 8192, "mps": 2048, "cpu": 1}
_BATCH_PAGES = {"cuda": 32, "mps": 4, "cpu": 1}
# A page of ColModernVBert takes 140 ms of a core to prepare, and 12 ms of a fast device.
_MOST_WORKERS = 16
_PREPARE_S = 120.0


class ColVisionEncoder(Encoder):
    """A model of the ColPali family, run by colpali-engine or transformers.

    A page has the model's vectors for its patches, placed on the cells of a grid, and for the
    tokens of the prompt, which have no place and count for the page's score only. A page that
    lies on its side is shown to the model upright. All of a question's vectors have weight one,
    as the model was trained; its map is made from its words without stop words.

    Similarities are raw cosines. Safe to use from threads, one at a time on the device.

    Args:
        source: a hub id (`vidore/colqwen2.5-v0.2`), or a folder, of a model or a LoRA adapter.

    Attributes:
        model, processor, device: what was loaded, and where it runs.
        preparing: of pages, with its `report`; None without processes.

    Raises:
        MissingDependency: the extra `colpali` is not installed.
        InvalidInput: no such model, not a model that reads pages, or options that do not suit it.
        BackendError: the model cannot be fetched, is incomplete or cannot be loaded.
    """

    weighs_terms = False
    sees_images = True

    def __init__(self, source: str, options: ColVisionOptions | None = None) -> None:
        options = options or ColVisionOptions()
        checkpoint = find_checkpoint(
            source,
            revision=options.revision,
            base=options.base,
            local_files_only=options.local_files_only,
        )
        self._family = _with_prefix(checkpoint.family, options.query_prefix)
        self.model, self.processor, self.device = load(
            checkpoint,
            device=options.device,
            dtype=options.dtype,
            attention=options.attention,
            max_num_visual_tokens=options.max_num_visual_tokens,
        )
        kind = self.device.partition(":")[0]
        self.batch_pages = _BATCH_PAGES[kind]
        self._batch_tokens = options.batch_tokens or _BATCH_TOKENS[kind]
        self._options = options
        self._image_id = placement.image_token_id(self.model.config)
        self._dtype = str(self.model.dtype).removeprefix("torch.")
        self._lock = threading.Lock()  # of the model
        self._processing = threading.Lock()  # of the processor
        self._processes = _processes(self.processor, options.workers, kind)
        # No method: `preparing` would hold the encoder and its model until the next collection.
        self._prepare = partial(_prepare, self.processor, self._processing, self._dtype)
        self.preparing: Preparing | None = None
        if self._processes is not None:
            self.preparing = Preparing(
                self._processes,
                self._prepare,
                images=self.processor.image_processor,
                dtype=self._dtype,
                device=self.device,
                model_lock=self._lock,
            )
        settings = options.vector_settings
        weights = digest(checkpoint.folders)
        commit = commit_of(checkpoint.folder)
        place = source if commit else str(checkpoint.folder)
        name = self._family.model + (f"-{self._family.version}" if self._family.version > 1 else "")
        self._fingerprint = "?".join(filter(None, (f"{name}@{weights}", settings)))
        all_settings = [commit and f"revision={commit}", *options.loading_settings, settings]
        self.spec = "?".join(filter(None, (place, "&".join(filter(None, all_settings)))))

    @property
    def fingerprint(self) -> str:
        return self._fingerprint

    def encode_pages(self, pages: Sequence[ParsedPage]) -> list[PageEmbedding]:
        """One embedding per page, float32. Raises InvalidInput for a page of a shape that the
        processor refuses; BackendError where one page does not fit the device's memory, the
        device fails, or a vector is not finite."""
        tokens = [self._visual_tokens(upright_image(page.page)) for page in pages]
        embeddings: dict[int, PageEmbedding] = {}
        for batch in plan(tokens, budget=self._batch_tokens):
            chosen = [pages[i] for i in batch]
            parts = [self._prepare(page) for page in chosen]
            vectors = self._run_pages(chosen, parts, self._collate(parts))
            for i, inputs, rows in zip(batch, parts, vectors, strict=True):
                layers = self._layers(inputs)
                pooled = pool(rows, layers, factor=self._options.pool_factor)
                embeddings[i] = self._placed(pages[i], *pooled)
        return [embeddings[i] for i in range(len(pages))]

    def encode_stream(
        self, pages: Iterable[ParsedPage | None]
    ) -> Iterator[PageEmbedding | ColregionError]:
        """As `Encoder.encode_stream`, with processes ahead of the device; see `EncodingAhead`."""
        processes = self._processes
        if processes is None or self.preparing is None:
            return super().encode_stream(pages)
        steps = Steps(
            prepare=self.preparing.stream(),
            collate=self._collate,
            run=self._run_pages,
            finish=partial(self._start_placing, processes),
            batch_tokens=self._batch_tokens,
            batch_pages=self.batch_pages,
            most_pages=self.batch_pages + 2 * processes.workers,
        )
        return EncodingAhead(pages, steps, give_up=processes.kill)

    def encode_query(self, text: str) -> QueryEmbedding:
        """The vectors of all tokens that the processor makes from the question."""
        if not text.strip():
            raise InvalidInput("the question is empty")
        tokenizer = self.processor.tokenizer
        safe = without_specials(text, tokenizer.all_special_tokens)
        with self._processing:
            batch, empty = (self.process_question(part) for part in (safe, ""))
        (vectors,) = self._run_halving([repr(text)], lambda _: batch, what="the question")
        labels = label(
            batch["input_ids"][0].tolist(), empty["input_ids"][0].tolist(), decode=self._decode
        )
        weights = np.ones(len(vectors), dtype=np.float32)
        return QueryEmbedding(vectors, labels.tokens, labels.content, weights)

    def process_question(self, text: str) -> Any:
        """The model's inputs for a question, with the text around it of the family's training."""
        return process_question(self.processor, text, family=self._family)

    def _start_placing(
        self, processes: ProcessPool, page: ParsedPage, inputs: Inputs, vectors: FloatArray
    ) -> Future[PageEmbedding]:
        """Places the vectors; they are pooled in a process, which takes longer than the model."""
        layers = self._layers(inputs)
        factor = self._options.pool_factor
        if factor == 1:
            return completed(self._placed, page, vectors, layers)
        pooled = processes.submit(PoolTask(vectors, layers, factor))
        return then(pooled, lambda tensors: self._placed(page, *PoolTask.result(tensors)))

    def _collate(self, parts: Sequence[Inputs]) -> Inputs:
        return collate(parts, self.processor.tokenizer, pinned=self.device.startswith("cuda"))

    def _layers(self, inputs: Inputs) -> tuple[IntArray, ...]:
        """Where the vectors of an upright page look."""
        grid = inputs["image_grid_thw"][0].tolist() if "image_grid_thw" in inputs else None
        merge = getattr(self.processor.image_processor, "merge_size", 1)
        real = inputs["attention_mask"][0].bool()
        return placement.layers_of(
            inputs["input_ids"][0][real].tolist(),
            image_id=self._image_id,
            grid=(grid[1] // merge, grid[2] // merge) if grid else None,
            tiled=inputs["pixel_values"].ndim == 5 and grid is None,
            decode=self._decode,
            row_id=getattr(self.processor, "row_id", None),
        )

    def _placed(
        self, page: ParsedPage, vectors: FloatArray, layers: Sequence[IntArray]
    ) -> PageEmbedding:
        places = placement.placement_of(
            placement.rotate_back(layers, quarter_turns=page.page.quarter_turns),
            n_vectors=len(vectors),
            thumbnail_in_map=self._options.thumbnail_in_map,
        )
        return PageEmbedding(vectors, places)

    def _run_pages(
        self, pages: Sequence[ParsedPage], parts: Sequence[Inputs], whole: Inputs
    ) -> list[FloatArray]:
        """The vectors of each page; `whole` is the batch of all parts."""

        def inputs_of(positions: Sequence[int]) -> Inputs:
            if len(positions) == len(parts):
                return whole
            return self._collate([parts[i] for i in positions])

        names = [f"page {page.id}" for page in pages]
        start = time.perf_counter()
        vectors = self._run_halving(names, inputs_of, what="one page")
        if self.preparing is not None:
            page_s = (time.perf_counter() - start) / len(pages)
            self.preparing.seconds["model"].append(page_s)
        return vectors

    def _run_halving(
        self, names: Sequence[str], inputs_of: Callable[[Sequence[int]], Any], *, what: str
    ) -> list[FloatArray]:
        def run(positions: Sequence[int]) -> list[FloatArray]:
            return self._run(inputs_of(positions), [names[i] for i in positions])

        with self._lock:
            torch = require("torch", extra="colpali")
            return run_halving(range(len(names)), run, torch, what=what)

    def _run(self, batch: Any, names: Sequence[str]) -> list[FloatArray]:
        """The (V, D) float32 vectors of each row of a batch, without padding."""
        torch = require("torch", extra="colpali")
        dtype = self.model.dtype
        with _explained(names, device=self.device), torch.inference_mode():
            inputs = {
                key: value.to(
                    self.device,
                    dtype=dtype if value.is_floating_point() else None,
                    non_blocking=True,
                )
                for key, value in self._with_positions(batch).items()
                if key != "labels"
            }
            output = self.model(**inputs)
            rows = getattr(output, "embeddings", output).float()
            if dtype != torch.float32:  # whose lengths are .996 to 1.004
                rows = torch.nn.functional.normalize(rows, dim=-1)
            rows = rows.cpu()
        mask = batch["attention_mask"].bool()
        vectors = [row[real].numpy() for row, real in zip(rows, mask, strict=True)]
        for name, row in zip(names, vectors, strict=True):
            if not np.isfinite(row).all():
                exact = dtype == torch.float32
                cure = "its weights are damaged; fetch it again" if exact else "try dtype='float32'"
                raise BackendError(f"the model's vectors of {name} are not finite; {cure}")
        return vectors

    def _with_positions(self, batch: Any) -> dict[str, Any]:
        """The batch, with the rows and columns of patches where neither the processor nor the
        model's class provides them (transformers' `ColQwen2ForRetrieval`, since release 5)."""
        inputs = dict(batch)
        backbone = getattr(self.model, "vlm", self.model)
        if "image_grid_thw" in inputs and "mm_token_type_ids" not in inputs:
            ids = inputs["input_ids"]
            inputs["position_ids"], _ = backbone.get_rope_index(
                ids,
                (ids == self._image_id).int(),
                image_grid_thw=inputs["image_grid_thw"],
                attention_mask=inputs["attention_mask"],
            )
        return inputs

    def _visual_tokens(self, image: Image.Image) -> int:
        try:
            return visual_tokens(self.processor, width_px=image.width, height_px=image.height)
        except (ValueError, ZeroDivisionError):
            # The processor will refuse it too, and name the page.
            return self._batch_tokens

    def _decode(self, ids: Sequence[int]) -> str:
        return str(self.processor.tokenizer.decode(ids, clean_up_tokenization_spaces=False))


def _with_prefix(family: Family, prefix: str | None) -> Family:
    if prefix is None:
        return family
    if family.around is None:
        raise InvalidInput(f"query_prefix is not for {family.model}, whose processor has its own")
    return replace(family, around=(prefix, ""))


def _processes(processor: Any, workers: int | None, kind: str) -> ProcessPool | None:
    if workers is None:
        workers = 0 if kind == "cpu" else min(core_count(), _MOST_WORKERS)
    return ProcessPool(processor, workers=workers, timeout_s=_PREPARE_S) if workers else None


def _prepare(
    processor: Any, lock: threading.Lock, dtype: str, page: ParsedPage, device: str | None = None
) -> Inputs:
    image = upright_image(page.page)
    with lock:
        return prepare(processor, image, page_id=page.id, dtype=dtype, device=device)


@contextmanager
def _explained(names: Sequence[str], *, device: str) -> Iterator[None]:
    """Errors of the model and its device as ours, except that memory runs out."""
    try:
        yield
    except ValueError as cause:
        raise BackendError(
            f"the model refuses what its processor made of {', '.join(names)}: {cause}. The "
            "two do not fit; fetch the model again"
        ) from cause
    except RuntimeError as cause:
        if is_out_of_memory(cause) or not is_device_failure(cause):
            raise
        raise BackendError(
            f"the device {device} failed at {', '.join(names)}: {str(cause).splitlines()[0]}. "
            "Look whether it is still there (`nvidia-smi`), and start this program again"
        ) from cause
