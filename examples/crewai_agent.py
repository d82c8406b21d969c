"""A CrewAI agent that searches regions.

pip install crewai
OPENAI_API_KEY=... python examples/crewai_agent.py library "What was the revenue in 2024?"
"""

import sys

from colregion import Engine


def search(engine: Engine, question: str, k: int = 5) -> str:
    """What the tool returns to the agent: each region's id, page and text."""
    hits = engine.search(question, k=k)
    regions = (f"[{hit.id}] page {hit.page_number} of {hit.doc_id}\n{hit.text}" for hit in hits)
    return "\n\n".join(regions) or "No regions found."


def main(index: str, question: str) -> None:
    from crewai import Agent, Crew, Task  # type: ignore[import-not-found]
    from crewai.tools import tool  # type: ignore[import-not-found]

    engine = Engine.open(index)

    @tool("search_regions")  # type: ignore[untyped-decorator]
    def search_regions(question: str) -> str:
        """Search the documents for passages, tables and figures that answer a question."""
        return search(engine, question)

    reader = Agent(
        role="Reader",
        goal="Answer from the documents and cite region ids",
        backstory="You look everything up.",
        tools=[search_regions],
    )
    task = Task(description=question, expected_output="An answer with [region ids].", agent=reader)
    print(Crew(agents=[reader], tasks=[task]).kickoff())


if __name__ == "__main__":
    main(*sys.argv[1:])
