"""Documents and pages as points of Qdrant: their ids, their payloads, and back."""

from __future__ import annotations

import base64
import io
import json
import time
import uuid
import zipfile
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

EXACT_BELOW = 2.0**52
"""Below it every whole number is exact as a double, which is what Qdrant compares ranges with."""

_NAMESPACE = uuid.UUID("5d0f1f0e-4c0b-5b57-9f0e-6d1f0f1a7c31")  # any fixed one will do
_ESCAPED = "json:"
_LARGEST = 1e300


def point_id(*names: object) -> str:
    """The id of the point that these names stand for."""
    return str(uuid.uuid5(_NAMESPACE, json.dumps([str(name) for name in names])))


def document_point(doc_id: str) -> str:
    """The id of a document's point."""
    return point_id("document", to_plain(doc_id))


def page_point(generation: str, number: int) -> str:
    """The id of a page's points, the same in both collections."""
    return point_id("page", generation, number)


def to_plain(text: str) -> str:
    """The text in a form that a payload can carry: lone surrogates (from file names), which JSON
    cannot, are escaped. `from_plain` is the inverse."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return _ESCAPED + json.dumps(text)
    return _ESCAPED + json.dumps(text) if text.startswith(_ESCAPED) else text


def from_plain(text: str) -> str:
    """The text that `to_plain` escaped."""
    return str(json.loads(text.removeprefix(_ESCAPED))) if text.startswith(_ESCAPED) else text


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """What the point of a document says.

    Args:
        generation: the pages which are the document's now; all others are stale.
        numbers: page numbers, ascending.
        dim: D of the vectors; None for a document without vectors.
    """

    entry: DocumentEntry
    generation: str
    numbers: tuple[int, ...]
    dim: int | None

    def to_payload(self) -> dict[str, Any]:
        """The payload of the document's point."""
        entry = self.entry
        metadata = dict(entry.metadata)
        fields = [entry.source, entry.content_hash, entry.parser, metadata, entry.missing_pages]
        return {
            "type": "document",
            "doc_id": to_plain(entry.id),
            "generation": self.generation,
            "page_count": len(self.numbers),
            "page_numbers": list(self.numbers),
            "dim": self.dim,
            # As text: numbers in a payload are only as exact as doubles.
            "entry": json.dumps(fields),
        }


def read_document(payload: Mapping[str, Any]) -> StoredDocument:
    """The document that `StoredDocument.to_payload` wrote.

    Raises:
        IndexCorrupt: the payload is damaged.
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


def page_record(embedded: EmbeddedPage, *, generation: str) -> dict[str, Any]:
    """The payload of a page's point in the collection of records: all but vectors and image."""
    parsed = embedded.parsed
    text = " ".join(word.text for word in parsed.words)
    record = np.frombuffer(json.dumps(parsed_to_json(parsed)).encode(), dtype=np.uint8)
    arrays = {"record": record, **placement_to_arrays(embedded.embedding.placement)}
    compressed = io.BytesIO()
    np.savez_compressed(compressed, **arrays)  # type: ignore[arg-type]
    return {
        "type": "page",
        **_page_identity(embedded, generation=generation),
        "n_vectors": len(embedded.embedding.vectors),
        "terms": sorted(to_plain(term) for term in set(terms(text))),
        # Compressed: JSON of the words is several times larger, and a server may return their
        # coordinates with other last digits.
        "record": base64.b64encode(compressed.getvalue()).decode(),
    }


def read_page(
    record: Mapping[str, Any], vectors: FloatArray, *, load_image: ImageLoader
) -> EmbeddedPage:
    """The page that `page_record` wrote, with its vectors (V, D).

    Raises:
        IndexCorrupt: the record is damaged, or the vectors belong to another page.
    """
    try:
        compressed = io.BytesIO(base64.b64decode(record["record"], validate=True))
        with np.load(compressed, allow_pickle=False) as npz:
            arrays = dict(npz)
        content = json.loads(arrays.pop("record").tobytes())
        parsed = parsed_from_json(content, load_image=load_image)
        return EmbeddedPage(parsed, PageEmbedding(vectors, placement_from_arrays(arrays)))
    except (KeyError, TypeError, ValueError, AttributeError, zipfile.BadZipFile) as cause:
        message = f"a page of the index is damaged ({cause}); add its document again"
        raise IndexCorrupt(message) from cause


def filter_payload(page: EmbeddedPage, entry: DocumentEntry, *, generation: str) -> dict[str, Any]:
    """The payload of a page's point in the collection of vectors: what filters compare."""
    return {
        **_page_identity(page, generation=generation),
        "source": to_plain(entry.source),
        "kinds": sorted({region.kind for region in page.parsed.regions}),
        "metadata": sorted(
            token for key, value in entry.metadata.items() for token in _tokens(key, value)
        ),
        "numbers": {
            # Larger numbers are inexact, but on the right side of every number below.
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
    """The keyword of every page with a value for this metadata key."""
    return json.dumps([key])


def number_key(key: str) -> str:
    """The field in "numbers" of a metadata key: payload paths take no dots or brackets."""
    return "k" + json.dumps(key).encode().hex()


def _page_identity(embedded: EmbeddedPage, *, generation: str) -> dict[str, Any]:
    page = embedded.parsed.page
    return {
        "doc_id": to_plain(page.doc_id),
        "generation": generation,
        "page_number": int(page.number),
        "uploaded": time.time(),
    }


def _tokens(key: str, value: MetadataValue) -> list[str]:
    return [] if value is None else [metadata_token(key, value), metadata_key_token(key)]
