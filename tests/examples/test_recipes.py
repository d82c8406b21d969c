"""The examples of docs/recipes.md, and its functions for viewers, do what it says.

DSPy, CrewAI, Streamlit and Gradio are not installed here; of their examples the part that uses
colregion is a function of its own, which runs.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from colregion import Box, Engine
from colregion.demo import DOCUMENTS
from colregion.indexes import MemoryIndex
from colregion.ingestion.pipeline import embed
from colregion.testing import LineParser, WordEncoder, make_parsed_page
from tests.export.chromium import Chromium

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
RECIPES = (ROOT / "docs" / "recipes.md").read_text("utf-8")
REPORT = DOCUMENTS / "tarrow-annual-report-2024.pdf"
QUESTION = "How many passengers travelled between Fennick and Gull Point in 2024?"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", RECIPES, re.DOTALL)


def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def engine() -> Engine:
    """Two pages, each with the lines "total due" and "address"."""
    encoder = WordEncoder()
    engine = Engine(MemoryIndex(), encoder=encoder, parser=LineParser([]))
    lines = [("total due", Box(0.1, 0.1, 0.6, 0.2)), ("address", Box(0.5, 0.6, 0.9, 0.7))]
    engine.add(list(embed([make_parsed_page(lines, number=n) for n in (1, 2)], encoder)))
    return engine


def test_dspys_program_reads_regions_after_their_ids(engine: Engine) -> None:
    hits = engine.search("total due", k=1)
    assert example("dspy_answer").passages(hits) == ["[doc#p1#1] total due"]


def test_crewais_tool_returns_id_page_and_text(engine: Engine) -> None:
    module = example("crewai_agent")
    assert module.search(engine, "total", k=1) == "[doc#p1#1] page 1 of doc\ntotal due"
    nothing = Engine(MemoryIndex(), encoder=WordEncoder(), parser=LineParser([]))
    assert module.search(nothing, "total") == "No regions found."


def test_streamlits_page_shows_each_page_once_with_its_hits_outlined(engine: Engine) -> None:
    hits = engine.search("total address", k=4)
    pages = example("streamlit_app").marked_pages(engine, "total address", k=4)
    assert [caption for caption, _ in pages] == [
        f"doc, page {number}" for number in dict.fromkeys(hit.page_number for hit in hits)
    ]
    plain = hits[0].parsed.page.image.convert("RGB")
    assert all(image.size == plain.size and image != plain for _, image in pages)


def test_gradios_page_has_a_row_and_a_crop_for_each_region(engine: Engine) -> None:
    module = example("gradio_app")
    rows, crops = module.answer(engine, "total", k=2)
    assert [row[:3] for row in rows] == [["doc", 1, "total due"], ["doc", 2, "total due"]]
    assert all(len(row) == len(module.COLUMNS) for row in rows)
    assert [name for _, name in crops] == ["doc#p1#1", "doc#p2#1"]


@pytest.mark.slow
def test_haystacks_pipeline_fills_the_prompt(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "haystack_rag.py"), str(REPORT), QUESTION],
        cwd=tmp_path,
        env={**os.environ, "HAYSTACK_TELEMETRY_ENABLED": "False"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "466" in done.stdout
    assert "tarrow-annual-report-2024.pdf page 3 [0." in done.stdout


def test_the_settings_for_clients_start_the_registered_server() -> None:
    (settings,) = map(json.loads, blocks("json"))
    server = settings["mcpServers"]["library"]
    (package,) = json.loads((ROOT / "server.json").read_text("utf-8"))["packages"]
    assert server["command"] == package["runtimeHint"]
    # Until there is a release: of a checkout.
    extras = package["runtimeArguments"][0]["value"].partition("==")[0].removeprefix("colregion")
    assert server["args"] == [
        "--from",
        f"/path/to/checkout{extras}",
        package["identifier"],
        package["packageArguments"][0]["value"],
        package["packageArguments"][1]["name"],
        "/path/to/library",
    ]


@pytest.mark.browser
def test_functions_for_viewers_convert_boxes_to_their_units(browser: Chromium) -> None:
    browser.open("about:blank")
    for block in blocks("js"):
        browser.js(f"(0, eval)({block!r})")
    region = json.dumps(
        {
            "page_number": 3,
            "x0": 0.25,
            "y0": 0.5,
            "x1": 0.75,
            "y1": 0.625,
            "page_width": 400,
            "page_height": 800,
        }
    )
    placed = browser.js(
        f"""(() => {{ const e = document.createElement("div");
        placeHighlight(e, {region}, {{ width: 200, height: 400 }});
        return ["position", "left", "top", "width", "height"].map(name => e.style[name]); }})()"""
    )
    assert placed == ["absolute", "50px", "200px", "100px", "50px"]
    assert browser.js(f"toPdfPoints({region})") == [100, 300, 300, 400]
    assert browser.js(f"highlightStyle({region})") == {
        "position": "absolute",
        "left": "25%",
        "top": "50%",
        "width": "50%",
        "height": "12.5%",
    }
    assert browser.js(f"highlightArea({region})") == {
        "pageIndex": 2,
        "left": 25,
        "top": 50,
        "width": 50,
        "height": 12.5,
    }
    rows = json.dumps(json.dumps([[3, 0, 0.25, 1, 0.5], [4, 0, 0, 1, 1]]))
    assert browser.js(f"boxesOnPage({rows}, 3)") == [{"x0": 0, "y0": 0.25, "x1": 1, "y1": 0.5}]
