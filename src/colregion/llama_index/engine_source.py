"""Where the adapters' engine comes from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from colregion import Engine, InvalidInput
from colregion.indexes import open_index


@dataclass(frozen=True, slots=True)
class EngineSource:
    """An index by its name, opened when it is first needed, or an engine that is open.

    By name it can be pickled and copied, and all that name it share one engine.

    Raises:
        InvalidInput: neither is given, or both.
    """

    index: str | Path | None = None
    engine: Engine | None = None

    def __post_init__(self) -> None:
        if (self.index is None) == (self.engine is None):
            raise InvalidInput("give index= (the folder of an index) or engine=, one of them")

    def open(self) -> Engine:
        """The engine.

        Raises:
            InvalidInput: there is no index of that name; who only reads should not make one.
            IndexCorrupt: the folder holds something else.
        """
        if self.engine is not None:
            return self.engine
        assert self.index is not None
        open_index(self.index, create=False).close()
        return Engine.shared(self.index)
