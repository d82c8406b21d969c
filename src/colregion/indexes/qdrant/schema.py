"""The collections of an index: their format, vectors and payload indexes."""

from __future__ import annotations

import uuid
from typing import Any

from qdrant_client import models

from colregion.errors import BackendError, IndexCorrupt, InvalidInput
from colregion.indexes.qdrant.connection import Connection, already_there
from colregion.indexes.qdrant.filters import any_of
from colregion.indexes.qdrant.options import QdrantOptions
from colregion.indexes.qdrant.points import point_id

FORMAT = 2
"""Version of the stored layout: other versions are refused."""

PAGE, FIRST = "page", "first"
"""Names of a page's two multivectors: all its vectors, and the 64 of the first stage."""

FORMAT_POINT = point_id("format")
"""Holds the version of the layout and the revision of the index."""

_KEYWORD, _NUMBER = models.PayloadSchemaType.KEYWORD, models.PayloadSchemaType.INTEGER
_SHARED_FIELDS = {
    "doc_id": _KEYWORD,
    "generation": _KEYWORD,
    "uploaded": models.PayloadSchemaType.FLOAT,
}
_RECORD_FIELDS = _SHARED_FIELDS | {"dim": _NUMBER, "page_count": _NUMBER}
_RECORD_FIELDS |= {"type": _KEYWORD, "terms": _KEYWORD}
_VECTOR_FIELDS = _SHARED_FIELDS | {"page_number": _NUMBER}
_VECTOR_FIELDS |= {"source": _KEYWORD, "kinds": _KEYWORD, "metadata": _KEYWORD}


def prepare(connection: Connection, name: str, options: QdrantOptions, *, create: bool) -> str:
    """Create the collection of records, or check that it is one.

    Returns:
        The revision of the index.

    Raises:
        InvalidInput: the collection does not exist, and `create` is false.
        IndexCorrupt: it holds something else, or an index of another format.
        BackendError: the server is down, late, or refuses.
    """
    if connection.ask(lambda client: client.collection_exists(name)):
        return _check_format(connection, name)
    if not create:
        raise InvalidInput(
            f"no index {name!r} in Qdrant at {connection.location}; add documents to make one"
        )
    _create(connection, name, options, vectors={}, fields=_RECORD_FIELDS)
    return put_revision(connection, name)


def put_revision(connection: Connection, name: str) -> str:
    """Give the index a new revision, by which readers notice that something has changed."""
    revision = uuid.uuid4().hex
    payload = {"type": "format", "version": FORMAT, "revision": revision}
    connection.put(name, [(FORMAT_POINT, payload, {})])
    return revision


def vector_collection(name: str, dim: int) -> str:
    """The collection of the vectors of D = `dim`."""
    return f"{name}-d{dim}"


def prepare_vectors(connection: Connection, name: str, options: QdrantOptions, *, dim: int) -> None:
    """Create the collection for vectors of D = `dim` if it does not exist."""
    collection = vector_collection(name, dim)
    if not connection.ask(lambda client: client.collection_exists(collection)):
        vectors = _vectors(dim, quantization=options.quantization)
        _create(connection, collection, options, vectors=vectors, fields=_VECTOR_FIELDS)
    connection.put(name, [(point_id("vectors", dim), {"type": "vectors", "of_dim": dim}, {})])


def vector_dims(connection: Connection, name: str) -> list[int]:
    """D of every collection of vectors of the index."""
    points = connection.scroll(name, [any_of("type", ["vectors"])])
    return [int((point.payload or {})["of_dim"]) for point in points]


def index_numbers(connection: Connection, collection: str, key: str) -> None:
    """Create the payload index for ranges of a metadata key."""
    _index_field(connection, collection, f"numbers.{key}", models.PayloadSchemaType.FLOAT)


def _vectors(dim: int, *, quantization: str) -> dict[str, models.VectorParams]:
    multivector = models.MultiVectorConfig(comparator=models.MultiVectorComparator.MAX_SIM)
    common: dict[str, Any] = {
        "size": dim,
        "distance": models.Distance.DOT,
        "datatype": models.Datatype.FLOAT16,
        "multivector_config": multivector,
    }
    return {
        PAGE: models.VectorParams(
            **common,
            on_disk=True,
            # No graph: with a thousand vectors per page it costs more than it saves, because late
            # interaction is no distance that a graph could follow.
            hnsw_config=models.HnswConfigDiff(m=0),
            quantization_config=_quantization(quantization),
        ),
        FIRST: models.VectorParams(**common, on_disk=False),
    }


def _quantization(name: str) -> models.QuantizationConfig | None:
    if name == "int8":
        scalar = models.ScalarQuantizationConfig(type=models.ScalarType.INT8, always_ram=True)
        return models.ScalarQuantization(scalar=scalar)
    if name == "binary":
        return models.BinaryQuantization(binary=models.BinaryQuantizationConfig(always_ram=True))
    return None


def _create(
    connection: Connection,
    collection: str,
    options: QdrantOptions,
    *,
    vectors: dict[str, models.VectorParams],
    fields: dict[str, models.PayloadSchemaType],
) -> None:
    try:
        connection.ask(
            lambda client: client.create_collection(
                collection,
                vectors_config=vectors,
                on_disk_payload=True,
                shard_number=options.shards,
                replication_factor=options.replicas,
                # Any replica may be asked for what was acknowledged.
                write_consistency_factor=options.replicas,
            )
        )
    except BackendError as error:
        if not already_there(error):
            raise
    for name, schema in fields.items():
        _index_field(connection, collection, name, schema)


def _index_field(
    connection: Connection, collection: str, field: str, schema: models.PayloadSchemaType
) -> None:
    if connection.remote:  # the client's local mode has no payload indexes
        connection.ask(
            lambda client: client.create_payload_index(collection, field, schema, wait=True)
        )


def _check_format(connection: Connection, name: str) -> str:
    payload = connection.retrieve(name, [FORMAT_POINT]).get(FORMAT_POINT, {})
    version = payload.get("version")
    if version == FORMAT:
        return str(payload["revision"])
    where = f"the Qdrant collection {name!r} at {connection.location}"
    if version is not None:
        raise IndexCorrupt(
            f"{where} holds an index of format {version}, and this version reads format {FORMAT}; "
            f"add the documents to another collection, and delete {name} and {name}-d*"
        )
    if connection.ask(lambda client: client.count(name)).count:
        raise IndexCorrupt(f"{where} holds no index of colregion; choose another collection")
    # Another process has just created it, or ended before it could write the format.
    return put_revision(connection, name)
