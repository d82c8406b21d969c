"""The MCP server over streamable HTTP, as an ASGI endpoint that takes POST."""

from __future__ import annotations

from typing import Any

from anyio import CapacityLimiter
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.types import Receive, Scope, Send

from colregion.engine import Engine
from colregion.mcp.server import build_server


class McpEndpoint:
    """Answers each request in a session of its own, so that it needs no start, no end and no
    memory of clients. It only reads: over HTTP no client names files of this machine.

    Checking Host and Origin is the application's.

    Args:
        limiter: bounds the threads in which the tools run.
    """

    def __init__(self, engine: Engine, *, limiter: CapacityLimiter | None = None) -> None:
        server: Any = build_server(engine, limiter=limiter)
        # The attribute's name in version 1 and 2 of the SDK.
        self._server = getattr(server, "_mcp_server", None) or server._lowlevel_server

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        manager = StreamableHTTPSessionManager(self._server, json_response=True, stateless=True)
        async with manager.run():
            await manager.handle_request(scope, receive, send)
