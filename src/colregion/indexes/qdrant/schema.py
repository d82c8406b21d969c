"""The collections of an index: how they are made and what their fields are."""

from __future__ import annotations

from typing import Any

from qdrant_client import models

from colregion.errors import BackendError, IndexCorrupt, InvalidInput
from colregion.indexes.qdrant.connection import Connection, already_there
from colregion.indexes.qdrant.filters import any_of
from colregion.indexes.qdrant.options import QdrantOptions
from colregion.indexes.qdrant.stored import point_id

FORMAT = 1
"""Version of what is stored. Raised whenever an older reader would fail."""

PAGE, FIRST = "page", "first"
"""Names of the two multivectors of a page: all its vectors, and the few of the first stage."""

_FORMAT_POINT = point_id("format")
_RECORD_FIELDS = {
    "type": models.PayloadSchemaType.KEYWORD,
    "doc_id": models.PayloadSchemaType.KEYWORD,
    "generation": models.PayloadSchemaType.KEYWORD,
    "terms": models.PayloadSchemaType.KEYWORD,
    "dim": models.PayloadSchemaType.INTEGER,
}
_VECTOR_FIELDS = {
    "generation": models.PayloadSchemaType.KEYWORD,
    "doc_id": models.PayloadSchemaType.KEYWORD,
    "source": models.PayloadSchemaType.KEYWORD,
    "page_number": models.PayloadSchemaType.INTEGER,
    "kinds": models.PayloadSchemaType.KEYWORD,
    "metadata": models.PayloadSchemaType.KEYWORD,
}


def prepare(connection: Connection, name: str, options: QdrantOptions, *, create: bool) -> None:
    """Make the collection of records, or check that it is one.

    Raises:
        InvalidInput: there is none, and `create` is false.
        IndexCorrupt: it holds something else, or an index of another version.
        BackendError: the server is down, late, or refuses.
    """
    if connection.ask(lambda client: client.collection_exists(name)):
        _check_format(connection, name)
        return
    if not create:
        raise InvalidInput(
            f"no index {name!r} in Qdrant at {connection.location}; add documents to make one"
        )
    _create(connection, name, options, vectors={}, fields=_RECORD_FIELDS)
    connection.put(name, [(_FORMAT_POINT, {"type": "format", "version": FORMAT}, {})])


def vector_collection(name: str, dim: int) -> str:
    """The collection of the vectors of D = `dim`."""
    return f"{name}-d{dim}"


def prepare_vectors(connection: Connection, name: str, options: QdrantOptions, *, dim: int) -> None:
    """Make the collection for vectors of D = `dim` where there is none."""
    collection = vector_collection(name, dim)
    if not connection.ask(lambda client: client.collection_exists(collection)):
        vectors = _vectors(dim, quantisation=options.quantisation)
        _create(connection, collection, options, vectors=vectors, fields=_VECTOR_FIELDS)
    connection.put(name, [(point_id("vectors", dim), {"type": "vectors", "of_dim": dim}, {})])


def vector_dims(connection: Connection, name: str) -> list[int]:
    """D of every collection of vectors that the index has ever had."""
    points = connection.scroll(name, must=[any_of("type", ["vectors"])])
    return [int((point.payload or {})["of_dim"]) for point in points]


def index_numbers(connection: Connection, collection: str, key: str) -> None:
    """Let ranges over a metadata key be answered without looking at every page."""
    _index_field(connection, collection, f"numbers.{key}", models.PayloadSchemaType.FLOAT)


def _vectors(dim: int, *, quantisation: str) -> dict[str, models.VectorParams]:
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
            # A graph over a thousand vectors a page costs more than it saves: the late
            # interaction of a question with a page is no distance that a graph could follow.
            hnsw_config=models.HnswConfigDiff(m=0),
            quantization_config=_quantization(quantisation),
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
                # Whichever copy is asked has to know what was acknowledged.
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
    if connection.remote:  # the client's local mode has no such thing
        connection.ask(
            lambda client: client.create_payload_index(collection, field, schema, wait=True)
        )


def _check_format(connection: Connection, name: str) -> None:
    points = connection.ask(lambda client: client.retrieve(name, [_FORMAT_POINT]))
    version = (points[0].payload or {}).get("version") if points else None
    if version == FORMAT:
        return
    if version is None and not connection.ask(lambda client: client.count(name)).count:
        # Another process has just made it, or was ended before it could say so.
        connection.put(name, [(_FORMAT_POINT, {"type": "format", "version": FORMAT}, {})])
        return
    what = f"an index of format {version}" if version else "no index of colregion"
    raise IndexCorrupt(
        f"the Qdrant collection {name!r} at {connection.location} holds {what}, and this version "
        f"reads format {FORMAT}; choose another collection"
    )
