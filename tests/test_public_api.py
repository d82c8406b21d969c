"""The public names are pinned, and importing the package is light.

A name added to or removed from `PUBLIC` changes what users can rely on: say so in CHANGELOG.md.
"""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

PUBLIC = {
    "colregion": [
        "AddReport",
        "BackendError",
        "Box",
        "BoxPlacement",
        "Candidate",
        "Citation",
        "ColregionError",
        "Context",
        "Document",
        "DocumentEntry",
        "EmbeddedPage",
        "Encoder",
        "Engine",
        "GridPlacement",
        "Hit",
        "Index",
        "IndexCorrupt",
        "InvalidBox",
        "InvalidInput",
        "Limits",
        "MissingDependency",
        "ModelMismatch",
        "NotIndexed",
        "Outcome",
        "Page",
        "PageEmbedding",
        "PageHit",
        "ParsedPage",
        "Parser",
        "Progress",
        "QueryEmbedding",
        "Region",
        "RelevanceMap",
        "Resolution",
        "Scorer",
        "ShapeMismatch",
        "UnknownMark",
        "UnreadableDocument",
        "Word",
        "__version__",
    ],
    "colregion.haystack": [
        "RegionRanker",
        "RegionRetriever",
        "region_document",
    ],
    "colregion.langchain": [
        "RegionCompressor",
        "RegionLoader",
        "RegionRetriever",
        "region_document",
        "region_search_tool",
        "regions_from_artifact",
    ],
    "colregion.llama_index": [
        "RegionPostprocessor",
        "RegionQueryBundle",
        "RegionReader",
        "RegionRetriever",
        "region_node",
        "region_search_tool",
    ],
    "colregion.mcp": [
        "build_server",
        "serve",
    ],
    "colregion.parsers": [
        "AltoRegions",
        "AzureRegions",
        "DoclingRegions",
        "ExternalPage",
        "ExternalRegion",
        "FunctionRegions",
        "HocrRegions",
        "PageXmlRegions",
        "RegionSource",
        "TextractRegions",
        "UnstructuredElements",
        "UnstructuredParser",
        "load_parser",
    ],
    "colregion.server": [
        "ServerLimits",
        "app",
        "serve",
    ],
    "colregion.testing": [
        "ColorEncoder",
        "EncoderContract",
        "HOSTILE",
        "IndexContract",
        "LineParser",
        "ParserContract",
        "PlainImage",
        "WordEncoder",
        "make_page",
        "make_parsed_page",
    ],
}

HEAVY = (
    "torch",
    "transformers",
    "colpali_engine",
    "langchain_core",
    "llama_index",
    "haystack",
    "onnxruntime",
    "rapidocr",
    "rapid_layout",
    "pytesseract",
    "cv2",
    "pypdfium2",
    "typer",
    "rich",
)


@pytest.mark.parametrize("module", PUBLIC)
def test_public_names_are_pinned(module: str) -> None:
    package = import_module(module)
    assert sorted(package.__all__) == PUBLIC[module]
    assert [name for name in package.__all__ if not hasattr(package, name)] == []


def test_importing_colregion_loads_no_heavy_package() -> None:
    program = f"import colregion, sys; print([m for m in {HEAVY!r} if m in sys.modules])"
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert loaded.stdout.strip() == "[]"
