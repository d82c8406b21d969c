"""The MCP server, on the high-level server of version 1 or 2 of the SDK."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

from anyio import CapacityLimiter, to_thread
from mcp.types import CallToolResult, ToolAnnotations
from pydantic import ValidationError

from colregion import __version__
from colregion.adapters.tool_schema import validation_message
from colregion.engine import Engine
from colregion.errors import ColregionError
from colregion.indexes import open_index
from colregion.mcp.tools import EngineTools, error_result

try:
    from mcp.server.mcpserver import MCPServer
    from mcp.server.mcpserver.tools import Tool
except ImportError:  # version 1
    from mcp.server.fastmcp import FastMCP as MCPServer  # type: ignore[attr-defined, no-redef]
    from mcp.server.fastmcp.tools import Tool  # type: ignore[import-not-found, no-redef]

    _VERSION: dict[str, Any] = {}
else:
    _VERSION = {"version": __version__}

_INSTRUCTIONS = (
    "Answers are regions of pages: passages, tables, figures. Search first; read the page "
    "around a region, or look at its image, where its text is not enough. Cite region ids."
)


def serve(index: str, *, writable: bool = False) -> None:
    """Serve an index on standard input and output until the client disconnects.

    Args:
        index: spec of the index, which must exist unless the server is `writable`.
        writable: whether agents may add and remove documents. They then name files that this
            user can read.

    Raises:
        InvalidInput: there is no such index.
        IndexCorrupt: the folder holds something else, or an index of another version.
    """
    with Engine.open(open_index(index, create=writable)) as engine:
        _Server(engine, writable=writable, lifespan=_print_to_stderr).run("stdio")


def build_server(
    engine: Engine, *, writable: bool = False, limiter: CapacityLimiter | None = None
) -> MCPServer[Any]:
    """A server of an open engine, to run on any transport of the SDK. Mistakes of the model and
    errors of colregion are returned as text, in a result marked as an error. `limiter` bounds the
    threads in which the tools run."""
    return _Server(engine, writable=writable, limiter=limiter)


class _Server(MCPServer[Any]):
    """Reports unknown arguments, and errors as we word them; tools run in worker threads."""

    def __init__(
        self,
        engine: Engine,
        *,
        writable: bool,
        limiter: CapacityLimiter | None = None,
        **options: Any,
    ) -> None:
        self._limiter = limiter
        tools = EngineTools(engine)
        read = (tools.search_regions, tools.get_page, tools.get_region_image, tools.list_documents)
        registered = [_tool(method, readOnlyHint=True) for method in read]
        if writable:
            hints = {"readOnlyHint": False, "idempotentHint": True}
            registered.append(_tool(tools.add_documents, destructiveHint=False, **hints))
            registered.append(_tool(tools.remove_document, destructiveHint=True, **hints))
        self._by_name = {tool.name: tool for tool in registered}
        super().__init__(
            "colregion",
            instructions=_INSTRUCTIONS,
            tools=registered,
            log_level="WARNING",
            **_VERSION,
            **options,
        )

    async def call_tool(
        self,
        name: str,
        arguments: dict[str, Any],
        context: Any = None,  # noqa: ARG002
    ) -> CallToolResult:
        tool = self._by_name.get(name)
        if tool is None:
            return error_result(f"there is no tool {name!r}; there are {', '.join(self._by_name)}")
        schema = tool.fn_metadata.arg_model
        try:
            checked = schema.model_validate(tool.fn_metadata.pre_parse_json(arguments))
        except ValidationError as error:
            return error_result(validation_message(error, schema))
        call: Callable[[], CallToolResult] = partial(tool.fn, **checked.model_dump_one_level())
        try:
            return await to_thread.run_sync(call, limiter=self._limiter)
        except ColregionError as error:
            return error_result(str(error))


def _tool(method: Callable[..., CallToolResult], **hints: bool) -> Tool:
    tool = Tool.from_function(
        method,
        description=" ".join((method.__doc__ or "").split()),
        annotations=ToolAnnotations.model_validate({**hints, "openWorldHint": False}),
    )
    # The SDK ignores misspelt arguments; a model can only correct what is reported.
    schema = tool.fn_metadata.arg_model
    schema.model_config["extra"] = "forbid"
    schema.model_rebuild(force=True)
    tool.parameters = schema.model_json_schema()
    return tool


@contextlib.asynccontextmanager
async def _print_to_stderr(_server: object) -> AsyncIterator[None]:
    """Keep what libraries print out of the messages on standard output."""
    with contextlib.redirect_stdout(sys.stderr):
        yield
