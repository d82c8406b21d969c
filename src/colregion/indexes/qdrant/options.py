"""Options of an index on Qdrant, and the spec `qdrant:URL/collection?option=value`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from colregion.errors import InvalidInput

QUANTIZATIONS = ("none", "int8", "binary")
_PREFIX = "qdrant:"
# Characters that a server refuses in the name of a collection.
_NOT_IN_NAMES = re.compile(r'[<>:"/\\|?*\x00\x1f]')


@dataclass(frozen=True, slots=True)
class QdrantOptions:
    """How an index on Qdrant is stored and searched.

    Args:
        images: folder for the images of pages, which every process that makes crops can reach;
            None to store no images and read them from the documents' sources.
        grpc_port: port for gRPC (servers listen on 6334), several times faster for vectors than
            JSON; None for REST alone.
        timeout_s: longest time to wait for an answer.
        candidates: number of pages from the first stage that are scored exactly, on an index of
            more than 8 times as many; 0 to score every page.
        quantization: "none", "int8" (a quarter of float32 in memory, the best pages rescored
            with the stored vectors) or "binary" (a 32nd). Applies when a collection is created.
        shards, replicas: of the collections, when they are created; None for the server's
            defaults. Every replica acknowledges every change, so that readers may ask any.
    """

    images: Path | None = None
    grpc_port: int | None = None
    timeout_s: float = 30.0
    candidates: int = 500
    quantization: str = "none"
    shards: int | None = None
    replicas: int | None = None

    def __post_init__(self) -> None:
        if self.quantization not in QUANTIZATIONS:
            raise InvalidInput(
                f"quantization must be one of {', '.join(QUANTIZATIONS)}, got {self.quantization!r}"
            )
        if self.timeout_s <= 0 or self.candidates < 0:
            raise InvalidInput(
                f"timeout_s must be positive and candidates 0 or more, "
                f"got {self.timeout_s} and {self.candidates}"
            )
        for name in ("grpc_port", "shards", "replicas"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InvalidInput(f"{name} must be 1 or more, got {value}")


_OPTIONS: dict[str, Callable[[str], Any]] = {
    "images": lambda text: Path(text).expanduser().absolute(),
    "grpc_port": int,
    "timeout_s": float,
    "candidates": int,
    "quantization": str,
    "shards": int,
    "replicas": int,
}


def parse_spec(spec: str) -> tuple[str, str, QdrantOptions]:
    """Location, collection and options of `qdrant:LOCATION/COLLECTION[?OPTION=VALUE&...]`.

    The location is the URL of a server, or a folder or `:memory:` for qdrant-client's local mode,
    which is meant for trials and tests. An API key is never part of the spec: it comes from the
    environment variable QDRANT_API_KEY.

    Raises:
        InvalidInput: no location or collection, a name that servers refuse, an unknown option.
    """
    rest, _, query = spec.removeprefix(_PREFIX).partition("?")
    location, separator, collection = rest.rstrip("/").rpartition("/")
    if not separator or not location or not collection or location in ("http:/", "https:/"):
        raise InvalidInput(
            f"an index on Qdrant is named qdrant:URL/collection, as in "
            f"qdrant:http://localhost:6333/library; got {spec!r}"
        )
    if re.fullmatch(r"[\w.-]+:\d+", location):
        raise InvalidInput(f"say http:// or https:// before {location!r} in {spec!r}")
    if _NOT_IN_NAMES.search(collection):
        raise InvalidInput(f"a Qdrant collection cannot be named {collection!r}")
    return location, collection, _parse_options(query, spec=spec)


def _parse_options(query: str, *, spec: str) -> QdrantOptions:
    values: dict[str, Any] = {}
    try:
        for name, text in parse_qsl(query, strict_parsing=bool(query), keep_blank_values=True):
            if name not in _OPTIONS:
                raise InvalidInput(
                    f"unknown option {name!r} in {spec!r}; known are {', '.join(_OPTIONS)}"
                )
            values[name] = _OPTIONS[name](text)
    except InvalidInput:
        raise
    except ValueError as cause:
        raise InvalidInput(f"cannot read the options of {spec!r}: {cause}") from cause
    return QdrantOptions(**values)
