"""The index contract on Qdrant: in the client's local mode, over its REST protocol, and on a
real server where the environment names one."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from qdrant_client import QdrantClient

from colregion.core.interfaces import Index
from colregion.indexes.qdrant import QdrantIndex, QdrantOptions
from colregion.indexes.qdrant.connection import API_KEY
from colregion.testing import IndexContract

pytestmark = pytest.mark.qdrant

SERVER = "COLREGION_QDRANT_URL"
GRPC_PORT = "COLREGION_QDRANT_GRPC_PORT"
"""Name the address of a real server or cluster, as `http://localhost:6333`, and the port on which
it speaks gRPC, as 6334."""


class _QdrantContract(IndexContract):
    frequency_is_exact_while_writing = False


class _OnQdrant(_QdrantContract):
    def reopen(self, index: Index) -> Index:
        assert isinstance(index, QdrantIndex)
        return QdrantIndex(index.location, index.collection, index.options, create=False)

    def beside(self, index: Index) -> Index:
        return self.reopen(index)


class TestQdrantInMemory(_QdrantContract):
    @pytest.fixture
    def index(self, tmp_path: Path) -> Iterator[Index]:
        with QdrantIndex(":memory:", "pages", QdrantOptions(images=tmp_path)) as index:
            yield index


@pytest.mark.slow
class TestQdrantOverRest(_OnQdrant):
    @pytest.fixture
    def index(self, small_qdrant: Any, tmp_path: Path) -> Iterator[Index]:
        with QdrantIndex(small_qdrant.url, "pages", QdrantOptions(images=tmp_path)) as index:
            yield index


class TestQdrantServer(_OnQdrant):
    __test__ = SERVER in os.environ
    grpc_port: int | None = None

    @pytest.fixture
    def index(self, tmp_path: Path) -> Iterator[Index]:
        name = f"colregion-test-{uuid.uuid4().hex[:8]}"
        options = QdrantOptions(images=tmp_path, grpc_port=self.grpc_port)
        with QdrantIndex(os.environ[SERVER], name, options) as index:
            yield index
        client = QdrantClient(url=os.environ[SERVER], api_key=os.environ.get(API_KEY))
        for collection in client.get_collections().collections:
            if collection.name.startswith(name):
                client.delete_collection(collection.name)


class TestQdrantServerOverGrpc(TestQdrantServer):
    __test__ = SERVER in os.environ and GRPC_PORT in os.environ
    grpc_port = int(os.environ.get(GRPC_PORT, "6334"))
