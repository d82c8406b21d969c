"""LangChain's own tests of retrievers and tools, as they come, without network."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from langchain_core.tools import BaseTool
from langchain_tests.integration_tests import RetrieversIntegrationTests, ToolsIntegrationTests
from langchain_tests.unit_tests import ToolsUnitTests
from pytest_socket import disable_socket, enable_socket

from colregion import Engine
from colregion.demo import DOCUMENTS
from colregion.indexes import MemoryIndex
from colregion.langchain import RegionRetriever, region_search_tool

QUESTION = "What did fuel and electricity cost in 2024?"


@cache
def library() -> Engine:
    engine = Engine.open(MemoryIndex(), parser="text_layer+geometry")
    engine.add(DOCUMENTS / "tarrow-annual-report-2024.pdf", doc_id="report", workers=0)
    return engine


@pytest.fixture(autouse=True)
def _no_network() -> Iterator[None]:
    disable_socket(allow_unix_socket=True)  # the event loop talks to itself through one
    yield
    enable_socket()


class TestRetriever(RetrieversIntegrationTests):
    @property
    def retriever_constructor(self) -> type[RegionRetriever]:
        return RegionRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        return {"engine": library()}

    @property
    def retriever_query_example(self) -> str:
        return QUESTION


class TestToolUnits(ToolsUnitTests):
    @property
    def tool_constructor(self) -> BaseTool:
        return region_search_tool(library())

    @property
    def tool_invoke_params_example(self) -> dict[str, Any]:
        return {"query": QUESTION, "k": 2, "page_number": 5}


class TestTool(ToolsIntegrationTests):
    @property
    def tool_constructor(self) -> BaseTool:
        return region_search_tool(library())

    @property
    def tool_invoke_params_example(self) -> dict[str, Any]:
        return {"query": QUESTION, "k": 2, "include_images": True}
