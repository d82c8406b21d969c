"""Regions that people already have: from the output of other tools, or from a function.

Each source is one file here. It turns the tool's coordinates into fractions of the page as
displayed, once, and gives a `GivenPage` for each page; `tree` makes region trees of these.
"""

from __future__ import annotations

from colregion.parsers.external.alto import AltoRegions
from colregion.parsers.external.azure import AzureRegions
from colregion.parsers.external.docling import DoclingRegions
from colregion.parsers.external.found import GivenPage, GivenRegion
from colregion.parsers.external.function import FunctionRegions
from colregion.parsers.external.hocr import HocrRegions
from colregion.parsers.external.page_xml import PageXmlRegions
from colregion.parsers.external.source import RegionSource
from colregion.parsers.external.textract import TextractRegions
from colregion.parsers.external.unstructured import UnstructuredElements, UnstructuredParser

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
