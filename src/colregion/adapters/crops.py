"""Images of regions as files, for frameworks that pass on paths."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from pathlib import Path

from colregion.adapters.tool_text import to_png
from colregion.core.results import Hit
from colregion.errors import BackendError
from colregion.export.overlay import CROP_MARGIN


def write_crop(hit: Hit, folder: str | Path) -> Path:
    """Write an image of a region to a folder, which is made where there is none; return the file's
    absolute path. Raises BackendError where it cannot be written."""
    data = to_png(hit.crop(margin=CROP_MARGIN))
    # The name depends on the image too: a changed document has the same region ids.
    digest = hashlib.sha256(hit.id.encode("utf-8", "surrogatepass") + b"\0" + data).hexdigest()
    slug = re.sub(r"[^A-Za-z0-9.]+", "-", hit.id)[-80:].strip("-.")
    folder = Path(folder).absolute()
    file = folder / f"{slug}-{digest[:12]}.png"
    if not file.exists():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            handle, unfinished = tempfile.mkstemp(dir=folder, suffix=".part")
            with os.fdopen(handle, "wb") as out:
                out.write(data)
            # Atomic for concurrent readers and writers.
            Path(unfinished).replace(file)
        except OSError as cause:
            raise BackendError(f"crops cannot be written to {folder}: {cause}") from cause
    return file
