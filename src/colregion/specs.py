"""The grammar of the names that `load_encoder`, `load_parser` and `open_index` take.

    NAME[:ARGUMENT][?OPTION=VALUE[&OPTION=VALUE ...]]

As in `static_tokens`, `vidore/colqwen2.5-v0.2?device=cuda&pool_factor=3`,
`docling:out/report.json` or `qdrant:http://localhost:6333/library?shards=2`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias
from urllib.parse import unquote

from colregion.errors import InvalidInput

OptionValue: TypeAlias = int | float | bool | str

_OPTION_NAME = re.compile(r"[A-Za-z_]\w*")
_INTEGER = re.compile(r"[+-]?[0-9]+")
_DECIMAL = re.compile(r"[+-]?[0-9]*\.[0-9]+([eE][+-]?[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Spec:
    """A parsed spec.

    Args:
        name: before the first ":"; may be "".
        argument: between the first ":" and the "?"; None without a ":".
        options: in the order of the spec; {} without any.
    """

    name: str
    argument: str | None = None
    options: Mapping[str, OptionValue] = field(default_factory=dict)


def parse_spec(text: str) -> Spec:
    """Split a spec into its name, argument and options.

    The first "?" starts the options. Values are typed by their form: 3 and -1 are int, 0.5 and
    1.5e-3 float, true and false bool, anything else str with %XX decoded (%26 for "&").

    >>> parse_spec("docling:out/report.json?pages=3&strict=true")
    Spec(name='docling', argument='out/report.json', options={'pages': 3, 'strict': True})

    Raises:
        InvalidInput: an option that is not NAME=VALUE, or is named twice.
    """
    base, question_mark, query = text.partition("?")
    name, colon, argument = base.partition(":")
    options: dict[str, OptionValue] = {}
    for part in query.split("&") if question_mark else ():
        option, equals, value = part.partition("=")
        if not equals or not _OPTION_NAME.fullmatch(option):
            raise InvalidInput(f"options are NAME=VALUE joined by '&', got {part!r} in {text!r}")
        if option in options:
            raise InvalidInput(f"option {option!r} is named twice in {text!r}")
        options[option] = _typed(value)
    return Spec(name, argument if colon else None, options)


def _typed(value: str) -> OptionValue:
    if value in ("true", "false"):
        return value == "true"
    if _INTEGER.fullmatch(value):
        return int(value)
    return float(value) if _DECIMAL.fullmatch(value) else unquote(value)
