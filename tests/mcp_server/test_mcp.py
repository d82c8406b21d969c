"""The server as an agent's client sees it: in memory, and over standard input and output."""

from __future__ import annotations

import base64
import io
import os
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import jsonschema  # type: ignore[import-untyped]
import pytest
from mcp import ClientSession, StdioServerParameters, stdio_client
from mcp.shared.memory import create_client_server_memory_streams
from PIL import Image

from colregion.core.embeddings import QueryEmbedding
from colregion.core.geometry import Box
from colregion.demo import DOCUMENTS
from colregion.engine import Engine
from colregion.errors import InvalidInput
from colregion.indexes import MemoryIndex
from colregion.ingestion.pipeline import embed
from colregion.mcp import build_server, serve
from colregion.mcp.tools import EngineTools
from colregion.testing import LineParser, WordEncoder, make_parsed_page
from tests.server.conftest import make_engine, make_scan

try:
    from mcp.shared.exceptions import MCPError as McpError
except ImportError:  # version 1
    from mcp.shared.exceptions import McpError  # type: ignore[attr-defined, no-redef]

READING = ["search_regions", "get_page", "get_region_image", "list_documents"]
WRITING = ["add_documents", "remove_document"]
(SLIDE,) = DOCUMENTS.glob("*slide*.pdf")

Script = Callable[[ClientSession], Awaitable[None]]


@asynccontextmanager
async def connected(
    engine: Engine | dict[str, Engine], *, writable: bool = False
) -> AsyncIterator[ClientSession]:
    """A client's session with a server in the same process."""
    high_level: Any = build_server(engine, writable=writable)
    # The attribute's name in version 1 and 2 of the SDK.
    server = getattr(high_level, "_mcp_server", None) or high_level._lowlevel_server
    async with (
        create_client_server_memory_streams() as (client_streams, server_streams),
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(server.run, *server_streams, server.create_initialization_options())
        async with ClientSession(*client_streams) as session:
            await session.initialize()
            yield session
        tasks.cancel_scope.cancel()


async def call(session: ClientSession, name: str, **arguments: Any) -> dict[str, Any]:
    """The result as it goes over the wire."""
    result = await session.call_tool(name, arguments)
    return result.model_dump(by_alias=True)


async def error_text(session: ClientSession, name: str, **arguments: Any) -> str:
    """The text of a result that is an error."""
    result = await call(session, name, **arguments)
    assert result["isError"], result
    (block,) = result["content"]
    return str(block["text"])


def image_in(block: dict[str, Any]) -> Image.Image:
    assert (block["type"], block["mimeType"]) == ("image", "image/png")
    return Image.open(io.BytesIO(base64.b64decode(block["data"])))


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    return make_scan(tmp_path)


@pytest.fixture
def engine(scan: Path) -> Engine:
    return make_engine(scan)


async def test_only_a_writable_server_has_writing_tools(engine: Engine) -> None:
    for writable, names in ((False, READING), (True, READING + WRITING)):
        async with connected(engine, writable=writable) as session:
            listed = (await session.list_tools()).model_dump(by_alias=True)["tools"]
            assert [tool["name"] for tool in listed] == names
            hints = {tool["name"]: tool["annotations"]["readOnlyHint"] for tool in listed}
            assert hints == {name: name in READING for name in names}
    async with connected(engine) as session:
        assert "no tool 'remove_document'" in await error_text(
            session, "remove_document", doc_id="scan.png"
        )
    assert [entry.id for entry in engine.documents()] == ["scan.png"]


async def test_schemas_are_valid_and_every_argument_is_described(engine: Engine) -> None:
    async with connected(engine, writable=True) as session:
        for tool in (await session.list_tools()).model_dump(by_alias=True)["tools"]:
            for schema in (tool["inputSchema"], tool["outputSchema"]):
                jsonschema.Draft202012Validator.check_schema(schema)
                assert schema["type"] == "object"
            properties = tool["inputSchema"]["properties"].values()
            assert all(one["description"] for one in properties)
            assert tool["inputSchema"]["additionalProperties"] is False


async def test_search_returns_text_and_structured_content(engine: Engine) -> None:
    async with connected(engine) as session:
        result = await call(session, "search_regions", query="delta", k=1)
    assert not result["isError"]
    assert [block["text"] for block in result["content"]] == [
        "[scan.png#p1#2] text on page 1\ngamma ? delta"
    ]
    (region,) = result["structuredContent"]["regions"]
    score = region.pop("score")
    assert score > 0
    assert region == {
        "region_id": "scan.png#p1#2",
        "kind": "text",
        "x0": 0.25,
        "y0": 0.5,
        "x1": 0.75,
        "y1": 0.7,
        "doc_id": "scan.png",
        "page_id": "scan.png#p1",
        "page_number": 1,
        "page_label": None,
        "text": "gamma ? delta",
        "confidence": None,
        "ocr_confidence": None,
        "hidden_text": "",
        "unread": False,
        "quotes": ["gamma ? delta"],
        "metadata": {"team": "x"},
    }


async def test_images_follow_their_regions_on_request(engine: Engine) -> None:
    async with connected(engine) as session:
        result = await call(session, "search_regions", query="delta", k=2, include_images=True)
    assert [block["type"] for block in result["content"]] == ["text", "image"] * 2
    assert image_in(result["content"][1]).getpixel((50, 10)) == (255, 0, 0)


@pytest.mark.parametrize(
    ("asked", "count"),
    [
        ({}, 2),
        ({"doc_id": "scan.png"}, 2),
        ({"page_number": 1}, 2),
        ({"page_number": 2}, 0),
        ({"kind": "text"}, 2),
        ({"kind": "table"}, 0),
        ({"k": 1}, 1),
    ],
)
async def test_search_arguments_restrict_the_results(
    engine: Engine, asked: dict[str, Any], count: int
) -> None:
    async with connected(engine) as session:
        result = await call(session, "search_regions", query="alpha delta", **asked)
    assert len(result["structuredContent"]["regions"]) == count
    if not count:
        assert result["content"][0]["text"].startswith("No regions found")


async def test_search_of_an_unknown_document_is_an_error_with_the_document_names(
    engine: Engine,
) -> None:
    async with connected(engine) as session:
        result = await call(session, "search_regions", query="alpha", doc_id="other")
    assert result["isError"]
    assert "no document 'other' in the index" in result["content"][0]["text"]
    assert "scan.png" in result["content"][0]["text"]


async def test_get_page_returns_text_size_areas_and_image(engine: Engine) -> None:
    async with connected(engine) as session:
        result = await call(session, "get_page", page_id="scan.png#p1", include_image=True)
    text, image = result["content"]
    assert text["text"] == (
        "scan.png#p1: page 1 of 1, 200 x 100 px\n\n"
        "[scan.png#p1#1] text\nalpha beta\n\n[scan.png#p1#2] text\ngamma ? delta"
    )
    assert image_in(image).size == (200, 100)
    page = result["structuredContent"]
    assert (page["page_width"], page["page_height"], page["page_unit"]) == (200, 100, "px")
    assert [area["opening"] for area in page["areas"]] == ["alpha beta", "gamma ? delta"]


async def test_get_region_image_has_the_margin(engine: Engine) -> None:
    async with connected(engine) as session:
        bare = await call(session, "get_region_image", region_id="scan.png#p1#2.1.1", margin=0)
        wide = await call(session, "get_region_image", region_id="scan.png#p1#2", margin=0.1)
        page = await call(session, "get_region_image", region_id="scan.png#p1", margin=0)
    assert image_in(bare["content"][1]).getcolors() == [(100 * 20, (255, 0, 0))]
    assert image_in(wide["content"][1]).size == (140, 60)
    assert image_in(wide["content"][1]).getpixel((19, 30)) == (255, 255, 255)
    assert image_in(wide["content"][1]).getpixel((21, 30)) == (255, 0, 0)
    assert image_in(page["content"][1]).size == (200, 100)
    record = wide["structuredContent"]
    assert (record["width_px"], record["height_px"], record["x0"]) == (140, 60, 0.25)


async def test_list_documents_has_limit_and_offset(engine: Engine) -> None:
    async with connected(engine) as session:
        whole = await call(session, "list_documents")
        none = await call(session, "list_documents", offset=1)
    assert whole["structuredContent"]["total"] == none["structuredContent"]["total"] == 1
    (document,) = whole["structuredContent"]["documents"]
    assert (document["doc_id"], document["page_count"]) == ("scan.png", 1)
    assert document["metadata"] == {"team": "x"}
    assert "scan.png (1 pages, from " in whole["content"][0]["text"]
    assert none["structuredContent"]["documents"] == []


async def test_documents_are_added_and_removed(engine: Engine, scan: Path) -> None:
    other = scan.rename(scan.with_name("other.png"))
    async with connected(engine, writable=True) as session:
        paths = [str(other), str(scan.parent / "missing.pdf")]
        added = await call(session, "add_documents", paths=paths)
        again = await call(session, "add_documents", paths=[str(other)])
        seen = await error_text(session, "add_documents", paths=[str(other)], reading="on_demand")
        removed = await call(session, "remove_document", doc_id="scan.png")
        unknown = await error_text(session, "remove_document", doc_id="scan.png")
    outcomes = added["structuredContent"]["outcomes"]
    assert {one["status"] for one in outcomes} == {"added", "failed"}
    assert "check the path" in added["content"][0]["text"]
    assert again["content"][0]["text"] == "skipped other.png: unchanged"
    assert removed["structuredContent"] == {"doc_id": "scan.png"}
    assert "scan.png" in unknown
    assert "needs an encoder that sees images" in seen
    assert [entry.id for entry in engine.documents()] == ["other.png"]


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("search_regions", {"query": " \n"}, "the question is empty"),
        ("search_regions", {}, "query"),
        ("search_regions", {"query": "x", "k": 0}, "1"),
        ("search_regions", {"query": "x", "k": 51}, "50"),
        ("search_regions", {"query": "x", "top_k": 3}, "top_k"),
        ("search_regions", {"query": "x", "kind": "chart"}, "table"),
        ("search_regions", {"query": ["x"]}, "string"),
        ("get_page", {"page_id": "scan.png#p9"}, "scan.png#p9"),
        ("get_region_image", {"region_id": "the table"}, "report.pdf#p3#2.1"),
        ("get_region_image", {"region_id": "scan.png#p9#1"}, "scan.png#p9"),
        (
            "get_region_image",
            {"region_id": "scan.png#p1#7"},
            "its areas are scan.png#p1#1 to scan.png#p1#",
        ),
        ("get_region_image", {"region_id": "scan.png#p1#1+2"}, "its areas are scan.png#p1#1 to"),
        ("get_region_image", {"region_id": "scan.png#p1#1", "margin": -1}, "0"),
        ("no_such_tool", {}, "search_regions"),
    ],
)
async def test_mistakes_are_returned_as_one_readable_text(
    engine: Engine, name: str, arguments: dict[str, Any], said: str
) -> None:
    async with connected(engine) as session:
        text = await error_text(session, name, **arguments)
    assert said in text
    assert "Traceback" not in text
    assert "pydantic" not in text


async def test_concurrent_calls_run_concurrently(engine: Engine) -> None:
    class MeetingEncoder(WordEncoder):
        """Answers only once two questions are asked at a time."""

        both = threading.Barrier(2, timeout=20)

        def encode_query(self, text: str) -> QueryEmbedding:
            self.both.wait()
            return super().encode_query(text)

    meeting = Engine(engine.index, encoder=MeetingEncoder(), parser=engine.parser)
    results: list[dict[str, Any]] = []
    async with connected(meeting) as session:

        async def ask() -> None:
            results.append(await call(session, "search_regions", query="alpha"))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            tasks.start_soon(ask)
    assert [result["isError"] for result in results] == [False, False]


def over_stdio(*arguments: str) -> StdioServerParameters:
    path = os.pathsep.join(filter(None, sys.path))
    return StdioServerParameters(
        command=sys.executable, args=[*arguments], env={"PYTHONPATH": path, "OMP_THREAD_LIMIT": "1"}
    )


@asynccontextmanager
async def subprocess_session(*arguments: str) -> AsyncIterator[ClientSession]:
    """A client's session with a server of its own process; what is no message fails it."""

    async def refuse(message: Any) -> None:
        if isinstance(message, Exception):
            raise message

    with open(os.devnull, "w") as nowhere:
        async with (
            stdio_client(over_stdio(*arguments), errlog=nowhere) as streams,
            ClientSession(*streams[:2], message_handler=refuse) as session,
        ):
            await session.initialize()
            yield session


@pytest.mark.slow
async def test_a_conversation_over_standard_input_and_output(tmp_path: Path) -> None:
    index = str(tmp_path / "library")
    serving = ("-m", "colregion", "mcp", "--index", index)
    async with subprocess_session(*serving, "--writable") as session:
        listed = (await session.list_tools()).model_dump(by_alias=True)["tools"]
        assert [tool["name"] for tool in listed] == READING + WRITING
        added = await call(session, "add_documents", paths=[str(SLIDE)])
        assert added["structuredContent"]["outcomes"][0]["status"] == "added"
    async with subprocess_session(*serving) as session:
        question = "For how many days will Petrel be in dry dock?"
        result = await call(session, "search_regions", query=question, k=3, include_images=True)
        best = result["structuredContent"]["regions"][0]
        assert "nine days" in best["text"]
        page = await call(session, "get_page", page_id=best["page_id"])
        assert best["region_id"].split("#")[0] == page["structuredContent"]["doc_id"]
        shown = await call(session, "get_region_image", region_id=best["region_id"])
        assert image_in(shown["content"][1]).width > 20
        assert "no such argument" in await error_text(session, "get_page", page=1, page_id="x")
    async with subprocess_session(*serving, "--index", f"again={index}") as session:
        result = await call(session, "search_regions", index="again", query=question, k=1)
        assert result["structuredContent"]["regions"][0]["region_id"] == best["region_id"]
        assert "'library' or 'again'" in await error_text(session, "list_documents", index="x")


@pytest.mark.slow
async def test_printed_output_does_not_disturb_the_messages() -> None:
    program = """if True:
        from colregion.engine import Engine
        from colregion.indexes import MemoryIndex
        from colregion.mcp.server import _print_to_stderr, _Server
        from colregion.testing import LineParser, WordEncoder

        class Noisy(WordEncoder):
            def encode_query(self, text):
                print("this is no message")
                return super().encode_query(text)

        engine = Engine(MemoryIndex(), encoder=Noisy(), parser=LineParser([]))
        _Server(engine, writable=False, lifespan=_print_to_stderr).run("stdio")
    """
    async with subprocess_session("-c", program) as session:
        result = await call(session, "search_regions", query="alpha")
    assert result["structuredContent"] == {"regions": []}


def test_serving_a_missing_index_is_an_error_and_creates_nothing(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no index"):
        serve(str(tmp_path / "missing"))
    assert not (tmp_path / "missing").exists()


class TestPagesAndMetadata:
    """Filters of a search, over a report of five pages of one line each."""

    @staticmethod
    def reports() -> Engine:
        encoder = WordEncoder()
        engine = Engine(MemoryIndex(), encoder=encoder, parser=LineParser([]))
        for doc_id, metadata in (("a", {"year": 2024}), ("b", {"year": "2024", "team": "x"})):
            lines = [("alpha", Box(0.1, 0.1, 0.6, 0.2))]
            pages = [make_parsed_page(lines, doc_id=doc_id, number=n) for n in range(1, 6)]
            engine.add(list(embed(pages, encoder)), metadata=metadata)
        return engine

    @pytest.mark.parametrize(
        ("asked", "expected"),
        [
            ({"doc_id": "a", "page_number": 2, "last_page": 4}, ["a#p2", "a#p3", "a#p4"]),
            ({"doc_id": "a", "last_page": 2}, ["a#p1", "a#p2"]),
            ({"page_number": 5, "metadata": {"team": "x"}}, ["b#p5"]),
            ({"page_number": 5, "metadata": {"year": 2024}}, ["a#p5", "b#p5"]),
            ({"page_number": 5, "metadata": {"year": "2024"}}, ["a#p5", "b#p5"]),
            ({"page_number": 5, "metadata": {"year": "2024", "team": "y"}}, []),
            ({"page_number": 5, "metadata": {"team": "nan"}}, []),
            ({"page_number": 3, "last_page": 2}, []),
        ],
    )
    async def test_search_is_restricted_to_pages_and_metadata(
        self, asked: dict[str, Any], expected: list[str]
    ) -> None:
        async with connected(self.reports()) as session:
            result = await call(session, "search_regions", query="alpha", k=50, **asked)
        regions = result["structuredContent"]["regions"]
        assert sorted(region["page_id"] for region in regions) == expected


async def test_tools_have_titles(engine: Engine) -> None:
    async with connected(engine, writable=True) as session:
        listed = (await session.list_tools()).model_dump(by_alias=True)["tools"]
    assert [tool["title"] for tool in listed] == [
        "Search for regions",
        "Read a page",
        "Look at a region",
        "List documents",
        "Add documents",
        "Remove a document",
    ]


async def resource(session: ClientSession, address: str) -> Image.Image:
    result: Any = await session.read_resource(address)  # type: ignore[arg-type, unused-ignore]
    (content,) = result.model_dump(by_alias=True)["contents"]
    assert content["mimeType"] == "image/png"
    return Image.open(io.BytesIO(base64.b64decode(content["blob"])))


async def test_images_of_pages_and_regions_are_resources(engine: Engine) -> None:
    async with connected(engine) as session:
        templates = (await session.list_resource_templates()).model_dump(by_alias=True)
        page = (await call(session, "get_page", page_id="scan.png#p1"))["structuredContent"]
        whole = await resource(session, page["image"])
        region = await resource(session, "colregion://regions/scan.png%23p1%232")
    assert page["image"] == "colregion://pages/scan.png%23p1"
    assert [one["uriTemplate"] for one in templates["resourceTemplates"]] == [
        "colregion://pages/{page_id}",
        "colregion://regions/{region_id}",
    ]
    assert whole.size == (200, 100)
    assert region.getpixel((50, 10)) == (255, 0, 0)


def test_a_page_is_read_whose_documents_name_is_no_text() -> None:
    encoder = WordEncoder()
    engine = Engine(MemoryIndex(), encoder=encoder, parser=LineParser([]))
    page = make_parsed_page([("alpha", Box(0.1, 0.1, 0.6, 0.2))], doc_id="a\udcff.pdf")
    engine.add(list(embed([page], encoder)))
    result: Any = EngineTools(engine).get_page("a\udcff.pdf#p1").model_dump(by_alias=True)
    assert result["structuredContent"]["image"] == "colregion://pages/a%3F.pdf%23p1"


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("colregion://pages/scan.png%23p9", "scan.png#p9"),
        ("colregion://regions/scan.png%23p1%237", "scan.png#p1#7"),
        ("colregion://words/scan.png", "colregion://pages/{page_id}"),
        ("colregion://pages/a/..%2F..%2Fetc", "there is no resource"),
    ],
)
async def test_a_resource_that_is_not_there_is_an_error_that_says_so(
    engine: Engine, address: str, said: str
) -> None:
    async with connected(engine) as session:
        with pytest.raises(McpError) as caught:
            await resource(session, address)
    assert said in str(caught.value)


async def test_several_indexes_are_searched_by_their_names(engine: Engine) -> None:
    reports = TestPagesAndMetadata.reports()
    async with connected({"scans": engine, "reports": reports}) as session:
        listed = (await session.list_tools()).model_dump(by_alias=True)["tools"]
        for tool in listed:
            jsonschema.Draft202012Validator.check_schema(tool["inputSchema"])
            assert tool["inputSchema"]["properties"]["index"]["enum"] == ["scans", "reports"]
            assert "index" in tool["inputSchema"]["required"]
            assert tool["outputSchema"]["type"] == "object"
        scans = await call(session, "search_regions", index="scans", query="alpha", k=1)
        result = await call(session, "search_regions", index="reports", query="alpha", k=1)
        page = await call(session, "get_page", index="scans", page_id="scan.png#p1")
        image = await resource(session, page["structuredContent"]["image"])
        wrong = await error_text(session, "list_documents", index="letters")
        missing = await error_text(session, "list_documents")
        with pytest.raises(McpError, match="there is no resource"):
            await resource(session, "colregion://pages/letters/scan.png%23p1")
    assert scans["structuredContent"]["regions"][0]["doc_id"] == "scan.png"
    assert result["structuredContent"]["regions"][0]["doc_id"] in "ab"
    assert page["structuredContent"]["image"] == "colregion://pages/scans/scan.png%23p1"
    assert image.size == (200, 100)
    assert "'scans'" in wrong
    assert "'reports'" in wrong
    assert missing.startswith("index: ")


def test_a_server_without_an_index_is_refused() -> None:
    with pytest.raises(InvalidInput, match="at least one index"):
        build_server({})
