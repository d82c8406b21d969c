"""Seeing it: overlays on page pictures, and one self-contained HTML report."""

from colregion.export.html.report import Section, html_report, write_html
from colregion.export.overlay import draw_boxes, draw_hits, draw_map, overlay_png

__all__ = [
    "Section",
    "draw_boxes",
    "draw_hits",
    "draw_map",
    "html_report",
    "overlay_png",
    "write_html",
]
