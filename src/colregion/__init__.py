"""colregion: ask a question over PDFs and scans, get back the regions that answer it.

    from colregion import Engine

    engine = Engine.open("library")
    engine.add("reports/")
    for hit in engine.search("What was Q3 revenue?"):
        print(hit.page_number, hit.box, hit.text)

Importing this costs numpy and pillow; PDF, OCR and model libraries are imported when used.
"""

from colregion.citations.context import Context
from colregion.citations.resolve import Citation, Resolution, UnknownMark
from colregion.core.documents import Document, DocumentEntry, Limits, Page
from colregion.core.embeddings import EmbeddedPage, PageEmbedding, QueryEmbedding
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
from colregion.ingestion.sources import Progress
from colregion.retrieval.selection import Keep

__version__ = "0.1.0"

__all__ = [
    "AddReport",
    "BackendError",
    "Box",
    "BoxPlacement",
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
    "Keep",
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
    "ShapeMismatch",
    "UnknownMark",
    "UnreadableDocument",
    "Word",
    "__version__",
]
