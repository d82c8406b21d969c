"""Copying an index into another one, with the vectors as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from colregion.core.documents import DocumentEntry
from colregion.core.embeddings import EmbeddedPage
from colregion.core.interfaces import Index, IndexSetting
from colregion.core.results import Outcome
from colregion.errors import BackendError, InvalidInput, ModelMismatch
from colregion.indexes import open_index
from colregion.ingestion.pipeline import Progress, store


def copy_index(
    source: Index,
    target: str | Path | Index,
    *,
    on_progress: Callable[[Progress], None] | None = None,
) -> list[Outcome]:
    """Copy every document of `source` into `target`, each whole, replacing those of the same id.

    Documents that are the same in both are skipped, so a copy that was interrupted goes on where
    it stopped. Other documents of the target stay. A document that fails does not stop the
    others. Settings of the target are not changed; those that it lacks are copied.

    Args:
        target: an index, or a spec for `open_index`.
        on_progress: called after every page.

    Returns:
        One outcome per document of `source`, in order of id.

    Raises:
        InvalidInput: both are the same object.
        ModelMismatch: the target was made with another encoder.
    """
    if not isinstance(target, Index):
        with open_index(str(target)) as opened:
            return copy_index(source, opened, on_progress=on_progress)
    if source is target:
        raise InvalidInput("an index cannot be copied into itself; name another one")
    _copy_settings(source, target)
    existing = {entry.id: entry for entry in target.documents()}
    entries = source.documents()
    outcomes = []
    for files_done, entry in enumerate(entries):
        if existing.get(entry.id) == entry:
            outcomes.append(Outcome(entry.source, entry.id, "skipped", reason="unchanged"))
            continue
        progress = Progress(entry.source, files_done, len(entries), 0, entry.page_count)
        pages = _load_pages(source, entry, progress, on_progress)
        status = "replaced" if entry.id in existing else "added"
        outcomes.append(store(target, entry, pages, status))
    return outcomes


def _load_pages(
    source: Index,
    entry: DocumentEntry,
    progress: Progress,
    on_progress: Callable[[Progress], None] | None,
) -> Iterator[EmbeddedPage]:
    for pages_done, page_id in enumerate(source.page_ids(entry.id), start=1):
        yield from source.load([page_id])
        if on_progress is not None:
            on_progress(replace(progress, pages_done=pages_done))
    if replace(source.entry(entry.id), unread_pages=entry.unread_pages) != entry:
        raise BackendError(f"{entry.id} was changed while it was being copied; copy it again")


def _copy_settings(source: Index, target: Index) -> None:
    ours, theirs = source.settings(), target.settings()
    encoder, other = ours.get(IndexSetting.ENCODER), theirs.get(IndexSetting.ENCODER)
    if encoder is not None and other is not None and encoder != other:
        raise ModelMismatch(
            f"the index was made with encoder {encoder!r} and cannot be copied into one made with "
            f"{other!r}; name an empty one"
        )
    for key, value in ours.items():
        # How an index stores its vectors is its own.
        if key not in theirs and key != IndexSetting.PRECISION:
            target.set_setting(key, value)
