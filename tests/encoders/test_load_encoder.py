from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from colregion.encoders import load_encoder
from colregion.encoders.static.encoder import StaticTokenEncoder
from colregion.engine import Engine
from colregion.errors import InvalidInput


def test_static_tokens_is_the_default_encoder() -> None:
    assert isinstance(load_encoder("static_tokens"), StaticTokenEncoder)


@pytest.mark.parametrize("spec", ["", "STATIC_TOKENS", "word2vec"])
def test_an_unknown_name_is_refused_and_the_known_ones_are_listed(spec: str) -> None:
    with pytest.raises(InvalidInput, match="known are static_tokens"):
        load_encoder(spec)


@pytest.mark.parametrize("spec", ["static_tokens?device=cpu", "static_tokens?a"])
def test_the_default_encoder_has_no_options(spec: str) -> None:
    with pytest.raises(InvalidInput, match=r"has no option 'device'; it has none|NAME=VALUE"):
        load_encoder(spec)


def test_options_of_an_encoder_object_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="device: give these to your encoder itself"):
        Engine.open(tmp_path / "library", encoder=StaticTokenEncoder(), device="cpu")


def test_no_model_library_is_loaded() -> None:
    code = (
        "import sys; from colregion.encoders import load_encoder;"
        "load_encoder('static_tokens').encode_query('total');"
        "print([m for m in ('torch', 'transformers', 'tokenizers') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
