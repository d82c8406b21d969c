"""Hits on small painted pages, and the relevance map of two words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from colregion.core.documents import DocumentEntry
from colregion.core.embeddings import QueryEmbedding
from colregion.core.geometry import Box, BoxPlacement
from colregion.core.results import Hit, RelevanceMap
from colregion.testing import PlainImage, make_parsed_page


@pytest.fixture
def make_hit() -> Callable[..., Hit]:
    def make(
        text: str,
        box: Box,
        *,
        score: float | None = 0.5,
        kind: str = "text",
        source: str = "reports/doc.pdf",
        doc_id: str = "doc",
        path: tuple[int, ...] = (1,),
        parts: tuple[Box, ...] = (),
        image: PlainImage | None = None,
    ) -> Hit:
        parsed = make_parsed_page([("words", box)], doc_id=doc_id, image=image)
        region = replace(parsed.regions[0], text=text, kind=kind, path=path, parts=parts)
        entry = DocumentEntry(doc_id, source, "hash", "settings")
        return Hit(region, parsed, entry, score)

    return make


@pytest.fixture
def two_words() -> RelevanceMap:
    """ "net" lights the upper left eighth of the page, "sum" the lower right one."""
    places = np.array([[0.0, 0.0, 0.5, 0.25], [0.5, 0.75, 1.0, 1.0], [0.5, 0.0, 1.0, 0.25]])
    return RelevanceMap(
        similarity=np.array([[0.5, 0.5, 0.5], [0.9, 0.1, 0.1], [0.2, 0.8, 0.2]]),
        placement=BoxPlacement(places),
        query=QueryEmbedding(
            vectors=np.zeros((3, 2), dtype=np.float32),
            tokens=("query:", "net", "▁sum"),
            content=np.array([False, True, True]),
            weights=np.ones(3),
        ),
    )
