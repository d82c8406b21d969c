"""The evidence of a page for a question, with numbers computed by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from colregion.core.embeddings import Candidate, EmbeddedPage, PageEmbedding, QueryEmbedding
from colregion.core.geometry import Box, BoxPlacement, GridPlacement
from colregion.core.regions import Cell, ParsedPage, Region, Word
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
    (page,) = evidence_of(asking("date", "total", weights=(3.0, 1.0)), embedded())
    assert page.regions == pytest.approx([0.0, 1.0, 0.75, 0.25])
    assert (page.mean, page.geometric_mean) == pytest.approx((1.0, 1.0))


def test_row_of_a_table_has_what_its_header_matches() -> None:
    page = embedded()
    names = {"header": Cell(0, 0, column_span=2, header=True), "value": Cell(1, 0)}
    regions = (
        Region("doc#p1", (1,), Box(0.1, 0.3, 0.7, 0.45), "", "table"),
        Region("doc#p1", (1, 1), Box(0.1, 0.3, 0.7, 0.35), "date", "row"),
        Region("doc#p1", (1, 1, 1), WORDS["date"], "date", "row", cell=names["header"]),
        Region("doc#p1", (1, 2), Box(0.1, 0.4, 0.7, 0.45), "total", "row"),
        Region("doc#p1", (1, 2, 1), WORDS["total"], "total", "row", cell=names["value"]),
    )
    table = replace(page, parsed=replace(page.parsed, regions=regions))
    (evidence,) = evidence_of(asking("date", "total", weights=(3.0, 1.0)), table)
    assert evidence.regions == pytest.approx([1.0, 0.75, 0.75, 1.0, 0.25])


def test_pages_scored_together_have_the_evidence_they_have_alone() -> None:
    query = asking("date", "total")
    pages = [embedded(), embedded(number=2)]
    together = evidence_of(query, *pages)
    for both, page in zip(together, pages, strict=True):
        (alone,) = evidence_of(query, page)
        assert both.regions.tolist() == alone.regions.tolist()
        assert both.relevance == alone.relevance


class TestWeightsOnThePage:
    def test_word_of_a_heading_counts_a_fifth(self) -> None:
        (page,) = evidence_of(asking("date", "shop", weights=(3.0, 1.0)), embedded())
        assert page.regions == pytest.approx([0.2 / 3.2, 3 / 3.2, 3 / 3.2, 0.0])
        assert page.weight_left == pytest.approx(3.2 / 4)

    def test_number_in_the_question_counts_a_fifth(self) -> None:
        (page,) = evidence_of(asking("total", "42"), embedded())
        assert page.regions == pytest.approx([0.0, 1.0, 0.2 / 1.2, 1 / 1.2])

    def test_name_of_the_document_counts_a_fiftieth_wherever_it_stands(self) -> None:
        query = asking("total", "date")
        candidate = Candidate.of(embedded(), query)
        question = Question.of("What is the total on the receipt from date?", query)
        (page,) = collect_evidence(question, [candidate], noise_floor=0.01)
        assert page.regions == pytest.approx([0.0, 1.0, 0.02 / 1.02, 1 / 1.02], abs=1e-6)

    def test_question_of_nothing_but_headings_keeps_its_weights(self) -> None:
        # A fifth of "shop" and nothing of "date", whose weight is next to none, would be left.
        (page,) = evidence_of(asking("shop", "42", weights=(1.0, 0.0)), embedded())
        assert page.weight_left == pytest.approx(0.2)
        question = Question.of("On the form from shop: date", asking("shop"))
        (page,) = collect_evidence(
            question, [Candidate.of(embedded(), asking("shop"))], noise_floor=0.01
        )
        assert page.weight_left == pytest.approx(1.0)


def saturated(length: int, usual_length: int, length_share: float, frequency: float = 1.0) -> float:
    """A frequency as BM25 counts it with k = 1.2, without its factor k + 1."""
    norm = 1.2 * (1 - length_share + length_share * length / usual_length)
    return frequency / (frequency + norm)


def row_relevance(share: float, *, pairs: float, frequency: float = 1.0) -> float:
    """The relevance of the page when a share of the question is in its first row, which is a block
    and a line of two vectors in an area of three, and all of it is on the page of four."""
    parts = [
        saturated(4, 300, 0.75, frequency),
        share * saturated(3, 30, 0.75, frequency),
        share * saturated(2, 15, 0.75, frequency),
        share * saturated(2, 5, 0.4, frequency),
        pairs,
        0.5 * frequency,  # on a page of the document; its name, "doc", is not asked
    ]
    return sum(parts) / 6


def test_words_scattered_over_a_page_count_less_than_words_together() -> None:
    (together,) = evidence_of(asking("date", "42"), embedded())
    (scattered,) = evidence_of(asking("date", "shop"), embedded())
    assert together.relevance == pytest.approx(row_relevance(1.0, pairs=1.0))
    # "shop" alone is the better block and line: it is shorter.
    title = saturated(4, 300, 0.75) + 0.5 * saturated(1, 30, 0.75)
    title += 0.5 * saturated(1, 15, 0.75) + 0.5 * saturated(1, 5, 0.4) + 0.5
    assert scattered.relevance == pytest.approx(title / 6)


def test_relevance_of_a_page_does_not_depend_on_the_other_candidates() -> None:
    (alone,) = evidence_of(asking("date"), embedded())
    first, _ = evidence_of(asking("date"), embedded(), embedded(number=2, repeat=3))
    assert first.relevance == alone.relevance


def test_page_is_more_relevant_in_a_document_with_the_name_that_is_asked() -> None:
    query = asking("date", "shop")
    page = make_page(doc_id="archive/2023-shop.pdf")
    own = embedded()
    regions = tuple(replace(region, page_id=page.id) for region in own.parsed.regions)
    named = EmbeddedPage(ParsedPage(page, own.parsed.words, regions), own.embedding)
    with_name, without = evidence_of(query, named, own)
    assert with_name.relevance - without.relevance == pytest.approx(0.5 * 0.5 / 6)


def test_words_on_other_candidate_pages_of_the_document_count_a_little() -> None:
    def page_with(word: str, *, number: int) -> EmbeddedPage:
        own = embedded(number=number)
        vectors = own.embedding.vectors * (np.array(list(WORDS)) == word)[:, None]
        placement = own.embedding.placement
        return EmbeddedPage(own.parsed, PageEmbedding(vectors.astype(np.float32), placement))

    pages = page_with("date", number=1), page_with("shop", number=2)
    (alone,) = evidence_of(asking("date", "shop"), pages[0])
    beside, _ = evidence_of(asking("date", "shop"), *pages)
    assert beside.relevance - alone.relevance == pytest.approx(0.5 * 0.5 / 6)


def test_what_does_not_rise_above_the_noise_floor_is_no_evidence() -> None:
    faint = replace(asking("date"), vectors=asking("date").vectors * np.float32(0.4))
    (loud,) = evidence_of(faint, embedded(), noise_floor=0.2)
    # (.4 - .2) / (1 - .2) = .25, whose square is the frequency; one word stands for its pairs.
    line = saturated(2, 5, 0.4, 0.0625)
    assert loud.relevance == pytest.approx(row_relevance(1.0, pairs=line, frequency=0.0625))
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
    assert first.relevance == pytest.approx(0.5 / 6)  # the word is on a page of its document
    assert (first.geometric_mean, first.regions.tolist()) == (0, [0, 0, 0, 0])
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
