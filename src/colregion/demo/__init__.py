"""`colregion demo`: documents that come with the package, indexed, asked and shown."""

from colregion.demo.questions import QUESTIONS, Question
from colregion.demo.run import DOCUMENTS, run_demo

__all__ = ["DOCUMENTS", "QUESTIONS", "Question", "run_demo"]
