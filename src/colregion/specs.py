"""The grammar of the names that `load_encoder`, `load_parser` and `open_index` take.

    NAME[:ARGUMENT][?OPTION=VALUE[&OPTION=VALUE ...]]

As in `static_tokens`, `vidore/colqwen2.5-v0.2?device=cuda&pool_factor=3`,
`docling:out/report.json` or `qdrant:http://localhost:6333/library?shards=2`.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar
from urllib.parse import unquote

from colregion.errors import InvalidInput, MissingDependency

_T = TypeVar("_T")

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


def added_names(group: str) -> list[str]:
    """The names that installed distributions add by entry points of a group, sorted."""
    from importlib.metadata import entry_points  # slow to import and seldom needed

    return sorted({point.name for point in entry_points(group=group)})


def make_added(group: str, spec: Spec, kind: type[_T], options: Mapping[str, Any]) -> _T:
    """What the entry point of the spec's name makes of its argument, if it has one, and options.

    Raises:
        MissingDependency: the entry point cannot be imported.
        InvalidInput: there is none of this name, it does not take this argument or option, or it
            makes something else.
    """
    from importlib.metadata import entry_points

    point = next((one for one in entry_points(group=group) if one.name == spec.name), None)
    if point is None:
        raise InvalidInput(f"no installed distribution adds the name {spec.name!r} to {group}")
    try:
        factory = point.load()
    except (ImportError, AttributeError) as cause:
        raise MissingDependency(
            f"{spec.name!r} could not be imported from {point.value} ({cause}); install or update "
            f"{point.dist.name if point.dist else 'the distribution that adds it'}"
        ) from cause
    arguments = () if spec.argument is None else (spec.argument,)
    what = kind.__name__
    try:
        inspect.signature(factory).bind(*arguments, **options)
    except TypeError as cause:
        raise InvalidInput(
            f"{what.lower()} {spec.name!r} cannot be made from its spec: {cause}"
        ) from cause
    made = factory(*arguments, **options)
    if not isinstance(made, kind):
        raise InvalidInput(
            f"the entry point {point.value} must return a colregion {what}, "
            f"got {type(made).__name__}"
        )
    return made


def _typed(value: str) -> OptionValue:
    if value in ("true", "false"):
        return value == "true"
    if _INTEGER.fullmatch(value):
        return int(value)
    return float(value) if _DECIMAL.fullmatch(value) else unquote(value)
