"""A conversation with the MCP server over standard input and output, like an agent's.

python examples/mcp_client.py FOLDER "What was the revenue in 2024?"
"""

import base64
import sys
from pathlib import Path
from typing import Any

import anyio
from mcp import ClientSession, StdioServerParameters, stdio_client

from colregion import Engine


async def call(session: ClientSession, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    # Dumped, because attributes are named differently in versions 1 and 2 of the SDK.
    return (await session.call_tool(name, arguments)).model_dump(by_alias=True)


async def ask(question: str) -> None:
    server = StdioServerParameters(
        command=sys.executable, args=["-m", "colregion", "mcp", "--index", "library"]
    )
    async with stdio_client(server) as (read, write), ClientSession(read, write) as session:
        await session.initialize()
        print("tools:", ", ".join(tool.name for tool in (await session.list_tools()).tools))

        result = await call(session, "search_regions", {"query": question, "k": 2})
        print("the model reads:", result["content"][0]["text"], sep="\n")
        best = result["structuredContent"]["regions"][0]
        print("box:", [best[edge] for edge in ("x0", "y0", "x1", "y1")])

        image = await call(session, "get_region_image", {"region_id": best["region_id"]})
        Path("region.png").write_bytes(base64.b64decode(image["content"][1]["data"]))

        mistake = await call(session, "get_page", {"page_id": "page three"})
        print("a mistake:", mistake["content"][0]["text"])


def main(folder: str, question: str) -> None:
    with Engine.open("library") as engine:
        engine.add(folder)
    anyio.run(ask, question)


if __name__ == "__main__":
    main(*sys.argv[1:])
