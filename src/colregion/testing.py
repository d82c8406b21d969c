"""For those who write a parser, an encoder or an index: fakes to build on, contracts to inherit.

A contract is a class of tests. Derive from it, give it the object as a fixture, and pytest runs
every promise of the port against it:

    class TestMyEncoder(EncoderContract):
        @pytest.fixture
        def encoder(self): return MyEncoder()

Needs pytest, which this module alone imports.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image

from colregion.errors import InvalidInput
from colregion.geometry import Box, BoxPlacement, FloatArray, GridPlacement
from colregion.ports import Encoder, Parser
from colregion.records import (
    Document,
    Page,
    PageEmbedding,
    ParsedPage,
    QueryEmbedding,
    Region,
    Word,
)
from colregion.text import terms


@dataclass(frozen=True)
class PlainImage:
    """An `ImageLoader` for a page of one colour, with coloured boxes painted on it."""

    width_px: int = 60
    height_px: int = 80
    colour: tuple[int, int, int] = (255, 255, 255)
    painted: tuple[tuple[Box, tuple[int, int, int]], ...] = ()

    def __call__(self, *, dpi: int | None = None) -> Image.Image:  # noqa: ARG002
        image = Image.new("RGB", (self.width_px, self.height_px), self.colour)
        for box, colour in self.painted:
            image.paste(colour, box.to_pixels(width_px=self.width_px, height_px=self.height_px))
        return image


def make_page(*, doc_id: str = "doc", number: int = 1, image: PlainImage | None = None) -> Page:
    """A picture page; white, 60 x 80 px, unless `image` says otherwise."""
    image = image or PlainImage()
    return Page(
        doc_id=doc_id,
        number=number,
        width=image.width_px,
        height=image.height_px,
        unit="px",
        load_image=image,
    )


def make_parsed_page(
    lines: Sequence[tuple[str, Box]],
    *,
    doc_id: str = "doc",
    number: int = 1,
    image: PlainImage | None = None,
) -> ParsedPage:
    """A page whose every line is an area of its own, its words side by side in equal widths."""
    page = make_page(doc_id=doc_id, number=number, image=image)
    words: list[Word] = []
    regions: list[Region] = []
    for i, (text, box) in enumerate(lines):
        parts = text.split()
        for j, part in enumerate(parts):
            x0 = box.x0 + box.width * j / len(parts)
            words.append(Word(part, Box(x0, box.y0, x0 + box.width / len(parts), box.y1), line=i))
        for depth in (1, 2, 3):
            path = (i + 1, 1, 1)[:depth]
            regions.append(Region(page_id=page.id, path=path, box=box, text=text))
    return ParsedPage(page, tuple(words), tuple(regions))


class WordEncoder(Encoder):
    """A fake: one vector a word, a one-hot of `dim` chosen by the word's first letter."""

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
        return [
            PageEmbedding(
                self._vectors([word.text for word in page.words]),
                BoxPlacement(
                    np.array([w.box.xyxy for w in page.words], dtype=np.float64).reshape(-1, 4)
                ),
            )
            for page in pages
        ]

    def encode_query(self, text: str) -> QueryEmbedding:
        tokens = tuple(terms(text))
        if not tokens:
            raise InvalidInput("the question is empty")
        return QueryEmbedding(
            vectors=self._vectors(tokens),
            tokens=tokens,
            content=np.ones(len(tokens), dtype=bool),
            weights=np.ones(len(tokens), dtype=np.float32),
        )


class ColourEncoder(Encoder):
    """A fake visual model: a page's patches are the mean colours of a grid of its picture, and a
    question is the name of a colour. What it finds must lie where the picture shows it, so it
    uncovers every swapped or flipped axis between picture and box.

    The vectors come in a scrambled order, led by a prompt vector that looks nowhere.
    """

    colours = {"red": (1.0, 0.0, 0.0), "green": (0.0, 1.0, 0.0), "blue": (0.0, 0.0, 1.0)}  # noqa: RUF012

    def __init__(self, *, rows: int = 8, cols: int = 6) -> None:
        self.rows, self.cols = rows, cols

    @property
    def fingerprint(self) -> str:
        return f"fake-colours/{self.rows}x{self.cols}"

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
        tokens = tuple(term for term in terms(text) if term in self.colours)
        if not tokens:
            raise InvalidInput(f"ask for one of {', '.join(self.colours)}, got {text!r}")
        vectors = np.array([self.colours[token] for token in tokens], dtype=np.float32) - 0.5
        return QueryEmbedding(
            vectors=vectors / np.linalg.norm(vectors, axis=1, keepdims=True),
            tokens=tokens,
            content=np.ones(len(tokens), dtype=bool),
            weights=np.ones(len(tokens), dtype=np.float32),
        )


class LineParser(Parser):
    """A fake: gives every page the same lines."""

    def __init__(self, lines: Sequence[tuple[str, Box]]) -> None:
        self.lines = tuple(lines)

    @property
    def fingerprint(self) -> str:
        return f"fake-lines/{self.lines!r}"

    def parse(self, document: Document) -> Iterator[ParsedPage]:
        for page in document.pages():
            parsed = make_parsed_page(self.lines, doc_id=page.doc_id, number=page.number)
            yield ParsedPage(page, parsed.words, parsed.regions)


class EncoderContract:
    """What every encoder promises. Override the fixture `encoder`, and `pages` and `question`
    where these pages do not suit it."""

    @pytest.fixture
    def encoder(self) -> Encoder:
        raise NotImplementedError("give the contract an encoder")

    @pytest.fixture
    def pages(self) -> list[ParsedPage]:
        """Two pages of different shape, and a blank one."""
        return [
            make_parsed_page(
                [("Total amount due", Box(0.1, 0.1, 0.6, 0.2)), ("42.00", Box(0.7, 0.1, 0.9, 0.2))]
            ),
            make_parsed_page(
                [("Delivery address", Box(0.2, 0.5, 0.8, 0.6))],
                number=2,
                image=PlainImage(width_px=90, height_px=50),
            ),
            make_parsed_page([], number=3),
        ]

    @pytest.fixture
    def question(self) -> str:
        return "What is the total amount?"

    def test_no_pages_give_no_embeddings(self, encoder: Encoder) -> None:
        assert encoder.encode_pages([]) == []

    def test_every_page_gets_one_embedding_whose_vectors_are_all_placed(
        self, encoder: Encoder, pages: list[ParsedPage]
    ) -> None:
        embeddings = encoder.encode_pages(pages)
        assert len(embeddings) == len(pages)
        for embedding in embeddings:
            assert embedding.vectors.shape[0] == len(embedding.placement)
            assert (embedding.placement.areas >= 0).all()

    def test_the_batch_does_not_change_a_page(
        self, encoder: Encoder, pages: list[ParsedPage]
    ) -> None:
        together = encoder.encode_pages(pages)
        for page, batched in zip(pages, together, strict=True):
            (alone,) = encoder.encode_pages([page])
            np.testing.assert_allclose(alone.vectors, batched.vectors, atol=1e-3)

    def test_page_and_question_share_the_dimension(
        self, encoder: Encoder, pages: list[ParsedPage], question: str
    ) -> None:
        query = encoder.encode_query(question)
        assert {e.vectors.shape[1] for e in encoder.encode_pages(pages)} == {query.vectors.shape[1]}

    def test_a_question_has_content_and_weights_of_one(
        self, encoder: Encoder, question: str
    ) -> None:
        query = encoder.encode_query(question)
        assert query.content.any()
        assert (query.weights == 1).all()

    @pytest.mark.parametrize("empty", ["", "   ", "\n"])
    def test_an_empty_question_is_refused(self, encoder: Encoder, empty: str) -> None:
        with pytest.raises(InvalidInput):
            encoder.encode_query(empty)

    def test_the_fingerprint_is_stable(self, encoder: Encoder) -> None:
        assert encoder.fingerprint
        assert encoder.fingerprint == encoder.fingerprint


class ParserContract:
    """What every parser promises. Override the fixtures `parser` and `document` (a document of
    at least one page with words that this parser can read)."""

    @pytest.fixture
    def parser(self) -> Parser:
        raise NotImplementedError("give the contract a parser")

    @pytest.fixture
    def document(self) -> Document:
        raise NotImplementedError("give the contract a document")

    def test_every_page_comes_once_and_in_order(self, parser: Parser, document: Document) -> None:
        numbers = [parsed.page.number for parsed in parser.parse(document)]
        assert numbers == [page.number for page in document.pages()]

    def test_words_and_regions_lie_on_the_page(self, parser: Parser, document: Document) -> None:
        for parsed in parser.parse(document):
            for box in [*(w.box for w in parsed.words), *(r.box for r in parsed.regions)]:
                assert 0 <= box.x0 < box.x1 <= 1
                assert 0 <= box.y0 < box.y1 <= 1

    def test_something_is_read(self, parser: Parser, document: Document) -> None:
        assert any(region.text for parsed in parser.parse(document) for region in parsed.regions)

    def test_a_region_lies_in_its_parent(self, parser: Parser, document: Document) -> None:
        for parsed in parser.parse(document):
            for region, parent in zip(parsed.regions, parsed.parents, strict=True):
                if parent >= 0:
                    assert region.box.share_inside(parsed.regions[parent].box) > 0.99

    def test_parsing_twice_gives_the_same_ids_and_texts(
        self, parser: Parser, document: Document
    ) -> None:
        def ids(parsed: ParsedPage) -> list[tuple[str, str]]:
            return [(region.id, region.text) for region in parsed.regions]

        first = [ids(parsed) for parsed in parser.parse(document)]
        assert first == [ids(parsed) for parsed in parser.parse(document)]

    def test_it_can_be_left_early(self, parser: Parser, document: Document) -> None:
        pages = parser.parse(document)
        next(pages)
        getattr(pages, "close", lambda: None)()
