"""Where a model runs, and in which numbers."""

from __future__ import annotations

from types import ModuleType

from colregion.errors import InvalidInput

DTYPES = ("bfloat16", "float16", "float32")


def pick_device(torch: ModuleType, wanted: str | None) -> str:
    """The device to run on. Raises InvalidInput for one that is not there."""
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if wanted is None:
        return "cuda" if cuda else "mps" if mps else "cpu"
    try:
        device = torch.device(wanted)
    except RuntimeError as cause:
        raise InvalidInput(f"device must be cpu, cuda, cuda:N or mps, got {wanted!r}") from cause
    there = {"cpu": True, "cuda": cuda, "mps": mps}.get(device.type, False)
    if there and device.type == "cuda" and device.index is not None:
        there = device.index < torch.cuda.device_count()
    if not there:
        found = [name for name, is_there in (("cuda", cuda), ("mps", mps)) if is_there]
        raise InvalidInput(
            f"the device {wanted!r} is not there for torch {torch.__version__}; there is "
            f"{' and '.join(['cpu', *found])}. For an NVIDIA card install its driver and a build "
            "of torch with CUDA, or leave device out"
        )
    return wanted


def pick_dtype(device: str, wanted: str | None) -> str:
    """The name of the number type to run in. Raises InvalidInput for one not in `DTYPES`."""
    if wanted is None:
        return "float32" if device == "cpu" else "bfloat16"
    if wanted not in DTYPES:
        raise InvalidInput(f"dtype must be one of {', '.join(DTYPES)}, got {wanted!r}")
    return wanted
