"""Attention within the windows of images, of all windows of a length at once.

The image encoders of the Qwen families attend within images or windows. Without the package
flash-attn, transformers runs one window after the other: about 1,500 calls for a page of
ColQwen2.5, for which a GPU waits. Windows have two to five lengths, so here they are as many calls
per layer.
"""

from __future__ import annotations

import functools
import inspect
from collections import Counter
from typing import Any, NamedTuple

from colregion.errors import require

# transformers passes the windows' ends where a name contains "flash".
_NAME = "colregion_flash_windows"


class _Windows(NamedTuple):
    """Windows in the order of their lengths.

    Args:
        order: (V,) positions of all vectors, window after window; None for windows of one length.
        groups: number and length of the windows of each length.
    """

    order: Any
    groups: list[tuple[int, int]]


def attend_in_groups(model: Any) -> bool:
    """Make the image encoder of a model attend to all windows of a length at once, and say whether
    it has windows."""
    layers = [
        module
        for module in model.modules()
        if hasattr(module, "config")
        and "cu_seqlens" in inspect.signature(module.forward).parameters
    ]
    if layers:
        require("transformers", extra="colpali").AttentionInterface.register(_NAME, _attention)
    for layer in layers:
        layer.config._attn_implementation = _NAME
    return bool(layers)


def _attention(
    module: Any, query: Any, key: Any, value: Any, attention_mask: Any, **options: Any
) -> tuple[Any, None]:
    """As transformers' attention functions: (1, V, heads, D) from three of (1, heads, V, D)."""
    torch = require("torch", extra="colpali")
    ends = options.pop("cu_seq_lens_q", None)
    if ends is None:  # a release of transformers that passes one window at a time
        library = require("transformers.integrations.sdpa_attention", extra="colpali")
        result: tuple[Any, None] = library.sdpa_attention_forward(
            module, query, key, value, attention_mask, **options
        )
        return result
    windows = _known().get(ends)
    if windows is None:
        windows = _known()[ends] = _windows(ends)
    tokens = [one[0].transpose(0, 1) for one in (query, key, value)]  # (V, heads, D)
    if windows.order is not None:
        tokens = [one[windows.order] for one in tokens]
    parts, start = [], 0
    for n_windows, length in windows.groups:
        rows = slice(start, start + n_windows * length)
        shaped = [one[rows].unflatten(0, (n_windows, length)).transpose(1, 2) for one in tokens]
        attended = torch.nn.functional.scaled_dot_product_attention(
            *shaped, scale=options.get("scaling")
        )
        parts.append(attended.transpose(1, 2).flatten(0, 1))
        start = rows.stop
    whole = torch.cat(parts)
    if windows.order is not None:
        whole = torch.empty_like(whole).index_copy_(0, windows.order, whole)
    return whole[None], None


@functools.cache
def _known() -> Any:
    """The windows of a batch, which are the same in most layers: counting waits for the GPU."""
    return require("torch.utils.weak", extra="colpali").WeakIdKeyDictionary()


def _windows(ends: Any) -> _Windows:
    lengths = ends.diff()
    counts = sorted(Counter(lengths.tolist()).items())
    groups = [(n_windows, length) for length, n_windows in counts if length]
    if len(groups) == 1:
        return _Windows(None, groups)
    return _Windows(lengths.repeat_interleave(lengths).argsort(stable=True), groups)
