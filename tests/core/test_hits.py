"""The list of hits that a search returns."""

from __future__ import annotations

import pickle
from copy import copy

from colregion.core.documents import DocumentEntry
from colregion.core.geometry import Box
from colregion.core.results import Hit, Hits
from colregion.testing import make_parsed_page

PAGE = make_parsed_page([(text, Box(0.1, 0.1, 0.6, 0.2)) for text in ("a", "b", "c")])
PLAIN = [
    Hit(region, PAGE, DocumentEntry("doc", "doc.pdf", "hash", "parser")) for region in PAGE.regions
]
HITS = Hits(PLAIN)


def test_hits_are_a_list_equal_to_one_of_the_same_hits() -> None:
    assert isinstance(HITS, list)
    assert HITS == PLAIN
    assert PLAIN == HITS
    assert HITS[0] is PLAIN[0]
    assert HITS[-1] is PLAIN[-1]
    assert [*HITS, *HITS] == HITS + HITS
    assert repr(HITS) == repr(PLAIN)


def test_a_slice_of_hits_is_hits() -> None:
    for part in (slice(2), slice(None, None, -1), slice(9, 12)):
        assert type(HITS[part]) is Hits
        assert HITS[part] == PLAIN[part]


def test_hits_are_copied_and_pickled_as_hits() -> None:
    assert type(copy(HITS)) is Hits
    assert copy(HITS) == PLAIN
    loaded = pickle.loads(pickle.dumps(HITS))
    assert type(loaded) is Hits
    assert [hit.id for hit in loaded] == [hit.id for hit in PLAIN]
