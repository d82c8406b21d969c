from __future__ import annotations

import hashlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from colregion.core.embeddings import PageEmbedding
from colregion.core.geometry import Box, BoxPlacement, FloatArray
from colregion.core.interfaces import Encoder
from colregion.core.regions import ParsedPage, Word
from colregion.encoders.static import token_table
from colregion.encoders.static.answer_types import answer_words
from colregion.encoders.static.encoder import DIMENSION, StaticTokenEncoder
from colregion.encoders.static.ngrams import ngram_vector
from colregion.encoders.static.token_table import TokenTable, split_pieces
from colregion.errors import BackendError, InvalidInput
from colregion.testing import EncoderContract, PlainImage, make_page

# Tall enough that no word of these tests is taller than wide on it, unless it is meant to be.
PAGE = make_page(image=PlainImage(width_px=60, height_px=80))
BOX = Box(0.1, 0.2, 0.5, 0.25)


@pytest.fixture(scope="module")
def encoder() -> StaticTokenEncoder:
    return StaticTokenEncoder()


def embed(encoder: Encoder, *words: Word) -> PageEmbedding:
    (embedding,) = encoder.encode_pages([ParsedPage(PAGE, words, ())])
    return embedding


def boxes_of(embedding: PageEmbedding) -> FloatArray:
    assert isinstance(embedding.placement, BoxPlacement)
    return embedding.placement.boxes_xyxy


def alike(encoder: Encoder, asked: str, written: str) -> float:
    """The similarity of a question of one word to the first vector of a page's word."""
    query = encoder.encode_query(asked)
    assert query.vectors.shape[0] == 1
    return float(query.vectors[0] @ embed(encoder, Word(written, BOX)).vectors[0])


class TestStaticTokenEncoder(EncoderContract):
    @pytest.fixture
    def encoder(self) -> Encoder:
        return StaticTokenEncoder()


def test_blank_page_gives_0_vectors_of_384_dimensions(encoder: Encoder) -> None:
    embedding = embed(encoder)
    assert embedding.vectors.shape == (0, DIMENSION) == (0, 384)
    assert len(embedding.placement) == 0


def test_words_without_letters_or_digits_have_no_vector(encoder: Encoder) -> None:
    assert len(embed(encoder, Word("—", BOX), Word("$", BOX), Word("***", BOX)).vectors) == 0


@pytest.mark.parametrize(
    ("asked", "written"),
    [
        ("total", "total"),
        ("total", "Total:"),  # case and punctuation
        ("net", "(net)"),
        ("cafe", "Café"),  # accents
        ("1,234.50", "$1,234.50"),
        ("1234.50", "1,234.50"),  # thousands separators
        ("1.234,50", "1234.50"),
        ("12,5", "12.5"),
        ("9876.50", "9'876.50"),
        ("48250", "48\u202f250,00"),
        ("1234567.89", "12,34,567.89"),
        ("2024", "\u0662\u0660\u0662\u0664"),
        ("1,234", "1,234\u00b2"),
        ("2.5", "2\u00bd"),
        ("राजा", "राजा"),
        ("한국어", "한국어"),  # a script that the table does not know
        ("xqzjvwk", "xqzjvwk"),
    ],
)
def test_equal_words_have_similarity_one(encoder: Encoder, asked: str, written: str) -> None:
    assert alike(encoder, asked, written) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize(
    ("asked", "written"),
    [
        ("invoice", "lnvoice"),  # misread
        ("total", "tota1"),
        ("invoice", "invoices"),  # inflected
        ("doctor", "physician"),  # equal in meaning alone
        ("telephone", "phone"),
        ("москва", "москве"),  # inflected, by spelling alone
        ("한국", "한국어"),
        ("العربية", "عربية"),
    ],
)
def test_related_words_exceed_the_noise_floor(
    encoder: StaticTokenEncoder, asked: str, written: str
) -> None:
    assert encoder.noise_floor < alike(encoder, asked, written) < 0.9


@pytest.mark.parametrize(
    ("asked", "written"),
    [
        ("invoice", "banana"),
        ("store", "purple"),
        ("total", "2015"),
        ("москва", "берлин"),
        ("편의점", "카드"),
        ("東京", "大阪"),
        ("12", "87"),
    ],
)
def test_unrelated_words_have_similarity_near_zero(
    encoder: Encoder, asked: str, written: str
) -> None:
    assert abs(alike(encoder, asked, written)) < 0.2


@pytest.mark.parametrize(
    ("asked", "nearer", "farther"),
    [
        ("total", "total", "totals"),
        ("total", "totals", "subtotal"),
        ("shop", "store", "doctor"),
        ("revenue", "income", "street"),
        ("2015", "2015", "2016"),
        ("2015", "2016", "1987"),
    ],
)
def test_closer_word_has_the_higher_similarity(
    encoder: Encoder, asked: str, nearer: str, farther: str
) -> None:
    assert alike(encoder, asked, nearer) > alike(encoder, asked, farther) + 0.1


def test_similarity_is_symmetric(encoder: Encoder) -> None:
    assert alike(encoder, "shop", "store") == pytest.approx(alike(encoder, "store", "shop"))


def test_every_word_vector_has_length_one(encoder: Encoder) -> None:
    texts = ["total", "lnvoice", "12/03/2018", "한국어", "x", "7"]
    query = encoder.encode_query(" ".join(texts))
    np.testing.assert_allclose(np.linalg.norm(query.vectors, axis=1), 1, atol=1e-5)


def test_terms_of_a_word_divide_its_width_by_their_length(encoder: Encoder) -> None:
    embedding = embed(encoder, Word("net/total", BOX))  # 3 and 5 letters
    np.testing.assert_allclose(
        boxes_of(embedding), [[0.1, 0.2, 0.25, 0.25], [0.25, 0.2, 0.5, 0.25]]
    )


def test_text_without_spaces_has_a_box_for_each_pair_of_characters(encoder: Encoder) -> None:
    embedding = embed(encoder, Word("東京都庁舎", BOX))  # four pairs
    np.testing.assert_allclose(boxes_of(embedding)[:, 0], [0.1, 0.2, 0.3, 0.4])
    assert encoder.encode_query("都庁").vectors[0] @ embedding.vectors[2] == pytest.approx(1)


def test_terms_of_a_vertical_word_all_have_its_box(encoder: Encoder) -> None:
    # 0.06 x 0.05 of a page of 60 x 80 pixels: 3.6 wide, 4 high.
    upwards = Box(0.1, 0.2, 0.16, 0.25)
    embedding = embed(encoder, Word("net/total", upwards))
    np.testing.assert_allclose(boxes_of(embedding), [upwards.xyxy, upwards.xyxy])


def test_vectors_are_in_the_order_of_the_words(encoder: Encoder) -> None:
    other = Box(0.6, 0.2, 0.9, 0.25)
    embedding = embed(encoder, Word("amount", BOX), Word("due", other, visible=False))
    np.testing.assert_allclose(boxes_of(embedding), [BOX.xyxy, other.xyxy])
    np.testing.assert_array_equal(embedding.vectors, encoder.encode_query("amount due").vectors)


def test_date_has_a_vector_for_date_at_its_whole_box(encoder: Encoder) -> None:
    embedding = embed(encoder, Word("28/12/1994", BOX))
    np.testing.assert_allclose(boxes_of(embedding)[-1], BOX.xyxy)
    assert len(embedding.vectors) == 4  # three numbers and what they are
    similarity = encoder.encode_query("date").vectors[0] @ embedding.vectors.T
    # The meaning is that of "date" exactly, its share 0.4; there is no spelling.
    assert similarity[-1] == pytest.approx(0.4, abs=1e-5)
    assert np.abs(similarity[:-1]).max() < 0.2


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("Total", None),
        ("2015", None),
        ("1.2.3", None),
        ("A4", None),
        ("28/12/94", "date"),
        ("2018-03-27", "date"),
        ("27-MAR-2018", "date"),
        ("(4.50)", "amount"),
        ("€3", "amount"),
        ("1.234,50", "amount"),
        ("0.125", None),
        ("12.5%", "percent"),
        ("16:30", "time"),
        ("(336)335-7363", "phone"),
        ("info@example.org", "email"),
        ("www.example.org", "website"),
        ("[x]", "checked"),
        ("\u2612", "checked"),
        ("[ ]", None),
    ],
)
def test_answer_type_is_recognized_from_the_text(text: str, first: str | None) -> None:
    assert next(iter(answer_words(text)), None) == first


@pytest.mark.parametrize("empty", ["", "  ", "?!"])
def test_question_without_words_is_refused(encoder: Encoder, empty: str) -> None:
    with pytest.raises(InvalidInput, match="no words"):
        encoder.encode_query(empty)


@pytest.mark.parametrize(
    ("question", "tokens"),
    [
        ("What is the net total?", ("net", "total")),
        ("Who are you?", ("who", "are", "you")),  # stop words only: all are used
        ("When was it issued?", ("issued", "date")),
        ("When is the due date?", ("due", "date")),
        ("What holds when it rains?", ("holds", "rains")),
    ],
)
def test_question_gives_its_content_terms(
    encoder: Encoder, question: str, tokens: tuple[str, ...]
) -> None:
    assert encoder.encode_query(question).tokens == tokens


def test_vectors_match_the_fingerprint(encoder: Encoder) -> None:
    """Indexes on disk hold these vectors: whoever changes them must change the fingerprint."""
    vectors = encoder.encode_query("Invoice lnvoice 1,234.50 東京").vectors
    rounded = np.rint(vectors * 1000).astype(np.int32)
    digest = hashlib.sha256(rounded.tobytes()).hexdigest()[:16]
    assert (encoder.fingerprint, digest) == ("static_tokens-2", "df04093c6c10d32a")


def test_vectors_do_not_depend_on_the_process(encoder: Encoder) -> None:
    code = (
        "from colregion.encoders.static.encoder import StaticTokenEncoder as E; import sys;"
        "sys.stdout.buffer.write(E().encode_query('total 東京 42').vectors.tobytes())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout == encoder.encode_query("total 東京 42").vectors.tobytes()


def test_threads_get_the_same_vectors() -> None:
    encoder = StaticTokenEncoder()
    words = tuple(Word(f"word{i % 50} item", BOX) for i in range(200))
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: embed(encoder, *words).vectors, range(8)))
    for other in results[1:]:
        np.testing.assert_array_equal(results[0], other)


def test_changing_an_embeddings_vectors_does_not_change_the_encoder(encoder: Encoder) -> None:
    embed(encoder, Word("total", BOX)).vectors[:] = 0
    assert alike(encoder, "total", "total") == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize(
    ("word", "pieces"),
    [
        ("", []),
        ("unable", ["un", "##able"]),
        ("able", []),  # only known inside a word
        ("unabled", []),  # an end that no piece makes
        ("ununun", ["unun", "##un"]),  # the longest first
    ],
)
def test_words_are_split_into_the_longest_known_pieces(word: str, pieces: list[str]) -> None:
    assert split_pieces(word, {"un", "unun", "##un", "##able"}) == pieces


@pytest.mark.parametrize("word", ["한국어", "2015", "b12", "straße", "x" * 65])
def test_table_has_no_meaning_for_other_scripts_and_numbers(word: str) -> None:
    vector, n_pieces = TokenTable().lookup(word)
    assert n_pieces == 0
    assert not vector.any()


def test_every_row_of_the_table_can_be_normalized() -> None:
    folder = Path(token_table.__file__).parent
    rows = np.load(folder / "static_tokens.npy")
    pieces = (folder / "static_tokens.txt").read_text(encoding="utf-8").splitlines()
    assert rows.shape == (len(pieces), 128)
    assert rows.dtype == np.int8
    assert len(set(pieces)) == len(pieces)
    assert (np.abs(rows.astype(int)).max(axis=1) == 127).all()


def test_missing_table_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match=r"static_tokens\.txt"):
        TokenTable(tmp_path).lookup("total")


@pytest.mark.parametrize("term", ["7", "x", "東", "total", "1,234.50", "a" * 500])
def test_ngram_vectors_have_length_one(term: str) -> None:
    vector = ngram_vector(term)
    assert vector.shape == (256,)
    assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize(
    ("a", "b", "equal"),
    [
        ("1,234,567", "1234567", True),
        ("1.234.567,8", "1234567.8", True),
        ("12,34", "12.34", True),
        ("0.125", "0125", False),  # no thousands begin with a nought
        ("12.5", "125", False),
        ("12,34,567.89", "1234567.89", True),  # Indian grouping
        ("12,34,56", "123456", False),  # the last group has three digits
        ("1,2,3", "123", False),
        ("48.250,00", "48250", True),
        ("1234.000", "1234", True),
        ("48250.01", "48250", False),
        ("48250.10", "48250.1", False),
        ("12.00", "12", False),  # may be a version
    ],
)
def test_numbers_compare_by_value_and_not_by_separators(a: str, b: str, equal: bool) -> None:
    assert (ngram_vector(a) @ ngram_vector(b) > 0.999) == equal
