"""Entries, pages and queries for the contract of indexes, and comparisons of what comes back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from colregion.core.documents import DocumentEntry
from colregion.core.embeddings import EmbeddedPage, PageEmbedding, QueryEmbedding
from colregion.core.geometry import (
    Box,
    BoxPlacement,
    FloatArray,
    GridPlacement,
    Placement,
    boxes_to_array,
)
from colregion.core.interfaces import Index
from colregion.core.regions import ParsedPage, Region
from colregion.testing.fakes import make_parsed_page, plain_query

HOSTILE = '\'; DROP TABLE page; -- "q" \\ \x00 \n </script> 🦊 \ud800 \u202e ../../x'
"""Text that breaks code which builds statements, paths, markup or UTF-8 from it."""


class IndexTestData:
    """Base of `IndexContract`.

    Vectors are sixteenths and weights quarters, so that every sum is exact in any order of
    summation and in float16: pages must come in the same order from every index, ties included.
    """

    dim = 16
    number_tolerance = 1e-3
    """Largest difference between a number of a vector and what the index returns."""
    similarity_tolerance = 1e-3
    """Largest difference between a similarity, or a score per token, and the oracle's. Above 1e-3
    the order of pages may differ from the oracle's by as much."""

    def entry(self, doc_id: str = "doc", **changes: Any) -> DocumentEntry:
        """A document's entry, with some of its fields changed."""
        fields = {"source": f"{doc_id}.pdf", "content_hash": "h1", "parser": "p1", **changes}
        return DocumentEntry(id=doc_id, **fields)

    def page(
        self,
        text: str = "one two",
        *,
        doc_id: str = "doc",
        number: int = 1,
        kind: str = "text",
        grid: bool = False,
        v: int | None = None,
    ) -> EmbeddedPage:
        """A page of words, with one vector per word that depends on the word alone, or with a
        `grid` of `v` vectors (by default one per word) that depend on the whole text."""
        words = text.split()
        v = len(words) if v is None else v
        lines = [(text, Box(0.25, 0.125, 0.75, 0.25))] if words else []
        parsed = make_parsed_page(lines, doc_id=doc_id, number=number)
        regions = tuple(replace(region, kind=kind) for region in parsed.regions)
        if not grid:
            boxes = boxes_to_array(word.box for word in parsed.words)
            vectors = [self.vector(word) for word in words]
            placement: Placement = BoxPlacement(boxes)
        else:
            vectors = [self.vector(f"{text}/{i}") for i in range(v)]
            layers = (np.arange(max(v, 1)).reshape(1, -1) - (v == 0), np.array([[v - 1]]))
            placement = GridPlacement(layers, n_vectors=v, map_layers=(1,))
        rows = np.array(vectors, dtype=np.float32).reshape(-1, self.dim)
        return EmbeddedPage(
            ParsedPage(parsed.page, parsed.words, regions), PageEmbedding(rows, placement)
        )

    def unread_page(self, texts: Sequence[str] = ("", ""), **options: Any) -> EmbeddedPage:
        """A page of one line per text, with a `grid` of four vectors; lines of "" are unread."""
        page = self.page(" ".join(texts), grid=True, v=4, **options)
        page_id = page.parsed.id
        regions = tuple(
            Region(page_id, (n,), Box(0.25, n / 8, 0.75, (n + 0.5) / 8), text, unread=not text)
            for n, text in enumerate(texts, start=1)
        )
        return replace(page, parsed=replace(page.parsed, regions=regions))

    def vector(self, seed: str) -> FloatArray:
        """(dim,) of sixteenths, the same for the same seed."""
        return _vector(seed, self.dim)

    def query(self, text: str, *, weights: Sequence[float] | None = None) -> QueryEmbedding:
        """A query with one token and vector per word, all of weight 1 by default."""
        tokens = tuple(text.split())
        vectors = np.array([self.vector(token) for token in tokens], dtype=np.float32)
        query = plain_query(tokens, vectors.reshape(-1, self.dim))
        return query if weights is None else replace(query, weights=np.array(weights))

    def library(self, *, seed: int) -> list[tuple[DocumentEntry, list[EmbeddedPage]]]:
        """Eight documents of 1 to 4 pages of 0 to 30 words from 40, placed on words or grids."""
        rng = np.random.default_rng(seed)
        words = np.array([f"w{i}" for i in range(40)])
        documents = []
        for n in range(8):
            doc_id = f"d{n}"
            pages = [
                self.page(
                    " ".join(rng.choice(words, rng.integers(0, 31))),
                    doc_id=doc_id,
                    number=number * 2 + 1,
                    kind=str(rng.choice(["text", "table", "figure"])),
                    grid=bool(rng.integers(2)),
                )
                for number in range(int(rng.integers(1, 5)))
            ]
            documents.append((self.entry(doc_id, metadata={"even": n % 2 == 0}), pages))
        return documents

    def assert_same(
        self, index: Index, oracle: Index, query: QueryEmbedding, **options: Any
    ) -> None:
        """Both indexes return the same candidates; `options` go to `Index.search`."""
        options = {"k": 50, **options}
        actual, expected = index.search(query, **options), oracle.search(query, **options)
        if self.similarity_tolerance > 1e-3:
            every = oracle.search(query, **{**options, "k": oracle.page_count + 1})
            by_id = {one.page_id: one for one in every}
            assert len(actual) == len(expected)
            assert [c.score for c in actual] == sorted((c.score for c in actual), reverse=True)
            best = [c.score for c in expected]
            expected = [by_id[one.page_id] for one in actual]
            most = self.similarity_tolerance * len(query.tokens)
            np.testing.assert_allclose([c.score for c in expected], best, atol=2 * most)
        else:
            most = 1e-3
            assert [c.page_id for c in actual] == [c.page_id for c in expected]
        scores = [c.score for c in actual], [c.score for c in expected]
        np.testing.assert_allclose(*scores, rtol=0, atol=most)
        for ours, theirs in zip(actual, expected, strict=True):
            np.testing.assert_allclose(
                ours.similarity, theirs.similarity, rtol=0, atol=self.similarity_tolerance
            )
            assert ours.region_cover.indices.tolist() == theirs.region_cover.indices.tolist()

    def state(self, index: Index) -> list[Any]:
        """Everything that a small index returns, to compare before and after."""
        entries = index.documents()
        pages = [page_id for entry in entries for page_id in index.page_ids(entry.id)]
        return [
            entries,
            pages,
            [[word.text for word in page.parsed.words] for page in index.load(pages)],
            index.document_frequency(["one", "two", "three", "old", "new"]),
            [(c.page_id, c.score) for c in index.search(self.query("one two three"), k=50)],
            index.page_count,
        ]

    def assert_same_places(self, actual: Placement, expected: Placement) -> None:
        """Both placements are of the same kind and put every vector at the same place."""
        assert type(actual) is type(expected)
        if isinstance(actual, BoxPlacement) and isinstance(expected, BoxPlacement):
            np.testing.assert_array_equal(actual.boxes_xyxy, expected.boxes_xyxy)
        if isinstance(actual, GridPlacement) and isinstance(expected, GridPlacement):
            assert actual.n_vectors == expected.n_vectors
            assert actual.map_layers == expected.map_layers
            for layer, other in zip(actual.layers, expected.layers, strict=True):
                np.testing.assert_array_equal(layer, other)


@cache
def _vector(seed: str, dim: int) -> FloatArray:
    rng = np.random.default_rng(list(seed.encode("utf-8", "surrogatepass")))
    return np.asarray(rng.integers(-8, 9, dim) / 16, dtype=np.float32)
