"""Documents in LibreOffice's flat XML, in which they can be changed before they are printed."""

from __future__ import annotations

import io
import re
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

_OASIS = "urn:oasis:names:tc:opendocument:xmlns:"
OFFICE, STYLE = f"{{{_OASIS}office:1.0}}", f"{{{_OASIS}style:1.0}}"
TABLE, TEXT = f"{{{_OASIS}table:1.0}}", f"{{{_OASIS}text:1.0}}"
_CONFIG = f"{{{_OASIS}config:1.0}}"
FO, SVG = f"{{{_OASIS}xsl-fo-compatible:1.0}}", f"{{{_OASIS}svg-compatible:1.0}}"


def read_flat(content: bytes) -> Element:
    """The root of a flat OpenDocument file that LibreOffice wrote."""
    for _, (prefix, uri) in ElementTree.iterparse(io.BytesIO(content), events=["start-ns"]):
        if not re.fullmatch(r"ns\d+", prefix):  # the library keeps these for itself
            ElementTree.register_namespace(prefix, uri)
    return ElementTree.fromstring(content)


def write_flat(root: Element) -> bytes:
    """The file of a root."""
    written: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return written


def hide_deleted(root: Element) -> None:
    """Leave out what was deleted with changes tracked, as if the changes were accepted."""
    for item in root.iter(f"{_CONFIG}config-item"):
        if item.get(f"{_CONFIG}name") == "ShowRedlineChanges":
            item.text = "false"
