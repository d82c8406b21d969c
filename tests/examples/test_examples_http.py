"""The example of an encoder over HTTP, against a real service on this machine."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from colregion.demo import DOCUMENTS
from colregion.testing.fakes import ColorEncoder

EXAMPLE = Path(__file__).parents[2] / "examples" / "http_encoder.py"
(REPORT,) = DOCUMENTS.glob("*report*.pdf")
ROWS, COLS = 8, 6


class Service(BaseHTTPRequestHandler):
    """Embeds pages by the mean colour of each cell, and questions by the colours they name."""

    def do_GET(self) -> None:
        self._answer({"name": "colours"} if self.path == "/model" else None)

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/query":
            query = ColorEncoder().encode_query(asked["text"])
            self._answer({"vectors": query.vectors.tolist(), "tokens": query.tokens})
            return
        image = Image.open(io.BytesIO(base64.b64decode(asked["image"]))).convert("RGB")
        small = image.resize((COLS, ROWS), Image.Resampling.BOX)
        cells = np.asarray(small, dtype=np.float32).reshape(-1, 3) / 255 - 0.5
        vectors = cells / np.linalg.norm(cells, axis=1, keepdims=True)
        numbers = np.arange(ROWS * COLS).reshape(ROWS, COLS)
        self._answer({"vectors": vectors.tolist(), "cells": numbers.tolist()})

    def _answer(self, content: Any) -> None:
        self.send_response(200 if content else 404)
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Service) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def run(*arguments: object, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(EXAMPLE), *map(str, arguments)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_http_encoder_searches_with_the_embeddings_of_the_service(url: str, tmp_path: Path) -> None:
    done = run(url, REPORT, "blue", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "not added" not in done.stdout
    assert done.stdout.count(f"{REPORT.name} page ") == 3


def test_an_unreachable_service_is_named_in_the_error(tmp_path: Path) -> None:
    done = run("http://127.0.0.1:9", tmp_path, "red", folder=tmp_path)
    assert done.returncode == 1
    assert "BackendError: http://127.0.0.1:9/model did not answer" in done.stderr
