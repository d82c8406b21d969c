"""Image of a case: its page with the evidence and the returned hits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from colregion.core.regions import ParsedPage
from colregion.core.results import Hit
from colregion.errors import BackendError
from colregion.evaluation.cases import Case
from colregion.export import draw_boxes

_EVIDENCE, _ALTERNATIVE, _HIT = "#00802b", "#767676", "#d0181f"
_SHOWN = 3


def write_overlay(case: Case, page: ParsedPage, hits: Sequence[Hit], folder: Path) -> Path:
    """Write `folder`/ID.png: the page with its evidence in green, alternatives in grey and the
    first three hits, numbered, in red. Hits on other pages have a number and are not drawn. Raises
    BackendError if the folder cannot be written."""
    drawn = [
        (box, str(rank), _HIT)
        for rank, hit in enumerate(hits[:_SHOWN], start=1)
        if hit.page_id == page.id
        for box in hit.region.boxes
    ]
    drawn += [(box, "", _EVIDENCE) for box in case.boxes]
    drawn += [(box, "", _ALTERNATIVE) for box in case.alt_boxes]
    boxes, labels, colors = zip(*drawn, strict=True)
    image = draw_boxes(page.page.image, boxes, labels=labels, colors=colors)
    path = folder / f"{quote(case.id, safe='')}.png"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        image.save(path)
    except OSError as cause:
        raise BackendError(f"{path} cannot be written: {cause}") from cause
    return path
