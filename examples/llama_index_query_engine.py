"""A LlamaIndex query engine that answers from regions, and where they are on the page.

python examples/llama_index_query_engine.py FOLDER "What was the revenue in 2024?"
"""

import sys

from llama_index.core.llms import MockLLM
from llama_index.core.query_engine import RetrieverQueryEngine

from colregion import Engine
from colregion.llama_index import RegionRetriever


def main(folder: str, question: str) -> None:
    with Engine.open("library") as engine:
        engine.add(folder)
    query_engine = RetrieverQueryEngine.from_args(
        RegionRetriever(index="library", k=3),
        llm=MockLLM(),  # a stand-in for any model: repeats its prompt
    )
    response = query_engine.query(question)
    print(response)
    for source in response.source_nodes:
        where = source.metadata
        box = ", ".join(f"{where[side]:.2f}" for side in ("x0", "y0", "x1", "y1"))
        print(f"from: {where['doc_id']} page {where['page_number']} at ({box})")


if __name__ == "__main__":
    main(*sys.argv[1:])
