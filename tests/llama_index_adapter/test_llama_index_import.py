"""What importing costs, and what is said where llama-index-core is missing."""

from __future__ import annotations

import subprocess
import sys

import pytest


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_without_llama_index_the_error_says_what_to_install() -> None:
    done = python("import sys; sys.modules['llama_index'] = None; import colregion.llama_index")
    assert "MissingDependency: llama_index.core" in done.stderr
    assert 'pip install "colregion[llama-index]"' in done.stderr


def test_importing_colregion_does_not_import_llama_index() -> None:
    done = python("import sys, colregion; print('llama_index' in sys.modules)")
    assert done.stdout == "False\n"


@pytest.mark.slow
def test_the_adapter_imports_no_pdf_or_ocr_library() -> None:
    done = python(
        "import sys, colregion.llama_index;"
        "print({'pypdfium2', 'pytesseract', 'rapidocr', 'onnxruntime'} & set(sys.modules))"
    )
    assert done.stdout == "set()\n", done.stderr
