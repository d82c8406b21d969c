"""The documentation builds without a warning, holds what is public, and displays well."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

import colregion
from tests.conftest import require_package
from tests.docs.blocks import ROOT
from tests.export.chromium import Chromium

pytestmark = pytest.mark.slow

NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))
MAX_OUTPUT_PX = 4000


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the site, its notebooks executed."""
    for package in ("material", "mkdocstrings_handlers.python", "nbclient", "ipykernel"):
        require_package(package, install="--group docs")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


class _Handler(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    handler = partial(_Handler, directory=str(site))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_every_public_name_is_in_the_reference(site: Path) -> None:
    pages = "".join(path.read_text("utf-8") for path in site.glob("reference/*/index.html"))
    anchors = set(re.findall(r'id="(colregion\.[\w.]+)"', pages))
    names = {
        f"{value.__module__}.{name}"
        for name in colregion.__all__
        if not isinstance(value := getattr(colregion, name), str)
    }
    assert names - anchors == set()


def test_pages_load_nothing_from_elsewhere(site: Path) -> None:
    loaded = re.compile(
        r'<(?:script|img|iframe)[^>]* src="(?!data:)([^"]+)"|<link[^>]* href="([^"]+)"'
    )
    for page in site.rglob("*.html"):
        sources = ["".join(pair) for pair in loaded.findall(page.read_text("utf-8"))]
        assert sources
        assert [source for source in sources if re.match(r"(\w+:)?//", source)] == []


@pytest.mark.browser
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_outputs_of_a_notebook_are_shown_below_4000_px(
    notebook: Path, address: str, browser: Chromium
) -> None:
    browser.size(1280, 800)
    browser.open(f"{address}/notebooks/{notebook.stem}/")
    selector = "[...document.querySelectorAll('.notebook-output')]"
    heights = browser.js(f"{selector}.map(one => one.scrollHeight)")
    assert len(heights) >= 4
    assert max(heights) < MAX_OUTPUT_PX
    assert not browser.js("document.body.textContent.includes('NOTEBOOK-OUTPUT')")


@pytest.mark.browser
@pytest.mark.parametrize(
    "page", ["", "quick-start/", "visual-models/", "benchmarks/", "notebooks/quick-start/"]
)
def test_a_page_fits_a_phone_and_asks_no_other_host(
    page: str, address: str, browser: Chromium
) -> None:
    browser.size(390, 800)
    browser.open(f"{address}/{page}")
    assert browser.js("document.documentElement.scrollWidth") <= 390
    requests = [one for one in browser.events if one["method"] == "Network.requestWillBeSent"]
    urls = [one["params"]["request"]["url"] for one in requests]
    assert [url for url in urls if not url.startswith((address, "data:"))] == []
    errors = [one for one in browser.events if one["method"] == "Runtime.exceptionThrown"]
    assert errors == []
