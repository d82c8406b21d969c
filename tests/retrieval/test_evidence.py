"""The evidence of a page for a question, with numbers computed by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from colregion.core.embeddings import Candidate, EmbeddedPage, PageEmbedding, QueryEmbedding
from colregion.core.geometry import Box, BoxPlacement, GridPlacement
from colregion.core.regions import ParsedPage, Region, Word
from colregion.retrieval.evidence import PageEvidence, collect_evidence
from colregion.retrieval.question import Question
from colregion.testing import make_page

# One area of two rows on a page wider than high, and a title above it. Every word is a vector of
# its own: e0 "shop" in the title, e1 "date" and e2 "42" in the first row, e3 "total" below.
WORDS = {
    "shop": Box(0.1, 0.05, 0.3, 0.10),
    "date": Box(0.1, 0.30, 0.2, 0.35),
    "42": Box(0.6, 0.30, 0.7, 0.35),
    "total": Box(0.1, 0.40, 0.2, 0.45),
}


def embedded(*, number: int = 1, repeat: int = 1) -> EmbeddedPage:
    """The page; with `repeat`, every vector as many times at the same place."""
    page = make_page(number=number)
    regions = (
        Region(page.id, (1,), WORDS["shop"], "shop", "title"),
        Region(page.id, (2,), Box(0.1, 0.3, 0.7, 0.45), "date 42\ntotal", "text"),
        Region(page.id, (2, 1), Box(0.1, 0.3, 0.7, 0.35), "date 42", "row"),
        Region(page.id, (2, 2), Box(0.1, 0.4, 0.7, 0.45), "total", "row"),
    )
    words = tuple(Word(text, box) for text, box in WORDS.items())
    placement = BoxPlacement(np.repeat([box.xyxy for box in WORDS.values()], repeat, axis=0))
    vectors = np.repeat(np.eye(4, dtype=np.float32), repeat, axis=0)
    return EmbeddedPage(ParsedPage(page, words, regions), PageEmbedding(vectors, placement))


def asking(*words: str, weights: tuple[float, ...] | None = None) -> QueryEmbedding:
    order = list(WORDS)
    n = len(words)
    return QueryEmbedding(
        np.eye(4, dtype=np.float32)[[order.index(word) for word in words]],
        words,
        np.ones(n, dtype=bool),
        np.array(weights or (1.0,) * n),
    )


def evidence_of(
    query: QueryEmbedding, *pages: EmbeddedPage, noise_floor: float = 0.01
) -> list[PageEvidence]:
    candidates = [Candidate.of(page, query) for page in pages]
    return collect_evidence(Question.of("x", query), candidates, noise_floor=noise_floor)


def test_no_candidates_give_no_evidence() -> None:
    assert evidence_of(asking("date")) == []


def test_regions_hold_the_weighted_maximum_of_every_token() -> None:
    (page,) = evidence_of(asking("date", "shop", weights=(3.0, 1.0)), embedded())
    assert page.regions == pytest.approx([0.25, 0.75, 0.75, 0.0])
    assert (page.mean, page.geometric_mean) == pytest.approx((1.0, 1.0))


def test_pages_scored_together_have_the_evidence_they_have_alone() -> None:
    query = asking("date", "total")
    pages = [embedded(), embedded(number=2)]
    together = evidence_of(query, *pages)
    for both, page in zip(together, pages, strict=True):
        (alone,) = evidence_of(query, page)
        assert both.regions.tolist() == alone.regions.tolist()
        assert both.relevance == alone.relevance


def test_words_scattered_over_a_page_count_less_than_words_together() -> None:
    (together,) = evidence_of(asking("date", "42"), embedded())
    (scattered,) = evidence_of(asking("date", "shop"), embedded())
    # Every word is there once, on a page of mean length: a frequency of 2.2 / (1 + 1.2).
    assert together.relevance == pytest.approx(1.0)
    assert scattered.relevance == pytest.approx(1 / 3 + 0.5 / 6 + 0.5 / 3 + 1 / 6)


def test_page_longer_than_the_mean_of_the_candidates_counts_less() -> None:
    short, long = evidence_of(asking("date"), embedded(), embedded(number=2, repeat=3))
    # 4 and 12 vectors, 8 on average; "date" is once on the first and thrice on the second.
    assert short.relevance == pytest.approx(5 / 6 + 2.2 / (1 + 1.2 * 0.625) / 6)
    assert long.relevance == pytest.approx(5 / 6 + 3 * 2.2 / (3 + 1.2 * 1.375) / 6)


def test_what_does_not_rise_above_the_noise_floor_is_no_evidence() -> None:
    faint = replace(asking("date"), vectors=asking("date").vectors * np.float32(0.4))
    (loud,) = evidence_of(faint, embedded(), noise_floor=0.2)
    # (.4 - .2) / (1 - .2) = .25; of its square the frequency is .0625 * 2.2 / (.0625 + 1.2)
    assert loud.relevance == pytest.approx(0.25 * 5 / 6 + 0.0625 * 2.2 / 1.2625 / 6)
    (quiet,) = evidence_of(faint, embedded(), noise_floor=0.4)
    assert quiet.relevance == pytest.approx(0.0, abs=1e-6)


def test_missing_token_pulls_the_geometric_mean_down() -> None:
    query = asking("date", "42")
    query = replace(query, vectors=query.vectors * np.array([[1.0], [0.0]], np.float32))
    (page,) = evidence_of(query, embedded(), noise_floor=0.0)
    assert (page.mean, page.geometric_mean) == pytest.approx((0.5, 0.05**0.5))


def test_pages_are_scored_by_relevance_or_by_late_interaction_without_a_noise_floor() -> None:
    query = asking("date", "42", weights=(2.0, 1.0))
    (relevance,) = evidence_of(query, embedded())
    (late,) = evidence_of(query, embedded(), noise_floor=0.0)
    assert relevance.score == relevance.relevance
    assert late.score == pytest.approx(3.0)


def test_question_without_content_has_no_evidence_anywhere() -> None:
    query = replace(asking("date"), content=np.zeros(1, dtype=bool))
    (page,) = evidence_of(query, embedded())
    assert (page.relevance, page.mean, page.geometric_mean) == (0.0, 0.0, 0.0)
    assert page.regions.tolist() == [0, 0, 0, 0]


def test_page_without_vectors_has_no_evidence_beside_one_that_has() -> None:
    parsed = replace(embedded().parsed, words=())
    empty = EmbeddedPage(
        parsed, PageEmbedding(np.zeros((0, 4), np.float32), BoxPlacement(np.zeros((0, 4))))
    )
    first, second = evidence_of(asking("date"), empty, embedded(number=2))
    assert (first.relevance, first.geometric_mean, first.regions.tolist()) == (0, 0, [0, 0, 0, 0])
    assert second.regions.tolist() == pytest.approx([0, 1, 1, 0])


def test_unread_page_seen_by_patches_has_regions_where_the_question_lights_up() -> None:
    # 2 x 3 patches; patch 4, below in the middle, knows the answer.
    vectors = np.full((6, 2), 0.2, dtype=np.float32)
    vectors[4, 0] = 0.9
    page = EmbeddedPage(
        ParsedPage(make_page(), (), ()),
        PageEmbedding(vectors, GridPlacement((np.arange(6).reshape(2, 3),), n_vectors=6)),
    )
    query = QueryEmbedding(
        np.array([[1.0, 0.0]], np.float32), ("x",), np.ones(1, dtype=bool), np.ones(1)
    )
    (evidence,) = evidence_of(query, page, noise_floor=0.0)
    (region,) = evidence.parsed.regions
    assert region.kind == "patch"
    assert region.box.xyxy == pytest.approx((1 / 3, 0.5, 2 / 3, 1.0))
    assert evidence.regions == pytest.approx([0.9])
    assert evidence.candidate.parsed.regions == ()
