"""The HTML report, rendered from templates. Its own policy forbids network access, and every script
but the one of a written report that copies citations."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from colregion.errors import BackendError
from colregion.export.colors import RANK_COLORS, ramp_css
from colregion.export.destination import check_destination
from colregion.export.html.markup import bdi, clean, mark_terms, plain, sha256
from colregion.export.html.views import TAG_WIDTH, Section, section_view

_TITLE = "Answers on their pages"


def html_report(
    sections: Sequence[Section],
    *,
    title: str = _TITLE,
    home: str | None = None,
    folder: str | Path | None = None,
) -> str:
    """Render the report as one HTML document.

    Every page of a question's hits is shown once, with the boxes of its hits, a relevance map
    that can be switched on, and each hit's crop, text, score and citation beside it. Images are
    embedded, pages at most 1100 pixels wide and upright. Without sections the report says so.

    Args:
        home: the address of a page to ask from, which the report then links to.
        folder: where the report will be written; it then links to the pages of the source files,
            and has buttons that copy citations.
    """
    place = None if folder is None else Path(folder)
    views = [section_view(section, folder=place) for section in sections]
    template = templates().get_template("report.html")
    return template.render(title=title, sections=views, home=home, can_copy=folder is not None)


def base_css() -> str:
    """The style sheet that the report shares with other pages: colors, type, controls, boxes."""
    return templates().get_template("base.css").render()


def write_html(path: str | Path, sections: Sequence[Section], *, title: str = _TITLE) -> None:
    """Write `html_report` to a file; its folder is created if missing.

    Raises:
        InvalidInput: `path` is the source of one of the hits.
        BackendError: the file cannot be written.
    """
    check_destination(path, (hit.source for section in sections for hit in section.hits))
    text = html_report(sections, title=title, folder=Path(path).parent)
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(text, encoding="utf-8", newline="\n")
    except OSError as cause:
        raise BackendError(f"the report cannot be written to {path}: {cause.strerror}") from cause


@cache
def templates() -> Environment:
    """The package's templates, which escape what they show."""
    environment = Environment(
        loader=PackageLoader("colregion.export.html"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=clean,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(bdi=bdi, mark_terms=mark_terms, plain=plain, sha256=sha256)
    environment.globals.update(rank_colors=RANK_COLORS, ramp=ramp_css(), tag_width=TAG_WIDTH)
    return environment
