"""What the documentation's examples leave to the reader: models that answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def names_for(page: str) -> dict[str, Any]:
    """The names that the blocks of a page use without making them."""
    if page == "langchain.md":
        return {"model": _chat_model(), "model_with_tools": _chat_model_with_tools()}
    if page == "llama-index.md":
        from llama_index.core.llms import MockLLM

        return {"llm": MockLLM()}
    if page == "citations.md":
        return {"model": _answer_with_marks}
    return {}


def _answer_with_marks(prompt: str) -> str:
    assert "[tarrow-annual-report-2024.pdf p.5 r1]" in prompt
    return (
        "Fuel and electricity cost 8.6 million euros [Tarrow-annual-report-2024.pdf p.5 R1], "
        "less than in 2023 [p.7 r9]."
    )


def _chat_model() -> Any:
    from langchain_core.runnables import RunnableLambda

    return RunnableLambda(lambda prompt: prompt.to_string())


def _chat_model_with_tools() -> Any:
    from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
    from langchain_core.messages import AIMessage, ToolCall

    class Scripted(GenericFakeChatModel):
        """Says what the script says, whatever tools it is given."""

        def bind_tools(self, tools: Sequence[Any], **_: Any) -> Any:
            assert [tool.name for tool in tools] == ["search_regions"]
            return self

    question = "What did fuel and electricity cost in 2024?"
    search = ToolCall(name="search_regions", args={"query": question, "k": 2}, id="call-1")
    says = [AIMessage("", tool_calls=[search]), AIMessage("8.6 million euros.")]
    return Scripted(messages=iter(says))
