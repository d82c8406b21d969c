"""Who may talk to the server: Host and Origin, the token, the size of requests; and the headers
that tell a browser what a page of the server may do."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from colregion.errors import InvalidInput
from colregion.server.problems import error_answer

LOOPBACK = ("localhost", "127.0.0.1", "::1")
"""The names under which a machine reaches itself."""

COOKIE = "colregion"
MIN_TOKEN_CHARACTERS = 16

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "cache-control": "private, no-cache",
    "content-security-policy": PAGE_POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "same-origin",  # without a referrer a form's Origin is "null"
    "x-content-type-options": "nosniff",
}


class Token:
    """The secret that clients show in the header `Authorization: Bearer TOKEN`, or browsers in a
    cookie. The cookie is a hash of it, so that a browser stores no token."""

    def __init__(self, token: str) -> None:
        if len(token) < MIN_TOKEN_CHARACTERS or not token.isascii() or not token.isprintable():
            raise InvalidInput(
                f"a token takes {MIN_TOKEN_CHARACTERS} or more printable ASCII characters, so that "
                "nobody guesses it"
            )
        self._token = token
        self.cookie = hashlib.sha256(f"colregion {token}".encode()).hexdigest()

    def matches(self, token: str) -> bool:
        return hmac.compare_digest(token.encode(), self._token.encode())

    def admits(self, headers: Headers) -> bool:
        """Whether a request's headers show the token or its cookie."""
        scheme, _, shown = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self.matches(shown.strip()):
            return True
        try:
            morsel = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        except CookieError:
            return False
        return morsel is not None and hmac.compare_digest(
            morsel.value.encode(), self.cookie.encode()
        )


class Guard:
    """Middleware that refuses requests before anything reads them.

    Args:
        hosts: names, without ports, that a request's Host may have; None for any. Together with
            the token it stops pages elsewhere that make their name resolve to this machine.
        token: required of every request but those for `open_paths`; None for none.
        max_bytes: of a body; `upload_bytes` for one that adds a document.
        open_paths: below the application, for those without the token.
        ask_for_token: makes the page on which a person enters the token.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        hosts: Collection[str] | None,
        token: Token | None,
        max_bytes: int,
        upload_bytes: int,
        open_paths: Collection[str],
        ask_for_token: ASGIApp,
    ) -> None:
        self._app = app
        self._hosts = None if hosts is None else {host.lower() for host in hosts}
        self._token = token
        self._max_bytes, self._upload_bytes = max_bytes, upload_bytes
        self._open_paths = open_paths
        self._ask_for_token = ask_for_token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        headers = Headers(scope=scope)
        answer = self._refusal(scope, headers)
        if answer is not None:
            await answer(scope, receive, send_with_headers)
            return
        limit = self._limit(scope)
        await self._app(scope, _limited(receive, limit), send_with_headers)

    def _refusal(self, scope: Scope, headers: Headers) -> ASGIApp | None:
        host = headers.get("host", "")
        if self._hosts is not None and _name(host) not in self._hosts:
            return error_answer(421, f"this server does not answer for the host {host!r}")
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2] != host:
            return error_answer(403, f"pages of {origin} may not use this server")
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and (
            scope["method"] not in ("GET", "HEAD")
        ):
            return error_answer(403, "pages of other origins may not use this server")
        path = _path(scope)
        if self._token and path not in self._open_paths and not self._token.admits(headers):
            if "text/html" in headers.get("accept", "") and scope["method"] == "GET":
                return self._ask_for_token
            return error_answer(
                401,
                "this server takes a token: send the header `Authorization: Bearer TOKEN`",
                **{"www-authenticate": "Bearer"},
            )
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length[:20]) > self._limit(scope):
            return error_answer(413, _too_large(self._limit(scope)))
        return None

    def _limit(self, scope: Scope) -> int:
        is_upload = _path(scope) == "/api/documents" and scope["method"] == "POST"
        return self._upload_bytes if is_upload else self._max_bytes


def _limited(receive: Receive, limit: int) -> Receive:
    """Receives a body that does not say how long it is, up to the limit."""
    received = 0

    async def receive_limited() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > limit:
            raise HTTPException(413, _too_large(limit))
        return message

    return receive_limited


def _path(scope: Scope) -> str:
    """The path below the place where the application is mounted."""
    path, root = str(scope["path"]), str(scope.get("root_path", ""))
    return path.removeprefix(root) if root and path.startswith(root) else path


def _name(host: str) -> str:
    """The name in a Host header: without port, and the brackets of IPv6."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def _too_large(limit: int) -> str:
    return f"the request is too large; up to {limit:,} bytes are read"
