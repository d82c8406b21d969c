"""A prompt of the best regions within a token budget, and where each of its marks points.

python examples/prompt_with_citations.py FOLDER "What was the revenue in 2024?"
"""

import sys

from colregion import Engine


def main(folder: str, question: str) -> None:
    with Engine.open("library") as engine:
        engine.add(folder)
        context = engine.context(question, max_tokens=300)
        print(f"Answer from these excerpts and cite their marks.\n\n{context.text}\n\n{question}\n")
        print(f"({context.tokens} tokens; the marks point to)")
        for mark, hit in context.citations.items():
            print(mark, hit.source, hit.page_number, hit.box.xyxy)


if __name__ == "__main__":
    main(*sys.argv[1:])
