"""`colregion serve`: the application on uvicorn."""

from __future__ import annotations

import errno
import secrets
import socket
from collections.abc import Callable
from contextlib import closing
from types import FrameType

import uvicorn

from colregion.engine import Engine
from colregion.errors import BackendError, InvalidInput
from colregion.indexes import open_index
from colregion.server.application import app
from colregion.server.guard import LOOPBACK
from colregion.server.idle import idle_reading

_GRACE_S = 30  # for requests under way when the server is stopped, such as a page being read


def serve(
    index: str,
    *,
    host: str = "127.0.0.1",
    port: int = 8010,
    writable: bool = False,
    token: str | None = None,
    on_start: Callable[[str], None] = lambda _address: None,
) -> None:
    """Serve an index until Ctrl-C. While nobody asks, its unread pages are read.

    Args:
        index: spec of the index, which must exist unless the server is `writable`.
        host: address to listen on; one that other machines reach needs a `token`.
        port: 0 for any free one.
        on_start: called with the address of the page once the server listens.

    Raises:
        InvalidInput: there is no such index, or an address that others reach without a token.
        IndexCorrupt: the folder contains something else, or an index of another version.
        BackendError: the port is in use, or the address is none of this machine's.
    """
    if host not in LOOPBACK and token is None:
        raise InvalidInput(
            f"on {host} other machines could read the documents; give the server a token that "
            f"clients have to show, such as --token {secrets.token_urlsafe(18)}, or leave out "
            "--host"
        )
    with (
        closing(_listen(host, port)) as listener,
        Engine.open(open_index(index, create=writable)) as engine,
    ):
        application = app(engine, writable=writable, token=token)
        config = uvicorn.Config(
            application,
            log_level="warning",
            lifespan="off",
            timeout_graceful_shutdown=_GRACE_S,
            server_header=False,
        )
        name = f"[{host}]" if ":" in host else host
        on_start(f"http://{name}:{listener.getsockname()[1]}/")
        workers = application.state.workers
        with idle_reading(engine, workers):
            _Server(config, on_exit=workers.stop).run(sockets=[listener])


class _Server(uvicorn.Server):
    """Tells the application when it is about to stop; a lifespan would end after the requests."""

    def __init__(self, config: uvicorn.Config, *, on_exit: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_exit = on_exit

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._on_exit()
        super().handle_exit(sig, frame)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=128)
    except OverflowError as cause:
        raise InvalidInput(f"a port is a number from 0 to 65535, got {port}") from cause
    except OSError as cause:
        if cause.errno == errno.EADDRINUSE:
            message = (
                f"port {port} on {host} is in use, perhaps by another `colregion serve`; stop "
                "that, or choose another with --port (0 takes any free one)"
            )
        elif cause.errno == errno.EACCES:
            message = f"this user may not use port {port}; choose one above 1023 with --port"
        else:
            message = f"cannot listen on {host}: {cause.strerror or cause}; check --host"
        raise BackendError(message) from cause
