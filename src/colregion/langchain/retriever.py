"""The regions that answer a question, as what a LangChain retriever gives."""

from __future__ import annotations

from typing import Any

from langchain_core.callbacks import (
    AsyncCallbackManagerForRetrieverRun,
    CallbackManagerForRetrieverRun,
)
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever, LangSmithRetrieverParams
from langchain_core.runnables import run_in_executor
from pydantic import ConfigDict, Field, model_validator
from typing_extensions import Self

from colregion import InvalidInput
from colregion.adapters.tool_text import opened, source_of
from colregion.core.filters import FilterInput, parse_filters
from colregion.langchain.documents import region_document
from colregion.langchain.engine_mixin import OnEngine


class RegionRetriever(OnEngine, BaseRetriever):
    """The regions that answer a question, as documents, best first.

    `invoke`, `ainvoke`, `batch` and `bind` take `k` and `filters` for one call.

    Args:
        index: the folder of an index; opened at the first question, one engine a process.
        engine: an open engine, in place of `index`.
        k: how many regions.
        filters: as `Engine.search` takes them. A call's own filters can only narrow them.
        score_key: the metadata key for the score; None leaves it and the confidence out, since a
            document found by two questions is then the same document to what merges their results.
        min_confidence: 0-1; regions less likely to be right are left out, all if need be.

    Raises:
        ValidationError: (a ValueError) neither an index nor an engine, filters that cannot be,
            k < 1, or an argument of another name.
        InvalidInput: when asked: an empty question, k < 1, filters that cannot be, or an index
            that is not there.
    """

    # Of several bases' settings the last one's count, and the framework's drops what it does
    # not know, so that a mistyped argument would do nothing.
    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    k: int = Field(default=4, ge=1)
    filters: FilterInput = None
    score_key: str | None = None
    min_confidence: float | None = Field(default=None, ge=0, le=1)

    @model_validator(mode="after")
    def _can_search(self) -> Self:
        if self.index is None and self.engine is None:
            raise InvalidInput("give index= (the folder of an index) or engine=")
        parse_filters(self.filters)
        return self

    def _search(self, query: str, k: int | None, filters: FilterInput) -> list[Document]:
        hits = opened(source_of(self.index, self.engine)).search(
            query,
            k=self.k if k is None else k,
            filters=parse_filters([parse_filters(self.filters), parse_filters(filters)]),
            min_confidence=self.min_confidence,
        )
        return [region_document(hit, score_key=self.score_key) for hit in hits]

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,  # noqa: ARG002
        k: int | None = None,
        filters: FilterInput = None,
        verbose: bool = False,  # noqa: ARG002  (`invoke` reads it and hands it on)
    ) -> list[Document]:
        return self._search(query, k, filters)

    async def _aget_relevant_documents(
        self,
        query: str,
        *,
        run_manager: AsyncCallbackManagerForRetrieverRun,  # noqa: ARG002
        k: int | None = None,
        filters: FilterInput = None,
        verbose: bool = False,  # noqa: ARG002
    ) -> list[Document]:
        return await run_in_executor(None, self._search, query, k, filters)

    def _get_ls_params(self, **kwargs: Any) -> LangSmithRetrieverParams:
        params = super()._get_ls_params(**kwargs)
        params["ls_vector_store_provider"] = "colregion"
        if self.engine is not None:  # an index that is not open yet would be opened on the loop
            params["ls_embedding_model"] = self.engine.encoder.fingerprint
        return params
