"""What is public is listed, and importing it is light."""

from __future__ import annotations

import subprocess
import sys

import colregion

HEAVY = (
    "torch",
    "transformers",
    "colpali_engine",
    "langchain_core",
    "llama_index",
    "onnxruntime",
    "rapidocr",
    "rapid_layout",
    "pytesseract",
    "cv2",
    "pypdfium2",
    "typer",
    "rich",
)


def test_the_public_names_are_these() -> None:
    assert colregion.__all__ == sorted(colregion.__all__)
    missing = [name for name in colregion.__all__ if not hasattr(colregion, name)]
    assert missing == []


def test_importing_colregion_imports_nothing_heavy() -> None:
    program = f"import colregion, sys; print([m for m in {HEAVY!r} if m in sys.modules])"
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"
