"""From one index into another, with the vectors as they are."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from colregion.core.documents import DocumentEntry
from colregion.core.embeddings import EmbeddedPage
from colregion.core.interfaces import Index, IndexSetting
from colregion.core.results import Outcome
from colregion.errors import BackendError, ColregionError, InvalidInput, ModelMismatch
from colregion.ingestion.sources import Progress


def copy_index(
    source: Index,
    target: Index,
    *,
    on_progress: Callable[[Progress], None] | None = None,
) -> list[Outcome]:
    """Put every document of `source` into `target`, whole, in place of what has its id.

    Documents that are the same in both are skipped, so a copy that broke off goes on where it
    stopped. What else the target holds stays. Errors of ours with one document do not stop the
    others. Settings of the target stay as they are; those that it lacks are copied.

    Args:
        on_progress: called after every page.

    Raises:
        InvalidInput: both are the same object.
        ModelMismatch: the target was made with another encoder.
    """
    if source is target:
        raise InvalidInput("an index cannot be copied into itself; name another one")
    _copy_settings(source, target)
    held = {entry.id: entry for entry in target.documents()}
    entries = source.documents()
    outcomes = []
    for done, entry in enumerate(entries):

        def tell(page: int, entry: DocumentEntry = entry, done: int = done) -> None:
            if on_progress is not None:
                step = Progress(entry.source, done, len(entries), page, entry.page_count)
                on_progress(step)

        outcomes.append(_copy_document(entry, source, target, held.get(entry.id), on_page=tell))
    return outcomes


def _copy_settings(source: Index, target: Index) -> None:
    wanted, held = source.settings(), target.settings()
    ours, theirs = wanted.get(IndexSetting.ENCODER), held.get(IndexSetting.ENCODER)
    if theirs is not None and ours is not None and ours != theirs:
        raise ModelMismatch(
            f"the index was made with encoder {ours!r} and cannot be copied into one made with "
            f"{theirs!r}; name an empty one"
        )
    for key, value in wanted.items():
        if key not in held:
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
    regions = 0

    def pages() -> Iterator[EmbeddedPage]:
        nonlocal regions
        for done, page_id in enumerate(source.page_ids(entry.id), start=1):
            (page,) = source.load([page_id])
            yield page
            regions += len(page.parsed.regions)
            on_page(done)
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
        regions=regions,
        seconds=time.perf_counter() - started,
    )
