"""Word spotting on real pages: whether the best vector of a page lies on the word asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from colregion.core.embeddings import similarity
from colregion.core.geometry import BoxPlacement
from colregion.core.interfaces import Encoder
from colregion.core.regions import ParsedPage
from colregion.core.text import terms

Kind: TypeAlias = Literal["word", "number"]

_SHORTEST = 4
_CONFIDENT = 0.6
_MARGIN_XY = (0.008, 0.006)  # of the page, around a word's box


@dataclass
class Spotting:
    """Counts of words, and of those on which the best vector lies."""

    words: Counter[Kind] = field(default_factory=Counter)
    spotted: Counter[Kind] = field(default_factory=Counter)

    def share(self, kind: Kind) -> float:
        """NaN where there are none."""
        return self.spotted[kind] / self.words[kind] if self.words[kind] else float("nan")


def spot_words(encoder: Encoder, pages: Iterable[ParsedPage]) -> Spotting:
    """Ask an encoder with box placements for each word that stands once on its page, has four
    characters or more, is one term and was read with confidence."""
    result = Spotting()
    for page in pages:
        (embedding,) = encoder.encode_pages([page])
        assert isinstance(embedding.placement, BoxPlacement)
        boxes = embedding.placement.boxes_xyxy
        centers = (boxes[:, :2] + boxes[:, 2:]) / 2
        counts = Counter(term for word in page.words for term in terms(word.text))
        for word in page.words:
            term, *more = [*terms(word.text), ""]
            if more != [""] or len(term) < _SHORTEST or counts[term] > 1:
                continue
            if word.confidence is not None and word.confidence < _CONFIDENT:
                continue
            kind: Kind = "number" if any(map(str.isdigit, term)) else "word"
            result.words[kind] += 1
            if len(centers):
                query = encoder.encode_query(term).vectors[:1]
                x, y = centers[similarity(query, embedding.vectors)[0].argmax()]
                box = word.box
                result.spotted[kind] += bool(
                    box.x0 - _MARGIN_XY[0] <= x <= box.x1 + _MARGIN_XY[0]
                    and box.y0 - _MARGIN_XY[1] <= y <= box.y1 + _MARGIN_XY[1]
                )
    return result
