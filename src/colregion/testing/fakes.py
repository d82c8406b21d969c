"""Fake pages, parsers and encoders with predictable results."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from colregion.core.documents import Document, Page
from colregion.core.embeddings import PageEmbedding, QueryEmbedding
from colregion.core.geometry import Box, BoxPlacement, FloatArray, GridPlacement, boxes_to_array
from colregion.core.interfaces import Encoder, Parser
from colregion.core.regions import ParsedPage, Region, Word
from colregion.core.text import terms
from colregion.errors import InvalidInput


@dataclass(frozen=True)
class PlainImage:
    """`ImageLoader` of a page in one color, with colored boxes painted on it."""

    width_px: int = 60
    height_px: int = 80
    color: tuple[int, int, int] = (255, 255, 255)
    painted: tuple[tuple[Box, tuple[int, int, int]], ...] = ()

    def __call__(self, *, dpi: int | None = None) -> Image.Image:  # noqa: ARG002
        image = Image.new("RGB", (self.width_px, self.height_px), self.color)
        for box, color in self.painted:
            image.paste(color, box.to_pixels(width_px=self.width_px, height_px=self.height_px))
        return image


def make_page(*, doc_id: str = "doc", number: int = 1, image: PlainImage | None = None) -> Page:
    """A page of an image file; by default white, 60 x 80 px."""
    image = image or PlainImage()
    return Page(doc_id, number, image.width_px, image.height_px, "px", load_image=image)


def make_parsed_page(
    lines: Sequence[tuple[str, Box]],
    *,
    doc_id: str = "doc",
    number: int = 1,
    image: PlainImage | None = None,
) -> ParsedPage:
    """A page of lines (text, box), each an area of its own with words of equal width."""
    page = make_page(doc_id=doc_id, number=number, image=image)
    words: list[Word] = []
    regions: list[Region] = []
    for i, (text, box) in enumerate(lines):
        parts = text.split()
        for j, part in enumerate(parts):
            x0 = box.x0 + box.width * j / len(parts)
            words.append(Word(part, Box(x0, box.y0, x0 + box.width / len(parts), box.y1), line=i))
        paths = ((i + 1,), (i + 1, 1), (i + 1, 1, 1))
        regions += [Region(page_id=page.id, path=path, box=box, text=text) for path in paths]
    return ParsedPage(page, tuple(words), tuple(regions))


def plain_query(tokens: tuple[str, ...], vectors: FloatArray) -> QueryEmbedding:
    """A query whose tokens all count, with weight one."""
    n = len(tokens)
    return QueryEmbedding(vectors, tokens, np.ones(n, dtype=bool), np.ones(n, dtype=np.float32))


class WordEncoder(Encoder):
    """Fake encoder with one vector per word: one-hot in `dim`, by the word's first letter."""

    def __init__(self, dim: int = 32) -> None:
        self.dim = dim

    @property
    def fingerprint(self) -> str:
        return f"fake-words/{self.dim}"

    def _vectors(self, words: Sequence[str]) -> FloatArray:
        vectors = np.zeros((len(words), self.dim), dtype=np.float32)
        for i, word in enumerate(words):
            vectors[i, ord(word[0].lower()) % self.dim] = 1.0
        return vectors

    def encode_pages(self, pages: Sequence[ParsedPage]) -> list[PageEmbedding]:
        embeddings = []
        for page in pages:
            vectors = self._vectors([word.text for word in page.words])
            placement = BoxPlacement(boxes_to_array(word.box for word in page.words))
            embeddings.append(PageEmbedding(vectors, placement))
        return embeddings

    def encode_query(self, text: str) -> QueryEmbedding:
        tokens = tuple(terms(text))
        if not tokens:
            raise InvalidInput("the question is empty")
        return plain_query(tokens, self._vectors(tokens))


class ColorEncoder(Encoder):
    """Fake visual model: page vectors are the mean colors of a grid of its image, in a scrambled
    order after a prompt vector that looks nowhere, and a question names colors. Regions must come
    back where the image shows the color, which reveals a swapped or flipped axis."""

    sees_images = True
    colors = {"red": (1.0, 0.0, 0.0), "green": (0.0, 1.0, 0.0), "blue": (0.0, 0.0, 1.0)}  # noqa: RUF012

    def __init__(self, *, rows: int = 8, cols: int = 6) -> None:
        self.rows, self.cols = rows, cols

    @property
    def fingerprint(self) -> str:
        return f"fake-colors/{self.rows}x{self.cols}"

    def encode_pages(self, pages: Sequence[ParsedPage]) -> list[PageEmbedding]:
        n = self.rows * self.cols
        order = np.random.default_rng(0).permutation(n)
        embeddings = []
        for page in pages:
            small = page.page.image.resize((self.cols, self.rows), Image.Resampling.BOX)
            cells = np.asarray(small, dtype=np.float32).reshape(n, 3) / 255 - 0.5
            vectors = np.zeros((n + 1, 3), dtype=np.float32)
            vectors[order + 1] = cells / np.linalg.norm(cells, axis=1, keepdims=True)
            layer = (order + 1).reshape(self.rows, self.cols)
            embeddings.append(PageEmbedding(vectors, GridPlacement((layer,), n_vectors=n + 1)))
        return embeddings

    def encode_query(self, text: str) -> QueryEmbedding:
        tokens = tuple(term for term in terms(text) if term in self.colors)
        if not tokens:
            raise InvalidInput(f"ask for one of {', '.join(self.colors)}, got {text!r}")
        vectors = np.array([self.colors[token] for token in tokens], dtype=np.float32) - 0.5
        return plain_query(tokens, vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


class LineParser(Parser):
    """Fake parser that returns the same lines for every page."""

    def __init__(self, lines: Sequence[tuple[str, Box]]) -> None:
        self.lines = tuple(lines)

    @property
    def fingerprint(self) -> str:
        return f"fake-lines/{self.lines!r}"

    def parse(self, document: Document) -> Iterator[ParsedPage]:
        for page in document.pages():
            parsed = make_parsed_page(self.lines, doc_id=page.doc_id, number=page.number)
            yield ParsedPage(page, parsed.words, parsed.regions)
