"""Annotations of a PDF's page, as PDFium gives them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pypdfium2 as pdfium
import pypdfium2.raw as raw

NOT_SHOWN = raw.FPDF_ANNOT_FLAG_HIDDEN | raw.FPDF_ANNOT_FLAG_NOVIEW
"""Flags of an annotation that no viewer shows."""


def annotations_of(page: pdfium.PdfPage) -> Iterator[Any]:
    """PDFium's handle of each annotation, in the file's order, open until the next is asked for."""
    for index in range(raw.FPDFPage_GetAnnotCount(page)):
        annotation = raw.FPDFPage_GetAnnot(page, index)
        try:
            yield annotation
        finally:
            raw.FPDFPage_CloseAnnot(annotation)
