from pathlib import Path

import pytest

from colregion.errors import InvalidInput
from colregion.indexes import open_index
from colregion.indexes.qdrant import QdrantIndex, QdrantOptions, parse_spec

pytestmark = pytest.mark.qdrant


@pytest.mark.parametrize(
    ("spec", "location", "collection"),
    [
        ("qdrant:http://localhost:6333/pages", "http://localhost:6333", "pages"),
        ("qdrant:https://host/behind/proxy/pages/", "https://host/behind/proxy", "pages"),
        ("qdrant::memory:/pages", ":memory:", "pages"),
        ("qdrant:/var/store/pages", "/var/store", "pages"),
    ],
)
def test_spec_names_location_and_collection(spec: str, location: str, collection: str) -> None:
    assert parse_spec(spec) == (location, collection, QdrantOptions())


def test_spec_options_follow_a_question_mark() -> None:
    *_, options = parse_spec(
        "qdrant:http://host:6333/pages?images=/data/images&grpc_port=6334&timeout_s=2.5"
        "&candidates=0&quantization=int8&shards=6&replicas=2"
    )
    assert options == QdrantOptions(
        images=Path("/data/images"),
        grpc_port=6334,
        timeout_s=2.5,
        candidates=0,
        quantization="int8",
        shards=6,
        replicas=2,
    )


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("qdrant:", "qdrant:URL/collection"),
        ("qdrant:pages", "qdrant:URL/collection"),
        ("qdrant:http://localhost:6333", "qdrant:URL/collection"),
        ("qdrant:http://localhost:6333/", "qdrant:URL/collection"),
        ("qdrant:localhost:6333/pages", "say http://"),
        ("qdrant:http://host/a:b", "named 'a:b'"),
        ("qdrant:http://host/pages?colour=red", "unknown option 'colour'.*grpc_port"),
        ("qdrant:http://host/pages?grpc_port=many", "grpc_port must be 1 or more, got 'many'"),
        ("qdrant:http://host/pages?shards", "options"),
        ("qdrant:http://host/pages?shards=0", "shards must be 1"),
        ("qdrant:http://host/pages?quantization=int2", "one of none, int8, int4, binary"),
        ("qdrant:http://host/pages?timeout_s=0", "timeout_s must be 1"),
        ("qdrant:http://host/pages?candidates=-1", "candidates must be 0"),
    ],
)
def test_invalid_spec_is_refused(spec: str, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        parse_spec(spec)


def test_open_index_opens_the_index_of_a_spec(tmp_path: Path) -> None:
    with open_index(f"qdrant:{tmp_path}/store/pages?candidates=7") as index:
        assert isinstance(index, QdrantIndex)
        assert (index.location, index.collection) == (f"{tmp_path}/store", "pages")
        assert index.options.candidates == 7


def test_missing_collection_is_refused_without_create() -> None:
    with pytest.raises(InvalidInput, match="no index 'pages'"):
        open_index("qdrant::memory:/pages", create=False)
