"""What a page's regions are returned as: whole, in lines, as a label with its value.

Pure functions of a region tree and of what each region holds of a question; R regions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from colregion.core.geometry import Box, FloatArray
from colregion.core.regions import ParsedPage, Region, mean_confidence
from colregion.retrieval.answer_types import Expectation
from colregion.retrieval.granularity import (
    CONCENTRATION,
    caption_of,
    chosen_levels,
    is_label,
    loose_lines,
    value_of,
)
from colregion.retrieval.selection import suppress_covered

# A title names what follows and is seldom the answer; a header or footer stands on every page.
_FURNITURE_PENALTY = 0.1
_FURNITURE = ("title", "header", "footer")
# The lines beside the one that is returned alone keep this share of what their block has more.
_REST_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Scored:
    """A region with its score: what can be returned of a page.

    Args:
        own: what the region itself holds of the question, and `page` what its page does: weighted
            means over the words asked of the highest similarity, 0-1 each.
        together: the geometric mean of the same over the page. A confidence is told by these.
    """

    region: Region
    score: float
    own: float = 0.0
    page: float = 0.0
    together: float = 0.0


@dataclass(frozen=True, slots=True)
class OnPage:
    """What a page holds of a question.

    Args:
        mean, together: weighted means over the words asked of the highest similarity on the page,
            0-1: the arithmetic one, and the geometric one with 0.05 for a word that is not there.
        evidence: how well it answers, 0 to about 1, `relevance.page_evidence`.
    """

    mean: float
    together: float
    evidence: float


def joined(regions: Sequence[Region], *, box: Box | None = None) -> Region:
    """Several regions of a page as one, in the order given: the first one's id and `+n`, the kind
    of the largest, the texts one under the other. A single region is itself.

    Args:
        box: around all of them; the smallest by default.
    """
    if len(regions) == 1:
        return regions[0]
    first = min(regions, key=lambda region: region.path)
    return Region(
        page_id=first.page_id,
        path=first.path,
        box=box or Box.enclosing(region.box for region in regions),
        text="\n".join(region.text for region in regions if region.text),
        kind=max(regions, key=lambda region: region.box.area).kind,
        ocr_confidence=mean_confidence(region.ocr_confidence for region in regions),
        parts=tuple(region.box for region in regions),
        hidden_text=tuple(sorted({reason for region in regions for reason in region.hidden_text})),
    )


@dataclass(frozen=True, eq=False)
class Pieces:
    """A page's regions on their way to what is returned, by the method "colregion".

    Args:
        own: (R,) what each region itself holds of the question.
        evidence: (R,) the same with its surroundings and what is expected of it.
        bonus: (R,) what is expected, `Expectation.bonuses`.
        question_terms: tell a label from a value.
        values, captions: as of `relevance.score_regions`.
        page: what the page holds; its evidence counts `page_weight` in every score.
    """

    parsed: ParsedPage
    own: list[float]
    evidence: FloatArray
    bonus: list[float]
    expected: Expectation
    question_terms: frozenset[str]
    values: bool
    captions: bool
    page: OnPage
    page_weight: float

    def scored(self) -> list[Scored]:
        found: list[Scored] = []
        for position in np.flatnonzero(chosen_levels(self.parsed, self.evidence)).tolist():
            region = self.parsed.regions[position]
            score = float(self.evidence[position]) + self.page_weight * self.page.evidence
            score -= _FURNITURE_PENALTY * (region.kind in _FURNITURE)
            found.extend(self._pieces_of(position, score))
        return found

    def _pieces_of(self, position: int, score: float) -> Iterable[Scored]:
        """The region whole, or its best line (with its value) and then its other lines."""
        regions, own, parts = self.parsed.regions, self.own, self.parsed.parts[position]
        caption = caption_of(self.parsed, position) if self.captions else None
        if caption is not None:
            return [self._together(sorted((position, caption)), score)]
        held = CONCENTRATION * own[position]
        spread = not self.expected.forms and len(parts) > 1 and max(own[i] for i in parts) < held
        lines = () if spread else loose_lines(self.parsed, position)
        if not lines or self.expected.several_lines:
            return [self._one(regions[position], score, own[position])]
        worth = [own[line] + self.bonus[line] for line in lines]
        whole = own[position] + self.bonus[position]
        most = max(worth)
        apart = len(lines) > 1 and whole > 0 and most >= CONCENTRATION * whole
        if len(lines) > 1 and not apart:
            return [self._one(regions[position], score, own[position])]
        piece = self._with_value(lines[worth.index(most)])
        found = [self._together(piece, score)]
        for line, worth_of_line in zip(lines, worth, strict=True):
            if line not in piece:
                kept = worth_of_line + _REST_SHARE * max(whole - worth_of_line, 0.0)
                found.append(self._one(regions[line], score - whole + kept, own[line]))
        return found

    def _one(self, region: Region, score: float, own: float) -> Scored:
        return Scored(region, score, own, self.page.mean, self.page.together)

    def _together(self, positions: Sequence[int], score: float) -> Scored:
        region = joined([self.parsed.regions[i] for i in positions])
        return self._one(region, score, max(self.own[i] for i in positions))

    def _with_value(self, line: int) -> tuple[int, ...]:
        region = self.parsed.regions[line]
        asked = self.own[line] > 0 and not self.expected.met(region)
        if not (self.values and asked and is_label(region, self.question_terms)):
            return (line,)
        value = value_of(self.parsed, line, self.parsed.leaves)
        return (line,) if value is None else (line, value)


def without_repeats(found: Sequence[Scored]) -> list[Scored]:
    """Best first, without what a better one covers."""
    if not found:
        return []
    boxes = np.array([one.region.box.xyxy for one in found])
    # Ties go to what is read first, whatever order the pieces were made in.
    order = sorted(range(len(found)), key=lambda i: (-found[i].score, found[i].region.path))
    kept = suppress_covered(boxes[order])
    return [found[order[i]] for i in kept]
