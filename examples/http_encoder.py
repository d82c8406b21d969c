"""An encoder in one file that asks an embedding service over HTTP. The service answers

    GET  /model                                 {"name": "colqwen2.5 at 1a2b3c"}
    POST /pages   {"image": base64 PNG}         {"vectors": [[...], ...], "cells": [[0, 1], ...]}
    POST /query   {"text": "..."}               {"vectors": [[...], ...], "tokens": ["...", ...]}

where `cells` are the rows of the page's grid, with the number of each cell's vector.

python examples/http_encoder.py http://localhost:8000 FOLDER "What was the revenue in 2024?"
"""

import base64
import io
import json
import sys
from collections.abc import Sequence
from functools import cached_property
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import numpy as np

from colregion import Encoder, Engine, GridPlacement, PageEmbedding, ParsedPage, QueryEmbedding
from colregion.errors import BackendError

TIMEOUT_S = 120


class HttpEncoder(Encoder):
    """Requests the embeddings of pages and questions from a service."""

    weighs_terms = False  # late-interaction models are trained with equal weights for all tokens

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    @cached_property
    def fingerprint(self) -> str:
        # An index made with one model is not searched with another.
        return f"http/{self._ask('/model')['name']}"

    def encode_pages(self, pages: Sequence[ParsedPage]) -> list[PageEmbedding]:
        embeddings = []
        for page in pages:
            png = io.BytesIO()
            page.page.image.save(png, format="PNG")
            answer = self._ask("/pages", {"image": base64.b64encode(png.getvalue()).decode()})
            vectors = np.array(answer["vectors"], dtype=np.float32)
            cells = np.array(answer["cells"], dtype=np.int32)
            embeddings.append(PageEmbedding(vectors, GridPlacement((cells,), len(vectors))))
        return embeddings

    def encode_query(self, text: str) -> QueryEmbedding:
        answer = self._ask("/query", {"text": text})
        vectors, n = np.array(answer["vectors"], dtype=np.float32), len(answer["tokens"])
        return QueryEmbedding(vectors, tuple(answer["tokens"]), np.ones(n, bool), np.ones(n))

    def _ask(self, path: str, question: dict[str, str] | None = None) -> Any:
        body = None if question is None else json.dumps(question).encode()
        request = Request(self.url + path, body, {"Content-Type": "application/json"})
        try:
            with urlopen(request, timeout=TIMEOUT_S) as answer:
                return json.load(answer)
        except (URLError, TimeoutError, ValueError) as cause:
            raise BackendError(f"{self.url}{path} did not answer: {cause}") from cause


def main(url: str, folder: str, question: str) -> None:
    with Engine.open("http-library", encoder=HttpEncoder(url)) as engine:
        for outcome in engine.add(folder).failed:
            print(f"not added: {outcome.source}: {outcome.reason}")
        for hit in engine.search(question, k=3):
            print(f"{hit.score:.3f} {hit.doc_id} page {hit.page_number}: {hit.text!r}")


if __name__ == "__main__":
    main(*sys.argv[1:])
