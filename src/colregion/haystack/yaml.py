"""The components as a pipeline's YAML holds them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from haystack import default_to_dict

from colregion import Engine, InvalidInput


class RegionComponent(Protocol):
    """What both components are made with."""

    top_k: int
    min_confidence: float | None
    crops: str | Path | None


def component_to_dict(
    component: RegionComponent, source: Engine | str | Path | None, **own: Any
) -> dict[str, Any]:
    """A component for a pipeline's YAML; `own` are the arguments that only this one takes. Raises
    InvalidInput for an engine as its source."""
    if isinstance(source, Engine):
        raise InvalidInput("an open engine cannot be serialised; make the component with index=")
    return default_to_dict(
        component,
        index=None if source is None else str(source),
        top_k=component.top_k,
        min_confidence=component.min_confidence,
        crops=None if component.crops is None else str(component.crops),
        **own,
    )
