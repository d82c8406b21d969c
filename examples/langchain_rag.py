"""A LangChain chain that answers from regions, and where its citations point.

python examples/langchain_rag.py FOLDER "What was the revenue in 2024?"
"""

import re
import sys

from langchain_core.documents import Document
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompt_values import PromptValue
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda, RunnablePassthrough

from colregion import Engine
from colregion.langchain import RegionRetriever

PROMPT = ChatPromptTemplate.from_template(
    "Answer from these regions and cite their [id].\n\n{regions}\n\nQuestion: {question}"
)


def as_text(regions: list[Document]) -> str:
    return "\n\n".join(f"[{region.id}]\n{region.page_content}" for region in regions)


def quote(prompt: PromptValue) -> str:
    """Stand-in for a chat model: repeats the first region, and cites it as a model would."""
    _, mark, text = re.split(r"^(\[.+\])$", prompt.to_string(), maxsplit=1, flags=re.MULTILINE)
    return f"{text.split('[', 1)[0].strip()} {mark}"


def main(folder: str, question: str) -> None:
    with Engine.open("library") as engine:
        engine.add(folder)
    retriever = RegionRetriever(index="library", k=3)
    chain = (
        {"regions": retriever | as_text, "question": RunnablePassthrough()}
        | PROMPT
        | RunnableLambda(quote)
        | StrOutputParser()
    )
    answer = chain.invoke(question)
    print(answer)
    for region in retriever.invoke(question):
        if f"[{region.id}]" in answer:
            where = region.metadata
            box = ", ".join(f"{where[side]:.2f}" for side in ("x0", "y0", "x1", "y1"))
            print(f"cited: {where['doc_id']} page {where['page_number']} at ({box})")


if __name__ == "__main__":
    main(*sys.argv[1:])
