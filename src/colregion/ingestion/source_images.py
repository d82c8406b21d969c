"""Pictures of pages read from their documents, for indexes that keep only where those are."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from PIL import Image

from colregion.documents import open_document
from colregion.errors import NotIndexed


def read_image(source: str, number: int, *, content_hash: str, dpi: int | None) -> Image.Image:
    """The picture of a page of a document where it stands: a `ImageReader`.

    Raises:
        NotIndexed: the document is not there, or is not what was indexed.
        UnreadableDocument: it cannot be read any more, or is locked.
    """
    path = Path(source)
    if not path.is_file():
        raise NotIndexed(
            f"the index keeps no pictures, and {source}, from which that of page {number} would "
            f"be read, is no file here; put it there, or give the index a folder for pictures"
        )
    document = open_document(path)
    if document.content_hash != content_hash:
        raise NotIndexed(f"{source} has changed since it was indexed; add it again")
    for page in islice(document.pages(), number - 1, number):
        return page.load_image(dpi=dpi)
    raise NotIndexed(f"{source} has no page {number}")
