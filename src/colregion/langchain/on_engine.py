"""Where the adapters' engine comes from."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator
from typing_extensions import Self

from colregion import Engine, InvalidInput
from colregion.indexes import open_index


class OnEngine(BaseModel):
    """An index by its name, opened when it is first asked, or an engine that is open.

    By name it can be pickled, copied and rebuilt, and all that name it share one engine.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    index: str | Path | None = None
    engine: Engine | None = Field(default=None, exclude=True, repr=False)

    @model_validator(mode="after")
    def _not_both(self) -> Self:
        if self.index is not None and self.engine is not None:
            raise InvalidInput("give index= (the folder of an index) or engine=, not both")
        return self

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        # An engine has locks and files; a copy asks the same one.
        memo = {} if memo is None else memo
        memo[id(self.engine)] = self.engine
        return super().__deepcopy__(memo)


def opened(source: Engine | str | Path | None) -> Engine:
    if isinstance(source, Engine):
        return source
    assert source is not None
    _require_index(source)
    return Engine.shared(source)


@cache
def _require_index(index: str | Path) -> None:
    """Who only reads should not make an index where a name was mistyped. Asked once a name."""
    open_index(index, create=False).close()
