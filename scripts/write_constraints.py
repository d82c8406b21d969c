"""Write constraints.txt from the versions in this environment: python scripts/write_constraints.py

With every version named, transitive ones too, pip has nothing to search for. Run it in a new
environment after `pip install --group dev -e ".[all]"` and a green scripts/check.
"""

from __future__ import annotations

from importlib.metadata import distributions
from pathlib import Path

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

CONSTRAINTS = Path(__file__).parent.parent / "constraints.txt"
HEADER = (
    "# Versions that were tested together; use with `pip install -c constraints.txt`.\n"
    "# Written by scripts/write_constraints.py.\n"
)
NOT_CONSTRAINED = {"colregion", "pip"}
OLDEST_PYTHON = Version("3.10")


def python_marker(requires_python: str) -> str:
    """The marker of a version that not every supported Python can install, such as ">=3.11.5"."""
    lowest = [Version(one.version) for one in SpecifierSet(requires_python) if one.operator == ">="]
    if max(lowest, default=OLDEST_PYTHON) <= OLDEST_PYTHON:
        return ""
    return f'; python_full_version >= "{max(lowest)}"'


def constraints() -> dict[str, str]:
    """The line of each installed package. Builds for one processor or accelerator, such as
    torch's "+cpu", count as their plain version."""
    lines: dict[str, str] = {}
    for distribution in distributions():
        name = canonicalize_name(distribution.metadata["Name"])
        if name not in NOT_CONSTRAINED:
            marker = python_marker(distribution.metadata["Requires-Python"] or "")
            lines[name] = f"{name}=={Version(distribution.version).public}{marker}\n"
    return lines


if __name__ == "__main__":
    lines = constraints()
    CONSTRAINTS.write_text(HEADER + "".join(lines[name] for name in sorted(lines)))
