"""One self-contained HTML file: questions, and the pages that answer them with boxes on them."""

from colregion.export.html.report import html_report, write_html
from colregion.export.html.views import Section

__all__ = ["Section", "html_report", "write_html"]
