"""Contract tests for encoders and parsers."""

from __future__ import annotations

import numpy as np
import pytest

from colregion.core.documents import Document
from colregion.core.geometry import Box
from colregion.core.interfaces import Encoder, Parser
from colregion.core.regions import ParsedPage
from colregion.errors import InvalidInput
from colregion.testing.fakes import PlainImage, make_parsed_page


class EncoderContract:
    """Contract tests that every encoder passes. Override the fixture `encoder`, and `pages` and
    `question` if the defaults do not suit it."""

    @pytest.fixture
    def encoder(self) -> Encoder:
        raise NotImplementedError("override the fixture `encoder`")

    @pytest.fixture
    def pages(self) -> list[ParsedPage]:
        """Two pages of different shapes and a blank one."""
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

    def test_every_page_gets_one_embedding_with_a_place_for_each_vector(
        self, encoder: Encoder, pages: list[ParsedPage]
    ) -> None:
        embeddings = encoder.encode_pages(pages)
        assert len(embeddings) == len(pages)
        for embedding in embeddings:
            assert embedding.vectors.shape[0] == len(embedding.placement)
            assert (embedding.placement.areas >= 0).all()

    def test_embedding_does_not_depend_on_the_batch(
        self, encoder: Encoder, pages: list[ParsedPage]
    ) -> None:
        together = encoder.encode_pages(pages)
        for page, batched in zip(pages, together, strict=True):
            (alone,) = encoder.encode_pages([page])
            np.testing.assert_allclose(alone.vectors, batched.vectors, atol=1e-3)

    def test_pages_and_question_have_the_same_dimension(
        self, encoder: Encoder, pages: list[ParsedPage], question: str
    ) -> None:
        query = encoder.encode_query(question)
        assert {e.vectors.shape[1] for e in encoder.encode_pages(pages)} == {query.vectors.shape[1]}

    def test_query_has_content_tokens_and_weights_of_one(
        self, encoder: Encoder, question: str
    ) -> None:
        query = encoder.encode_query(question)
        assert query.content.any()
        assert (query.weights == 1).all()

    @pytest.mark.parametrize("empty", ["", "   ", "\n"])
    def test_empty_question_is_refused(self, encoder: Encoder, empty: str) -> None:
        with pytest.raises(InvalidInput):
            encoder.encode_query(empty)

    def test_fingerprint_is_stable(self, encoder: Encoder) -> None:
        assert encoder.fingerprint
        assert encoder.fingerprint == encoder.fingerprint


class ParserContract:
    """Contract tests that every parser passes. Override the fixtures `parser` and `document`, a
    document of at least one page with words that the parser can read."""

    @pytest.fixture
    def parser(self) -> Parser:
        raise NotImplementedError("override the fixture `parser`")

    @pytest.fixture
    def document(self) -> Document:
        raise NotImplementedError("override the fixture `document`")

    def test_every_page_is_parsed_once_and_in_order(
        self, parser: Parser, document: Document
    ) -> None:
        numbers = [parsed.page.number for parsed in parser.parse(document)]
        assert numbers == [page.number for page in document.pages()]

    def test_words_and_regions_are_within_the_page(
        self, parser: Parser, document: Document
    ) -> None:
        for parsed in parser.parse(document):
            for box in [*(w.box for w in parsed.words), *(r.box for r in parsed.regions)]:
                assert 0 <= box.x0 < box.x1 <= 1
                assert 0 <= box.y0 < box.y1 <= 1

    def test_some_region_has_text(self, parser: Parser, document: Document) -> None:
        assert any(region.text for parsed in parser.parse(document) for region in parsed.regions)

    def test_regions_are_within_their_parents(self, parser: Parser, document: Document) -> None:
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

    def test_parsing_can_stop_early(self, parser: Parser, document: Document) -> None:
        pages = parser.parse(document)
        next(pages)
        getattr(pages, "close", lambda: None)()
