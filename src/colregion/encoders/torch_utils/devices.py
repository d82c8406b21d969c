"""The device and the number type that a model runs with."""

from __future__ import annotations

from types import ModuleType

from colregion.errors import InvalidInput

DTYPES = ("bfloat16", "float16", "float32")


def pick_device(torch: ModuleType, requested: str | None) -> str:
    """The device to run on, by default the best. Raises InvalidInput for one not available."""
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if requested is None:
        return "cuda" if cuda else "mps" if mps else "cpu"
    try:
        device = torch.device(requested)
    except RuntimeError as cause:
        raise InvalidInput(f"device must be cpu, cuda, cuda:N or mps, got {requested!r}") from cause
    availability = {"cpu": True, "cuda": cuda, "mps": mps}
    available = availability.get(device.type, False)
    if available and device.type == "cuda" and device.index is not None:
        available = device.index < torch.cuda.device_count()
    if not available:
        names = " and ".join(name for name, usable in availability.items() if usable)
        raise InvalidInput(
            f"device {requested!r} is not available to torch {torch.__version__}; available: "
            f"{names}. For an NVIDIA card install its driver and a build of torch with CUDA, or "
            "omit device"
        )
    return requested


def pick_dtype(device: str, requested: str | None) -> str:
    """The name of the number type: by default float32 on a CPU and bfloat16 elsewhere. Raises
    InvalidInput for one that is not in `DTYPES`."""
    if requested is None:
        return "float32" if device == "cpu" else "bfloat16"
    if requested not in DTYPES:
        raise InvalidInput(f"dtype must be one of {', '.join(DTYPES)}, got {requested!r}")
    return requested


def is_device_failure(error: RuntimeError) -> bool:
    """Whether an accelerator has failed: it vanished, or its driver gave up."""
    message = str(error)
    # torch names the class since release 2.8 only.
    named = type(error).__name__ == "AcceleratorError"
    return named or message.startswith(("CUDA error", "HIP error", "CUDA driver", "NVML"))
