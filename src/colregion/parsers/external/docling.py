"""Regions from docling: the JSON of a DoclingDocument (`save_as_json`, `export_to_dict`).

Boxes are {l, t, r, b} in the page's own size, with the origin that `coord_origin` says: at the
bottom left with y up, or at the top left with y down. Docling names blocks but no lines.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from colregion.core.geometry import Box
from colregion.errors import UnreadableDocument
from colregion.parsers.external.found import GivenPage, GivenRegion, box_around, region_of
from colregion.parsers.external.json_reader import Node, read_json
from colregion.parsers.external.source import RegionSource

_KINDS = {
    "title": "title",
    "section_header": "title",
    "list_item": "list",
    "caption": "caption",
    "formula": "equation",
    "page_header": "header",
    "page_footer": "footer",
    "picture": "figure",
    "chart": "figure",
    "table": "table",
    "document_index": "table",
    "form": "table",
    "key_value_region": "table",
}
_LISTS = ("list", "ordered_list")

_Places: TypeAlias = dict[int, list[GivenRegion]]
"""Regions by page number, in reading order."""


class DoclingRegions(RegionSource):
    """Regions that docling found."""

    name = "docling"
    suffix = ".docling.json"

    def pages(self, content: bytes, *, name: str) -> Mapping[int, GivenPage]:
        root = read_json(content, name=name)
        if root["schema_name"].text() != "DoclingDocument":
            raise UnreadableDocument(f"{name} is no DoclingDocument; save it with save_as_json")
        document = _Document(root)
        places = document.read()
        if document.has_text and not places:
            raise UnreadableDocument(
                f"{name} gives no places on pages, as of a file that had none (DOCX, HTML); "
                "convert it to PDF first"
            )
        return {
            number: GivenPage(tuple(places.get(number, ())), size_wh=size)
            for number, size in document.sizes.items()
        }


class _Document:
    """A DoclingDocument's items by their references, walked in reading order."""

    def __init__(self, root: Node) -> None:
        self.root = root
        self.sizes = {
            page["page_no"].page_number(): (
                page["size"]["width"].length(),
                page["size"]["height"].length(),
            )
            for page in root["pages"].members().values()
        }
        self.items = {
            f"#/{group}/{i}": item
            for group in ("texts", "tables", "pictures", "groups", "field_regions", "field_items")
            for i, item in enumerate(root[group].items())
        }
        self.done: set[str] = set()
        # Captions come with what they belong to, not where the body names them.
        hosts = [item for ref, item in self.items.items() if "/tables/" in ref or "/pict" in ref]
        self.captions = {ref for host in hosts for ref in _references(host["captions"])}
        self.told: set[str] = set()

    @property
    def has_text(self) -> bool:
        return any(item["text"].text() for ref, item in self.items.items() if "/texts/" in ref)

    def read(self) -> _Places:
        """Everything that hangs on the body, then headers and footers of older files."""
        places: _Places = defaultdict(list)
        for top in ("body", "furniture"):
            for number, region in self._walk(self.root[top]["children"]):
                places[number].append(region)
        return places

    def _take(self, references: Node) -> Iterator[tuple[str, Node]]:
        """The items referred to, each the first time only: a file may refer in circles."""
        for ref in _references(references):
            if ref in self.items and ref not in self.done:
                self.done.add(ref)
                yield ref, self.items[ref]

    def _walk(self, references: Node) -> Iterator[tuple[int, GivenRegion]]:
        # A stack instead of recursion: items may be nested as deep as the file likes.
        stack = [iter(list(self._take(references)))]
        while stack:
            found = next(stack[-1], None)
            if found is None:
                stack.pop()
                continue
            ref, item = found
            if ref in self.captions:
                continue
            if item["label"].text() in _LISTS:
                yield from self._list(item)
            elif "/tables/" in ref:
                yield from self._hosting(item, self._rows(item))
            elif "/pictures/" in ref:
                inner = _by_page(self._walk_flat(item["children"]))
                yield from self._hosting(item, inner)
            else:
                yield from self._places(item)
            stack.append(iter(list(self._take(item["children"]))))

    def _walk_flat(self, references: Node) -> Iterator[tuple[int, GivenRegion]]:
        for ref, item in self._take(references):
            if ref not in self.captions:
                yield from self._places(item)

    def _list(self, group: Node) -> Iterator[tuple[int, GivenRegion]]:
        """The items of a list as one region a page."""
        by_page = _by_page(self._walk_flat(group["children"]))
        for number, items in by_page.items():
            if region := region_of(items, kind="list"):
                yield number, region

    def _hosting(self, host: Node, parts: _Places) -> Iterator[tuple[int, GivenRegion]]:
        """A table or figure with its parts and captions; those above it come first."""
        kind = "table" if _kind(host) == "table" else "figure"
        captions = _by_page(self._captions_of(host))
        placed = dict(_first_of_each_page(self._places(host, kind=kind)))
        for number in sorted({*placed, *captions}):
            own = placed.get(number)
            inner = parts.get(number, [])
            if own is None:
                yield from ((number, caption) for caption in captions[number])
                continue
            above = [c for c in captions.get(number, ()) if c.box.center[1] < own.box.center[1]]
            below = [c for c in captions.get(number, ()) if c not in above]
            text = "" if inner else own.text
            region = region_of([*above, *inner, *below], kind=kind, text=text, box=own.box)
            if region is not None:
                yield number, region

    def _captions_of(self, host: Node) -> Iterator[tuple[int, GivenRegion]]:
        for ref in _references(host["captions"]):
            if ref in self.items and ref not in self.told:
                self.told.add(ref)
                yield from self._places(self.items[ref], kind="caption")

    def _rows(self, table: Node) -> _Places:
        """The rows of a table whose cells have places, on the page that the table is on."""
        prov = next(table["prov"].items(), None)
        if prov is None:
            return {}
        number = prov["page_no"].page_number()
        rows: dict[int, dict[int, GivenRegion]] = defaultdict(dict)
        for cell in table["data"]["table_cells"].items():
            box = self._box(cell["bbox"], number) if cell["bbox"] else None
            text = cell["text"].text()
            if box is not None and text.strip():
                row = cell["start_row_offset_idx"].whole()
                column = cell["start_col_offset_idx"].whole()
                rows[row][column] = GivenRegion(box, text, "row")
        made = (
            region_of([cells[column] for column in sorted(cells)], kind="row")
            for _, cells in sorted(rows.items())
        )
        return {number: [row for row in made if row is not None]}

    def _places(self, item: Node, *, kind: str = "") -> Iterator[tuple[int, GivenRegion]]:
        """The item on each page that it stands on, with its share of the text."""
        text = item["text"].text() or _cells_text(item)
        if not text and _kind(item) not in ("figure", "table"):
            return  # a group; what is in it follows
        provs = list(item["prov"].items())
        for prov in provs:
            number = prov["page_no"].page_number()
            box = self._box(prov["bbox"], number)
            share = _slice(text, prov["charspan"]) if len(provs) > 1 else text
            if box is not None:
                yield number, GivenRegion(box, share, kind or _kind(item))

    def _box(self, bbox: Node, number: int) -> Box | None:
        if number not in self.sizes:
            raise UnreadableDocument(
                f"{bbox.where} is on page {number}, which the file does not list; export it again"
            )
        width, height = self.sizes[number]
        left, top, right, bottom = (bbox[side].number() for side in "ltrb")
        origin = bbox["coord_origin"].text() or "TOPLEFT"
        if origin == "BOTTOMLEFT":
            top, bottom = height - top, height - bottom
        elif origin != "TOPLEFT":
            raise UnreadableDocument(f"{bbox.where} has an unknown coord_origin {origin!r}")
        return box_around([(left, top), (right, bottom)], width=width, height=height)


def _references(children: Node) -> Iterator[str]:
    for child in children.items():
        yield child["$ref"].text() or child["cref"].text()


def _kind(item: Node) -> str:
    return _KINDS.get(item["label"].text(), "text")


def _cells_text(item: Node) -> str:
    """A table's text where its cells have no places: a row a line."""
    rows: dict[int, list[str]] = defaultdict(list)
    for cell in item["data"]["table_cells"].items():
        rows[cell["start_row_offset_idx"].whole()].append(cell["text"].text().strip())
    return "\n".join(" | ".join(cells) for _, cells in sorted(rows.items()))


def _slice(text: str, span: Node) -> str:
    bounds = [bound.whole() for bound in span.items()]
    if len(bounds) != 2 or min(bounds) < 0:
        return text
    return text[bounds[0] : bounds[1]]


def _by_page(places: Iterator[tuple[int, GivenRegion]]) -> _Places:
    found: _Places = defaultdict(list)
    for number, region in places:
        found[number].append(region)
    return found


def _first_of_each_page(
    places: Iterator[tuple[int, GivenRegion]],
) -> Iterator[tuple[int, GivenRegion]]:
    seen: set[int] = set()
    for number, region in places:
        if number not in seen:
            seen.add(number)
            yield number, region
