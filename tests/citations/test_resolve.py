"""The citations of an answer lead back to the hits of its context."""

from __future__ import annotations

import numpy as np

from colregion.citations.context import Context, build_context
from colregion.core.documents import DocumentEntry
from colregion.core.geometry import Box
from colregion.core.quotes import Evidence
from colregion.core.results import Hit
from colregion.testing import HOSTILE, make_parsed_page


def make_context(doc_id: str) -> Context:
    page = make_parsed_page(
        [("alpha beta", Box(0.1, 0.1, 0.9, 0.2)), ("gamma", Box(0.1, 0.3, 0.9, 0.4))],
        doc_id=doc_id,
        number=3,
    )
    entry = DocumentEntry(doc_id, "acme.pdf", "", "")
    at = {region.path: region for region in page.regions}
    hits = [Hit(at[2,], page, entry, 1.0), Hit(at[1,], page, entry, 0.5)]
    return build_context(hits, max_tokens=100, count_tokens=len)


def test_resolve_links_citations_to_hits_and_reports_invented_ones() -> None:
    context = make_context("acme")
    answer = "Beta [acme p.3 r2], gamma [r1] and beta again [r2]; delta [acme p.3 r7]."
    resolution = context.resolve(answer)
    assert [(c.mark, c.hit.box.y0) for c in resolution.citations] == [
        ("[acme p.3 r2]", 0.1),
        ("[acme p.3 r1]", 0.3),
        ("[acme p.3 r2]", 0.1),
    ]
    assert [answer[c.start : c.end] for c in resolution.citations][1] == "[r1]"
    assert [hit.text for hit in resolution.hits] == ["alpha beta", "gamma"]
    (invented,) = resolution.unknown
    assert (invented.text, invented.reason) == ("[acme p.3 r7]", "no r7 in the context")
    assert answer[invented.start : invented.end] == invented.text


def test_resolve_is_empty_for_an_answer_without_citations() -> None:
    resolution = make_context("acme").resolve("I do not know.")
    assert (resolution.citations, resolution.unknown, resolution.hits) == ((), (), ())


def test_a_context_without_regions_makes_every_citation_unknown() -> None:
    resolution = Context("", {}, 0).resolve("It is so [acme p.3 r2].")
    assert [one.text for one in resolution.unknown] == ["[acme p.3 r2]"]


def test_hostile_ids_are_cited_like_others() -> None:
    context = make_context(HOSTILE)
    marks = list(context.citations)
    assert all(mark in context.text for mark in marks)
    assert [c.mark for c in context.resolve(" ".join(marks)).citations] == marks


def test_citation_quotes_the_words_that_the_sentence_before_it_rests_on() -> None:
    lines = [
        ("Paid by Ann Berger", Box(0.1, 0.1, 0.9, 0.2)),
        ("Due in May", Box(0.1, 0.3, 0.9, 0.4)),
    ]
    page = make_parsed_page(lines, doc_id="acme", number=1)
    evidence = Evidence(np.zeros(6), {"due": 1.0})
    hit = Hit(page.whole(), page, DocumentEntry("acme", "acme.pdf", "", ""), 1.0, None, evidence)
    context = build_context([hit], max_tokens=100, count_tokens=len)
    answer = "It was paid. Ann Berger did so [acme p.1 r1]. When? [acme p.1 r1]"
    quotes = [citation.quotes for citation in context.resolve(answer).citations]
    assert [quote.text for of_one in quotes for quote in of_one] == [
        "Paid by Ann Berger",
        "Due in May",  # of the question, where the sentence shares no word with the hit
    ]
