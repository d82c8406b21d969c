"""`colregion demo`: documents of the package, indexed and searched, with a report."""

from colregion.demo.questions import QUESTIONS, Question
from colregion.demo.run import DOCUMENTS, run_demo

__all__ = ["DOCUMENTS", "QUESTIONS", "Question", "run_demo"]
