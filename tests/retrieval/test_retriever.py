"""What may be chosen, and whose entries hits carry; `test_engine` has the searches themselves."""

from __future__ import annotations

import pytest

from colregion import Box, InvalidInput
from colregion.core.embeddings import EmbeddedPage
from colregion.indexes.memory import MemoryIndex
from colregion.retrieval.retriever import Choice, Searching
from colregion.testing import WordEncoder, make_parsed_page


def test_a_choice_that_cannot_be_met_is_refused_at_birth() -> None:
    for budget in (0.0, -1.0, float("nan")):
        with pytest.raises(InvalidInput, match="max_area must be above 0"):
            Choice(max_area=budget)
    with pytest.raises(InvalidInput, match="min_confidence is for the method 'colregion'"):
        Choice(method="paper", min_confidence=0.5)


def test_only_a_budget_or_a_confidence_leaves_out() -> None:
    assert not Choice(sharpen=True).may_leave_out
    assert Choice(min_confidence=0.5).may_leave_out
    assert Choice(max_area=0.1).may_leave_out


def test_a_page_that_is_not_indexed_has_an_entry_of_its_name() -> None:
    encoder = WordEncoder()
    parsed = make_parsed_page([("total due", Box(0.1, 0.1, 0.6, 0.2))], doc_id="loose")
    page = EmbeddedPage(parsed, encoder.encode_pages([parsed])[0])
    found = Searching(MemoryIndex(), encoder)
    assert found.entries_of([]) == {}
    assert found.entries_of([page])["loose"].source == "loose"
    query = found.query("total")
    (hit, *_) = found.hits_on(
        [page], query, question="total", k=1, choice=Choice(), calibration=None
    )
    assert (hit.doc_id, hit.text) == ("loose", "total due")
