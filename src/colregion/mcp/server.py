"""The MCP server, on the high-level server of version 1 or 2 of the SDK."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from typing import Any

from anyio import CapacityLimiter, to_thread
from mcp.server.lowlevel.helper_types import ReadResourceContents
from mcp.types import CallToolResult, ResourceTemplate, ToolAnnotations
from pydantic import ValidationError

from colregion import __version__
from colregion.adapters.tool_schema import validation_message
from colregion.engine import Engine
from colregion.errors import ColregionError, InvalidInput
from colregion.indexes import open_index
from colregion.mcp.images import PageImages
from colregion.mcp.tools import EngineTools, error_result, tool_function

try:
    from mcp.server.mcpserver import MCPServer
    from mcp.server.mcpserver.exceptions import ResourceError
    from mcp.server.mcpserver.tools import Tool
except ImportError:  # version 1
    from mcp.server.fastmcp import FastMCP as MCPServer  # type: ignore[attr-defined, no-redef]
    from mcp.server.fastmcp.exceptions import ResourceError  # type: ignore[import-not-found, no-redef]
    from mcp.server.fastmcp.tools import Tool  # type: ignore[import-not-found, no-redef]

    _VERSION: dict[str, Any] = {}
else:
    _VERSION = {"version": __version__}

_INSTRUCTIONS = (
    "Answers are regions of pages: passages, tables, figures. Search first; read the page "
    "around a region, or look at its image, where its text is not enough. Cite region ids."
)


_READ = {
    "search_regions": "Search for regions",
    "get_page": "Read a page",
    "get_region_image": "Look at a region",
    "list_documents": "List documents",
}


def serve(index: str | Mapping[str, str], *, writable: bool = False) -> None:
    """Serve an index, or several by their names, on standard input and output until the client
    disconnects.

    Args:
        index: spec of the index, which must exist unless the server is `writable`; of several,
            name -> spec.
        writable: whether agents may add and remove documents. They then name files that this
            user can read.

    Raises:
        InvalidInput: there is no such index, or none at all.
        IndexCorrupt: the folder holds something else, or an index of another version.
    """
    with contextlib.ExitStack() as opened:

        def open_engine(spec: str) -> Engine:
            return opened.enter_context(Engine.open(open_index(spec, create=writable)))

        engines: Engine | dict[str, Engine]
        if isinstance(index, str):
            engines = open_engine(index)
        else:
            engines = {name: open_engine(spec) for name, spec in index.items()}
        _Server(engines, writable=writable, lifespan=_print_to_stderr).run("stdio")


def build_server(
    engine: Engine | Mapping[str, Engine],
    *,
    writable: bool = False,
    limiter: CapacityLimiter | None = None,
) -> MCPServer[Any]:
    """A server of an open engine, or of several by their names, to run on any transport of the SDK.

    Mistakes of the model and errors of colregion are returned as text, in a result marked as an
    error. Images of pages and regions are resources. `limiter` bounds the threads in which the
    tools run. Raises InvalidInput for an empty mapping.
    """
    return _Server(engine, writable=writable, limiter=limiter)


class _Server(MCPServer[Any]):
    """Reports unknown arguments, and errors as we word them; tools run in worker threads."""

    def __init__(
        self,
        engine: Engine | Mapping[str, Engine],
        *,
        writable: bool,
        limiter: CapacityLimiter | None = None,
        **options: Any,
    ) -> None:
        self._limiter = limiter
        engines = {"": engine} if isinstance(engine, Engine) else dict(engine)
        if not engines:
            raise InvalidInput("name at least one index to serve")
        self._images = PageImages(engines)
        several = len(engines) > 1
        tools = {
            name: EngineTools(one, index=name if several else "") for name, one in engines.items()
        }

        def registered(name: str, title: str, **hints: bool) -> Tool:
            return _tool(tool_function(tools, name), title=title, **hints)

        listed = [registered(name, title, readOnlyHint=True) for name, title in _READ.items()]
        if writable:
            hints = {"readOnlyHint": False, "idempotentHint": True}
            add = registered("add_documents", "Add documents", destructiveHint=False, **hints)
            remove = registered(
                "remove_document", "Remove a document", destructiveHint=True, **hints
            )
            listed += [add, remove]
        self._by_name = {tool.name: tool for tool in listed}
        names = f" The indexes are {', '.join(engines)}." if several else ""
        super().__init__(
            "colregion",
            instructions=_INSTRUCTIONS + names,
            tools=listed,
            log_level="WARNING",
            **_VERSION,
            **options,
        )

    async def list_resource_templates(self) -> list[ResourceTemplate]:
        return [ResourceTemplate.model_validate(one) for one in self._images.templates()]

    async def read_resource(
        self,
        uri: Any,
        context: Any = None,  # noqa: ARG002
    ) -> list[ReadResourceContents]:
        read = partial(self._images.read, str(uri))
        try:
            png = await to_thread.run_sync(read, limiter=self._limiter)
        except ColregionError as error:
            raise ResourceError(str(error)) from error
        return [ReadResourceContents(content=png, mime_type="image/png")]

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


def _tool(method: Callable[..., CallToolResult], *, title: str, **hints: bool) -> Tool:
    tool = Tool.from_function(
        method,
        title=title,
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
