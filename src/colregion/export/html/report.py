"""One self-contained HTML file: questions, and the pages that answer them with boxes on them.

No script, no network: the file's own policy forbids both, so nothing in a document can run.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

from colregion.core.results import Hit, RelevanceMap
from colregion.core.text import content_terms
from colregion.errors import BackendError
from colregion.export.colours import RANK_COLOURS, ramp_css
from colregion.export.html.excerpt import best_line
from colregion.export.html.markup import isolated, marked, plain
from colregion.export.html.page_view import PageView, Piece, page_name, rank_class, render


@dataclass(frozen=True, slots=True, eq=False)
class Section:
    """A question and its answer.

    Args:
        hits: best first.
        maps: page id -> the question's relevance map of that page; pages may be left out.
    """

    question: str
    hits: Sequence[Hit]
    maps: Mapping[str, RelevanceMap] = field(default_factory=dict)


def html_report(sections: Sequence[Section], *, title: str = "Answers, where they stand") -> str:
    """The report as one HTML document.

    Every page of a question's hits is shown once, with the boxes of its hits, a relevance map
    that can be switched on, and each hit's crop, text, score and citation beside it. Pictures
    are inlined, pages at most 1100 pixels wide. Without sections the report says so.
    """
    pieces = [_section(section, i, len(sections)) for i, section in enumerate(sections, start=1)]
    css = "".join((_stylesheet(), *(piece.css for piece in pieces)))
    body = "".join(piece.html for piece in pieces) or "<p>No questions were asked.</p>"
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode("ascii")
    policy = (
        f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'"
    )
    documents = {hit.doc_id for section in sections for hit in section.hits}
    count = sum(len(section.hits) for section in sections)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>{plain(title)}</title>
<style>{css}</style>
</head>
<body>
<a class="skip" href="#answers">Skip to the answers</a>
<header class="top">
<p class="maker">colregion</p>
<h1>{isolated(title)}</h1>
<p class="quiet">{_counted(len(sections), "question")}, {_counted(count, "region")} of
{_counted(len(documents), "document")}</p>
{_contents(sections)}
</header>
<main id="answers" tabindex="-1">
{body}</main>
<footer>
<p>Scores compare within one question. A relevance map shows the similarity of the question to each
place that the model looks at, before it is turned into scores of regions.</p>
</footer>
</body>
</html>
"""


def write_html(
    path: str | Path, sections: Sequence[Section], *, title: str = "Answers, where they stand"
) -> None:
    """Write `html_report` to a file, whose folder is made if need be.

    Raises:
        BackendError: the file cannot be written.
    """
    text = html_report(sections, title=title)
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(text, encoding="utf-8", newline="\n")
    except OSError as cause:
        raise BackendError(f"the report cannot be written to {path}: {cause.strerror}") from cause


def _stylesheet() -> str:
    fixed = resources.files("colregion.export.html").joinpath("report.css").read_text("utf-8")
    ranks = "".join(f".c{i}{{--c:{colour}}}" for i, colour in enumerate(RANK_COLOURS, start=1))
    return f"\n{fixed}{ranks}\n.ramp{{background:{ramp_css()}}}\n".replace("\r\n", "\n")


def _contents(sections: Sequence[Section]) -> str:
    if len(sections) < 2:
        return ""
    links = "".join(
        f'<li><a href="#q-{i}">{isolated(section.question)}</a></li>'
        for i, section in enumerate(sections, start=1)
    )
    return f'<nav aria-label="Questions"><ol>{links}</ol></nav>'


def _section(section: Section, number: int, total: int) -> Piece:
    wanted = frozenset(content_terms(section.question))
    by_page: dict[str, list[tuple[int, Hit]]] = {}
    for rank, hit in enumerate(section.hits, start=1):
        by_page.setdefault(hit.page_id, []).append((rank, hit))
    views = [
        render(
            PageView(
                name=f"{number}-{place}",
                section=str(number),
                hits=hits,
                relevance=section.maps.get(page_id),
                wanted=wanted,
                top_score=section.hits[0].score,
            )
        )
        for place, (page_id, hits) in enumerate(by_page.items(), start=1)
    ]
    counter = f'<p class="counter">Question {number} of {total}</p>' if total > 1 else ""
    html = f"""<section class="question" aria-labelledby="q-{number}">
{counter}
<h2 id="q-{number}">{isolated(section.question)}</h2>
{_answers(section, number, wanted)}
{"".join(view.html for view in views)}</section>
"""
    return Piece(html, "".join(view.css for view in views))


def _answers(section: Section, number: int, wanted: frozenset[str]) -> str:
    """The hits in order of rank, one line each."""
    if not section.hits:
        return '<p class="quiet">Nothing was found.</p>'
    rows = "".join(
        f'<li class="{rank_class(rank)}"><a href="#h-{number}-{rank}">'
        f'<span class="n">{rank}</span>'
        f'<span class="line">{marked(best_line(hit, wanted), wanted) or "no text"}'
        f"{_caution(hit)}</span>"
        f'<span class="where">{isolated(hit.source)}, {plain(page_name(hit).lower())}, '
        f"{plain(hit.kind)}</span>"
        f'<span class="score">{hit.score:.3f}</span></a></li>'
        for rank, hit in enumerate(section.hits, start=1)
    )
    return f'<ol class="answers" aria-label="Regions found, best first">{rows}</ol>'


def _caution(hit: Hit) -> str:
    return (
        f" <strong>({plain(hit.hidden_text_warning)})</strong>" if hit.hidden_text_warning else ""
    )


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
