"""The ASGI application: page, report, REST and MCP over one engine."""

from __future__ import annotations

from collections.abc import Collection

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from colregion import __version__
from colregion.engine import Engine
from colregion.errors import ColregionError
from colregion.mcp.http import McpEndpoint
from colregion.server import problems
from colregion.server.adding import Adding
from colregion.server.api import Api
from colregion.server.guard import LOOPBACK, Guard, Token
from colregion.server.pages import Pages
from colregion.server.workers import ServerLimits, Workers

_DESCRIPTION = (
    "Ask a question over PDFs and scans; get back the regions that answer it. Boxes are fractions "
    "of the page as displayed, origin top-left, y down; page numbers are 1-based; addresses are "
    "relative to that of the application."
)
_DEFAULT_LIMITS = ServerLimits()


def app(
    engine: Engine,
    *,
    writable: bool = False,
    token: str | None = None,
    hosts: Collection[str] | None = None,
    limits: ServerLimits = _DEFAULT_LIMITS,
) -> FastAPI:
    """The application for an open engine, to run on any ASGI server or to mount in another.

    It has a page at `/`, a report without script at `/report?q=...`, REST at `/api` with
    `/api/openapi.json`, and MCP over streamable HTTP at `/mcp`, which only reads. The engine works
    in threads; closing it is the caller's.

    Args:
        writable: whether documents can be added and removed.
        token: required of every request, as `Authorization: Bearer TOKEN` or entered on the page;
            16 or more characters.
        hosts: names that a request's Host may have, without ports. By default those of this
            machine's loopback, or any with a token.
        limits: on questions, requests, images and concurrent work.

    Raises:
        InvalidInput: a token that is too short.
    """
    workers = Workers(engine.index, limits)
    secret = None if token is None else Token(token)
    pages = Pages(engine, workers, limits, token=secret, writable=writable)
    application = FastAPI(
        title="colregion",
        version=__version__,
        description=_DESCRIPTION,
        openapi_url="/api/openapi.json",
        docs_url=None,  # its page loads scripts from elsewhere
        redoc_url=None,
    )
    application.state.workers = workers
    application.add_exception_handler(ColregionError, problems.answer_error)
    application.add_exception_handler(HTTPException, problems.answer_http_error)
    application.add_exception_handler(RequestValidationError, problems.answer_invalid)
    application.include_router(Api(engine, workers, limits, writable=writable).router())
    if writable:
        application.include_router(Adding(engine, workers).router())
    application.include_router(pages.router())
    application.mount("/static", pages.static)
    agents = McpEndpoint(engine, limiter=workers.limiter)

    class Agents:
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            workers.check()
            await agents(scope, receive, send)

    application.router.routes.append(Route("/mcp", Agents(), methods=["POST"]))
    if hosts is None and token is None:
        hosts = LOOPBACK
    application.add_middleware(
        Guard,
        hosts=hosts,
        token=secret,
        max_bytes=limits.request_bytes,
        upload_bytes=limits.upload_bytes if writable else limits.request_bytes,
        open_paths=pages.open_paths,
        ask_for_token=pages.ask_for_token,
    )
    return application
