"""Regions found by colregion and by a store of text embeddings, fused into one ranking.

python examples/llama_index_fusion.py FOLDER "What was the revenue in 2024?"
"""

import sys
import zlib

from llama_index.core import VectorStoreIndex
from llama_index.core.embeddings import BaseEmbedding
from llama_index.core.llms import MockLLM
from llama_index.core.node_parser import TokenTextSplitter
from llama_index.core.retrievers import QueryFusionRetriever
from llama_index.core.retrievers.fusion_retriever import FUSION_MODES

from colregion import Engine
from colregion.llama_index import RegionReader, RegionRetriever


class HashedWords(BaseEmbedding):
    """Stand-in for an embedding model: counts words in 512 buckets."""

    def _get_text_embedding(self, text: str) -> list[float]:
        counts = [0.01] * 512
        for word in text.lower().split():
            counts[zlib.crc32(word.strip(".,?!").encode()) % 512] += 1
        return counts

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)


def main(folder: str, question: str) -> None:
    with Engine.open("library") as engine:
        engine.add(folder)
    store = VectorStoreIndex.from_documents(
        RegionReader().load_data(folder),
        embed_model=HashedWords(),
        transformations=[TokenTextSplitter(chunk_size=2048)],  # regions are chunks already
    )
    hybrid = QueryFusionRetriever(
        [RegionRetriever(index="library", k=5), store.as_retriever(similarity_top_k=5)],
        llm=MockLLM(),
        mode=FUSION_MODES.RELATIVE_SCORE,
        retriever_weights=[0.7, 0.3],
        num_queries=1,  # the question itself; more are made up by the model
        similarity_top_k=3,
    )
    for region in hybrid.retrieve(question):
        print(f"{region.metadata['region_id']}: {region.node.get_content()[:200]!r}")


if __name__ == "__main__":
    main(*sys.argv[1:])
