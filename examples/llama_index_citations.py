"""LlamaIndex's citations, and the boxes behind them.

python examples/llama_index_citations.py FOLDER "What was the revenue in 2024?"
"""

import re
import sys
from typing import Any

from llama_index.core.llms import CompletionResponse, CompletionResponseGen, CustomLLM, LLMMetadata
from llama_index.core.query_engine import CitationQueryEngine

from colregion import Engine
from colregion.llama_index import RegionRetriever


class Quoter(CustomLLM):
    """Stand-in for a model: repeats the first source and cites it."""

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata()

    def complete(
        self,
        prompt: str,
        formatted: bool = False,  # noqa: ARG002
        **_: Any,
    ) -> CompletionResponse:
        first = prompt.rpartition("Source 1:\n")[2].partition("\n\n")[0]
        return CompletionResponse(text=f"{first} [1]")

    def stream_complete(
        self, prompt: str, formatted: bool = False, **_: Any
    ) -> CompletionResponseGen:
        yield self.complete(prompt, formatted)


def main(folder: str, question: str) -> None:
    with Engine.open("library") as engine:
        engine.add(folder)
    query_engine = CitationQueryEngine(RegionRetriever(index="library", k=3), llm=Quoter())
    response = query_engine.query(question)
    print(response)
    for number in re.findall(r"\[(\d+)\]", str(response)):
        where = response.source_nodes[int(number) - 1].metadata
        box = ", ".join(f"{where[side]:.2f}" for side in ("x0", "y0", "x1", "y1"))
        print(f"[{number}] is {where['region_id']}, page {where['page_number']} at ({box})")


if __name__ == "__main__":
    main(*sys.argv[1:])
