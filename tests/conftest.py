"""Set-up of all tests: no model hub, and components that are missing skip the tests that need them.

A mark names the component a test needs (`ocr`, `torch`, `office`, `browser`, `qdrant`). Where the
component is missing the test is skipped, and the reason says what to install. With CI=true it
fails instead: there every component must be present.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

if TYPE_CHECKING:
    from tests.export.chromium import Chromium

# Read when the hub's library is first imported: no test asks a hub, whatever the machine allows.
os.environ["HF_HUB_OFFLINE"] = "1"
# Haystack would report each pipeline to its makers.
os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"
# Many tests start Python; without written bytecode each would compile all it imports, every time.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
_LIBRARIES: list[object] = []  # operators are declared as long as their library lives


def in_ci() -> bool:
    return os.environ.get("CI", "").lower() in ("1", "true")


def require_program(*names: str, package: str) -> None:
    """Skip the test (fail in CI) unless one of these programs is on the path.

    Args:
        names: the program's names on different systems.
        package: the Debian package that brings it.
    """
    if not any(map(shutil.which, names)):
        _missing(f"{names[0]} is not installed: apt-get install {package}")


def require_package(name: str, *, install: str) -> None:
    """Skip the test (fail in CI) unless this Python package is installed."""
    if find_spec(name) is None:
        _missing(f"{name} is not installed: pip install {install}")


def require_dejavu_fonts() -> None:
    """Skip the test (fail in CI) unless the DejaVu fonts, which draw Cyrillic, are installed."""
    if not Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf").is_file():
        _missing("the DejaVu fonts are not installed: apt-get install fonts-dejavu-core")


def require_tesseract(*languages: str) -> None:
    """Skip the test (fail in CI) unless Tesseract and its data for these languages are installed.

    Args:
        languages: Tesseract's codes, such as "rus".
    """
    require_package("pytesseract", install='"colregion[tesseract]"')
    require_program("tesseract", package="tesseract-ocr")
    for language in languages:
        if language not in _tesseract_languages():
            package = f"tesseract-ocr-{language}".replace("_", "-")
            _missing(f"Tesseract has no data for {language!r}: apt-get install {package}")


def _missing(reason: str) -> NoReturn:
    if in_ci():
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@cache
def _tesseract_languages() -> frozenset[str]:
    command = ["tesseract", "--list-langs"]
    listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return frozenset(listing.split())


_LIBREOFFICE = "libreoffice-writer-nogui libreoffice-calc-nogui libreoffice-impress-nogui"

# What each mark needs. A mark's arguments go to its check: `ocr("rus")` needs Russian data too.
_CHECKS: dict[str, Callable[..., None]] = {
    "fonts": require_dejavu_fonts,
    "ocr": require_tesseract,
    "torch": lambda: require_package("torch", install='"colregion[colpali]"'),
    "office": lambda: require_program("soffice", "libreoffice", package=_LIBREOFFICE),
    "browser": lambda: require_program("chromium", "chromium-browser", package="chromium"),
    "qdrant": lambda: require_package("qdrant_client", install='"colregion[qdrant]"'),
}


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers():
        if mark.name in _CHECKS:
            _CHECKS[mark.name](*mark.args)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn skips into failures in CI, except where `skipif` states a platform or a version."""
    report = yield
    xfailed = hasattr(report, "wasxfail")
    if in_ci() and report.skipped and not xfailed and not item.get_closest_marker("skipif"):
        report.outcome = "failed"
        report.longrepr = f"CI allows no skip: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if in_ci() and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"CI allows no skip: {report.longrepr}"
    return report


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """A browser with one tab, for all tests of a module."""
    from tests.export.chromium import Chromium  # its imports are not on every system

    chromium = Chromium(tmp_path_factory.mktemp("profile"))
    yield chromium
    chromium.close()


@pytest.fixture(scope="session")
def working_torchvision() -> None:
    """For tests of anything that imports torchvision, in this process."""
    make_torchvision_importable()


def make_torchvision_importable() -> None:
    """Make PyPI's torchvision importable next to a CPU build of torch.

    Its compiled operators link against CUDA's libraries, so they are not loaded and the import
    fails because two of them are missing. This declares them, with a plain implementation of the
    one that is used. Does nothing where torchvision works.
    """
    import torch

    try:
        import torchvision
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
    else:
        return
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]
    library = torch.library.Library("torchvision", "FRAGMENT")
    _LIBRARIES.append(library)
    for operator in ("nms", "qnms"):
        library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.impl("nms", _nms, "CPU")
    import torchvision.extension

    torchvision.extension._has_ops = lambda: True


def _nms(dets, scores, iou_threshold):  # type: ignore[no-untyped-def]
    """Non-maximum suppression: indices of the boxes that no better box overlaps, best first."""
    import torch

    areas = (dets[:, 2:] - dets[:, :2]).prod(dim=1)
    remaining = scores.argsort(descending=True, stable=True)
    chosen = []
    while len(remaining):
        best, remaining = remaining[0], remaining[1:]
        chosen.append(best)
        low = torch.maximum(dets[best, :2], dets[remaining, :2])
        high = torch.minimum(dets[best, 2:], dets[remaining, 2:])
        shared = (high - low).clamp(min=0).prod(dim=1)
        union = areas[best] + areas[remaining] - shared
        remaining = remaining[shared <= iou_threshold * union]
    return torch.stack(chosen) if chosen else torch.empty(0, dtype=torch.long)
