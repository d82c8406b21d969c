"""Attention within the parts of images, of all parts in one launch.

Image encoders of the Qwen families attend within images or windows. Without the package flash-attn,
transformers runs one window after the other, so that a page of ColQwen2.5 takes 1,500 calls, and a
GPU waits for them. torch has the same kernel as flash-attn, since release 2.10.
"""

from __future__ import annotations

import importlib.util
import inspect
from typing import Any

from colregion.errors import InvalidInput, require

VARLEN = "varlen"
# transformers passes the parts' lengths where a name contains "flash".
_NAME = "colregion_flash_varlen"


def attend_in_one_launch(model: Any) -> None:
    """Make the image encoder of a model attend to all windows at once.

    Raises InvalidInput for a model without windows, on a CPU or in float32, and where torch or the
    GPU has no such kernel.
    """
    torch = require("torch", extra="colpali")
    usable = (
        model.device.type == "cuda"
        and model.dtype in (torch.bfloat16, torch.float16)
        and torch.cuda.get_device_capability(model.device) >= (8, 0)
        and importlib.util.find_spec("torch.nn.attention.varlen") is not None
    )
    if not usable or not _register(model):
        raise InvalidInput(
            f"attention={VARLEN!r} is for the ColQwen families in bfloat16 or float16, on an "
            "NVIDIA GPU of 2020 or later, with torch 2.10 or later; omit it"
        )


def _register(model: Any) -> bool:
    layers = [
        module
        for module in model.modules()
        if hasattr(module, "config")
        and "cu_seqlens" in inspect.signature(module.forward).parameters
    ]
    if not layers:
        return False
    require("transformers", extra="colpali").AttentionInterface.register(_NAME, _attention)
    for layer in layers:
        layer.config._attn_implementation = _NAME
    return True


def _attention(
    module: Any,  # noqa: ARG001
    query: Any,
    key: Any,
    value: Any,
    attention_mask: Any,  # noqa: ARG001
    **options: Any,
) -> tuple[Any, None]:
    """As transformers' attention functions: from (1, heads, V, D) to (1, V, heads, D)."""
    varlen = require("torch.nn.attention.varlen", extra="colpali").varlen_attn
    ends, longest = options["cu_seq_lens_q"], int(options["max_length_q"])
    tokens = [one[0].transpose(0, 1) for one in (query, key, value)]
    return varlen(*tokens, ends, ends, longest, longest)[None], None
