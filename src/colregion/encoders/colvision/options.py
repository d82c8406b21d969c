"""The options of a visual encoder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from colregion.errors import InvalidInput


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
            default, and in the image encoders of the ColQwen families all windows of a length at
            once.
        max_num_visual_tokens: for the ColQwen families, the maximum of visual tokens per page.
        query_prefix: text before a question, for a ColPali, ColQwen2, ColQwen2.5 or ColIdefics3
            that was trained with another one than "Query: ": "" for training with colpali-engine
            0.3.13 and later. Pages do not depend on it, nor does the fingerprint.
        pool_factor: average number of patches pooled into one vector; 1 keeps all.
        thumbnail_in_map: for models that also see a small image of the whole page (ColIdefics3,
            ColModernVBert), include it in the map and in regions' scores. It always counts for
            the page's score.
        batch_tokens: visual tokens per forward pass; None for a default that suits the device.
        workers: processes that prepare pages ahead of the device when many are encoded, and pool
            their vectors behind it; None for one per core beside an accelerator, at most 16, and
            0, none, on a CPU, which the model needs itself. Each takes about 0.5 GB of memory.
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
    workers: int | None = None
    local_files_only: bool = False

    def __post_init__(self) -> None:
        for name in ("pool_factor", "batch_tokens", "max_num_visual_tokens", "workers"):
            value = getattr(self, name)
            least = 0 if name == "workers" else 1
            if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
                raise InvalidInput(f"{name} must be a whole number, got {value!r}")
            if value is not None and value < least:
                raise InvalidInput(f"{name} must be {least} or more, got {value}")

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

    @property
    def loading_settings(self) -> list[str]:
        """The settings, as in a spec, that are part of what is loaded and asked, and so of an
        index, but change no vector of the same page and weights."""
        settings = {"base": self.base, "query_prefix": self.query_prefix}
        if self.base is not None and (folder := Path(self.base).expanduser()).is_dir():
            settings["base"] = str(folder.resolve())
        return [f"{key}={quote(value)}" for key, value in settings.items() if value is not None]
