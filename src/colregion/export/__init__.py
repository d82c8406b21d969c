"""Export of hits: drawn over page images, as an HTML report, as highlights in a PDF.

Each name is imported when it is first used: drawing does not load the templates of the report.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from colregion.export.destination import check_destination
    from colregion.export.html import Section, html_report, write_html
    from colregion.export.overlay import draw_boxes, draw_hits, draw_map, overlay_png
    from colregion.export.pdf_highlights import annotate_pdf

_MODULES = {
    "Section": "html",
    "annotate_pdf": "pdf_highlights",
    "check_destination": "destination",
    "draw_boxes": "overlay",
    "draw_hits": "overlay",
    "draw_map": "overlay",
    "html_report": "html",
    "overlay_png": "overlay",
    "write_html": "html",
}

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
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
