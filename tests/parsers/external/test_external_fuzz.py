"""Mutated files of other tools are parsed or refused with an error of ours.

COLREGION_FUZZ sets the number of mutations per source.
"""

from __future__ import annotations

import copy
import json
import os
import random
from collections.abc import Callable
from typing import Any

import pytest
from docling_core.types.doc import (
    BoundingBox,
    CoordOrigin,
    DocItemLabel,
    DoclingDocument,
    ProvenanceItem,
    Size,
    TableCell,
    TableData,
)

from colregion.core.documents import Document
from colregion.errors import ColregionError
from colregion.parsers import (
    AltoRegions,
    AzureRegions,
    DoclingRegions,
    HocrRegions,
    PageXmlRegions,
    RegionSource,
    TextractRegions,
    UnstructuredElements,
)

MUTATIONS = int(os.environ.get("COLREGION_FUZZ", "60"))

ODD_VALUES: list[Any] = [
    None,
    True,
    0,
    -1,
    0.5,
    1e308,
    float("nan"),
    float("inf"),
    10**30,
    "",
    "x",
    "\0\ud800\u202e",
    "#/texts/0",
    "999999999999",
    [],
    {},
    [[]],
    {"a": {}},
    [1, 2, 3],
]
ODD_BYTES = [
    b"",
    b"\0",
    b"<",
    b">",
    b"&lol;",
    b"</",
    b"]]>",
    b"<!DOCTYPE a [<!ENTITY b 'c'>]>",
    b"-1",
    b"1e309",
    b"nan",
    b"99999999999999999999",
    b"\xff\xfe",
    b"bbox ",
    b"'",
    b'"',
]

POLYGON = [1, 1, 3, 1, 3, 2, 1, 2]
PLACE = [{"pageNumber": 1, "polygon": POLYGON}]
SPANS = [{"offset": 0, "length": 5}]
GEOMETRY = {
    "BoundingBox": {"Left": 0.1, "Top": 0.1, "Width": 0.3, "Height": 0.1},
    "Polygon": [{"X": 0.1, "Y": 0.1}, {"X": 0.4, "Y": 0.1}, {"X": 0.4, "Y": 0.2}],
}


def child(name: str) -> list[dict[str, Any]]:
    return [{"Type": "CHILD", "Ids": [name]}]


def docling_seed() -> Any:
    """A document with a list, a captioned table and a picture, as JSON data."""
    box = BoundingBox(l=20, t=380, r=120, b=360, coord_origin=CoordOrigin.BOTTOMLEFT)
    prov = ProvenanceItem(page_no=1, bbox=box, charspan=(0, 5))
    document = DoclingDocument(name="seed")
    document.add_page(page_no=1, size=Size(width=200, height=400))
    document.add_list_item("a b", parent=document.add_list_group(), prov=prov)
    cell = TableCell(
        text="x",
        bbox=box,
        start_row_offset_idx=0,
        end_row_offset_idx=1,
        start_col_offset_idx=0,
        end_col_offset_idx=1,
    )
    caption = document.add_text(DocItemLabel.CAPTION, "c", prov=prov)
    data = TableData(num_rows=1, num_cols=1, table_cells=[cell])
    document.add_table(data, caption=caption, prov=prov)
    document.add_picture(prov=prov)
    return json.loads(document.model_dump_json(by_alias=True))


SEEDS: list[tuple[type[RegionSource], Any]] = [
    (
        DoclingRegions,
        docling_seed(),
    ),
    (
        AzureRegions,
        {
            "pages": [
                {
                    "pageNumber": 1,
                    "angle": 0,
                    "width": 10,
                    "height": 20,
                    "words": [
                        {
                            "content": "Costs",
                            "polygon": POLYGON,
                            "confidence": 0.9,
                            "span": SPANS[0],
                        }
                    ],
                    "lines": [{"content": "Costs", "polygon": POLYGON, "spans": SPANS}],
                }
            ],
            "paragraphs": [{"role": "title", "boundingRegions": PLACE, "spans": SPANS}],
            "tables": [
                {
                    "cells": [
                        {
                            "rowIndex": 0,
                            "columnIndex": 0,
                            "boundingRegions": PLACE,
                            "spans": SPANS,
                        }
                    ],
                    "boundingRegions": PLACE,
                    "spans": SPANS,
                    "caption": {"boundingRegions": PLACE, "spans": SPANS, "content": "c"},
                }
            ],
            "figures": [{"boundingRegions": PLACE, "spans": SPANS}],
        },
    ),
    (
        TextractRegions,
        [
            {
                "Blocks": [
                    {"BlockType": "PAGE", "Id": "p", "Page": 1},
                    {
                        "BlockType": "LAYOUT_LIST",
                        "Id": "a",
                        "Geometry": GEOMETRY,
                        "Relationships": child("b"),
                    },
                    {
                        "BlockType": "LAYOUT_TEXT",
                        "Id": "b",
                        "Geometry": GEOMETRY,
                        "Relationships": child("l"),
                    },
                    {
                        "BlockType": "LINE",
                        "Id": "l",
                        "Geometry": GEOMETRY,
                        "Relationships": child("w"),
                    },
                    {
                        "BlockType": "WORD",
                        "Id": "w",
                        "Text": "x",
                        "Confidence": 9,
                        "Geometry": GEOMETRY,
                    },
                    {
                        "BlockType": "TABLE",
                        "Id": "t",
                        "Geometry": GEOMETRY,
                        "Relationships": child("c"),
                    },
                    {
                        "BlockType": "CELL",
                        "Id": "c",
                        "RowIndex": 1,
                        "ColumnIndex": 1,
                        "Geometry": GEOMETRY,
                        "Relationships": child("w"),
                    },
                ]
            }
        ],
    ),
    (
        UnstructuredElements,
        [
            {
                "type": "ListItem",
                "text": "a b",
                "metadata": {
                    "page_number": 1,
                    "coordinates": {
                        "points": [[20, 20], [20, 40], [100, 40], [100, 20]],
                        "system": "PixelSpace",
                        "layout_width": 200,
                        "layout_height": 400,
                    },
                },
            }
        ]
        * 2,
    ),
    (
        HocrRegions,
        b"<div class='ocr_page' title='bbox 0 0 200 400'><div class='ocr_carea' title='bbox 20 20"
        b" 100 60'><p class='ocr_par'><span class='ocr_line' title='bbox 20 20 100 40; textangle "
        b"90'><span class='ocrx_word' title='bbox 20 20 60 40; x_wconf 96'>Net</span></span></p>"
        b"</div><div class='ocr_photo' title='bbox 20 220 100 320'></div></div>",
    ),
    (
        AltoRegions,
        b'<alto xmlns="http://www.loc.gov/standards/alto/ns-v4#"><Layout><Page WIDTH="200" '
        b'HEIGHT="400"><TopMargin/><PrintSpace><TextBlock HPOS="20" VPOS="20" WIDTH="80" '
        b'HEIGHT="40"><TextLine HPOS="20" VPOS="20" WIDTH="80" HEIGHT="20"><String HPOS="20" '
        b'VPOS="20" WIDTH="80" HEIGHT="20" CONTENT="Net" WC="0.5"/></TextLine></TextBlock>'
        b'<Illustration HPOS="20" VPOS="200" WIDTH="80" HEIGHT="90"/></PrintSpace></Page></Layout>'
        b"</alto>",
    ),
    (
        PageXmlRegions,
        b'<PcGts><Page imageWidth="200" imageHeight="400" orientation="0"><ReadingOrder>'
        b'<OrderedGroup><RegionRefIndexed index="0" regionRef="r"/></OrderedGroup></ReadingOrder>'
        b'<TextRegion id="r" type="heading"><Coords points="20,20 100,20 100,36"/><TextLine>'
        b'<Coords points="20,20 100,20 100,36"/><Word><Coords points="20,20 100,20 100,36"/>'
        b'<TextEquiv conf="0.8"><Unicode>Net</Unicode></TextEquiv></Word></TextLine></TextRegion>'
        b'<TableRegion><Coords points="20,320 180,320 180,360"/><TextRegion><Coords points="20,320 '
        b'60,320 60,340"/><Roles><TableCellRole rowIndex="0" columnIndex="0"/></Roles></TextRegion>'
        b"</TableRegion></Page></PcGts>",
    ),
]


def paths(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where the values of plain data are."""
    keys: Any = ()
    if isinstance(value, dict):
        keys = list(value)
    elif isinstance(value, list):
        keys = range(len(value))
    return [here, *(path for key in keys for path in paths(value[key], (*here, key)))]


def mutated_data(seed: Any, chance: random.Random) -> bytes:
    """The seed as JSON, with one to three of its values replaced, removed or repeated."""
    data = json.loads(json.dumps(seed))
    for _ in range(chance.randint(1, 3)):
        path = chance.choice(paths(data)[1:] or [()])
        if not path:
            break  # nothing is left
        holder = data
        for key in path[:-1]:
            holder = holder[key]
        what = chance.random()
        if what < 0.7:
            holder[path[-1]] = copy.deepcopy(chance.choice(ODD_VALUES))
        elif what < 0.85:
            del holder[path[-1]]
        elif isinstance(holder, list):
            holder.extend(copy.deepcopy([holder[path[-1]]] * 3))
        else:
            key = chance.choice(["text", "content", "Page", "bbox"])
            holder[key] = copy.deepcopy(holder[path[-1]])
    return (
        mutated_bytes(json.dumps(data).encode(), chance)
        if chance.random() < 0.1
        else (json.dumps(data).encode())
    )


def mutated_bytes(seed: bytes, chance: random.Random) -> bytes:
    """The seed with some of its bytes replaced, cut out, repeated or swapped for something odd."""
    data = bytearray(seed)
    for _ in range(chance.randint(1, 4)):
        at, end = sorted(chance.randrange(len(data) + 1) for _ in range(2))
        end = min(end, at + chance.choice([1, 2, 8, 60]))
        kind = chance.random()
        if kind < 0.5:
            data[at:end] = chance.choice(ODD_BYTES)
        elif kind < 0.7:
            data[at:end] = b""
        elif kind < 0.9:
            data[at:at] = data[at:end] * chance.choice([1, 2, 50])
        else:
            data[at:end] = chance.randbytes(end - at)
    return bytes(data)


@pytest.mark.parametrize(("source", "seed"), SEEDS, ids=[source.name for source, _ in SEEDS])
def test_seed_file_is_parsed(
    make_document: Callable[..., Document], source: type[RegionSource], seed: Any
) -> None:
    (page,) = source(seed, words=None).parse(make_document((200, 400)))
    assert page.regions


@pytest.mark.parametrize(("source", "seed"), SEEDS, ids=[source.name for source, _ in SEEDS])
def test_mutated_file_is_parsed_or_refused_with_our_error(
    make_document: Callable[..., Document], source: type[RegionSource], seed: Any
) -> None:
    document = make_document((200, 400))
    refused = 0
    for number in range(MUTATIONS):
        chance = random.Random(f"{source.name} {number}")
        mutate = mutated_bytes if isinstance(seed, bytes) else mutated_data
        content = mutate(seed, chance)
        try:
            pages = list(source(content, words=None).parse(document))
        except ColregionError:
            refused += 1
        else:
            # Text that was accepted can be stored.
            assert all(r.text.encode() is not None for page in pages for r in page.regions)
    assert 0 < refused < MUTATIONS
