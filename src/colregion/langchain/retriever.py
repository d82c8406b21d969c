"""A LangChain retriever of regions."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
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

from colregion import Engine, InvalidInput
from colregion.adapters.named_files import add_named_files
from colregion.adapters.page_metadata import Files, referenced_pages
from colregion.adapters.tool_text import resolve_engine, validate_source
from colregion.core.filters import FilterInput, parse_filters
from colregion.core.results import DEFAULT_K
from colregion.langchain.documents import region_document
from colregion.langchain.engine_mixin import EngineMixin


class RegionRetriever(EngineMixin, BaseRetriever):
    """The regions that answer a question, as documents, best first.

    `invoke`, `ainvoke`, `batch` and `bind` take `k` and `filters` for one call.

    Args:
        index: the folder of an index; opened at the first question, one engine per process.
        engine: an open engine, in place of `index`.
        k: how many regions.
        filters: as `Engine.search` takes them. The filters of a call can only narrow them.
        score_key: the metadata key for the score; None leaves it, confidence and quotes out, so
            that a region found by two questions is one document to whatever merges their results.
        min_confidence: 0-1; leaves out regions less likely to be right, even all of them.
        crops: a folder to write images of the regions to; their metadata names them as
            "crop_path".

    Raises:
        ValidationError: (a ValueError) neither an index nor an engine, invalid filters, k < 1, or
            an unknown argument.
        InvalidInput: when invoked: an empty question, k < 1, invalid filters, or an index that
            does not exist.
    """

    # Repeated from the mixin: BaseRetriever's own config would ignore a mistyped argument.
    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    k: int = Field(default=DEFAULT_K, ge=1)
    filters: FilterInput = None
    score_key: str | None = None
    min_confidence: float | None = Field(default=None, ge=0, le=1)
    crops: str | Path | None = None

    @classmethod
    def from_documents(
        cls,
        documents: Iterable[Document],
        index: str | Path | None = None,
        *,
        engine: Engine | None = None,
        files: Files | None = None,
        **settings: Any,
    ) -> Self:
        """A retriever over the files that documents of a loader come from, added whole and with
        the metadata that all documents of a file share. Warns of files that cannot be read.

        Args:
            index: a folder, made where there is none; None for an index in memory.
            engine: an open engine in place of `index`.
            files: the file of each document by the id or name that the metadata has for it.
            settings: of the retriever, such as `k`.

        Raises:
            InvalidInput: a document that names no file, or both an index and an engine.
        """
        pages = [
            # How pages are counted does not matter: files are added whole.
            referenced_pages(document.metadata, first_page=0, files=files)
            for document in documents
        ]
        return cls(**add_named_files(pages, index=index, engine=engine), **settings)

    @model_validator(mode="before")
    @classmethod
    def _names_of_vector_stores(cls, settings: Any) -> Any:
        for name in ("search_kwargs", "search_type"):
            if isinstance(settings, dict) and name in settings:
                raise InvalidInput(f"there is no {name}; give k=, filters= and min_confidence=")
        return settings

    @model_validator(mode="after")
    def _can_search(self) -> Self:
        if self.index is None and self.engine is None:
            raise InvalidInput("give index= (the folder of an index) or engine=")
        parse_filters(self.filters)
        return self

    def _search(self, query: str, k: int | None, filters: FilterInput) -> list[Document]:
        hits = resolve_engine(validate_source(self.index, self.engine)).search(
            query,
            k=self.k if k is None else k,
            filters=parse_filters([parse_filters(self.filters), parse_filters(filters)]),
            min_confidence=self.min_confidence,
        )
        return [region_document(hit, score_key=self.score_key, crops=self.crops) for hit in hits]

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,  # noqa: ARG002
        k: int | None = None,
        filters: FilterInput = None,
        verbose: bool = False,  # noqa: ARG002  (`invoke` passes it on)
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
        if self.engine is not None:  # an index is not opened on the event loop
            params["ls_embedding_model"] = self.engine.encoder.fingerprint
        return params
