"""The index or engine of a LangChain component."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator
from typing_extensions import Self

from colregion import Engine, InvalidInput


class EngineMixin(BaseModel):
    """An index by its name, opened on first use and shared by all components of that name, which
    can be pickled and copied; or an open engine."""

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    # `kw_only` is read by type checkers; it says what `__init__` does.
    index: str | Path | None = Field(default=None, kw_only=False)
    engine: Engine | None = Field(default=None, exclude=True, repr=False)

    if not TYPE_CHECKING:  # type checkers derive the arguments from the fields

        def __init__(self, index: str | Path | None = None, **settings: Any) -> None:
            super().__init__(**(settings if index is None else {"index": index, **settings}))

    @model_validator(mode="after")
    def _not_both(self) -> Self:
        if self.index is not None and self.engine is not None:
            raise InvalidInput("give index= (the folder of an index) or engine=, not both")
        return self

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        # An engine has locks and files; a copy uses the same one.
        memo = {} if memo is None else memo
        memo[id(self.engine)] = self.engine
        return super().__deepcopy__(memo)
