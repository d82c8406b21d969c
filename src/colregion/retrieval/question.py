"""A question, understood once per search."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from colregion.core.embeddings import QueryEmbedding
from colregion.core.geometry import FloatArray
from colregion.core.interfaces import Encoder, Index
from colregion.core.repr import one_line_repr
from colregion.core.text import content_terms, terms
from colregion.errors import InvalidInput
from colregion.retrieval.answer_types import AnswerTypes, expected_answer_types


@one_line_repr("text", "content_terms", "answer_types.forms")
@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """What every stage of a search knows about the user's question.

    Args:
        embedding: its T query vectors, weighted by inverse document frequency.
        terms: all its terms; they tell a label from a value.
        content_terms: its terms without stop words.
    """

    text: str
    embedding: QueryEmbedding
    terms: frozenset[str]
    content_terms: frozenset[str]
    answer_types: AnswerTypes

    @classmethod
    def ask(cls, text: str, *, encoder: Encoder, index: Index) -> Question:
        """Encode a question for an index. Raises InvalidInput for text that is empty or contains
        nothing that the encoder can encode."""
        if not text.strip():
            raise InvalidInput("the question is empty")
        embedding = encoder.encode_query(text)
        if encoder.weighs_terms:
            embedding = _weighted(embedding, index)
        return cls.of(text, embedding)

    @classmethod
    def of(cls, text: str, embedding: QueryEmbedding) -> Question:
        """A question with an existing embedding."""
        all_terms, content = frozenset(terms(text)), frozenset(content_terms(text))
        return cls(text, embedding, all_terms, content, expected_answer_types(text))

    @property
    def weights(self) -> FloatArray:
        """(T,) the weight of each token for regions; 0 for tokens that are not the question's own,
        such as a prompt's."""
        return np.asarray(self.embedding.weights * self.embedding.content)

    @property
    def content_length(self) -> int:
        return int(self.embedding.content.sum())


def _weighted(query: QueryEmbedding, index: Index) -> QueryEmbedding:
    """The query with weights idf = ln(1 + (N - df + 0.5) / (df + 0.5)), N pages in the index, as
    in BM25 (Robertson and Zaragoza 2009), scaled to mean 1 over the content tokens."""
    n = index.page_count
    if n == 0 or not query.content.any():
        return query
    df = np.array(index.document_frequency(query.tokens), dtype=np.float64)
    idf = np.log1p((n - df + 0.5) / (df + 0.5))
    idf /= idf[query.content].mean()
    return replace(query, weights=np.where(query.content, idf, query.weights))
