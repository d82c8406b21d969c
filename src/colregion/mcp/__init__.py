"""colregion for agents: an MCP server.

    colregion mcp --index library

Agents can search regions, read pages, look at images of both and list the documents; with
`--writable` also add and remove documents. Needs the official SDK, of version 1 or 2:
`pip install "colregion[mcp]"`.
"""

# ruff: noqa: E402  (a missing package is named before anything imports it)
from colregion.errors import require

require("mcp", extra="mcp")

from colregion.mcp.server import build_server, serve

__all__ = ["build_server", "serve"]
