"""For all tests: no model hub, and a torchvision that can be imported."""

from __future__ import annotations

import os
import sys

import pytest

# Read when the hub's library is first imported: no test asks a hub, whatever the machine allows.
os.environ["HF_HUB_OFFLINE"] = "1"
_KEPT: list[object] = []


@pytest.fixture(scope="session")
def working_torchvision() -> None:
    """For tests of anything that imports torchvision, in this process."""
    make_torchvision_importable()


def make_torchvision_importable() -> None:
    """Let the torchvision of PyPI be imported beside a torch for CPUs.

    Its compiled operators are linked to CUDA's libraries and are then not loaded, and importing
    it fails for want of two of them. They are declared here, with a plain implementation of the
    one that is used. Does nothing where torchvision works.
    """
    import torch

    try:
        import torchvision
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
    else:
        return
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]
    library = torch.library.Library("torchvision", "FRAGMENT")
    _KEPT.append(library)
    for operator in ("nms", "qnms"):
        library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.impl("nms", _nms, "CPU")
    import torchvision.extension

    torchvision.extension._has_ops = lambda: True


def _nms(dets, scores, iou_threshold):  # type: ignore[no-untyped-def]
    """Places of the boxes that are kept, best first: none overlaps a better one by more."""
    import torch

    areas = (dets[:, 2:] - dets[:, :2]).prod(dim=1)
    left = scores.argsort(descending=True, stable=True)
    kept = []
    while len(left):
        best, left = left[0], left[1:]
        kept.append(best)
        low = torch.maximum(dets[best, :2], dets[left, :2])
        high = torch.minimum(dets[best, 2:], dets[left, 2:])
        shared = (high - low).clamp(min=0).prod(dim=1)
        left = left[shared <= iou_threshold * (areas[best] + areas[left] - shared)]
    return torch.stack(kept) if kept else torch.empty(0, dtype=torch.long)
