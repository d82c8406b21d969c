"""Images of pages and regions as resources.

    colregion://pages/PAGE_ID    colregion://regions/REGION_ID

With several indexes the name of one is before the id: `colregion://pages/INDEX/PAGE_ID`. All parts
are percent-encoded: `colregion://pages/report.pdf%23p3`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import quote, unquote

from colregion.adapters.tool_text import crop_for_model, scale_for_model, to_png
from colregion.engine import Engine
from colregion.errors import InvalidInput

_SCHEME = "colregion://"
_KINDS = {
    "pages": ("Page image", "An image of a page: page_id as the tools return it."),
    "regions": ("Region image", "An image of a region: region_id as the tools return it."),
}


def page_address(page_id: str, *, index: str) -> str:
    """The address of a page's image; `index` is "" for an index that is the only one."""
    folder = f"{quote_id(index)}/" if index else ""
    return f"{_SCHEME}pages/{folder}{quote_id(page_id)}"


def quote_id(name: str) -> str:
    """An id as one segment of an address."""
    return quote(name.encode("utf-8", "replace"), safe="")


class PageImages:
    """Reads the images of pages and regions of some indexes, by name; "" for a single one."""

    def __init__(self, engines: Mapping[str, Engine]) -> None:
        self._engines = engines
        self._named = len(engines) > 1

    def templates(self) -> Iterator[dict[str, str]]:
        """The resource templates, in MCP's terms."""
        folder = "{index}/" if self._named else ""
        for kind, (title, description) in _KINDS.items():
            name = f"{kind[:-1]}_id"
            yield {
                "uriTemplate": f"{_SCHEME}{kind}/{folder}{{{name}}}",
                "name": f"{kind[:-1]}_image",
                "title": title,
                "description": description,
                "mimeType": "image/png",
            }

    def read(self, address: str) -> bytes:
        """A PNG image, no larger than vision models take.

        Raises:
            InvalidInput: it is no address of an image.
            NotIndexed: there is no such page or region.
        """
        kind, *path = map(unquote, address.removeprefix(_SCHEME).split("/"))
        name = path.pop(0) if self._named and path else next(iter(self._engines))
        if kind not in _KINDS or len(path) != 1 or name not in self._engines:
            known = ", ".join(one["uriTemplate"] for one in self.templates())
            raise InvalidInput(f"there is no resource {address!r}; there are {known}")
        engine = self._engines[name]
        if kind == "regions":
            return to_png(crop_for_model(engine.region(path[0])))
        (page,) = engine.index.load(path)
        return to_png(scale_for_model(page.parsed.page.image))
