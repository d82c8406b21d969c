"""The encoder on pages drawn here, whose words and places are known."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from colregion import Engine
from colregion.core.documents import Page
from colregion.core.embeddings import EmbeddedPage, PageEmbedding
from colregion.core.geometry import Box, BoxPlacement, Upright, boxes_to_array
from colregion.core.interfaces import Encoder
from colregion.core.regions import ParsedPage, Region, Word
from colregion.documents.images import ImageSource, in_memory_image
from colregion.encoders import load_encoder
from colregion.encoders.static.answer_types import AMOUNT, DATE
from colregion.encoders.static.encoder import StaticTokenEncoder
from colregion.encoders.visual_words import model
from colregion.encoders.visual_words.answer_types import AnswerTypeHead
from colregion.encoders.visual_words.encoder import VisualWordsEncoder
from colregion.encoders.visual_words.model import VisualWordModel
from colregion.encoders.visual_words.vocabulary import SURE
from colregion.errors import BackendError, InvalidInput, MissingDependency
from colregion.indexes.memory import MemoryIndex
from colregion.parsers import load_parser
from colregion.testing import EncoderContract, make_page, make_parsed_page

pytestmark = pytest.mark.fonts

FONT = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"
WORDS = "invoice delivery address street payment balance annual report revenue growth".split()

Boxes = dict[str, tuple[float, float, float, float]]


def draw(
    words: list[str], *, size: int, width: int = 620, height: int = 400, ink: str = "black"
) -> tuple[Image.Image, Boxes]:
    """A page of words in lines, and where each stands in pixels."""
    image = Image.new("RGB", (width, height), "white" if ink != "white" else "black")
    pen, font = ImageDraw.Draw(image), ImageFont.truetype(FONT, size)
    boxes: Boxes = {}
    x = y = size
    for word in words:
        if x + pen.textlength(word, font=font) > width - size:
            x, y = size, y + 2 * size
        boxes[word] = pen.textbbox((x, y), word, font=font)
        pen.text((x, y), word, font=font, fill=ink)
        x = int(boxes[word][2]) + size
    return image, boxes


def page_of(image: Image.Image, *, upright: Upright | None = None) -> ParsedPage:
    loader = partial(in_memory_image, image)
    page = Page("doc", 1, *image.size, "px", load_image=loader, upright=upright)
    return ParsedPage(page, (), ())


def embed(encoder: Encoder, image: Image.Image) -> PageEmbedding:
    (embedding,) = encoder.encode_pages([page_of(image)])
    return embedding


def places(
    encoder: Encoder, embedding: PageEmbedding, image: Image.Image, word: str
) -> list[float]:
    """The center, in pixels, of the place that is most similar to a word."""
    assert isinstance(embedding.placement, BoxPlacement)
    (query,) = encoder.encode_query(word).vectors
    x0, y0, x1, y1 = embedding.placement.boxes_xyxy[(embedding.vectors @ query).argmax()]
    return [(x0 + x1) / 2 * image.width, (y0 + y1) / 2 * image.height]


def right_places(encoder: Encoder, image: Image.Image, boxes: Boxes) -> list[str]:
    """The words whose most similar place lies on them."""
    embedding = embed(encoder, image)
    right = []
    for word, (x0, y0, x1, y1) in boxes.items():
        x, y = places(encoder, embedding, image, word)
        if x0 <= x <= x1 and y0 - 4 <= y <= y1 + 4:
            right.append(word)
    return right


@pytest.fixture(scope="module")
def encoder() -> VisualWordsEncoder:
    return VisualWordsEncoder()


class TestVisualWordsEncoder(EncoderContract):
    @pytest.fixture
    def encoder(self, encoder: VisualWordsEncoder) -> Encoder:
        return encoder

    @pytest.fixture
    def pages(self) -> list[ParsedPage]:
        wide, _ = draw(WORDS[:3], size=20, width=500, height=60)
        return [
            page_of(draw(WORDS, size=16)[0]),
            page_of(wide),
            page_of(Image.new("RGB", (60, 80))),
        ]


@pytest.mark.parametrize("size", [10, 16, 24, 48])
def test_best_vector_of_every_word_lies_on_it(encoder: VisualWordsEncoder, size: int) -> None:
    image, boxes = draw(WORDS, size=size, width=size * 30, height=size * 16)
    assert right_places(encoder, image, boxes) == WORDS


def test_light_words_on_dark_paper_are_seen(encoder: VisualWordsEncoder) -> None:
    image, boxes = draw(WORDS, size=20, ink="white")
    assert right_places(encoder, image, boxes) == WORDS


def test_letters_of_300_px_are_seen(encoder: VisualWordsEncoder) -> None:
    image, boxes = draw(["invoice", "address"], size=400, width=2600, height=2600)
    assert right_places(encoder, image, boxes) == ["invoice", "address"]


def test_letters_of_4_px_show_no_sure_word_that_is_not_there(encoder: VisualWordsEncoder) -> None:
    image, _ = draw(WORDS, size=6, width=120, height=80)
    seen = encoder.see(page_of(image))
    assert np.isfinite(seen.vectors).all()
    sure = seen.vectors[seen.certainty > SURE]
    own = np.stack([StaticTokenEncoder().term_vector(word) for word in WORDS])
    assert ((sure @ own.T).max(axis=1) > 0.99).all()


@pytest.mark.parametrize("n_large", [2, 5])
def test_headline_and_small_print_of_one_page_are_both_seen(
    encoder: VisualWordsEncoder, n_large: int
) -> None:
    small, small_boxes = draw(WORDS[n_large:], size=14, width=800, height=150)
    large, large_boxes = draw(WORDS[:n_large], size=80, width=800, height=800)
    page = Image.new("RGB", (800, 950), "white")
    page.paste(large, (0, 0))
    page.paste(small, (0, 800))
    lower = {word: (x0, y0 + 800, x1, y1 + 800) for word, (x0, y0, x1, y1) in small_boxes.items()}
    assert right_places(encoder, page, {**large_boxes, **lower}) == WORDS


@pytest.mark.parametrize(
    ("transpose", "to_original"),
    [
        (Image.Transpose.ROTATE_90, lambda x, y, w, _h: (w - y, x)),
        (Image.Transpose.ROTATE_180, lambda x, y, w, h: (w - x, h - y)),
        (Image.Transpose.ROTATE_270, lambda x, y, _w, h: (y, h - x)),
    ],
    ids=["counterclockwise", "upside-down", "clockwise"],
)
def test_turned_page_of_unknown_direction_has_words_at_their_places(
    encoder: VisualWordsEncoder, transpose: Image.Transpose, to_original: object
) -> None:
    image, boxes = draw(WORDS, size=20)
    turned = image.transpose(transpose)
    embedding = embed(encoder, turned)
    assert callable(to_original)
    for word, (x0, y0, x1, y1) in boxes.items():
        x, y = to_original(*places(encoder, embedding, turned, word), *image.size)
        assert x0 <= x <= x1, word
        assert y0 - 4 <= y <= y1 + 4, word


def test_page_that_is_known_to_be_askew_has_words_at_their_places(
    encoder: VisualWordsEncoder,
) -> None:
    image, boxes = draw(WORDS, size=20)
    askew = image.rotate(8, resample=Image.Resampling.BICUBIC, expand=True, fillcolor="white")
    upright = Upright(8.0, *askew.size)
    (embedding,) = encoder.encode_pages([page_of(askew, upright=upright)])
    cos, sin = np.cos(np.radians(8)), np.sin(np.radians(8))
    for word, (x0, y0, x1, y1) in boxes.items():
        x, y = places(encoder, embedding, askew, word)
        dx, dy = x - askew.width / 2, y - askew.height / 2
        back_x = image.width / 2 + dx * cos - dy * sin
        back_y = image.height / 2 + dx * sin + dy * cos
        assert x0 <= back_x <= x1, word
        assert y0 - 4 <= back_y <= y1 + 4, word


@pytest.mark.parametrize("color", ["white", "black", "gray"])
def test_blank_page_gives_0_vectors_of_384_dimensions(
    encoder: VisualWordsEncoder, color: str
) -> None:
    assert embed(encoder, Image.new("RGB", (600, 800), color)).vectors.shape == (0, 384)


def test_image_of_one_pixel_gives_no_vectors(encoder: VisualWordsEncoder) -> None:
    assert embed(encoder, Image.new("RGB", (1, 1))).vectors.shape == (0, 384)


def test_long_narrow_page_has_words_at_its_far_end(encoder: VisualWordsEncoder) -> None:
    page = Image.new("RGB", (40_000, 40), "white")
    image, boxes = draw(WORDS[:3], size=14, width=400, height=40)
    page.paste(image, (39_600, 0))
    page.paste(image, (0, 0))
    far = {word: (x0 + 39_600, y0, x1 + 39_600, y1) for word, (x0, y0, x1, y1) in boxes.items()}
    embedding = embed(encoder, page)
    assert isinstance(embedding.placement, BoxPlacement)
    lefts = embedding.placement.boxes_xyxy[:, 0] * 40_000
    assert len(lefts) == 6
    for word, (x0, *_) in (*boxes.items(), *far.items()):
        assert np.abs(lefts - x0).min() < 16, word


@pytest.mark.parametrize("texture", ["noise", "grain", "weave", "dots"])
def test_texture_shows_no_sure_word(encoder: VisualWordsEncoder, texture: str) -> None:
    random = np.random.default_rng(0)
    noise = random.integers(0, 256, (240, 320), dtype=np.uint8)
    grain = Image.fromarray(noise).reduce(4).resize((320, 240), Image.Resampling.BICUBIC)
    y, x = np.mgrid[:240, :320]
    levels = {
        "noise": noise,
        "grain": np.asarray(grain),
        "weave": np.where((x % 8 < 4) ^ (y % 8 < 4), 255, noise // 2),
        "dots": np.where((x % 6 - 3) ** 2 + (y % 6 - 3) ** 2 < 1 + 6 * noise / 255, 0, 255),
    }
    image = Image.fromarray(levels[texture].astype(np.uint8)).convert("RGB")
    assert (encoder.see(page_of(image)).certainty <= SURE).all()


def test_photograph_shows_no_sure_word(encoder: VisualWordsEncoder) -> None:
    coarse = np.random.default_rng(1).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    photo = Image.fromarray(coarse).resize((600, 450), Image.Resampling.BICUBIC)
    assert (encoder.see(page_of(photo)).certainty <= SURE).all()


@pytest.mark.parametrize("mode", ["CMYK", "I;16", "LA", "1"])
def test_words_are_seen_in_image_files_of_other_modes(
    encoder: VisualWordsEncoder, mode: str, tmp_path: Path
) -> None:
    image, boxes = draw(WORDS, size=20)
    if mode == "I;16":
        levels = np.asarray(image.convert("L"), dtype=np.uint16) * 257
        converted = Image.fromarray(levels)
    elif mode == "LA":
        converted = Image.new("LA", image.size, (0, 0))
        converted.putalpha(image.convert("L").point(lambda level: 255 - level))
    else:
        converted = image.convert(mode)
    path = tmp_path / "page.tif"
    converted.save(path)
    source = ImageSource(path, "page.tif", max_pixels=10**6, max_frames=1)
    assert right_places(encoder, source.load(0), boxes) == WORDS


def test_question_finds_the_page_by_its_image_alone(
    encoder: VisualWordsEncoder, tmp_path: Path
) -> None:
    texts = {
        "letter": "the garden of our village school is open every morning",
        "order": "invoice for window glass and kitchen furniture payment due",
        "report": "annual revenue of the energy market and its growth",
    }
    for name, text in texts.items():
        draw(text.split(), size=18)[0].save(tmp_path / f"{name}.png")
    # Images have no text layer: the parser reads no words.
    engine = Engine(MemoryIndex(), encoder=encoder, parser=load_parser("text_layer+geometry"))
    engine.add(tmp_path, workers=0)
    asked = {
        "When is the school garden open?": "letter.png",
        "How much is the payment for furniture?": "order.png",
        "What was the revenue of the energy market?": "report.png",
    }
    first = {question: engine.search_pages(question, k=1)[0] for question in asked}
    assert {question: hit.doc_id for question, hit in first.items()} == asked


def test_dates_and_amounts_have_a_second_vector_with_the_meaning_of_their_type(
    encoder: VisualWordsEncoder,
) -> None:
    texts = ["invoice", "14/03/2021", "delivery", "$1,250.00", "garden", "12/11/1998", "87.40"]
    image, boxes = draw(texts, size=20)
    seen = encoder.see(page_of(image))
    static = StaticTokenEncoder()
    centers = (seen.boxes[:, :2] + seen.boxes[:, 2:]) / 2 * image.size
    for words, expected in ((DATE, {"14/03/2021", "12/11/1998"}), (AMOUNT, {"$1,250.00", "87.40"})):
        rows = (seen.vectors == static.answer_vector(words)).all(axis=1)
        marked = {
            text
            for text, (x0, y0, x1, y1) in boxes.items()
            for x, y in centers[rows]
            if x0 <= x <= x1 and y0 - 4 <= y <= y1 + 4
        }
        assert marked == expected


def test_words_of_the_page_do_not_count(encoder: VisualWordsEncoder) -> None:
    page = make_parsed_page([("Total amount due", Box(0.1, 0.1, 0.6, 0.2))])
    (embedding,) = encoder.encode_pages([page])
    assert len(embedding.vectors) == 0


def test_vectors_do_not_depend_on_tiles(
    encoder: VisualWordsEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, _ = draw(WORDS * 3, size=16, width=900, height=500)
    whole = embed(encoder, image)
    monkeypatch.setattr(model, "_TILE_ROWS", 16)
    monkeypatch.setattr(model, "_TILE_COLS", 12)
    tiled = embed(encoder, image)
    np.testing.assert_allclose(tiled.vectors, whole.vectors, atol=1e-5)


def test_pages_seen_at_once_have_the_vectors_of_each_alone(encoder: VisualWordsEncoder) -> None:
    pages = [page_of(draw(WORDS[n:], size=16)[0]) for n in range(4)]
    for together, page in zip(encoder.encode_pages(pages), pages, strict=True):
        (alone,) = encoder.encode_pages([page])
        np.testing.assert_array_equal(together.vectors, alone.vectors)


def test_visual_words_is_loaded_by_name_and_has_no_options() -> None:
    assert isinstance(load_encoder("visual_words"), VisualWordsEncoder)
    with pytest.raises(InvalidInput, match="'visual_words' has no option 'device'; it has none"):
        load_encoder("visual_words?device=cpu")


def test_missing_runtime_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingDependency, match=r'pip install "colregion\[visual-words\]"'):
        load_encoder("visual_words")


@pytest.mark.parametrize(
    ("content", "says"), [(None, "cannot be read"), (b"", "damaged"), (b"onnx", "damaged")]
)
def test_missing_and_damaged_weights_say_to_install_again(
    content: bytes | None, says: str, tmp_path: Path
) -> None:
    path = tmp_path / "weights.onnx"
    if content is not None:
        path.write_bytes(content)
    message = f"{says}.*install colregion again"
    with pytest.raises(BackendError, match=message):
        VisualWordModel(path).run(np.zeros((8, 16), np.uint8), paper=255)
    with pytest.raises(BackendError, match=message):
        AnswerTypeHead(path).probabilities(np.zeros((1, 1155), np.float32))


def test_fingerprint_names_the_weights_and_the_encoder_of_questions(
    encoder: VisualWordsEncoder,
) -> None:
    assert encoder.fingerprint == "visual_words-4 05d4c1e3aefc 7ea252118547 static_tokens-2"


def test_words_that_are_read_stand_in_for_what_was_seen_at_their_places(
    encoder: VisualWordsEncoder,
) -> None:
    """Of two lines, of which one has been read, that one has the vectors of its words."""
    page = make_page()
    top, bottom = Box(0.1, 0.1, 0.9, 0.2), Box(0.1, 0.5, 0.9, 0.6)
    read = Region(page.id, (1,), top, "total 5")
    unread = Region(page.id, (2,), bottom, "", unread=True)
    words = (Word("total", Box(0.1, 0.1, 0.4, 0.2)), Word("5", Box(0.5, 0.1, 0.6, 0.2)))
    parsed = ParsedPage(page, words, (read, unread))
    seen = np.eye(3, 384, dtype=np.float32)
    places = boxes_to_array([Box(0.1, 0.11, 0.4, 0.19), Box(0.2, 0.5, 0.5, 0.6), Box(0, 0.8, 1, 1)])
    before = EmbeddedPage(ParsedPage(page, (), ()), PageEmbedding(seen, BoxPlacement(places)))
    after = encoder.with_words(before, parsed)
    (of_words,) = StaticTokenEncoder().encode_pages([parsed])
    n = len(of_words.vectors)
    np.testing.assert_array_equal(after.vectors[:n], of_words.vectors)
    np.testing.assert_array_equal(after.vectors[n:], seen[1:])
    assert isinstance(after.placement, BoxPlacement)
    np.testing.assert_array_equal(after.placement.boxes_xyxy[n:], places[1:])
    again = encoder.with_words(EmbeddedPage(parsed, after), parsed)
    np.testing.assert_array_equal(again.vectors, after.vectors)
