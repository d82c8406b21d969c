"""Pages scored with a text model as well: one-hot vectors, so that similarities are known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from colregion.core.documents import DocumentEntry
from colregion.core.embeddings import EmbeddedPage, PageEmbedding
from colregion.core.filters import EVERYTHING
from colregion.core.geometry import Box, FloatArray
from colregion.core.interfaces import Encoder, IndexSetting
from colregion.core.regions import ParsedPage
from colregion.errors import InvalidInput
from colregion.indexes.memory import MemoryIndex
from colregion.retrieval import rerank
from colregion.retrieval.confidence import FEATURES, Calibration
from colregion.retrieval.evidence import PageEvidence
from colregion.retrieval.ranking import Limits
from colregion.retrieval.regions import RegionScorer
from colregion.retrieval.rerank import RerankScorer
from colregion.retrieval.retriever import Retriever
from colregion.testing import WordEncoder, make_parsed_page
from colregion.testing.fakes import ColorEncoder

TOP, WIDE = Box(0.1, 0.1, 0.6, 0.3), Box(0.1, 0.5, 0.6, 0.9)
NO_LIMITS = Limits()
NOISE_FLOOR = 0.2


class SynonymEncoder(WordEncoder):
    """One vector per word, the same for "amount" as for "total"; notes what it encodes."""

    batch_pages = 2

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[list[str]] = []

    def _vectors(self, words: Sequence[str]) -> FloatArray:
        return super()._vectors(["total" if word == "amount" else word for word in words])

    def encode_pages(self, pages: Sequence[ParsedPage]) -> list[PageEmbedding]:
        self.batches.append([page.id for page in pages])
        return super().encode_pages(pages)


def page_of(*lines: tuple[str, Box], doc_id: str = "doc") -> EmbeddedPage:
    parsed = make_parsed_page(lines, doc_id=doc_id)
    return EmbeddedPage(parsed, WordEncoder().encode_pages([parsed])[0])


def retriever(*pages: EmbeddedPage, text_encoder: Encoder | None = None) -> Retriever:
    """Over the pages; with the default scorer where there is no text encoder."""
    index = MemoryIndex()
    for page in pages:
        doc_id = page.parsed.page.doc_id
        index.replace(DocumentEntry(doc_id, f"{doc_id}.pdf", "h", "p"), [page])
    scorer = RegionScorer(noise_floor=NOISE_FLOOR)
    if text_encoder is not None:
        scorer = RerankScorer(text_encoder, noise_floor=NOISE_FLOOR)
    return Retriever(index, WordEncoder(), scorer)


def relevances(searching: Retriever, question: str, *pages: EmbeddedPage) -> list[float]:
    _, scored = searching.score(question, pages)
    assert all(isinstance(page, PageEvidence) and page.relevance == page.score for page in scored)
    return [page.score for page in scored]


def test_a_fifth_of_relevance_is_the_share_of_the_question_that_the_text_model_matches() -> None:
    page = page_of(("total due", TOP), ("net", WIDE))
    (plain,) = relevances(retriever(page), "total year", page)
    (both,) = relevances(retriever(page, text_encoder=WordEncoder()), "total year", page)
    assert both == pytest.approx(0.8 * plain + 0.2 * 0.5, abs=1e-6)


def test_similarities_up_to_the_text_models_noise_floor_count_nothing() -> None:
    class Noisy(WordEncoder):
        noise_floor = 0.6

        def _vectors(self, words: Sequence[str]) -> FloatArray:
            # Equal words have a similarity of 0.7, a quarter of the way from 0.6 to 1.
            return super()._vectors(words) * np.float32(np.sqrt(0.7))

    page = page_of(("total", TOP))
    (plain,) = relevances(retriever(page), "total", page)
    (both,) = relevances(retriever(page, text_encoder=Noisy()), "total", page)
    assert both == pytest.approx(0.8 * plain + 0.2 * 0.25, abs=1e-3)  # cached as float16


def test_page_that_means_the_same_in_other_words_comes_before_one_that_shares_as_many() -> None:
    pages = [page_of(("year net", TOP), doc_id="a"), page_of(("year amount", TOP), doc_id="b")]
    for text_encoder, first in ((None, "a"), (SynonymEncoder(), "b")):
        searching = retriever(*pages, text_encoder=text_encoder)
        best, _ = searching.search_pages("total of the year", k=2, filters=EVERYTHING)
        assert best.doc_id == first
        hits = searching.search("total of the year", k=2, filters=EVERYTHING, limits=NO_LIMITS)
        assert hits[0].doc_id == first


def test_no_region_exceeds_the_bound_of_its_page() -> None:
    pages = [page_of(("total due", TOP), ("total", WIDE)), page_of(("amount", TOP), doc_id="b")]
    searching = retriever(*pages, text_encoder=SynonymEncoder())
    question, scored = searching.score("total due", pages)
    for page in scored:
        bound = searching.scorer.bound(question, page)
        regions = list(searching.scorer.score_regions(question, page))
        assert regions
        assert all(region.score <= bound for region in regions)


def test_page_without_words_has_no_meaning_and_no_pages_have_no_scores() -> None:
    blank = page_of()
    searching = retriever(blank, text_encoder=WordEncoder())
    assert relevances(searching, "total", blank) == [0.0]
    assert relevances(searching, "total") == []


def test_pages_are_encoded_once_in_batches_and_again_when_their_words_change() -> None:
    text_encoder = SynonymEncoder()
    pages = [page_of(("total", TOP), doc_id=name) for name in "abc"]
    searching = retriever(*pages, text_encoder=text_encoder)
    for question in ("total", "due"):
        relevances(searching, question, *pages)
    assert text_encoder.batches == [["a#p1", "b#p1"], ["c#p1"]]
    relevances(searching, "total", page_of(("due", TOP), doc_id="a"))
    assert text_encoder.batches[2:] == [["a#p1"]]


def test_least_recently_used_page_is_encoded_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rerank, "_CACHED_PAGES", 2)
    text_encoder = SynonymEncoder()
    a, b, c = (page_of(("total", TOP), doc_id=name) for name in "abc")
    searching = retriever(text_encoder=text_encoder)
    for page in (a, b, a, c, a, b):
        relevances(searching, "total", page)
    assert text_encoder.batches == [["a#p1"], ["b#p1"], ["c#p1"], ["b#p1"]]


def test_encoder_of_page_images_is_refused() -> None:
    page = page_of(("red", TOP))
    with pytest.raises(
        InvalidInput, match="takes text:ID of a text model; 'fake-colors/8x6' is visual"
    ):
        relevances(retriever(page, text_encoder=ColorEncoder()), "red", page)


def test_hits_have_no_confidence() -> None:
    searching = retriever(page_of(("total", TOP)), text_encoder=WordEncoder())
    calibration = Calibration((1.0,) * len(FEATURES), 0.0)
    searching.index.set_setting(IndexSetting.CALIBRATION, calibration.to_json())
    (hit,) = searching.search("total", k=1, filters=EVERYTHING, limits=NO_LIMITS)
    assert hit.confidence is None
    with pytest.raises(InvalidInput, match="RerankScorer has none"):
        searching.search("total", k=1, filters=EVERYTHING, limits=Limits(min_confidence=0.5))
