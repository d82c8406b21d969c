"""A question for a vision model: every region's text and image, cut out of the page.

python examples/multimodal_answer.py FOLDER "What was the revenue in 2024?"
"""

import sys
from pathlib import Path

from llama_index.core.base.llms.types import ContentBlock
from llama_index.core.llms import ChatMessage, ImageBlock, MockLLM, TextBlock
from llama_index.core.schema import BaseNode, Node
from PIL import Image

from colregion import Engine
from colregion.llama_index import RegionRetriever


def as_blocks(node: BaseNode) -> list[ContentBlock]:
    assert isinstance(node, Node)  # with crops=, regions come with an image
    assert node.image_resource is not None
    text = TextBlock(text=f"[{node.node_id}]\n{node.get_content()}")
    return [text, ImageBlock(path=node.image_resource.path, image_mimetype="image/png")]


def main(folder: str, question: str) -> None:
    with Engine.open("library") as engine:
        engine.add(folder)
    blocks: list[ContentBlock] = [TextBlock(text=f"Answer and cite [ids]: {question}")]
    for region in RegionRetriever(index="library", k=3, crops="crops").retrieve(question):
        blocks += as_blocks(region.node)
    for crop in Path("crops").iterdir():
        print(f"{crop.name}: {Image.open(crop).size} px")
    model = MockLLM()  # a stand-in for a vision model: repeats the texts
    print(model.chat([ChatMessage(role="user", blocks=blocks)]))


if __name__ == "__main__":
    main(*sys.argv[1:])
