"""colregion: ask a question over PDFs and scans, get back the regions that answer it.

    from colregion import Engine

    engine = Engine.open("library")
    engine.add("reports/")
    for hit in engine.search("What was Q3 revenue?"):
        print(hit.page_number, hit.box, hit.text)

Importing the package loads no parser, index or encoder: a name is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from colregion.citations.context import Context
    from colregion.citations.resolve import Citation, Resolution, UnknownMark
    from colregion.core.documents import Document, DocumentEntry, Limits, Page
    from colregion.core.embeddings import (
        Candidate,
        EmbeddedPage,
        PageEmbedding,
        QueryEmbedding,
    )
    from colregion.core.geometry import Box, BoxPlacement, GridPlacement
    from colregion.core.interfaces import Encoder, Index, Parser
    from colregion.core.regions import ParsedPage, Region, Word
    from colregion.core.results import (
        AddReport,
        Hit,
        Outcome,
        PageHit,
        RelevanceMap,
    )
    from colregion.engine import Engine
    from colregion.errors import (
        BackendError,
        ColregionError,
        IndexCorrupt,
        InvalidBox,
        InvalidInput,
        MissingDependency,
        ModelMismatch,
        NotIndexed,
        ShapeMismatch,
        UnreadableDocument,
    )
    from colregion.ingestion.pipeline import Progress
    from colregion.retrieval.scorer import Scorer

__version__ = "0.1.0"

_MODULES = {
    "citations.context": ("Context",),
    "citations.resolve": ("Citation", "Resolution", "UnknownMark"),
    "core.documents": ("Document", "DocumentEntry", "Limits", "Page"),
    "core.embeddings": ("Candidate", "EmbeddedPage", "PageEmbedding", "QueryEmbedding"),
    "core.geometry": ("Box", "BoxPlacement", "GridPlacement"),
    "core.interfaces": ("Encoder", "Index", "Parser"),
    "core.regions": ("ParsedPage", "Region", "Word"),
    "core.results": ("AddReport", "Hit", "Outcome", "PageHit", "RelevanceMap"),
    "engine": ("Engine",),
    "errors": (
        "BackendError",
        "ColregionError",
        "IndexCorrupt",
        "InvalidBox",
        "InvalidInput",
        "MissingDependency",
        "ModelMismatch",
        "NotIndexed",
        "ShapeMismatch",
        "UnreadableDocument",
    ),
    "ingestion.pipeline": ("Progress",),
    "retrieval.scorer": ("Scorer",),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
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
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
