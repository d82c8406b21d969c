"""A Haystack pipeline: regions into a prompt, and where they are.

python examples/haystack_rag.py FOLDER "What was the revenue in 2024?"
"""

import sys

from haystack import Pipeline
from haystack.components.builders import PromptBuilder

from colregion import Engine
from colregion.haystack import RegionRetriever

PROMPT = """Answer from these regions and cite their [id].
{% for region in documents %}
[{{ region.id }}] {{ region.content }}
{% endfor %}
Question: {{ question }}"""


def main(folder: str, question: str) -> None:
    with Engine.open("library") as engine:
        engine.add(folder)
    pipeline = Pipeline()
    pipeline.add_component("regions", RegionRetriever("library", top_k=3))
    pipeline.add_component("prompt", PromptBuilder(PROMPT, required_variables="*"))
    pipeline.connect("regions.documents", "prompt.documents")
    asked = {"regions": {"query": question}, "prompt": {"question": question}}
    result = pipeline.run(asked, include_outputs_from={"regions"})
    print(result["prompt"]["prompt"])  # connect a generator here
    for region in result["regions"]["documents"]:
        box = [region.meta[side] for side in ("x0", "y0", "x1", "y1")]
        print(region.meta["doc_id"], "page", region.meta["page_number"], box)


if __name__ == "__main__":
    main(*sys.argv[1:])
