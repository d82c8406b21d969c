"""What importing the package and its exports loads."""

from __future__ import annotations

import subprocess
import sys

import pytest

import colregion.export


@pytest.mark.parametrize(
    ("statement", "loads_templates"),
    [
        ("import colregion, colregion.cli", False),
        ("from colregion.export import annotate_pdf, draw_hits, draw_map, overlay_png", False),
        ("from colregion.export import html_report", True),
        ("from colregion.export.html import Section, html_report, write_html", True),
    ],
)
def test_template_engine_is_loaded_for_reports_only(statement: str, loads_templates: bool) -> None:
    code = f"{statement}\nimport sys; sys.exit('jinja2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == loads_templates


@pytest.mark.parametrize("name", colregion.export.__all__)
def test_every_exported_name_is_importable(name: str) -> None:
    assert callable(getattr(colregion.export, name))


def test_completion_lists_every_exported_name() -> None:
    assert set(colregion.export.__all__) <= set(dir(colregion.export))


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"'colregion\.export' has no attribute 'draw_hit'"):
        colregion.export.draw_hit  # noqa: B018
