"""Encoders turn pages and questions into vectors. Importing this package loads none of them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from colregion.core.interfaces import Encoder, Index, IndexSetting
from colregion.errors import InvalidInput
from colregion.specs import Spec, added_names, make_added, parse_spec

_ENTRY_POINTS = "colregion.encoders"
_KNOWN = (
    "static_tokens",
    "visual_words",
    "static_tokens+visual_words",
    "text:ID of a text model",
    "a hub id or a folder of a visual model",
)
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


def encoder_for(index: Index, encoder: str | Encoder | None, **options: Any) -> Encoder:
    """The encoder, or that of a spec; for None the one that an index was made with, `static_tokens`
    for a new index. Raises as `load_encoder`, and InvalidInput for an encoder with options."""
    if encoder is None:
        encoder = index.get_setting(IndexSetting.ENCODER_SPEC) or "static_tokens"
    if isinstance(encoder, str):
        return load_encoder(encoder, **options)
    if options:
        raise InvalidInput(f"{', '.join(options)}: give these to your encoder itself")
    return encoder


def load_encoder(spec: str, **options: Any) -> Encoder:
    """Load an encoder by name.

    Packages can add names with an entry point in the group `colregion.encoders`: a class or
    function that is called with the spec's argument, if it has one, and the options by keyword.

    Args:
        spec: "static_tokens"; "visual_words"; "static_tokens+visual_words"; a hub id
            (`vidore/colqwen2.5-v0.2`) or folder of a visual model or LoRA adapter; `text:` and a
            hub id or folder of a text model; or a name that an installed package adds. Options can
            follow: `ID?device=cuda&pool_factor=3`.
        options: options of the encoder (`ColVisionOptions`, `TextModelEncoder`); they override
            those in the spec.

    Raises:
        InvalidInput: an unknown name or option; the message lists the known ones.
        MissingDependency, BackendError: as raised by the encoder.
    """
    is_folder = spec != "" and Path(spec).is_dir()  # whose name may hold a "?"
    parsed = Spec(spec) if is_folder else parse_spec(spec)
    name = spec if is_folder else spec.partition("?")[0]
    options = {**parsed.options, **options}
    if name == "static_tokens":
        from colregion.encoders.static.encoder import StaticTokenEncoder

        _check_options(StaticTokenEncoder, options, name=name)
        return StaticTokenEncoder()
    if name == "visual_words":
        from colregion.encoders.visual_words.encoder import VisualWordsEncoder

        _check_options(VisualWordsEncoder, options, name=name)
        return VisualWordsEncoder()
    if name == "static_tokens+visual_words":
        from colregion.encoders.visual_words.with_read_words import ReadAndSeenWordsEncoder

        _check_options(ReadAndSeenWordsEncoder, options, name=name)
        return ReadAndSeenWordsEncoder()
    if parsed.name == "text" and parsed.argument is not None:
        from colregion.encoders.text import TextModelEncoder

        _check_options(TextModelEncoder, options, name=name)
        return TextModelEncoder(parsed.argument, **options)
    is_path = name.startswith(("/", "./", "../", "~")) or (name != "" and Path(name).is_dir())
    if is_path or _HUB_ID.fullmatch(name):
        from colregion.encoders.colvision import ColVisionEncoder, ColVisionOptions

        _check_options(ColVisionOptions, options, name=name)
        return ColVisionEncoder(name, ColVisionOptions(**options))
    added = added_names(_ENTRY_POINTS)
    if parsed.name not in added:
        raise InvalidInput(
            f"unknown encoder {parsed.name!r}; known are {', '.join((*_KNOWN, *added))}"
        )
    return make_added(_ENTRY_POINTS, parsed, Encoder, options)  # type: ignore[type-abstract]


def _check_options(accepts: Callable[..., Any], options: dict[str, Any], *, name: str) -> None:
    parameters = inspect.signature(accepts).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return
    known = [parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]
    for option in options:
        if option not in known:
            raise InvalidInput(
                f"encoder {name!r} has no option {option!r}; "
                + (f"known are {', '.join(known)}" if known else "it has none")
            )
