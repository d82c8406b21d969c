"""An encoder of your own: one class with three methods. This one counts letters.

python examples/own_encoder.py FOLDER "What was the revenue in 2024?"
"""

import sys
from collections.abc import Sequence

import numpy as np

from colregion import BoxPlacement, Encoder, Engine, PageEmbedding, ParsedPage, QueryEmbedding


class LetterCounts(Encoder):
    """A word's vector counts its letters."""

    fingerprint = "letter-counts/1"

    def encode_pages(self, pages: Sequence[ParsedPage]) -> list[PageEmbedding]:
        return [
            PageEmbedding(
                self._vectors([word.text for word in page.words]),
                BoxPlacement(np.array([w.box.xyxy for w in page.words]).reshape(-1, 4)),
            )
            for page in pages
        ]

    def encode_query(self, text: str) -> QueryEmbedding:
        words = tuple(text.split())
        n = len(words)
        return QueryEmbedding(self._vectors(words), words, np.ones(n, dtype=bool), np.ones(n))

    @staticmethod
    def _vectors(words: Sequence[str]) -> np.ndarray:
        counts = np.zeros((len(words), 26), dtype=np.float32)
        for i, word in enumerate(words):
            for letter in word.lower():
                if "a" <= letter <= "z":
                    counts[i, ord(letter) - ord("a")] += 1
        lengths = np.linalg.norm(counts, axis=1, keepdims=True)
        return np.asarray(counts / np.maximum(lengths, 1))


def main(folder: str, question: str) -> None:
    with Engine.open("letters-library", encoder=LetterCounts()) as engine:
        engine.add(folder)
        for hit in engine.search(question, k=3):
            print(f"{hit.score:.3f} {hit.doc_id} page {hit.page_number}: {hit.text!r}")


if __name__ == "__main__":
    main(*sys.argv[1:])
