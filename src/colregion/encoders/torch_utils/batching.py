"""Sequences in batches that fit the device, whatever their lengths."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import TypeVar

from colregion.errors import BackendError

_Result = TypeVar("_Result")

_MEMORY_MESSAGES = ("out of memory", "can't allocate memory", "not enough memory")


def plan(tokens: Sequence[int], *, budget: int) -> list[list[int]]:
    """Positions of the sequences batch by batch, longest first so that little is padding.

    A batch costs its sequences times the longest of them, and at most `budget`; one that is
    longer stands alone. No sequences give [].
    """
    batches: list[list[int]] = []
    for position in sorted(range(len(tokens)), key=lambda i: (-tokens[i], i)):
        if batches and tokens[batches[-1][0]] * (len(batches[-1]) + 1) <= budget:
            batches[-1].append(position)
        else:
            batches.append([position])
    return batches


def run_halving(
    positions: Sequence[int],
    run: Callable[[Sequence[int]], Sequence[_Result]],
    *,
    torch: ModuleType,
) -> list[_Result]:
    """What `run` gives for the positions; where memory runs out, for one half after the other.

    Raises:
        BackendError: one alone is too much.
    """
    try:
        return list(run(positions))
    except RuntimeError as cause:
        if not _is_out_of_memory(cause):
            raise
        if len(positions) == 1:
            raise BackendError(
                "one page does not fit the device's memory. Give the model less to do: "
                "max_num_visual_tokens for the ColQwen families, dtype='bfloat16', a smaller "
                "model, or device='cpu'"
            ) from cause
    # Outside the handler: the error holds on to the frames whose tensors have to go.
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    middle = (len(positions) + 1) // 2
    return [
        *run_halving(positions[:middle], run, torch=torch),
        *run_halving(positions[middle:], run, torch=torch),
    ]


def _is_out_of_memory(error: RuntimeError) -> bool:
    """CUDA has a class of its own for this, CPU and MPS only words; all are RuntimeErrors."""
    return any(words in str(error).lower() for words in _MEMORY_MESSAGES)
