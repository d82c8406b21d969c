"""Writers of small office files."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence

PACKAGE = "http://schemas.openxmlformats.org/package/2006"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OASIS = "urn:oasis:names:tc:opendocument:xmlns"
_ODF = {
    **{name: name for name in ("office", "style", "table", "text", "config", "presentation")},
    "draw": "drawing",
    "fo": "xsl-fo-compatible",
    "svg": "svg-compatible",
}
ODF = " ".join(f'xmlns:{prefix}="{OASIS}:{name}:1.0"' for prefix, name in _ODF.items())
MIME = "application/vnd.openxmlformats-officedocument"


def zipped(parts: Mapping[str, str]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return file.getvalue()


def relationships(**targets: str) -> str:
    """From ids to "type path", or "type address External"."""
    parts = ((key, *target.split()) for key, target in targets.items())
    listed = "".join(
        f'<Relationship Id="{key}" Type="{OFFICE}/{kind}" Target="{path}"'
        f' TargetMode="{mode[0] if mode else "Internal"}"/>'
        for key, kind, path, *mode in parts
    )
    return f'<Relationships xmlns="{PACKAGE}/relationships">{listed}</Relationships>'


def content_types(parts: Mapping[str, str]) -> str:
    listed = "".join(
        f'<Override PartName="/{name}" ContentType="{MIME}.{kind}+xml"/>'
        for name, kind in parts.items()
    )
    rels = 'ContentType="application/vnd.openxmlformats-package.relationships+xml"'
    default = f'<Default Extension="rels" {rels}/>'
    return f'<Types xmlns="{PACKAGE}/content-types">{default}{listed}</Types>'


def word_file(body: str, *, image: str | None = None) -> bytes:
    """A .docx of this content of w:body, and of a link to an image, whose id is "link"."""
    parts = {
        "[Content_Types].xml": content_types(
            {"word/document.xml": "wordprocessingml.document.main"}
        ),
        "_rels/.rels": relationships(r1="officeDocument word/document.xml"),
        "word/document.xml": f'<w:document xmlns:w="{WORD}" xmlns:r="{OFFICE}">'
        f"<w:body>{body}</w:body></w:document>",
    }
    if image is not None:
        parts["word/_rels/document.xml.rels"] = relationships(link=f"image {image} External")
    return zipped(parts)


def excel_file(*sheets: str, hidden: Sequence[int] = ()) -> bytes:
    """An .xlsx of sheets, each the content of its worksheet; those at `hidden` (0-based) are not
    shown."""
    names = [f"xl/worksheets/sheet{n}.xml" for n in range(len(sheets))]
    listed = "".join(
        f'<sheet name="Sheet{n}" sheetId="{n + 1}" r:id="r{n}"'
        f"{' state=' + chr(34) + 'hidden' + chr(34) if n in hidden else ''}/>"
        for n in range(len(sheets))
    )
    targets = {f"r{n}": f"worksheet worksheets/sheet{n}.xml" for n in range(len(sheets))}
    parts = {
        "[Content_Types].xml": content_types(
            {
                "xl/workbook.xml": "spreadsheetml.sheet.main",
                **dict.fromkeys(names, "spreadsheetml.worksheet"),
            }
        ),
        "_rels/.rels": relationships(r="officeDocument xl/workbook.xml"),
        "xl/_rels/workbook.xml.rels": relationships(**targets),
        "xl/workbook.xml": f'<workbook xmlns="{SHEET}" xmlns:r="{OFFICE}"><sheets>{listed}</sheets>'
        "</workbook>",
    }
    worksheets = (f'<worksheet xmlns="{SHEET}">{sheet}</worksheet>' for sheet in sheets)
    return zipped({**parts, **dict(zip(names, worksheets, strict=True))})


def cells(*rows: Sequence[str | float], hidden: Sequence[int] = ()) -> str:
    """Content of a worksheet; rows at `hidden` (0-based) are not shown."""
    written = []
    for n, row in enumerate(rows):
        values = "".join(
            f'<c t="inlineStr"><is><t>{value}</t></is></c>'
            if isinstance(value, str)
            else f"<c><v>{value}</v></c>"
            for value in row
        )
        written.append(
            f"<row{' hidden=' + chr(34) + '1' + chr(34) if n in hidden else ''}>{values}</row>"
        )
    return f"<sheetData>{''.join(written)}</sheetData>"


def slides(*pages: tuple[str, str], hidden: Sequence[int] = ()) -> bytes:
    """An .odp of slides, each its text and its notes; those at `hidden` (0-based) are not shown."""
    place = 'svg:x="2cm" svg:y="{}cm" svg:width="14cm" svg:height="5cm"'
    body = ""
    for n, (text, notes) in enumerate(pages):
        frame = (
            f"<draw:frame {place.format(2)}><draw:text-box><text:p>{text}</text:p></draw:text-box>"
        )
        noted = (
            f'<draw:frame presentation:class="notes" {place.format(14)}><draw:text-box>'
            f"<text:p>{notes}</text:p></draw:text-box></draw:frame>"
        )
        body += (
            f'<draw:page draw:name="p{n}" draw:master-page-name="M" draw:style-name='
            f'"{"hidden" if n in hidden else "shown"}">{frame}</draw:frame>'
            f"<presentation:notes>{noted if notes else ''}</presentation:notes></draw:page>"
        )
    styles = "".join(
        f'<style:style style:name="{name}" style:family="drawing-page">'
        f'<style:drawing-page-properties presentation:visibility="{visibility}"/></style:style>'
        for name, visibility in (("shown", "visible"), ("hidden", "hidden"))
    )
    mime = "application/vnd.oasis.opendocument.presentation"
    return zipped(
        {
            "mimetype": mime,
            "content.xml": '<?xml version="1.0" encoding="UTF-8"?>'
            f'<office:document-content {ODF} office:version="1.2">'
            f"<office:automatic-styles>{styles}</office:automatic-styles><office:body>"
            f"<office:presentation>{body}</office:presentation></office:body>"
            "</office:document-content>",
            "META-INF/manifest.xml": f'<manifest:manifest xmlns:manifest="{OASIS}:manifest:1.0">'
            f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{mime}"/>'
            '<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/>'
            "</manifest:manifest>",
        }
    )
