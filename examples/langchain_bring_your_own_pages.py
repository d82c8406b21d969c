"""Regions on the pages that another retriever finds; nothing is indexed again.

python examples/langchain_bring_your_own_pages.py FILE.pdf "What was the revenue in 2024?"
"""

import sys

import pypdfium2
from langchain_classic.retrievers import ContextualCompressionRetriever
from langchain_core.documents import Document
from langchain_core.runnables import RunnableLambda

from colregion.langchain import RegionCompressor


def main(file: str, question: str) -> None:
    def pages(_: str) -> list[Document]:
        """Stand-in for ColPali, Qdrant, Vespa or byaldi: returns every page of the file."""
        count = len(pypdfium2.PdfDocument(file))
        return [Document("", metadata={"source": file, "page": n}) for n in range(count)]

    retriever = ContextualCompressionRetriever(
        base_retriever=RunnableLambda(pages),
        base_compressor=RegionCompressor(k=3, first_page=0),
    )
    for region in retriever.invoke(question):
        where = region.metadata
        print(f"page {where['page_number']}, {where['kind']}, score {where['score']:.2f}")
        print("   " + region.page_content.replace("\n", "\n   "))


if __name__ == "__main__":
    main(*sys.argv[1:])
