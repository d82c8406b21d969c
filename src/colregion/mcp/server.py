"""The tools over the Model Context Protocol, with version 1 or 2 of its SDK."""

from __future__ import annotations

import base64
import contextlib
import sys
from functools import partial
from typing import Any

import anyio
from anyio import to_thread
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.types import CallToolResult, ListToolsResult
from mcp.types import Tool as ToolType
from pydantic import ValidationError

from colregion import __version__
from colregion.engine import Engine
from colregion.errors import ColregionError
from colregion.indexes import open_index
from colregion.mcp.tools import Answer, Tool, tools

_INSTRUCTIONS = (
    "Answers stand in regions of pages: passages, tables, figures. Search first; read the page "
    "around a region, or look at its picture, where its text is not enough. Cite region ids."
)


def serve(index: str, *, writable: bool = False) -> None:
    """Serve an index on standard input and output until the client hangs up.

    Args:
        index: spec of the index, which has to be there unless the server is `writable`.
        writable: whether agents may add and remove documents. They then name files that this
            user can read.

    Raises:
        InvalidInput: there is no such index.
        IndexCorrupt: the folder holds something else, or an index of another version.
    """
    with Engine.open(open_index(index, create=writable)) as engine:
        anyio.run(_serve, build_server(engine, writable=writable))


async def _serve(server: Server[Any]) -> None:
    async with stdio_server() as (read, write):
        # What else is printed must not get between the messages.
        with contextlib.redirect_stdout(sys.stderr):
            await server.run(read, write, server.create_initialization_options())


def build_server(engine: Engine, *, writable: bool = False) -> Server[Any]:
    """A server of an open engine, for any transport of the SDK.

    Every tool runs in a thread of its own and returns the same as text for the model and as
    structured content. Mistakes of the model and errors of colregion come back as text, in a
    result marked as an error.
    """
    by_name = {tool.name: tool for tool in tools(writable=writable)}
    listed = ListToolsResult.model_validate({"tools": [_declared(t) for t in by_name.values()]})

    async def call(name: str, arguments: dict[str, Any] | None) -> CallToolResult:
        answered = await to_thread.run_sync(partial(_answer, engine, by_name, name, arguments))
        return CallToolResult.model_validate(answered)

    if hasattr(Server, "call_tool"):
        return _version_1(listed.tools, call)

    async def on_list_tools(_context: Any, _params: Any) -> ListToolsResult:
        return listed

    async def on_call_tool(_context: Any, params: Any) -> CallToolResult:
        return await call(params.name, params.arguments)

    return Server(
        "colregion",
        version=__version__,
        instructions=_INSTRUCTIONS,
        on_list_tools=on_list_tools,
        on_call_tool=on_call_tool,
    )


def _version_1(listed: list[ToolType], call: Any) -> Server[Any]:
    """Handlers are registered with decorators, and an error result is made of what they raise."""
    server: Any = Server("colregion", version=__version__, instructions=_INSTRUCTIONS)

    async def list_tools() -> list[ToolType]:
        return listed

    async def call_tool(name: str, arguments: dict[str, Any]) -> tuple[Any, Any]:
        result: Any = await call(name, arguments)
        if result.isError:
            raise ColregionError(result.content[0].text)
        return result.content, result.structuredContent

    server.list_tools()(list_tools)
    server.call_tool(validate_input=False)(call_tool)
    return server  # type: ignore[no-any-return]


def _declared(tool: Tool[Any]) -> dict[str, Any]:
    hints: dict[str, Any] = {"readOnlyHint": not tool.writes, "openWorldHint": False}
    if tool.writes:
        hints |= {"destructiveHint": tool.removes, "idempotentHint": True}
    return {
        "name": tool.name,
        "description": tool.description,
        "inputSchema": tool.arguments.model_json_schema(),
        "outputSchema": tool.record.model_json_schema(mode="serialization"),
        "annotations": hints,
    }


def _answer(
    engine: Engine, by_name: dict[str, Tool[Any]], name: str, arguments: dict[str, Any] | None
) -> dict[str, Any]:
    """The result of a call, as the protocol writes it."""
    tool = by_name.get(name)
    if tool is None:
        return _failure(f"there is no tool {name!r}; there are {', '.join(by_name)}")
    try:
        answer = tool.run(engine, tool.arguments.model_validate(arguments or {}))
    except ValidationError as error:
        known = ", ".join(tool.arguments.model_fields)
        return _failure("\n".join(_told(one, known) for one in error.errors()))
    except ColregionError as error:
        return _failure(str(error))
    return _success(answer)


def _success(answer: Answer) -> dict[str, Any]:
    return {
        "content": [_block(part) for part in answer.content],
        "structuredContent": _encodable(answer.record.model_dump(mode="python")),
    }


def _failure(text: str) -> dict[str, Any]:
    return {"content": [_block(text)], "isError": True}


def _block(part: str | bytes) -> dict[str, Any]:
    if isinstance(part, str):
        return {"type": "text", "text": _encodable(part)}
    data = base64.b64encode(part).decode("ascii")
    return {"type": "image", "data": data, "mimeType": "image/png"}


def _told(error: Any, known: str) -> str:
    """A mistake in one line, without what pydantic adds for programmers."""
    unknown = error["type"] == "extra_forbidden"
    what = f"there is no such argument; there are {known}" if unknown else error["msg"]
    return f"{'.'.join(map(str, error['loc'])) or 'arguments'}: {what}"


def _encodable(value: Any) -> Any:
    """The same without halves of characters, which damaged text layers and file names have and
    which would end the connection."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, list):
        return [_encodable(item) for item in value]
    if isinstance(value, dict):
        return {_encodable(key): _encodable(item) for key, item in value.items()}
    return value
