"""Read words with those seen on the image beside them, on pages drawn here."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from colregion.core.documents import Page
from colregion.core.embeddings import EmbeddedPage
from colregion.core.geometry import Box, BoxPlacement
from colregion.core.interfaces import Encoder
from colregion.core.regions import ParsedPage, Region, Word
from colregion.documents.images import in_memory_image
from colregion.encoders import load_encoder
from colregion.encoders.static.encoder import StaticTokenEncoder
from colregion.encoders.visual_words.encoder import VisualWordsEncoder
from colregion.encoders.visual_words.with_read_words import ReadAndSeenWordsEncoder, is_covered
from colregion.errors import InvalidInput
from colregion.testing import EncoderContract

pytestmark = pytest.mark.fonts

WIDTH, HEIGHT = 480, 120
UPPER, LOWER = "invoice delivery address".split(), "annual report growth".split()


@pytest.fixture(scope="module")
def encoder() -> ReadAndSeenWordsEncoder:
    return ReadAndSeenWordsEncoder()


@pytest.fixture(scope="module")
def drawn() -> tuple[Image.Image, dict[str, Box]]:
    """Two lines of words, and where each stands."""
    image = Image.new("RGB", (WIDTH, HEIGHT), "white")
    pen = ImageDraw.Draw(image)
    font = ImageFont.truetype("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf", 20)
    boxes = {}
    for y, words in ((20, UPPER), (70, LOWER)):
        x = 20.0
        for word in words:
            pen.text((x, y), word, font=font, fill="black")
            left, top, right, bottom = pen.textbbox((x, y), word, font=font)
            boxes[word] = Box(left / WIDTH, top / HEIGHT, right / WIDTH, bottom / HEIGHT)
            x = right + 20
    return image, boxes


def page_with(
    drawn: tuple[Image.Image, dict[str, Box]], words: dict[str, str], *, confidence: float | None
) -> ParsedPage:
    """The page, with a text read at the place of some of its words."""
    image, boxes = drawn
    page = Page("doc", 1, WIDTH, HEIGHT, "px", load_image=partial(in_memory_image, image))
    read = tuple(Word(text, boxes[place], confidence) for place, text in words.items())
    return ParsedPage(page, read, ())


def words_of(encoder: Encoder, page: ParsedPage) -> list[str]:
    """Which of the drawn words has each vector that is exactly that of a word, sorted."""
    (embedding,) = encoder.encode_pages([page])
    static = StaticTokenEncoder()
    known = {word: static.term_vector(word) for word in (*UPPER, *LOWER)}
    return sorted(
        word
        for vector in embedding.vectors
        for word, right in known.items()
        if np.array_equal(vector, right)
    )


class TestReadAndSeenWordsEncoder(EncoderContract):
    @pytest.fixture
    def encoder(self, encoder: ReadAndSeenWordsEncoder) -> Encoder:
        return encoder

    @pytest.fixture
    def pages(self, drawn: tuple[Image.Image, dict[str, Box]]) -> list[ParsedPage]:
        read = {word: word for word in UPPER}
        paper = partial(in_memory_image, Image.new("RGB", (60, 80), "white"))
        blank = Page("blank", 1, 60, 80, "px", load_image=paper)
        return [page_with(drawn, read, confidence=0.9), ParsedPage(blank, (), ())]


def test_words_that_were_read_with_confidence_are_those_of_static_tokens(
    encoder: ReadAndSeenWordsEncoder, drawn: tuple[Image.Image, dict[str, Box]]
) -> None:
    page = page_with(drawn, {word: word for word in (*UPPER, *LOWER)}, confidence=None)
    (embedding,), (read,) = (one.encode_pages([page]) for one in (encoder, StaticTokenEncoder()))
    np.testing.assert_array_equal(embedding.vectors, read.vectors)
    assert isinstance(embedding.placement, BoxPlacement)
    assert isinstance(read.placement, BoxPlacement)
    np.testing.assert_array_equal(embedding.placement.boxes_xyxy, read.placement.boxes_xyxy)


def test_words_that_were_not_read_are_seen(
    encoder: ReadAndSeenWordsEncoder, drawn: tuple[Image.Image, dict[str, Box]]
) -> None:
    page = page_with(drawn, {word: word for word in UPPER}, confidence=0.9)
    # The model is sure of the lower line; the upper one is not there twice.
    assert words_of(encoder, page) == sorted([*UPPER, *LOWER])


def test_what_the_image_shows_counts_where_nothing_was_read_even_if_it_is_not_sure(
    encoder: ReadAndSeenWordsEncoder, drawn: tuple[Image.Image, dict[str, Box]]
) -> None:
    image, boxes = drawn
    dotted = np.array(image)
    dotted[::2, ::3] = 255
    page = page_with((Image.fromarray(dotted), boxes), {"invoice": "invoice"}, confidence=0.9)
    seen = encoder.see(page)
    centers = seen.boxes.reshape(-1, 2, 2).mean(axis=1)
    is_elsewhere = (centers[:, 0] > boxes["invoice"].x1) | (centers[:, 1] > boxes["invoice"].y1)
    assert (seen.certainty[is_elsewhere] < 0.9).any()
    (embedding,) = encoder.encode_pages([page])
    np.testing.assert_array_equal(embedding.vectors[1:], seen.vectors[is_elsewhere])


@pytest.mark.parametrize(("confidence", "is_added"), [(0.3, True), (0.9, False)])
def test_misread_word_has_the_seen_one_beside_it_where_the_reading_is_doubtful(
    encoder: ReadAndSeenWordsEncoder,
    drawn: tuple[Image.Image, dict[str, Box]],
    confidence: float,
    is_added: bool,
) -> None:
    page = page_with(drawn, {"report": "rep0rf"}, confidence=confidence)
    assert ("report" in words_of(encoder, page)) == is_added
    (embedding,) = encoder.encode_pages([page])
    np.testing.assert_array_equal(embedding.vectors[0], StaticTokenEncoder().term_vector("rep0rf"))


def test_where_a_page_is_unread_all_that_the_image_shows_counts_until_it_is_read(
    encoder: ReadAndSeenWordsEncoder, drawn: tuple[Image.Image, dict[str, Box]]
) -> None:
    page = page_with(drawn, {}, confidence=None).page
    upper, lower = Box(0, 0, 1, 0.45), Box(0, 0.5, 1, 1)
    unread = [Region(page.id, (i,), box, "", unread=True) for i, box in ((1, upper), (2, lower))]
    nothing_read = ParsedPage(page, (), tuple(unread))
    (before,) = encoder.encode_pages([nothing_read])
    (seen,) = VisualWordsEncoder().encode_pages([nothing_read])
    np.testing.assert_array_equal(before.vectors, seen.vectors)

    boxes = drawn[1]
    words = tuple(Word(word, boxes[word], 0.9) for word in UPPER)
    line = Region(page.id, (1,), upper, " ".join(UPPER))
    half_read = ParsedPage(page, words, (line, unread[1]))
    after = encoder.with_words(EmbeddedPage(nothing_read, before), half_read)
    (read,) = StaticTokenEncoder().encode_pages([half_read])
    np.testing.assert_array_equal(after.vectors[: len(read.vectors)], read.vectors)
    assert isinstance(after.placement, BoxPlacement)
    assert (after.placement.boxes_xyxy[len(read.vectors) :, 1] > 0.45).all()


def test_a_box_is_covered_by_another_that_has_a_quarter_of_it() -> None:
    boxes = np.array([[0.0, 0.0, 0.4, 0.1], [0.5, 0.5, 0.6, 0.6]])
    assert is_covered(boxes, np.array([[0.3, 0.0, 0.9, 0.1]])).tolist() == [True, False]
    assert is_covered(boxes, np.array([[0.31, 0.0, 0.9, 0.1]])).tolist() == [False, False]
    assert is_covered(boxes, np.zeros((0, 4))).tolist() == [False, False]


def test_it_is_loaded_by_name_and_its_fingerprint_names_both_encoders(
    encoder: ReadAndSeenWordsEncoder,
) -> None:
    name = "static_tokens+visual_words"
    assert isinstance(load_encoder(name), ReadAndSeenWordsEncoder)
    assert encoder.spec == name
    parts = encoder.fingerprint.split()
    assert parts[:3] == ["read_and_seen-2", "static_tokens-2", "visual_words-4"]
    with pytest.raises(InvalidInput, match="has no option 'device'"):
        load_encoder(f"{name}?device=cpu")
