"""Encoders: what turns pages and questions into vectors."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

from colregion.core.interfaces import Encoder
from colregion.errors import InvalidInput

_KNOWN = ("static_tokens", "text:ID of a text model", "a hub id or a folder of a visual model")
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


def load_encoder(spec: str, **options: Any) -> Encoder:
    """The encoder that a name stands for.

    Args:
        spec: "static_tokens"; or a hub id (`vidore/colqwen2.5-v0.2`) or folder of a visual
            model or LoRA adapter; or `text:` before one of a text model. Options can follow:
            `ID?device=cuda&pool_factor=3`.
        options: of `ColVisionEncoder` or `TextModelEncoder`; they count before those in the spec.

    Raises:
        InvalidInput: an unknown name or option; the message lists the known ones.
        MissingDependency, BackendError: as the encoder's own.
    """
    name, given = _split(spec)
    given.update(options)
    if name == "static_tokens":
        from colregion.encoders.static.encoder import StaticTokenEncoder

        _check(StaticTokenEncoder, given, name=name)
        return StaticTokenEncoder()
    if name.startswith("text:"):
        from colregion.encoders.text import TextModelEncoder

        _check(TextModelEncoder, given, name=name)
        return TextModelEncoder(name.removeprefix("text:"), **given)
    if _HUB_ID.fullmatch(name) or _is_path(name):
        from colregion.encoders.colvision import ColVisionEncoder

        _check(ColVisionEncoder, given, name=name)
        return ColVisionEncoder(name, **given)
    raise InvalidInput(f"unknown encoder {name!r}; known are {', '.join(_KNOWN)}")


def _split(spec: str) -> tuple[str, dict[str, Any]]:
    """The name, and the options behind a question mark: whole numbers, true, false or text."""
    if spec and Path(spec).is_dir():
        return spec, {}
    name, _, query = spec.partition("?")
    options: dict[str, Any] = {}
    for part in filter(None, query.split("&")):
        key, separator, value = part.partition("=")
        if not separator:
            raise InvalidInput(f"options of an encoder are NAME=VALUE, got {part!r} in {spec!r}")
        options[key] = (
            int(value) if value.isdigit() else {"true": True, "false": False}.get(value, value)
        )
    return name, options


def _is_path(name: str) -> bool:
    looks_like_one = name.startswith(("/", "./", "../", "~"))
    return looks_like_one or (bool(name) and Path(name).is_dir())


def _check(encoder: type[Encoder], options: dict[str, Any], *, name: str) -> None:
    parameters = inspect.signature(encoder).parameters.values()
    known = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
    for option in options:
        if option not in known:
            raise InvalidInput(
                f"encoder {name!r} has no option {option!r}; "
                + (f"known are {', '.join(known)}" if known else "it has none")
            )
