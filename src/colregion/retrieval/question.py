"""A question, understood once per search."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from colregion.core.embeddings import QueryEmbedding
from colregion.core.geometry import FloatArray
from colregion.core.interfaces import Encoder, Index
from colregion.core.repr import one_line_repr
from colregion.core.text import content_terms, quoted_terms, terms
from colregion.errors import InvalidInput
from colregion.retrieval.answer_types import AnswerTypes, expected_answer_types
from colregion.retrieval.wording import asking_terms, naming_terms

_QUOTED_WEIGHT, _ASKING_WEIGHT = 2.0, 0.25


@one_line_repr("text", "content_terms", "answer_types.forms")
@dataclass(frozen=True, eq=False)
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
            embedding = _weighted(embedding, index, text=text)
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
    def has_digit(self) -> NDArray[np.bool_]:
        """(T,) whether a token has a digit in it."""
        return np.array([any(map(str.isdigit, token)) for token in self.embedding.tokens])

    @property
    def is_name(self) -> NDArray[np.bool_]:
        """(T,) whether a token says which document is meant."""
        naming = naming_terms(self.text)
        return np.array([token in naming for token in self.embedding.tokens])

    @cached_property
    def term_weights(self) -> dict[str, float]:
        """The content terms that do not name the document, with the weights of their tokens, 1 for
        a term that is no token."""
        query = self.embedding
        weights = dict(zip(query.tokens, query.weights.tolist(), strict=True))
        naming = naming_terms(self.text)
        about = self.content_terms - naming or self.content_terms
        return {term: weights.get(term, 1.0) for term in sorted(about)}

    @property
    def content_length(self) -> int:
        return int(self.embedding.content.sum())


def _weighted(query: QueryEmbedding, index: Index, *, text: str) -> QueryEmbedding:
    """The query with weights idf = ln(1 + (N - df + 0.5) / (df + 0.5)), N pages in the index, as
    in BM25 (Robertson and Zaragoza 2009), more for quoted words and less for words of asking,
    scaled to mean 1 over the content tokens."""
    n = index.page_count
    if not query.content.any():
        return query
    df = np.array(index.document_frequency(query.tokens), dtype=np.float64)
    weights = np.log1p((n - df + 0.5) / (df + 0.5)) if n else np.ones(len(df))
    for words, factor in (
        (quoted_terms(text), _QUOTED_WEIGHT),
        (asking_terms(text), _ASKING_WEIGHT),
    ):
        weights[[token in words for token in query.tokens]] *= factor
    weights /= weights[query.content].mean()
    return replace(query, weights=np.where(query.content, weights, query.weights))
