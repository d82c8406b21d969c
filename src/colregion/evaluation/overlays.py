"""A picture of a case: where the evidence stands and what was returned."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from PIL import Image, ImageDraw, ImageFont

from colregion.errors import BackendError
from colregion.evaluation.cases import Case
from colregion.geometry import Box
from colregion.records import Hit, ParsedPage

_GREEN, _GREY, _RED = (0, 150, 60), (130, 130, 130), (215, 25, 30)
_SHOWN = 3


def write_overlay(case: Case, page: ParsedPage, hits: Sequence[Hit], folder: Path) -> Path:
    """Write `folder`/ID.png: the page with its evidence in green, alternatives in grey and the
    first three hits, numbered, in red.

    Args:
        page: the case's page.
        hits: best first; those of other pages take a number and are not drawn.

    Raises:
        BackendError: the folder cannot be written.
    """
    picture = page.page.image.copy()
    stroke = max(2, picture.width // 400)
    draw = ImageDraw.Draw(picture)
    for colour, boxes in ((_GREY, case.alt_boxes), (_GREEN, case.boxes)):
        for box in boxes:
            draw.rectangle(_pixels(box, picture), outline=colour, width=2 * stroke)
    font = ImageFont.load_default(size=9 * stroke)
    for number, hit in enumerate(hits[:_SHOWN], start=1):
        if hit.page_id != page.id:
            continue
        for box in hit.region.boxes:
            draw.rectangle(_pixels(box, picture), outline=_RED, width=stroke)
        x0, y0, _, _ = _pixels(hit.box, picture)
        label = draw.textbbox((x0, y0), str(number), font=font)
        draw.rectangle((x0, y0, label[2] + stroke, label[3] + stroke), fill=_RED)
        draw.text((x0, y0), str(number), fill="white", font=font)
    path = folder / f"{quote(case.id, safe='')}.png"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        picture.save(path)
    except OSError as cause:
        raise BackendError(f"{path} cannot be written: {cause}") from cause
    return path


def _pixels(box: Box, picture: Image.Image) -> tuple[int, int, int, int]:
    return box.to_pixels(width_px=picture.width, height_px=picture.height)
