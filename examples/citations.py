"""From an answer's citations back to boxes, and to a PDF with the cited regions highlighted.

python examples/citations.py FILE "What was the revenue in 2024?"
"""

import re
import sys
from pathlib import Path

from colregion import Engine
from colregion.export.pdf_highlights import annotate_pdf


def ask_a_model(prompt: str) -> str:
    """Stand-in for a language model: cites the best excerpt, and invents a citation."""
    best = re.findall(r"\[.* r1\]", prompt)[0]
    return f"The report says so {best.upper()}, as does another one (tomorrow.pdf p.9 r99)."


def main(file: str, question: str) -> None:
    with Engine.open("library") as engine:
        engine.add(file)
        context = engine.context(question, max_tokens=300)
        answer = ask_a_model(f"{context.text}\n\n{question}")
        print(answer)

        resolution = context.resolve(answer)
        for citation in resolution.citations:
            hit = citation.hit
            written = answer[citation.start : citation.end]
            print(f"{written} is on page {hit.page_number} at {hit.box.xyxy}")
        for invented in resolution.unknown:
            print(f"{invented.text} is invented: {invented.reason}")

        pdf = annotate_pdf(resolution.hits, question=question)
        Path("answer.pdf").write_bytes(pdf)


if __name__ == "__main__":
    main(*sys.argv[1:])
