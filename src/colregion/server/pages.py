"""The page to ask from, the report for browsers without script, and the page for the token."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Annotated
from urllib.parse import parse_qs, urlencode

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from colregion import __version__
from colregion.engine import Engine
from colregion.errors import ColregionError
from colregion.export.html import Section, html_report
from colregion.export.html.report import base_css
from colregion.server.guard import COOKIE, Token
from colregion.server.problems import status_of
from colregion.server.workers import ServerLimits, Workers

_STATIC = Path(__file__).parent / "static"
_MAX_QUESTIONS = 8
_SHARED_CSS = "/base.css"
_LOGIN = "/login"
_POLICY = re.compile(r'http-equiv="Content-Security-Policy" content="([^"]+)"')

Questions = Annotated[list[str], Query(max_length=_MAX_QUESTIONS)]


class Pages:
    """What people open in a browser."""

    static = StaticFiles(directory=_STATIC)
    open_paths = (_LOGIN, _SHARED_CSS, "/static/app.css")
    """What the page for the token needs."""

    def __init__(
        self,
        engine: Engine,
        workers: Workers,
        limits: ServerLimits,
        *,
        token: Token | None,
        writable: bool,
    ) -> None:
        self._engine, self._workers, self._limits = engine, workers, limits
        self._token, self._writable = token, writable

    def router(self) -> APIRouter:
        router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
        router.add_api_route("/", self.home)
        router.add_api_route("/report", self.report)
        router.add_api_route(_SHARED_CSS, self.shared_css, response_class=Response)
        if self._token is not None:
            router.add_api_route(_LOGIN, self.login, methods=["POST"])
        return router

    async def home(self, request: Request) -> Response:
        html = _render("index.html", writable=self._writable, query=request.url.query)
        return HTMLResponse(html)

    async def report(self, q: Questions = []) -> Response:  # noqa: B006  (FastAPI copies it)
        """The questions and their answers as one page without script."""
        try:
            html = await self._workers.run(self._report, q)
        except ColregionError as error:
            return HTMLResponse(_render("problem.html", message=str(error)), status_of(error))
        policy = _POLICY.search(html)
        assert policy is not None
        headers = {"content-security-policy": f"{policy[1]}; frame-ancestors 'none'"}
        return HTMLResponse(html, headers=headers)

    async def shared_css(self) -> Response:
        return Response(base_css(), media_type="text/css")

    async def login(self, request: Request) -> Response:
        """Take the token from the form and store its hash in a cookie."""
        form = parse_qs((await request.body()).decode("latin-1"))
        query = form.get("query", [""])[0]
        if self._token is None or not self._token.matches(form.get("token", [""])[0]):
            return _login_page(query, status=401, wrong=True)
        address = urlencode(parse_qs(query), doseq=True)
        answer = RedirectResponse(f"./?{address}" if address else "./", 303)
        root = str(request.scope.get("root_path", ""))
        answer.set_cookie(
            COOKIE,
            self._token.cookie,
            path=f"{root}/",
            httponly=True,
            samesite="lax",
            secure=request.url.scheme == "https",
        )
        return answer

    async def ask_for_token(self, scope: Scope, receive: Receive, send: Send) -> None:
        query = scope.get("query_string", b"").decode("latin-1")
        await _login_page(query, status=401, wrong=False)(scope, receive, send)

    def _report(self, questions: list[str]) -> str:
        sections = []
        for question in filter(str.strip, questions):
            hits = self._engine.search(self._limits.check_question(question))
            maps = {
                page: self._engine.explain(question, page) for page in {h.page_id for h in hits}
            }
            sections.append(Section(question, hits, maps))
        return html_report(sections, home="./")


def _login_page(query: str, *, status: int, wrong: bool) -> Response:
    html = _render("login.html", query=query, wrong=wrong)
    return HTMLResponse(html, status, headers={"cache-control": "no-store"})


def _render(template: str, **values: object) -> str:
    return _templates().get_template(template).render(version=__version__, **values)


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("colregion.server"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
