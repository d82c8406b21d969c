"""Outcomes of adding or copying documents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from colregion.cli.common import emit_json, err, escape, out
from colregion.core.documents import DocumentEntry
from colregion.core.results import AddReport

_MAX_SUFFIXES = 8


def report_json(report: AddReport, index: str, *, seconds: float, stopped: bool) -> dict[str, Any]:
    """The outcome of every file and the totals."""
    return {
        "index": index,
        "stopped": stopped,
        "seconds": round(seconds, 3),
        "pages": report.pages,
        "unread_pages": report.unread_pages,
        "pages_per_second": round(report.pages / seconds, 3),
        "workers": report.workers,
        **_counts(report),
        "outcomes": report.outcomes,
    }


def print_report(report: AddReport, into: str = "", *, as_json: bool, output: Path | None) -> None:
    """Print the counts, or the outcomes as JSON; what went wrong goes to standard error."""
    if not emit_json(report.outcomes, to_stdout=as_json, output=output):
        counts = ", ".join(f"{n} {status}" for status, n in _counts(report).items() if n)
        pages = pages_text(report.pages) + into
        pages += unread_text(report.unread_pages, pages=report.pages)
        out.print(counts or "no files", f"({pages})", highlight=False)
    stored = report.of("added", "replaced")
    for label, problems in (
        ("[yellow]not all read[/]", [o for o in stored if o.reason and not o.missing_pages]),
        ("[yellow]incomplete[/]", report.incomplete),
        ("[red]failed[/]", report.failed),
    ):
        for outcome in problems:
            err.print(f"{label} {escape(outcome.source)}: {escape(outcome.reason)}")
    if report.ignored:
        suffixes = Counter(Path(o.source).suffix.lower() or "no suffix" for o in report.ignored)
        listed = ", ".join(f"{n} {suffix}" for suffix, n in suffixes.most_common(_MAX_SUFFIXES))
        more = ", ..." if len(suffixes) > _MAX_SUFFIXES else ""
        err.print(f"ignored files of unsupported types: {escape(listed)}{more}", highlight=False)


def reread_hint(
    before: Sequence[DocumentEntry], after: Sequence[DocumentEntry], report: AddReport
) -> str:
    """Which parsers read how many unchanged files again, for entries of an index before and after;
    "" for none. A file is read again where another parser, or OCR, is installed or asked for."""
    replaced = {outcome.doc_id for outcome in report.of("replaced")}
    old = {entry.id: entry for entry in before if entry.id in replaced}
    changes = Counter(
        (old[entry.id].parser, entry.parser)
        for entry in after
        if entry.id in old
        and entry.parser != old[entry.id].parser
        and entry.content_hash == old[entry.id].content_hash
    )
    return "; ".join(
        f"{count} unchanged file{'s' if count > 1 else ''}: before by {was}; now by {now}"
        for (was, now), count in changes.most_common()
    )


def pages_text(count: int) -> str:
    """A number of pages in words."""
    return "1 page" if count == 1 else f"{count} pages"


def unread_text(unread: int, *, pages: int) -> str:
    """What is said of the unread ones of a number of pages; "" for none."""
    if not unread:
        return ""
    return ", unread" if pages == 1 else f", {unread} of them unread"


def _counts(report: AddReport) -> dict[str, int]:
    statuses = ("added", "replaced", "skipped", "failed", "ignored")
    counts = {status: len(report.of(status)) for status in statuses}
    return {**counts, "incomplete": len(report.incomplete)}
