"""An agent that searches for regions, and the regions read back from its checkpoint.

python examples/langchain_agent.py FOLDER "What was the revenue in 2024?"
"""

import sys
from collections.abc import Sequence
from typing import Any

from langchain.agents import create_agent
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage, ToolCall, ToolMessage
from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver

from colregion import Engine
from colregion.langchain import region_search_tool, regions_from_artifact


class Scripted(GenericFakeChatModel):
    """Stand-in for a chat model with tools: says what the script says."""

    def bind_tools(self, tools: Sequence[Any], **_: Any) -> Runnable[Any, AIMessage]:
        print("tools:", ", ".join(tool.name for tool in tools))
        return self


def main(folder: str, question: str) -> None:
    with Engine.open("library") as engine:
        engine.add(folder)
    search = ToolCall(name="search_regions", args={"query": question, "k": 2}, id="call-1")
    says = [AIMessage("", tool_calls=[search]), AIMessage("The first region says so.")]
    agent = create_agent(
        Scripted(messages=iter(says)),
        tools=[region_search_tool("library")],
        checkpointer=InMemorySaver(),
    )
    config: RunnableConfig = {"configurable": {"thread_id": "1"}}
    agent.invoke({"messages": [HumanMessage(question)]}, config)

    # Later, perhaps in another process: what the agent read, from its checkpoint alone.
    for message in agent.get_state(config).values["messages"]:
        print(f"{message.type}: {message.text}")
        if isinstance(message, ToolMessage):
            for region in regions_from_artifact(message.artifact):
                where = region.metadata
                print(f"-> {where['source']} page {where['page_number']}, {where['score']:.2f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
