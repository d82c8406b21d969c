"""The interface of what scores pages and regions, and the records that it returns."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from colregion.core.embeddings import Candidate
from colregion.core.regions import Region
from colregion.core.repr import one_line_repr
from colregion.retrieval.question import Question


@one_line_repr("candidate.page_id", "score")
@dataclass(frozen=True, slots=True, eq=False)
class ScoredPage:
    """A candidate page with its score for a question; higher is better."""

    candidate: Candidate
    score: float


@dataclass(frozen=True, slots=True, eq=False)
class ScoredRegion:
    """A region that can be returned, with its score; scores compare across the pages of a search.

    Args:
        maxsim: of the question in the region, 0-1.
        page_mean, page_geometric_mean, page_weight_left: as in `PageEvidence`, 0-1. A confidence is
            computed from these four; they are 0 for a scorer without confidences.
    """

    region: Region
    score: float
    maxsim: float = 0.0
    page_mean: float = 0.0
    page_geometric_mean: float = 0.0
    page_weight_left: float = 0.0


PageT = TypeVar("PageT", bound=ScoredPage)


class Scorer(ABC, Generic[PageT]):
    """Scores the candidate pages of a question, and the regions of the best pages."""

    calibrated: bool = False
    """Whether a calibration fitted to the default scorer applies to its regions."""

    @abstractmethod
    def score_pages(self, question: Question, candidates: Sequence[Candidate]) -> list[PageT]:
        """One scored page per candidate, in their order; [] for none."""

    @abstractmethod
    def score_regions(self, question: Question, page: PageT) -> Iterable[ScoredRegion]:
        """The regions of a page that can be returned, best first; none for a page without any."""

    def bound(self, question: Question, page: PageT) -> float:
        """A score that none of the page's regions exceeds; regions are scored only for pages whose
        bound is above the regions at hand."""
        del question, page
        return math.inf
