"""Check boxes and radio buttons of a PDF's form, as characters of its text layer."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pypdfium2 as pdfium
import pypdfium2.raw as raw
from numpy.typing import NDArray

from colregion.core.documents import TextLayer
from colregion.core.geometry import FloatArray
from colregion.documents.annotations import NOT_SHOWN, annotations_of

CHECKED, UNCHECKED = "\u2612", "\u2610"

_BUTTONS = (raw.FPDF_FORMFIELD_CHECKBOX, raw.FPDF_FORMFIELD_RADIOBUTTON)
_UNITS = 1_000_000  # PDFium converts to whole numbers


class CheckBox(NamedTuple):
    """A check box or radio button; x0, y0, x1, y1 are fractions of the page as displayed."""

    is_checked: bool
    xyxy: tuple[float, float, float, float]


def check_boxes(document: pdfium.PdfDocument, page: pdfium.PdfPage) -> list[CheckBox]:
    """The visible check boxes and radio buttons of a page that is not flattened yet, in the file's
    order; none of a document without a form."""
    return list(_check_boxes(document.formenv, page)) if document.formenv else []


def _check_boxes(form: pdfium.PdfFormEnv, page: pdfium.PdfPage) -> Iterator[CheckBox]:
    for annotation in annotations_of(page):
        rect = raw.FS_RECTF()
        if (
            raw.FPDFAnnot_GetFormFieldType(form, annotation) in _BUTTONS
            and not raw.FPDFAnnot_GetFlags(annotation) & NOT_SHOWN
            and raw.FPDFAnnot_GetRect(annotation, rect)
        ):
            corners = [
                _displayed(page, x, y)
                for x, y in ((rect.left, rect.bottom), (rect.right, rect.top))
            ]
            low, high = np.min(corners, axis=0), np.max(corners, axis=0)
            is_checked = bool(raw.FPDFAnnot_IsChecked(form, annotation))
            yield CheckBox(is_checked, (*low.tolist(), *high.tolist()))


def _displayed(page: pdfium.PdfPage, x: float, y: float) -> tuple[float, float]:
    """Fractions of the page as displayed, from points of its own space."""
    across, down = ctypes.c_int(), ctypes.c_int()
    raw.FPDF_PageToDevice(page, 0, 0, _UNITS, _UNITS, 0, x, y, across, down)
    return across.value / _UNITS, down.value / _UNITS


def with_check_boxes(layer: TextLayer, boxes: Sequence[CheckBox]) -> TextLayer:
    """The characters of a page with one for each check box, in place of what is drawn in it."""
    if not boxes:
        return layer
    places = np.array([box.xyxy for box in boxes])
    centers = (layer.boxes_xyxy[:, :2] + layer.boxes_xyxy[:, 2:]) / 2
    keep = np.array([not one.any() for one in _inside(centers, places)], dtype=bool)
    # Parted by line breaks, which have no place.
    marks = [sign for box in boxes for sign in ("\n", CHECKED if box.is_checked else UNCHECKED)]
    added = np.stack([np.zeros_like(places), places], axis=1).reshape(-1, 4)
    return replace(
        layer,
        characters=(
            *(c for c, is_kept in zip(layer.characters, keep, strict=True) if is_kept),
            *marks,
        ),
        boxes_xyxy=np.concatenate([layer.boxes_xyxy[keep], added]),
        visible=np.concatenate([layer.visible[keep], np.ones(len(marks), dtype=bool)]),
    )


def _inside(points: FloatArray, boxes: FloatArray) -> NDArray[np.bool_]:
    """(N, B) whether each point is in each box."""
    at = points[:, None]
    within = np.logical_and(boxes[:, :2] <= at, at <= boxes[:, 2:])
    return np.logical_and(within[..., 0], within[..., 1])
