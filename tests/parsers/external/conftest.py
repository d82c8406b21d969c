"""Documents of which every number can be computed by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest
from PIL import Image

from colregion.core.documents import Document, Page
from colregion.core.regions import ParsedPage

MakeDocument = Callable[..., Document]


@pytest.fixture
def make_document() -> MakeDocument:
    """A document of white pages of these sizes."""

    def make(
        *sizes: tuple[float, float], unit: str = "pt", rotation: int = 0, source: str = "doc.pdf"
    ) -> Document:
        def pages() -> Iterable[Page]:
            for number, (width, height) in enumerate(sizes, start=1):
                size = (max(round(width), 1), max(round(height), 1))
                yield Page(
                    "doc",
                    number,
                    width,
                    height,
                    unit,
                    lambda *, dpi=None, size=size: Image.new("RGB", size, "white"),  # noqa: ARG005
                    rotation=rotation,
                )

        return Document("doc", source, "hash", lambda: iter(pages()), len(sizes))

    return make


@pytest.fixture
def outline() -> Callable[[ParsedPage], list[tuple[str, str, str, tuple[float, ...]]]]:
    """(path, kind, text, box to four decimals) of each region."""

    def show(parsed: ParsedPage) -> list[tuple[str, str, str, tuple[float, ...]]]:
        return [
            (
                ".".join(map(str, region.path)),
                region.kind,
                region.text,
                tuple(round(float(value), 4) for value in region.box.xyxy),
            )
            for region in parsed.regions
        ]

    return show
