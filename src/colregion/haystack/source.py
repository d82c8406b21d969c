"""What a component searches, as YAML can hold it."""

from __future__ import annotations

from pathlib import Path

from colregion import Engine, InvalidInput


def index_name(source: Engine | str | Path | None) -> str | None:
    """The name of an index; None for none. Raises InvalidInput for an engine."""
    if isinstance(source, Engine):
        raise InvalidInput("an open engine cannot be serialised; make the component with index=")
    return None if source is None else str(source)
