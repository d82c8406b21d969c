"""A Haystack retriever of regions."""

# No `from __future__ import annotations`: Haystack 2 reads the annotations as they stand.

from pathlib import Path
from typing import Any

from haystack import Document, component, default_from_dict

from colregion import Engine
from colregion.adapters.tool_text import resolve_engine, validate_source
from colregion.core.filters import parse_filters
from colregion.core.results import DEFAULT_K
from colregion.haystack.documents import region_document
from colregion.haystack.filters import translate
from colregion.haystack.yaml import component_to_dict


@component
class RegionRetriever:
    """The regions that answer a question, as documents with scores, best first.

    Args:
        index: the folder of an index; opened at the first question, one engine per process.
        engine: an open engine, in place of `index`; it cannot be serialised.
        top_k: how many regions.
        filters: Haystack's, or as `Engine.search` takes them. The filters of a run can only narrow
            them.
        min_confidence: 0-1; leaves out regions less likely to be right, even all of them.
        crops: a folder to write images of the regions to; their meta names them as "crop_path".

    Raises:
        InvalidInput: neither an index nor an engine, or invalid filters; when run, also an empty
            question, top_k < 1, or an index that does not exist.
    """

    def __init__(
        self,
        index: str | Path | None = None,
        *,
        engine: Engine | None = None,
        top_k: int = DEFAULT_K,
        filters: dict[str, Any] | None = None,
        min_confidence: float | None = None,
        crops: str | Path | None = None,
    ) -> None:
        self._source = validate_source(index, engine)
        translate(filters)
        self.top_k = top_k
        self.filters = filters
        self.min_confidence = min_confidence
        self.crops = crops

    def to_dict(self) -> dict[str, Any]:
        """The component for a pipeline's YAML. Raises InvalidInput for an engine."""
        return component_to_dict(self, self._source, filters=self.filters)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "RegionRetriever":
        """The component that `to_dict` described."""
        return default_from_dict(cls, data)

    @component.output_types(documents=list[Document])
    def run(
        self, query: str, filters: dict[str, Any] | None = None, top_k: int | None = None
    ) -> dict[str, list[Document]]:
        """The regions under "documents"; `filters` and `top_k` are for this run."""
        hits = resolve_engine(self._source).search(
            query,
            k=self.top_k if top_k is None else top_k,
            filters=parse_filters([translate(self.filters), translate(filters)]),
            min_confidence=self.min_confidence,
        )
        return {"documents": [region_document(hit, crops=self.crops) for hit in hits]}
