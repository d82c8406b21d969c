"""Regions on the pages that another LlamaIndex retriever finds; nothing is indexed again.

python examples/llama_index_bring_your_own_pages.py FILE.pdf "What was the revenue in 2024?"
"""

import sys

import pypdfium2
from llama_index.core.llms import MockLLM
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

from colregion.llama_index import RegionPostprocessor


class EveryPage(BaseRetriever):
    """Stand-in for ColPali, Qdrant, Vespa or a vector index: returns every page of the file."""

    def __init__(self, file: str) -> None:
        self.file = file
        super().__init__()

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:  # noqa: ARG002
        with pypdfium2.PdfDocument(self.file) as document:
            count = len(document)
        pages = [TextNode(metadata={"file_path": self.file, "page": n}) for n in range(count)]
        return [NodeWithScore(node=page, score=1.0) for page in pages]


def main(file: str, question: str) -> None:
    query_engine = RetrieverQueryEngine.from_args(
        EveryPage(file),
        llm=MockLLM(),
        node_postprocessors=[RegionPostprocessor(k=3, first_page=0)],
    )
    for region in query_engine.query(question).source_nodes:
        where = region.metadata
        print(f"page {where['page_number']}, {where['kind']}, score {region.score:.2f}")
        print("   " + region.node.get_content().replace("\n", "\n   "))


if __name__ == "__main__":
    main(*sys.argv[1:])
