"""A question as the stages of a search know it."""

from __future__ import annotations

import numpy as np
import pytest

from colregion.core.documents import DocumentEntry
from colregion.core.embeddings import EmbeddedPage, QueryEmbedding
from colregion.core.geometry import Box
from colregion.errors import InvalidInput
from colregion.indexes.memory import MemoryIndex
from colregion.retrieval.question import Question
from colregion.testing import WordEncoder, make_parsed_page

BOX = Box(0.1, 0.1, 0.6, 0.2)


def index_of(*texts: str) -> MemoryIndex:
    index, encoder = MemoryIndex(), WordEncoder()
    for number, text in enumerate(texts):
        parsed = make_parsed_page([(text, BOX)], doc_id=f"d{number}")
        page = EmbeddedPage(parsed, encoder.encode_pages([parsed])[0])
        index.replace(DocumentEntry(f"d{number}", "x", "h", "p"), [page])
    return index


@pytest.mark.parametrize("text", ["", "  \n"])
def test_empty_question_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="the question is empty"):
        Question.ask(text, encoder=WordEncoder(), index=MemoryIndex())


def test_tokens_are_weighted_by_inverse_document_frequency_with_mean_one() -> None:
    question = Question.ask(
        "total net", encoder=WordEncoder(), index=index_of("total", "total net", "total")
    )
    rare, common = np.log1p((3 - 1 + 0.5) / 1.5), np.log1p((3 - 3 + 0.5) / 3.5)
    expected = np.array([common, rare]) / np.mean([common, rare])
    assert question.weights == pytest.approx(expected)
    assert question.embedding.weights.mean() == pytest.approx(1)


def test_empty_index_and_trained_tokens_leave_the_weights_at_one() -> None:
    assert Question.ask("total", encoder=WordEncoder(), index=MemoryIndex()).weights == [1.0]
    encoder = WordEncoder()
    encoder.weighs_terms = False
    question = Question.ask("total net", encoder=encoder, index=index_of("total", "net", "net"))
    assert question.weights.tolist() == [1.0, 1.0]


def test_quoted_words_count_double_and_words_of_asking_a_quarter() -> None:
    text = 'find the "net" total'
    question = Question.ask(text, encoder=WordEncoder(), index=MemoryIndex())
    assert question.embedding.tokens == ("find", "the", "net", "total")
    assert question.weights == pytest.approx(np.array([0.25, 1, 2, 1]) / 4.25 * 4)


def test_tokens_with_digits_and_names_of_the_document_are_marked() -> None:
    text = "total on the receipt from Acme 24"
    question = Question.of(text, WordEncoder().encode_query(text))
    assert question.has_digit.tolist() == [False] * 6 + [True]
    assert question.is_name.tolist() == [False] * 3 + [True] * 4


def test_prompt_tokens_have_no_weight_for_regions() -> None:
    query = QueryEmbedding(
        np.ones((3, 2), np.float32),
        ("Query", ":", "tax"),
        np.array([False, False, True]),
        np.array([1.0, 1.0, 2.0]),
    )
    question = Question.of("tax", query)
    assert question.weights.tolist() == [0.0, 0.0, 2.0]
    assert question.content_length == 1


def test_terms_and_answer_types_come_from_the_text() -> None:
    question = Question.of("When was it paid?", WordEncoder().encode_query("When was it paid?"))
    assert question.terms == {"when", "was", "it", "paid"}
    assert question.content_terms == {"paid"}
    assert question.answer_types.forms == {"date"}
