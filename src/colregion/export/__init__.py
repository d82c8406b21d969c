"""Export of hits: drawn over page images, as an HTML report, as highlights in a PDF. Report and PDF
are imported when first used: drawing loads neither templates nor PDFium."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from colregion.export.destination import check_destination
from colregion.export.overlay import draw_boxes, draw_hits, draw_map, overlay_png

if TYPE_CHECKING:
    from colregion.export.html import Section, html_report, write_html
    from colregion.export.pdf_highlights import annotate_pdf

__all__ = [
    "Section",
    "annotate_pdf",
    "check_destination",
    "draw_boxes",
    "draw_hits",
    "draw_map",
    "html_report",
    "overlay_png",
    "write_html",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = "pdf_highlights" if name == "annotate_pdf" else "html"
    return getattr(import_module(f"{__name__}.{module}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
