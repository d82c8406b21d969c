"""The collections of an index: their format, vectors and payload indexes."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from typing import Any

from qdrant_client import models
from qdrant_client.models import PayloadSchemaType

from colregion.errors import BackendError, IndexCorrupt, InvalidInput
from colregion.indexes.qdrant.connection import Connection
from colregion.indexes.qdrant.options import QdrantOptions
from colregion.indexes.qdrant.payloads import point_id

FORMAT = 5  # version of the stored layout; other versions are refused
FORMAT_POINT = point_id("format")  # has the version of the layout and the revision of the index
PAGE, FIRST = "page", "first"  # multivectors of a page: all vectors, and 64 for the first stage
_KEYWORD, _INTEGER = PayloadSchemaType.KEYWORD, PayloadSchemaType.INTEGER
_DOCUMENT_FIELDS = {"type": _KEYWORD, "doc_id": _KEYWORD, "dim": _INTEGER, "page_count": _INTEGER}
_PAGE_FIELDS = dict.fromkeys(
    ("doc_id", "source", "generation", "kinds", "terms", "metadata"), _KEYWORD
) | {
    "page_number": _INTEGER,
    "uploaded": PayloadSchemaType.FLOAT,
    "unread": PayloadSchemaType.FLOAT,
}
_QUANTIZATIONS: dict[str, models.QuantizationConfig | None] = {
    "none": None,
    "int8": models.ScalarQuantization(
        scalar=models.ScalarQuantizationConfig(type=models.ScalarType.INT8, always_ram=True)
    ),
    "int4": models.TurboQuantization(
        turbo=models.TurboQuantQuantizationConfig(
            bits=models.TurboQuantBitSize.BITS4, always_ram=True
        )
    ),
    "binary": models.BinaryQuantization(binary=models.BinaryQuantizationConfig(always_ram=True)),
}


def prepare(connection: Connection, name: str, options: QdrantOptions, *, create: bool) -> str:
    """Create or check the collection of documents, and return its revision.

    Raises:
        InvalidInput: the collection does not exist, and `create` is false.
        IndexCorrupt: it has other content, or an index of another format.
        BackendError: the server is down, late, or refuses.
    """
    if connection.ask(connection.client.collection_exists, name):
        return _check_format(connection, name)
    if not create:
        where = f"{name!r} in Qdrant at {connection.location}"
        raise InvalidInput(f"no index {where}; add documents to make one")
    _create(connection, name, options, {}, _DOCUMENT_FIELDS)
    return put_revision(connection, name)


def put_revision(connection: Connection, name: str) -> str:
    """Set a new revision of the index, which tells readers that something has changed."""
    revision = uuid.uuid4().hex
    payload = {"type": "format", "version": FORMAT, "revision": revision}
    connection.put(name, FORMAT_POINT, payload)
    return revision


def page_collection(name: str, dim: int) -> str:
    """The name of the collection for pages with vectors of D = `dim`, 0 for none."""
    return f"{name}-d{dim}"


def page_dims(connection: Connection, name: str) -> list[int]:
    """D of every collection of pages of the index."""
    collections = connection.ask(connection.client.get_collections).collections
    matches = (re.fullmatch(f"{re.escape(name)}-d([0-9]+)", one.name) for one in collections)
    return [int(match[1]) for match in matches if match]


def prepare_pages(connection: Connection, name: str, options: QdrantOptions, *, dim: int) -> None:
    """Create the collection for pages with vectors of D = `dim` if it does not exist."""
    collection = page_collection(name, dim)
    if connection.ask(connection.client.collection_exists, collection):
        return
    # No graph for whole pages: late interaction is no distance that a graph could follow.
    no_graph, quantized = models.HnswConfigDiff(m=0), _QUANTIZATIONS[options.quantization]
    vectors = {
        PAGE: _multivector(dim, on_disk=True, hnsw_config=no_graph, quantization_config=quantized),
        FIRST: _multivector(dim, on_disk=False),
    }
    _create(connection, collection, options, vectors if dim else {}, _PAGE_FIELDS)


def index_fields(
    connection: Connection, collection: str, fields: Mapping[str, PayloadSchemaType]
) -> None:
    """Create the payload indexes of fields that have none."""
    if connection.remote:  # the client's local mode has no payload indexes
        create = connection.client.create_payload_index
        for name, kind in fields.items():
            connection.ask(create, collection, name, kind, wait=True)


def _multivector(dim: int, **storage: Any) -> models.VectorParams:
    maxsim = models.MultiVectorConfig(comparator=models.MultiVectorComparator.MAX_SIM)
    kind: dict[str, Any] = {"distance": models.Distance.DOT, "datatype": models.Datatype.FLOAT16}
    return models.VectorParams(size=dim, multivector_config=maxsim, **kind, **storage)


def _create(
    connection: Connection,
    collection: str,
    options: QdrantOptions,
    vectors: Mapping[str, models.VectorParams],
    fields: Mapping[str, PayloadSchemaType],
) -> None:
    try:
        connection.ask(
            connection.client.create_collection,
            collection,
            vectors_config=vectors,
            on_disk_payload=True,
            shard_number=options.shards,
            replication_factor=options.replicas,
            # So that any replica has what was acknowledged.
            write_consistency_factor=options.replicas,
        )
    except BackendError:  # another process may just have created it
        if not connection.ask(connection.client.collection_exists, collection):
            raise
    index_fields(connection, collection, fields)


def _check_format(connection: Connection, name: str) -> str:
    payload = connection.retrieve(name, [FORMAT_POINT]).get(FORMAT_POINT, {})
    version = payload.get("version")
    if version == FORMAT:
        return str(payload["revision"])
    where = f"the Qdrant collection {name!r} at {connection.location}"
    if version is not None:
        raise IndexCorrupt(
            f"{where} is an index of format {version}, and this version reads format {FORMAT}; add "
            f"the documents to another collection, and delete {name} and {name}-d*"
        )
    if connection.ask(connection.client.count, name).count:
        raise IndexCorrupt(f"{where} is no index of colregion; choose another collection")
    # Another process has just created it, or ended before it could write the format.
    return put_revision(connection, name)
