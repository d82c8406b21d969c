"""One ASGI application for people, programs and agents: a page to ask from, REST, MCP over HTTP.

    colregion serve --index library

`app(engine)` is the application, to mount in another or to run on any ASGI server. Needs
`pip install "colregion[serve]"`.
"""

# ruff: noqa: E402  (a missing package is named before anything imports it)
from colregion.errors import require

require("fastapi", extra="serve")
require("mcp", extra="serve")

from colregion.server.application import app
from colregion.server.run import serve
from colregion.server.workers import ServerLimits

__all__ = ["ServerLimits", "app", "serve"]
