"""Batches of sequences that fit the device's memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import TypeVar

from colregion.errors import BackendError

_Result = TypeVar("_Result")

# CUDA has an error class for this, its libraries, CPU and MPS only a message.
_MEMORY_MESSAGES = (
    "out of memory",
    "can't allocate memory",
    "not enough memory",
    "cublas_status_alloc_failed",
    "cudnn_status_alloc_failed",
)


def plan(tokens: Sequence[int], *, budget: int) -> list[list[int]]:
    """Group sequences of these lengths into batches, longest first so that little is padding.

    Returns the indices of each batch's sequences; no sequences give []. `budget` limits a batch's
    padded tokens (its sequences times the longest of them); a longer sequence is a batch alone.
    """
    batches: list[list[int]] = []
    for position in sorted(range(len(tokens)), key=lambda i: (-tokens[i], i)):
        if batches and tokens[batches[-1][0]] * (len(batches[-1]) + 1) <= budget:
            batches[-1].append(position)
        else:
            batches.append([position])
    return batches


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether a device's memory did not suffice."""
    return any(words in str(error).lower() for words in _MEMORY_MESSAGES)


def run_halving(
    positions: Sequence[int],
    run: Callable[[Sequence[int]], Sequence[_Result]],
    torch: ModuleType,
    *,
    what: str = "one page",
    is_last_try: bool = False,
) -> list[_Result]:
    """`run(positions)`; where memory runs out, for one half after the other.

    A single position is tried a second time, after memory that torch keeps for later has been
    freed. Raises BackendError, which says `what` is too large, when that does not suffice.
    """
    try:
        return list(run(positions))
    except RuntimeError as cause:
        if not is_out_of_memory(cause):
            raise
        if is_last_try:
            raise BackendError(
                f"{what} does not fit the device's memory. Try max_num_visual_tokens (for the "
                "ColQwen families), dtype='bfloat16', a smaller model, or device='cpu'"
            ) from cause
    # Outside the handler: the error refers to frames whose tensors have to be freed first.
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if len(positions) == 1:
        return run_halving(positions, run, torch, what=what, is_last_try=True)
    middle = (len(positions) + 1) // 2
    halves = positions[:middle], positions[middle:]
    return [result for half in halves for result in run_halving(half, run, torch, what=what)]
