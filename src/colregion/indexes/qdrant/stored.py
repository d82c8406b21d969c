"""Documents and pages as points of Qdrant: their ids, their payloads, and back."""

from __future__ import annotations

import base64
import binascii
import io
import json
import uuid
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from colregion.core.documents import DocumentEntry, ImageLoader, MetadataValue
from colregion.core.embeddings import EmbeddedPage, PageEmbedding
from colregion.core.geometry import FloatArray
from colregion.core.serialization import (
    parsed_from_json,
    parsed_to_json,
    placement_from_arrays,
    placement_to_arrays,
)
from colregion.core.text import terms
from colregion.errors import IndexCorrupt

_NAMES = uuid.UUID("5d0f1f0e-4c0b-5b57-9f0e-6d1f0f1a7c31")  # any fixed one will do
_ESCAPED = "json:"
# Below it every whole number is exact as a double, which is what Qdrant compares ranges with.
EXACT_BELOW = 2.0**52
_LARGEST = 1e300


def point_id(*names: object) -> str:
    """The id of the point that these names stand for."""
    return str(uuid.uuid5(_NAMES, json.dumps([str(name) for name in names])))


def to_plain(text: str) -> str:
    """The text as it may stand in a payload, readable there: only the half characters of file
    names, which no JSON can carry, are escaped. `from_plain` undoes it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return _ESCAPED + json.dumps(text)
    return _ESCAPED + json.dumps(text) if text.startswith(_ESCAPED) else text


def from_plain(text: str) -> str:
    """The text that `to_plain` was given."""
    if not text.startswith(_ESCAPED):
        return text
    return str(json.loads(text.removeprefix(_ESCAPED)))


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A document as one state of the index holds it.

    Args:
        generation: names the pages that belong to this state.
        numbers: of its pages, ascending.
        dim: D of its vectors; None when it has none.
    """

    entry: DocumentEntry
    generation: str
    numbers: tuple[int, ...]
    dim: int | None

    def to_payload(self) -> dict[str, Any]:
        """What its point holds."""
        entry = self.entry
        fields = [
            entry.source,
            entry.content_hash,
            entry.parser,
            dict(entry.metadata),
            entry.missing_pages,
        ]
        return {
            "type": "document",
            "doc_id": to_plain(entry.id),
            "generation": self.generation,
            "page_numbers": list(self.numbers),
            "dim": self.dim,
            # As text: a payload's numbers are no more exact than doubles.
            "entry": json.dumps(fields),
        }


def read_document(payload: Mapping[str, Any]) -> StoredDocument:
    """The document that `StoredDocument.to_payload` wrote.

    Raises:
        IndexCorrupt: something else was written there.
    """
    try:
        source, content_hash, parser, metadata, missing = json.loads(payload["entry"])
        numbers = tuple(payload["page_numbers"])
        doc_id = from_plain(payload["doc_id"])
        entry = DocumentEntry(
            doc_id, source, content_hash, parser, metadata, len(numbers), tuple(missing)
        )
        return StoredDocument(entry, payload["generation"], numbers, payload["dim"])
    except (KeyError, TypeError, ValueError) as cause:
        raise IndexCorrupt(f"a document of the index is damaged ({cause}); add it again") from cause


def page_payload(embedded: EmbeddedPage, *, generation: str) -> dict[str, Any]:
    """A page's record, without its vectors and its picture."""
    parsed = embedded.parsed
    text = " ".join(word.text for word in parsed.words)
    arrays = io.BytesIO()
    placement = placement_to_arrays(embedded.embedding.placement)
    np.savez_compressed(arrays, **placement)  # type: ignore[arg-type]
    return {
        "type": "page",
        "doc_id": to_plain(parsed.page.doc_id),
        "generation": generation,
        "page_number": int(parsed.page.number),
        "n_vectors": len(embedded.embedding.vectors),
        "terms": sorted(to_plain(term) for term in set(terms(text))),
        # Packed: as JSON a page's words would be several times larger, and their boxes would
        # come back with other last digits.
        "record": _to_text(zlib.compress(json.dumps(parsed_to_json(parsed)).encode())),
        "placement": _to_text(arrays.getvalue()),
    }


def read_page(
    payload: Mapping[str, Any], vectors: FloatArray, *, load_image: ImageLoader
) -> EmbeddedPage:
    """The page that `page_payload` wrote, with its vectors (V, D).

    Raises:
        IndexCorrupt: something else was written there, or the vectors are not the page's.
    """
    try:
        record = json.loads(zlib.decompress(_from_text(payload["record"])))
        parsed = parsed_from_json(record, load_image=load_image)
        with np.load(io.BytesIO(_from_text(payload["placement"])), allow_pickle=False) as arrays:
            placement = placement_from_arrays(dict(arrays))
        return EmbeddedPage(parsed, PageEmbedding(vectors, placement))
    except (KeyError, TypeError, ValueError, zlib.error, zipfile.BadZipFile) as cause:
        raise IndexCorrupt(
            f"a page of the index is damaged ({cause}); add its document again"
        ) from cause


def filter_payload(embedded: EmbeddedPage, entry: DocumentEntry, *, generation: str) -> Any:
    """What filters ask of a page; stands beside its vectors."""
    return {
        "generation": generation,
        "doc_id": to_plain(entry.id),
        "source": to_plain(entry.source),
        "page_number": int(embedded.parsed.page.number),
        "kinds": sorted({region.kind for region in embedded.parsed.regions}),
        "metadata": sorted(
            token for key, value in entry.metadata.items() for token in _tokens(key, value)
        ),
        "numbers": {
            # Larger ones are not exact, but on the right side of every number below.
            number_key(key): float(min(max(value, -_LARGEST), _LARGEST))
            for key, value in entry.metadata.items()
            if isinstance(value, int | float)
        },
    }


def metadata_token(key: str, value: MetadataValue) -> str:
    """A key and its value as one keyword: any key works, and equal values give equal keywords,
    as 1, 1.0 and True do in Python."""
    if isinstance(value, int | float) and value == value // 1:
        value = int(value)
    return json.dumps([key, value])


def metadata_key_token(key: str) -> str:
    """A keyword that stands on every page with a value under this key."""
    return json.dumps([key])


def number_key(key: str) -> str:
    """The field in "numbers" of a metadata key: payload paths take no dots or brackets."""
    return "k" + json.dumps(key).encode().hex()


def _tokens(key: str, value: MetadataValue) -> list[str]:
    return [] if value is None else [metadata_token(key, value), metadata_key_token(key)]


def _to_text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _from_text(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as cause:
        raise ValueError(f"no base64: {cause}") from cause
