"""Regions that people already have: from the output of other tools, or from a function.

Each source is one file here. It turns the tool's coordinates into fractions of the page as
displayed, once, and gives a `GivenPage` for each page; `tree` makes region trees of these.
"""

from __future__ import annotations

from colregion.parsers.given.alto import AltoRegions
from colregion.parsers.given.azure import AzureRegions
from colregion.parsers.given.by_function import FunctionRegions
from colregion.parsers.given.docling import DoclingRegions
from colregion.parsers.given.found import GivenPage, GivenRegion
from colregion.parsers.given.hocr import HocrRegions
from colregion.parsers.given.page_xml import PageXmlRegions
from colregion.parsers.given.source import RegionSource
from colregion.parsers.given.textract import TextractRegions
from colregion.parsers.given.unstructured import UnstructuredElements, UnstructuredParser

__all__ = [
    "AltoRegions",
    "AzureRegions",
    "DoclingRegions",
    "FunctionRegions",
    "GivenPage",
    "GivenRegion",
    "HocrRegions",
    "PageXmlRegions",
    "RegionSource",
    "TextractRegions",
    "UnstructuredElements",
    "UnstructuredParser",
]
