"""Options of an index on Qdrant, and the spec `qdrant:URL/collection?option=value`."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from colregion import specs
from colregion.errors import InvalidInput

QUANTIZATIONS = ("none", "int8", "int4", "binary")
# Characters that a server refuses in the name of a collection.
_NOT_IN_NAMES = re.compile(r'[<>:"/\\|?*\x00\x1f]')
_LOWEST = {"grpc_port": 1, "timeout_s": 1, "candidates": 0, "shards": 1, "replicas": 1}


@dataclass(frozen=True, slots=True)
class QdrantOptions:
    """How an index on Qdrant is stored and searched.

    Args:
        images: folder for the images of pages, which every process that makes crops can reach;
            None to store no images and read them from the documents' sources.
        grpc_port: port for gRPC (servers listen on 6334), several times faster for vectors than
            JSON; None for REST alone.
        timeout_s: longest time to wait for an answer, 1 or more.
        candidates: number of pages from the first stage that are scored exactly, on an index of
            more than 8 times as many; 0 to score every page.
        quantization: "none", "int8" (a quarter of float32 in memory, the best pages rescored
            with the stored vectors), "int4" (an eighth; TurboQuant, servers from 1.18 on) or
            "binary" (a 32nd). Applies when a collection is created.
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
            names = ", ".join(QUANTIZATIONS)
            raise InvalidInput(f"quantization must be one of {names}, got {self.quantization!r}")
        for name, lowest in _LOWEST.items():
            value = getattr(self, name)
            is_number = isinstance(value, int | float if name == "timeout_s" else int)
            if value is not None and not (is_number and value >= lowest):
                raise InvalidInput(f"{name} must be {lowest} or more, got {value!r}")


def parse_spec(spec: str) -> tuple[str, str, QdrantOptions]:
    """Location, collection and options of `qdrant:LOCATION/COLLECTION[?OPTION=VALUE&...]`.

    The location is the URL of a server, or a folder or `:memory:` for qdrant-client's local mode,
    which is meant for trials and tests. The environment variable QDRANT_API_KEY has the API key.
    Raises InvalidInput for a spec without location or collection, a collection name that servers
    refuse, or an unknown option.
    """
    parsed = specs.parse_spec(spec)
    location, _, collection = (parsed.argument or "").rstrip("/").rpartition("/")
    if not collection or location in ("", "http:/", "https:/"):
        example = "qdrant:URL/collection, as in qdrant:http://localhost:6333/library"
        raise InvalidInput(f"an index on Qdrant is named {example}; got {spec!r}")
    if re.fullmatch(r"[\w.-]+:\d+", location):
        raise InvalidInput(f"say http:// or https:// before {location!r} in {spec!r}")
    if _NOT_IN_NAMES.search(collection):
        raise InvalidInput(f"a Qdrant collection cannot be named {collection!r}")
    options: dict[str, Any] = dict(parsed.options)
    known = [field.name for field in fields(QdrantOptions)]
    if unknown := options.keys() - known:
        names = ", ".join(known)
        raise InvalidInput(f"unknown option {min(unknown)!r} in {spec!r}; choose from {names}")
    if "images" in options:
        options["images"] = Path(str(options["images"])).expanduser().absolute()
    return location, collection, QdrantOptions(**options)
