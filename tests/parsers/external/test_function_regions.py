from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from colregion.core.documents import Document, Page
from colregion.core.geometry import Box
from colregion.core.interfaces import Parser
from colregion.core.regions import Word
from colregion.errors import InvalidInput
from colregion.parsers import ExternalRegion, FunctionRegions
from colregion.testing import ParserContract

MakeDocument = Callable[..., Document]


def stamps(page: Page) -> Iterable[ExternalRegion]:
    if page.number == 1:
        yield ExternalRegion(Box(0.1, 0.2, 0.5, 0.3), "Received 4 May", "figure")


class TestFunctionContract(ParserContract):
    @pytest.fixture
    def parser(self) -> Parser:
        return FunctionRegions(stamps, name="stamps 1", words=None)

    @pytest.fixture
    def document(self, make_document: MakeDocument) -> Document:
        return make_document((200, 400), (200, 400))


def test_word_reader_is_not_used_if_the_function_gives_words(make_document: MakeDocument) -> None:
    word = Word("own", Box(0.1, 0.2, 0.2, 0.3))

    def find(page: Page) -> list[ExternalRegion]:
        assert page.number == 1
        return [ExternalRegion(word.box, words=(word,))]

    parser = FunctionRegions(find, name="own", words="text_layer")
    (page,) = parser.parse(make_document((200, 400)))
    assert page.words == (word,)


def test_function_that_returns_no_regions_is_refused(make_document: MakeDocument) -> None:
    parser = FunctionRegions(lambda _: [Box(0, 0, 1, 1)], name="boxes", words=None)  # type: ignore[list-item]
    with pytest.raises(InvalidInput, match="boxes must give ExternalRegion, got Box"):
        list(parser.parse(make_document((200, 400))))


def test_errors_of_the_function_are_raised(make_document: MakeDocument) -> None:
    def find(page: Page) -> list[ExternalRegion]:
        raise KeyError(page.number)

    with pytest.raises(KeyError):
        list(FunctionRegions(find, name="fails", words=None).parse(make_document((200, 400))))


def test_function_name_is_required_and_part_of_the_fingerprint() -> None:
    fingerprints = {FunctionRegions(stamps, name=name).fingerprint for name in ("1", "2")}
    assert len(fingerprints) == 2
    with pytest.raises(InvalidInput, match="name the function"):
        FunctionRegions(stamps, name="")
