"""A DSPy program that answers from regions and returns where they are.

pip install dspy
python examples/dspy_answer.py library "What was the revenue in 2024?" openai/gpt-4o-mini
"""

import sys
from typing import Any

from colregion import Engine, Hit


def passages(hits: list[Hit]) -> list[str]:
    """What the model reads: each region after its id, by which it can be cited."""
    return [f"[{hit.id}] {hit.text}" for hit in hits]


def program(engine: Engine, k: int = 3) -> Any:
    import dspy  # type: ignore[import-not-found]

    class AnswerFromRegions(dspy.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.answer = dspy.ChainOfThought("regions: list[str], question: str -> answer: str")

        def forward(self, question: str) -> Any:
            hits = engine.search(question, k=k)
            said = self.answer(regions=passages(hits), question=question)
            return dspy.Prediction(answer=said.answer, hits=hits)

    return AnswerFromRegions()


def main(index: str, question: str, model: str) -> None:
    import dspy

    dspy.configure(lm=dspy.LM(model))
    result = program(Engine.open(index))(question=question)
    print(result.answer)
    for hit in result.hits:
        print(hit.doc_id, hit.page_number, hit.box)


if __name__ == "__main__":
    main(*sys.argv[1:])
