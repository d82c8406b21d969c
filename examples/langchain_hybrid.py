"""Regions found by colregion and by a store of text embeddings, fused into one ranking.

python examples/langchain_hybrid.py FOLDER "What was the revenue in 2024?"
"""

import sys
import zlib

from langchain_classic.retrievers import EnsembleRetriever
from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import InMemoryVectorStore

from colregion import Engine
from colregion.langchain import RegionLoader, RegionRetriever


class HashedWords(Embeddings):
    """Stand-in for an embedding model: counts words in 512 buckets."""

    def embed_query(self, text: str) -> list[float]:
        counts = [0.01] * 512
        for word in text.lower().split():
            counts[zlib.crc32(word.strip(".,?!").encode()) % 512] += 1
        return counts

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]


def main(folder: str, question: str) -> None:
    with Engine.open("library") as engine:
        engine.add(folder)
    store = InMemoryVectorStore(HashedWords())
    store.add_documents(RegionLoader(folder).load())
    hybrid = EnsembleRetriever(
        retrievers=[
            RegionRetriever(index="library", k=5),
            store.as_retriever(search_kwargs={"k": 5}),
        ],
        weights=[0.7, 0.3],
        id_key="region_id",  # else regions with the same text would count as one
    )
    for region in hybrid.invoke(question)[:3]:
        print(f"{region.id}: {region.page_content[:200]!r}")


if __name__ == "__main__":
    main(*sys.argv[1:])
