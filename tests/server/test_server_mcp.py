"""MCP over streamable HTTP, as the official client sees it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp import ClientSession
from mcp.client import streamable_http
from starlette.applications import Starlette
from starlette.routing import Mount

from colregion.engine import Engine
from colregion.server import app
from tests.server.conftest import served

# The name in version 1 and in version 2 of the SDK.
connect: Any = getattr(streamable_http, "streamable_http_client", None) or getattr(
    streamable_http, "streamablehttp_client", None
)


@pytest.fixture
def address(engine: Engine) -> Iterator[str]:
    """Of a server in a thread: the application itself, and mounted below /docs."""
    inner = app(engine)
    with served(Starlette(routes=[Mount("/docs", inner), Mount("/", inner)])) as address:
        yield address


@asynccontextmanager
async def session_at(address: str) -> AsyncIterator[ClientSession]:
    async with connect(address) as streams, ClientSession(*streams[:2]) as session:
        await session.initialize()
        yield session


@pytest.mark.parametrize("path", ["/mcp", "/docs/mcp"])
async def test_official_client_searches_and_looks_at_pages(address: str, path: str) -> None:
    async with session_at(address + path) as session:
        tools = (await session.list_tools()).model_dump(by_alias=True)["tools"]
        names = [tool["name"] for tool in tools]
        assert names == ["search_regions", "get_page", "get_region_image", "list_documents"]
        searched = await session.call_tool("search_regions", {"query": "delta", "k": 1})
        (region,) = searched.model_dump(by_alias=True)["structuredContent"]["regions"]
        assert region["region_id"] == "scan.png#p1#2"
        page = await session.call_tool(
            "get_page", {"page_id": region["page_id"], "include_image": True}
        )
        content = page.model_dump(by_alias=True)["content"]
        assert [block["type"] for block in content] == ["text", "image"]
        image = page.model_dump(by_alias=True)["structuredContent"]["image"]
        read: Any = await session.read_resource(image)
        (resource,) = read.model_dump(by_alias=True)["contents"]
        assert resource["blob"] == content[1]["data"]


async def test_mistakes_are_returned_as_one_readable_text(address: str) -> None:
    async with session_at(f"{address}/mcp") as session:
        result = await session.call_tool("get_page", {"page_id": "scan.png#p9"})
    told = result.model_dump(by_alias=True)
    assert told["isError"]
    assert "no page 'scan.png#p9'" in told["content"][0]["text"]


async def test_writing_tools_are_not_offered_over_http(engine: Engine, scan: Path) -> None:
    from starlette.testclient import TestClient

    client = TestClient(app(engine, writable=True), base_url="http://localhost")
    call = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "add_documents", "arguments": {"paths": [str(scan)]}},
    }
    accept = {"accept": "application/json, text/event-stream"}
    answer = client.post("/mcp", json=call, headers=accept)
    assert "there is no tool 'add_documents'" in answer.text


def test_only_post_is_answered(engine: Engine) -> None:
    from starlette.testclient import TestClient

    client = TestClient(app(engine), base_url="http://localhost")
    assert client.get("/mcp", headers={"accept": "text/event-stream"}).status_code == 405
    assert client.delete("/mcp").status_code == 405
