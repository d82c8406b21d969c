"""How records show themselves: a `repr` on one line, and HTML in a notebook."""

from __future__ import annotations

import reprlib
from collections.abc import Callable
from importlib import import_module
from operator import attrgetter
from typing import Any, TypeVar

_T = TypeVar("_T")


class ShowsItself:
    """A record that a notebook shows as HTML, with images of its pages."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        # By its name, because the core imports nothing of what draws.
        shown: str = import_module("colregion.export.html.notebook").to_html(self)
        return shown


class _Short(reprlib.Repr):
    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = 60
        self.maxlist = self.maxtuple = self.maxfrozenset = 2

    def repr_ndarray(self, array: Any, _level: int) -> str:
        return f"{array.dtype}{list(array.shape)}"


_short = _Short()


def one_line_repr(*attributes: str) -> Callable[[type[_T]], type[_T]]:
    """Class decorator: the `repr` names up to four attributes, on one line of at most 300
    characters. An array shows its dtype and shape; a dotted attribute its last name."""

    def show(record: object) -> str:
        values = [(name, _short.repr(attrgetter(name)(record))) for name in attributes]
        shown = ", ".join(f"{name.rpartition('.')[2]}={value}" for name, value in values)
        return f"{type(record).__name__}({shown})"

    def decorate(cls: type[_T]) -> type[_T]:
        cls.__repr__ = show  # type: ignore[method-assign]
        return cls

    return decorate
