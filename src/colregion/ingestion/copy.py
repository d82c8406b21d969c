"""Copying an index into another one, with the vectors as they are."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from colregion.core.documents import DocumentEntry
from colregion.core.embeddings import EmbeddedPage
from colregion.core.interfaces import Index, IndexSetting
from colregion.core.results import Outcome
from colregion.errors import BackendError, ColregionError, InvalidInput, ModelMismatch
from colregion.ingestion.pipeline import Progress


def copy_index(
    source: Index,
    target: Index,
    *,
    on_progress: Callable[[Progress], None] | None = None,
) -> list[Outcome]:
    """Copy every document of `source` into `target`, each whole, replacing those of the same id.

    Documents that are the same in both are skipped, so a copy that was interrupted goes on where
    it stopped. Other documents of the target stay. A document that fails does not stop the
    others. Settings of the target are not changed; those that it lacks are copied.

    Args:
        on_progress: called after every page.

    Returns:
        One outcome per document of `source`, in order of id.

    Raises:
        InvalidInput: both are the same object.
        ModelMismatch: the target was made with another encoder.
    """
    if source is target:
        raise InvalidInput("an index cannot be copied into itself; name another one")
    _copy_settings(source, target)
    existing = {entry.id: entry for entry in target.documents()}
    entries = source.documents()
    outcomes = []
    for files_done, entry in enumerate(entries):

        def report_page(page: int, entry: DocumentEntry = entry, done: int = files_done) -> None:
            if on_progress is not None:
                on_progress(Progress(entry.source, done, len(entries), page, entry.page_count))

        before = existing.get(entry.id)
        outcomes.append(_copy_document(entry, source, target, before, on_page=report_page))
    return outcomes


def _copy_settings(source: Index, target: Index) -> None:
    ours, theirs = source.settings(), target.settings()
    encoder, other = ours.get(IndexSetting.ENCODER), theirs.get(IndexSetting.ENCODER)
    if encoder is not None and other is not None and encoder != other:
        raise ModelMismatch(
            f"the index was made with encoder {encoder!r} and cannot be copied into one made with "
            f"{other!r}; name an empty one"
        )
    for key, value in ours.items():
        if key not in theirs:
            target.set_setting(key, value)


def _copy_document(
    entry: DocumentEntry,
    source: Index,
    target: Index,
    before: DocumentEntry | None,
    *,
    on_page: Callable[[int], None],
) -> Outcome:
    outcome = Outcome(entry.source, entry.id, "failed")
    if before == entry:
        return replace(outcome, status="skipped", reason="unchanged")
    started = time.perf_counter()
    region_count = 0

    def pages() -> Iterator[EmbeddedPage]:
        nonlocal region_count
        for pages_done, page_id in enumerate(source.page_ids(entry.id), start=1):
            (page,) = source.load([page_id])
            yield page
            region_count += len(page.parsed.regions)
            on_page(pages_done)
        if source.entry(entry.id) != entry:
            raise BackendError(f"{entry.id} was changed while it was being copied; copy it again")

    try:
        stored = target.replace(entry, pages())
    except ColregionError as error:
        return replace(outcome, reason=str(error), seconds=time.perf_counter() - started)
    return replace(
        outcome,
        status="added" if before is None else "replaced",
        pages=stored.page_count,
        regions=region_count,
        seconds=time.perf_counter() - started,
    )
