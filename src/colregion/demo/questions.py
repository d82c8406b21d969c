"""Questions of the demo and their answers."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Question:
    """A question with one answer: part of the text of a region of a file's 1-based page."""

    text: str
    answer: str
    document: str
    page: int

    @property
    def pattern(self) -> re.Pattern[str]:
        """Pattern of the answer as a whole: "8.6" matches neither "38.6" nor "8.65"."""
        return re.compile(rf"(?<![\w.]){re.escape(self.answer)}(?!\w|\.\d)", re.IGNORECASE)


QUESTIONS = (
    Question(
        "How many passengers travelled between Fennick and Gull Point in 2024?",
        answer="466",
        document="tarrow-annual-report-2024.pdf",
        page=3,
    ),
    Question(
        "Why was November the weakest month for departures on time?",
        answer="storm Wenna",
        document="tarrow-annual-report-2024.pdf",
        page=4,
    ),
    Question(
        "What did fuel and electricity cost in 2024, in million euros?",
        answer="8.6",
        document="tarrow-annual-report-2024.pdf",
        page=5,
    ),
    Question(
        "How large a battery does a grid connection of 0.6 MW need?",
        answer="3.1",
        document="shore-battery-paper.pdf",
        page=1,
    ),
    Question(
        "For how many days will Petrel be in dry dock?",
        answer="nine days",
        document="winter-timetable-slide.pdf",
        page=1,
    ),
    Question(
        "What was the total on the receipt of the café Gannet & Gorse?",
        answer="36.58",
        document="cafe-receipt-scan.jpg",
        page=1,
    ),
)

SCANNED = "tarrow-annual-report-2024.pdf"
"""The document of which the demo also shows images that nobody read."""
