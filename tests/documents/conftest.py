"""A writer of small PDFs, so that every number in the tests can be worked out by hand; and a server
that notes what documents request."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator, Sequence

import pytest

FIRST_PAGE = 4  # object number of the first page; its content has the next, and so on in pairs


def write_pdf(
    pages: Sequence[tuple[str, str]],
    *,
    objects: Sequence[str] = (),
    catalog: str = "",
    inherited: str = "",
    trailer: str = "",
    encrypt: Callable[[int, bytes], bytes] = lambda _number, data: data,
) -> bytes:
    """Pages are (entries of the page, content). Helvetica is /F. Further `objects` are numbered
    from `FIRST_PAGE` + two times the pages; `inherited` are entries of the page tree."""
    kids = " ".join(f"{FIRST_PAGE + 2 * i} 0 R" for i in range(len(pages)))
    bodies = [
        f"<</Type/Catalog/Pages 2 0 R {catalog}>>".encode(),
        f"<</Type/Pages/Count {len(pages)}/Kids[{kids}]{inherited}>>".encode(),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    for i, (entries, content) in enumerate(pages):
        number = FIRST_PAGE + 2 * i + 1
        if "/Resources" not in entries:
            entries += "/Resources<</Font<</F 3 0 R>>>>"
        bodies.append(f"<</Type/Page/Parent 2 0 R/Contents {number} 0 R {entries}>>".encode())
        bodies.append(stream(encrypt(number, content.encode("latin-1"))))
    bodies.extend(body.encode("latin-1") for body in objects)
    written, offsets = b"%PDF-1.7\n", []
    for number, body in enumerate(bodies, start=1):
        offsets.append(len(written))
        written += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(written)
    written += b"xref\n0 %d\n0000000000 65535 f \n" % (len(bodies) + 1)
    written += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size = len(bodies) + 1
    written += f"trailer<</Size {size}/Root 1 0 R {trailer}>>\nstartxref\n{start}\n".encode()
    return written + b"%%EOF\n"


def stream(data: bytes, entries: str = "") -> bytes:
    """A stream object's body."""
    head = f"<</Length {len(data)} {entries}>>stream\n".encode()
    return head + data + b"\nendstream"


@pytest.fixture
def make_pdf() -> Callable[..., bytes]:
    """`write_pdf`."""
    return write_pdf


@pytest.fixture
def local_server() -> Iterator[tuple[str, list[str]]]:
    """The address of an HTTP server on this machine, and the paths requested from it."""
    paths: list[str] = []

    class Noting(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_error(404)

        do_HEAD = do_OPTIONS = do_PROPFIND = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Noting)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", paths
    server.shutdown()
    server.server_close()
