"""Visual late-interaction models: ColPali and its family."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from PIL import Image

from colregion.core.embeddings import PageEmbedding, QueryEmbedding
from colregion.core.geometry import FloatArray
from colregion.core.interfaces import Encoder
from colregion.core.regions import ParsedPage
from colregion.encoders.colvision import placement
from colregion.encoders.colvision.checkpoint import Family
from colregion.encoders.colvision.checkpoint_files import find_checkpoint
from colregion.encoders.colvision.loading import load, process_question, visual_tokens
from colregion.encoders.colvision.pooling import pool
from colregion.encoders.torch_utils.batching import plan, run_halving
from colregion.encoders.torch_utils.model_files import commit_of, digest
from colregion.encoders.torch_utils.query_tokens import label, without_specials
from colregion.errors import BackendError, InvalidInput, require

# Clockwise by 1, 2 and 3 quarter turns; Pillow counts the other way round.
_CLOCKWISE = (Image.Transpose.ROTATE_270, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_90)
# Visual tokens per forward pass. More makes an accelerator little faster and needs more memory; on
# a CPU single pages are as fast as batches.
_BATCH_TOKENS = {"cuda": 8192, "mps": 2048, "cpu": 1}
_BATCH_PAGES = {"cuda": 32, "mps": 4, "cpu": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class ColVisionOptions:
    """Options of a `ColVisionEncoder`.

    Args:
        revision: a branch, tag or commit of the hub.
        base: for an adapter, the hub id or folder of the model to use as its base, instead of the
            one that the adapter names.
        device: "cpu", "cuda", "cuda:1", "mps"; None for the best that is available.
        dtype: "bfloat16", "float16" or "float32"; None for bfloat16 on an accelerator and
            float32 on a CPU.
        attention: transformers' attention: "sdpa", "eager", "flash_attention_2"; None for its
            default.
        max_num_visual_tokens: for the ColQwen families, the maximum of visual tokens per page.
        query_prefix: text before a question, for a ColPali, ColQwen2, ColQwen2.5 or ColIdefics3
            that was trained with another one than "Query: ": "" for training with colpali-engine
            0.3.13 and later. Pages do not depend on it, nor does the fingerprint.
        pool_factor: average number of patches pooled into one vector; 1 keeps all.
        thumbnail_in_map: for models that also see a small image of the whole page (ColIdefics3,
            ColModernVBert), include it in the map and in regions' scores. It always counts for
            the page's score.
        batch_tokens: visual tokens per forward pass; None for a default that suits the device.
        local_files_only: never ask the hub, use its cache. `HF_HUB_OFFLINE=1` does the same.

    Raises:
        InvalidInput: a number that is not a whole number of 1 or more, a prefix that is no text.
    """

    revision: str | None = None
    base: str | None = None
    device: str | None = None
    dtype: str | None = None
    attention: str | None = None
    max_num_visual_tokens: int | None = None
    query_prefix: str | None = None
    pool_factor: int = 1
    thumbnail_in_map: bool = False
    batch_tokens: int | None = None
    local_files_only: bool = False

    def __post_init__(self) -> None:
        for name in ("pool_factor", "batch_tokens", "max_num_visual_tokens"):
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
                raise InvalidInput(f"{name} must be a whole number, got {value!r}")
            if value is not None and value < 1:
                raise InvalidInput(f"{name} must be 1 or more, got {value}")

        if self.query_prefix is not None and not isinstance(self.query_prefix, str):
            raise InvalidInput(f"query_prefix must be text, got {self.query_prefix!r}")

    @property
    def vector_settings(self) -> str:
        """The settings that change vectors or their places, as in a spec: an index made on a GPU
        can be used on a CPU."""
        settings = {
            "max_num_visual_tokens": self.max_num_visual_tokens,
            "pool_factor": self.pool_factor if self.pool_factor > 1 else None,
            "thumbnail_in_map": "true" if self.thumbnail_in_map else None,
        }
        return "&".join(f"{key}={value}" for key, value in settings.items() if value)


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
        self._lock = threading.Lock()
        settings = options.vector_settings
        weights = digest([folder for folder in (checkpoint.folder, checkpoint.base) if folder])
        commit = commit_of(checkpoint.folder)
        place = source if commit else str(checkpoint.folder)
        name = self._family.model + (f"-{self._family.version}" if self._family.version > 1 else "")
        self._fingerprint = "?".join(filter(None, (f"{name}@{weights}", settings)))
        all_settings = [commit and f"revision={commit}", *_loading_settings(options), settings]
        self.spec = "?".join(filter(None, (place, "&".join(filter(None, all_settings)))))

    @property
    def fingerprint(self) -> str:
        return self._fingerprint

    def encode_pages(self, pages: Sequence[ParsedPage]) -> list[PageEmbedding]:
        """One embedding per page, float32. Raises InvalidInput for a page of a shape that the
        processor refuses; BackendError where one page does not fit the device's memory, or a
        vector is not finite."""
        images = [_upright(page) for page in pages]
        tokens = [self._visual_tokens(image) for image in images]
        embeddings: dict[int, PageEmbedding] = {}

        def run(positions: Sequence[int]) -> list[PageEmbedding]:
            return self._encode([pages[i] for i in positions], [images[i] for i in positions])

        torch = require("torch", extra="colpali")
        with self._lock:
            for batch in plan(tokens, budget=self._batch_tokens):
                embeddings.update(zip(batch, run_halving(batch, run, torch), strict=True))
        return [embeddings[i] for i in range(len(pages))]

    def encode_query(self, text: str) -> QueryEmbedding:
        """The vectors of all tokens that the processor makes from the question."""
        if not text.strip():
            raise InvalidInput("the question is empty")
        tokenizer = self.processor.tokenizer
        safe = without_specials(text, tokenizer.all_special_tokens)
        with self._lock:
            batch, empty = (self.process_question(part) for part in (safe, ""))
            (vectors,) = self._run(batch, [repr(text)])
        labels = label(
            batch["input_ids"][0].tolist(), empty["input_ids"][0].tolist(), decode=self._decode
        )
        weights = np.ones(len(vectors), dtype=np.float32)
        return QueryEmbedding(vectors, labels.tokens, labels.content, weights)

    def process_question(self, text: str) -> Any:
        """The model's inputs for a question, with the text around it of the family's training."""
        return process_question(self.processor, text, family=self._family)

    def _encode(
        self, pages: Sequence[ParsedPage], images: Sequence[Image.Image]
    ) -> list[PageEmbedding]:
        batch = self._process_images(pages, images)
        grids = batch["image_grid_thw"].tolist() if "image_grid_thw" in batch else None
        merge = getattr(self.processor.image_processor, "merge_size", 1)
        tiled = batch["pixel_values"].ndim == 5 and grids is None
        ids, mask = batch["input_ids"], batch["attention_mask"].bool()
        embeddings = []
        vectors = self._run(batch, [f"page {page.id}" for page in pages])
        for i, (page, page_vectors) in enumerate(zip(pages, vectors, strict=True)):
            layers = placement.layers_of(
                ids[i][mask[i]].tolist(),
                image_id=self._image_id,
                grid=(grids[i][1] // merge, grids[i][2] // merge) if grids else None,
                tiled=tiled,
                decode=self._decode,
                row_id=getattr(self.processor, "row_id", None),
            )
            page_vectors, layers = pool(page_vectors, layers, factor=self._options.pool_factor)
            places = placement.placement_of(
                placement.rotate_back(layers, quarter_turns=page.page.quarter_turns),
                n_vectors=len(page_vectors),
                thumbnail_in_map=self._options.thumbnail_in_map,
            )
            embeddings.append(PageEmbedding(page_vectors, places))
        return embeddings

    def _run(self, batch: Any, names: Sequence[str]) -> list[FloatArray]:
        """The (V, D) float32 vectors of each row of a batch, without padding."""
        dtype = self.model.dtype
        inputs = {
            key: value.to(self.device, dtype=dtype if value.is_floating_point() else None)
            for key, value in self._with_positions(batch).items()
            if key != "labels"
        }
        try:
            with require("torch", extra="colpali").inference_mode():
                output = self.model(**inputs)
        except ValueError as cause:
            raise BackendError(
                f"the model refuses what its processor made of {', '.join(names)}: {cause}. The "
                "two do not fit; fetch the model again"
            ) from cause
        rows = getattr(output, "embeddings", output).float().cpu()
        mask = batch["attention_mask"].bool()
        vectors = [row[real].numpy() for row, real in zip(rows, mask, strict=True)]
        for name, row in zip(names, vectors, strict=True):
            if not np.isfinite(row).all():
                exact = str(dtype) == "torch.float32"
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

    def _process_images(self, pages: Sequence[ParsedPage], images: Sequence[Image.Image]) -> Any:
        try:
            return self.processor.process_images(list(images))
        except (ValueError, ZeroDivisionError) as cause:
            shapes = ", ".join(
                f"{page.id} of {image.width} x {image.height} px"
                for page, image in zip(pages, images, strict=True)
            )
            raise InvalidInput(
                f"the model's processor refuses {shapes}: {cause}. Split long pages into parts"
            ) from cause

    def _visual_tokens(self, image: Image.Image) -> int:
        try:
            return visual_tokens(self.processor, width_px=image.width, height_px=image.height)
        except (ValueError, ZeroDivisionError):
            # The processor will refuse it too, and name the page.
            return self._batch_tokens

    def _decode(self, ids: Sequence[int]) -> str:
        return str(self.processor.tokenizer.decode(ids, clean_up_tokenization_spaces=False))


def _loading_settings(options: ColVisionOptions) -> list[str]:
    """The settings, as in a spec, that are part of what is loaded and asked, and so of an index,
    but change no vector of the same page and weights."""
    settings = {"base": options.base, "query_prefix": options.query_prefix}
    if options.base is not None and (folder := Path(options.base).expanduser()).is_dir():
        settings["base"] = str(folder.resolve())
    return [f"{key}={quote(value)}" for key, value in settings.items() if value is not None]


def _with_prefix(family: Family, prefix: str | None) -> Family:
    if prefix is None:
        return family
    if family.around is None:
        raise InvalidInput(f"query_prefix is not for {family.model}, whose processor has its own")
    return replace(family, around=(prefix, ""))


def _upright(page: ParsedPage) -> Image.Image:
    turns = page.page.quarter_turns
    image = page.page.image
    return image.transpose(_CLOCKWISE[turns - 1]) if turns else image
