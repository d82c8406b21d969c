from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from colregion.encoders import load_encoder
from colregion.encoders.static.encoder import StaticTokenEncoder
from colregion.engine import Engine
from colregion.errors import InvalidInput


class ExternalEncoder(StaticTokenEncoder):
    """An encoder of another package, with an argument and an option."""

    def __init__(self, argument: str | None = None, *, threshold: float = 0.0) -> None:
        super().__init__()
        self.argument, self.threshold = argument, threshold


@pytest.fixture
def external(monkeypatch: pytest.MonkeyPatch) -> None:
    """Installs `ExternalEncoder` under the names "external" and "static_tokens"."""
    points = EntryPoints(
        EntryPoint(name, f"{__name__}:ExternalEncoder", "colregion.encoders")
        for name in ("external", "static_tokens")
    )

    def entry_points(*, group: str) -> EntryPoints:
        return points.select(group=group)

    monkeypatch.setattr("importlib.metadata.entry_points", entry_points)


def test_static_tokens_is_the_default_encoder() -> None:
    assert isinstance(load_encoder("static_tokens"), StaticTokenEncoder)


@pytest.mark.parametrize("spec", ["", "STATIC_TOKENS", "word2vec", "text"])
def test_unknown_name_is_refused_and_the_known_ones_are_listed(spec: str) -> None:
    with pytest.raises(InvalidInput, match=f"unknown encoder '{spec}'; known are static_tokens"):
        load_encoder(spec)


@pytest.mark.parametrize("spec", ["static_tokens?device=cpu", "static_tokens?a"])
def test_default_encoder_has_no_options(spec: str) -> None:
    with pytest.raises(InvalidInput, match=r"has no option 'device'; it has none|NAME=VALUE"):
        load_encoder(spec)


@pytest.mark.usefixtures("external")
def test_encoder_of_another_package_gets_argument_and_options() -> None:
    encoder = load_encoder("external:a/b?threshold=0.25")
    assert isinstance(encoder, ExternalEncoder)
    assert (encoder.argument, encoder.threshold) == ("a/b", 0.25)


@pytest.mark.usefixtures("external")
def test_options_by_keyword_override_those_in_the_spec() -> None:
    encoder = load_encoder("external?threshold=0.25", threshold=0.5)
    assert isinstance(encoder, ExternalEncoder)
    assert (encoder.argument, encoder.threshold) == (None, 0.5)


@pytest.mark.usefixtures("external")
def test_another_package_cannot_replace_a_built_in_name() -> None:
    assert type(load_encoder("static_tokens")) is StaticTokenEncoder


@pytest.mark.usefixtures("external")
def test_errors_name_the_encoders_and_options_of_other_packages() -> None:
    with pytest.raises(InvalidInput, match=r"known are static_tokens, .*, external"):
        load_encoder("word2vec")
    with pytest.raises(InvalidInput, match=r"'external' cannot be made from its spec: .*'x'"):
        load_encoder("external?x=1")


def test_options_of_an_encoder_object_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="device: give these to your encoder itself"):
        Engine.open(tmp_path / "library", encoder=StaticTokenEncoder(), device="cpu")


def modules_after(code: str) -> set[str]:
    """The modules loaded by a fresh process that runs this code."""
    code = f"import sys; {code}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_the_package_loads_no_encoder() -> None:
    loaded = {name for name in modules_after("import colregion.encoders") if "encoders." in name}
    assert loaded == set()


def test_static_tokens_loads_no_model_library() -> None:
    code = (
        "from colregion.encoders import load_encoder;"
        "load_encoder('static_tokens').encode_query('total')"
    )
    assert {"torch", "transformers", "tokenizers"} & modules_after(code) == set()
