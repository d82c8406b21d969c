from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain.agents import create_agent
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver

from colregion import Engine
from colregion.langchain import region_document, region_search_tool, regions_from_artifact

FUEL = "What did fuel and electricity cost in 2024, in million euros?"


class Scripted(GenericFakeChatModel):
    """Says what it is told to say, and takes tools."""

    def bind_tools(self, tools: Sequence[Any], **_: Any) -> Runnable[Any, AIMessage]:
        assert tools
        return self


def asks(**arguments: Any) -> AIMessage:
    request = {"type": "tool_call", "id": "c1", "name": "search_regions", "args": arguments}
    return AIMessage(content="", tool_calls=[request])


def run_agent(
    engine: Engine, says: Sequence[AIMessage]
) -> tuple[list[BaseMessage], list[BaseMessage]]:
    """The messages of the run, and those of its checkpoint."""
    agent = create_agent(
        Scripted(messages=iter(says)),
        tools=[region_search_tool(engine)],
        checkpointer=InMemorySaver(),
    )
    config: RunnableConfig = {"configurable": {"thread_id": "1"}}
    result = agent.invoke({"messages": [HumanMessage(FUEL)]}, config)
    return result["messages"], agent.get_state(config).values["messages"]


def test_an_agent_gets_the_same_regions_before_and_after_a_checkpoint(engine: Engine) -> None:
    live, kept = run_agent(engine, [asks(query=FUEL, k=2), AIMessage(content="8.6")])
    expected = [region_document(hit, score_key="score") for hit in engine.search(FUEL, k=2)]
    for messages in (live, kept):
        (message,) = (m for m in messages if isinstance(m, ToolMessage))
        assert regions_from_artifact(message.artifact) == expected


def test_an_agent_continues_after_a_mistake(engine: Engine) -> None:
    live, _ = run_agent(
        engine,
        [asks(query=FUEL, page_number=0), asks(query=FUEL), AIMessage(content="8.6")],
    )
    wrong, right = (m for m in live if isinstance(m, ToolMessage))
    assert (wrong.status, right.status) == ("error", "success")
    assert str(wrong.content).startswith("page_number: Input should be")
    assert len(regions_from_artifact(right.artifact)) == 5
