"""Index a folder of PDFs and scans, ask a question, cut out the answer.

python examples/ask_a_folder.py FOLDER "What was the revenue in 2024?"
"""

import sys

from colregion import Engine


def main(folder: str, question: str) -> None:
    with Engine.open("library") as engine:
        report = engine.add(folder)
        for outcome in report.failed:
            print(f"not read: {outcome.source}: {outcome.reason}")
        for rank, hit in enumerate(engine.search(question, k=3), start=1):
            box = ", ".join(f"{value:.2f}" for value in hit.box.xyxy)
            print(f"{rank}. {hit.doc_id} page {hit.page_number}, {hit.kind} at ({box})")
            print("   " + hit.text.replace("\n", "\n   "))
            hit.crop().save(f"answer-{rank}.png")


if __name__ == "__main__":
    main(*sys.argv[1:])
