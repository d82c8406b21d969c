"""From trained weights to the file that ships: ONNX with 7-bit weights, checked against float32."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quant_pre_process,
    quantize_static,
)
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from colregion.encoders.visual_words.model import CELL_HEIGHT, CELL_WIDTH
from training.visual_words.model import CellNetwork

OPSET = 17
_OUTPUTS = "vectors", "cells", "ink"
_CALIBRATION_CROPS = 48
_CHECKED_CROPS = 64
LEAST_COSINE = 0.97


class ExportError(Exception):
    """The exported file does not compute what the network does."""


@dataclass(frozen=True)
class Agreement:
    """Of a file with the network: mean cosine of the vectors of cells that are inked in both, and
    the share of cells that are inked or not in both."""

    cosine: float
    ink: float


def export(
    network: CellNetwork,
    path: Path,
    *,
    calibration: NDArray[np.uint8],
    check: NDArray[np.uint8],
    least_cosine: float = LEAST_COSINE,
) -> Agreement:
    """Write a network to an ONNX file that takes gray pages (B, 1, H, W) uint8 and returns, of N
    inked cells, vectors (N, 384), not normalized, positions (N,) among all cells (B, rows, cols) in
    this order, and ink logits (N,).

    Weights of convolutions have 7 bits, because sums of two products of 8 bits overflow 16 bits on
    x86 processors without VNNI.

    Args:
        calibration, check: crops (C, H, W), the first for the ranges of activations.

    Raises:
        ExportError: on the crops for the check the file is not what the network is.
    """
    with tempfile.TemporaryDirectory() as folder:
        plain, prepared = Path(folder) / "plain.onnx", Path(folder) / "prepared.onnx"
        _write_float32(network, plain)
        quant_pre_process(str(plain), str(prepared))
        quantize_static(
            str(prepared),
            str(path),
            _Crops(calibration[:_CALIBRATION_CROPS]),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            reduce_range=True,
            weight_type=QuantType.QInt8,
            activation_type=QuantType.QUInt8,
            op_types_to_quantize=["Conv"],
        )
        agreement = compare(network, path, check[:_CHECKED_CROPS])
    if agreement.cosine < least_cosine:
        raise ExportError(f"{path}: the mean cosine to float32 is {agreement.cosine:.4f} only")
    return agreement


def compare(network: CellNetwork, path: Path, crops: NDArray[np.uint8]) -> Agreement:
    """How well an exported file agrees with the network on crops (C, H, W)."""
    pages = crops[:, None]
    with torch.no_grad():
        right, right_cells, _ = (one.numpy() for one in _Exported(network)(torch.from_numpy(pages)))
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    vectors, cells, _ = session.run(None, {"page": pages})
    _, ours, theirs = np.intersect1d(cells, right_cells, return_indices=True)
    vectors, right = vectors[ours], right[theirs]
    lengths = np.linalg.norm(vectors, axis=1) * np.linalg.norm(right, axis=1)
    n_cells = pages.size // (CELL_HEIGHT * CELL_WIDTH)
    return Agreement(
        float(((vectors * right).sum(axis=1) / lengths).mean()),
        1 - len(np.setxor1d(cells, right_cells)) / n_cells,
    )


def _write_float32(network: CellNetwork, path: Path) -> None:
    network = copy.deepcopy(network)
    _fold_norms(network)
    axes = {
        "page": {0: "batch", 2: "height", 3: "width"},
        **{name: {0: "cells"} for name in _OUTPUTS},
    }
    torch.onnx.export(
        _Exported(network),
        (torch.zeros((1, 1, 64, 128), dtype=torch.uint8),),
        str(path),
        input_names=["page"],
        output_names=list(_OUTPUTS),
        dynamic_axes=axes,
        opset_version=OPSET,
        dynamo=False,
    )


def _fold_norms(module: nn.Module) -> None:
    """Put each batch norm into the convolution before it."""
    for name, child in list(module.named_children()):
        match list(child.children()):
            case [nn.Conv2d() as convolution, nn.BatchNorm2d() as norm, *rest]:
                setattr(module, name, nn.Sequential(fuse_conv_bn_eval(convolution, norm), *rest))
            case _:
                _fold_norms(child)


class _Exported(nn.Module):
    def __init__(self, network: CellNetwork) -> None:
        super().__init__()
        self.network = network.eval()

    def forward(self, pages: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        _, late, ink = self.network.features(pages.float().div(255))
        logits = ink.flatten()
        cells = (logits > 0).nonzero()[:, 0]
        features = late.permute(0, 2, 3, 1).flatten(end_dim=2)[cells]
        one_more = features.new_zeros((1, features.shape[1]))  # convolutions need one
        vectors = self.network.vectors(torch.cat([features, one_more]))[:-1]
        return vectors, cells, logits[cells]


class _Crops(CalibrationDataReader):
    def __init__(self, crops: NDArray[np.uint8]) -> None:
        self._rest: Iterator[dict[str, Any]] = iter([{"page": crop[None, None]} for crop in crops])

    def get_next(self) -> dict[str, Any] | None:
        return next(self._rest, None)
