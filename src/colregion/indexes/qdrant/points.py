"""Documents and pages as points of Qdrant: their ids, their payloads, and back."""

from __future__ import annotations

import base64
import io
import json
import time
import uuid
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, fields
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
_LARGEST = 1e300
_ENTRY_FIELDS = [field.name for field in fields(DocumentEntry)]


def point_id(*names: object) -> str:
    """The id of the point that these names stand for."""
    return str(uuid.uuid5(_NAMESPACE, json.dumps([str(name) for name in names])))


def document_point(doc_id: str) -> str:
    """The id of a document's point."""
    return point_id("document", doc_id)


def page_point(generation: str, number: int) -> str:
    """The id of a page's point."""
    return point_id("page", generation, number)


# Texts are stored as JSON of ASCII: a payload cannot carry lone surrogates (from file names).
to_plain, from_plain = json.dumps, json.loads


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """What the point of a document says.

    Args:
        generation: the pages which are the document's now; all others are stale.
        numbers: page numbers, ascending.
        dim: D of the vectors, which names the pages' collection; 0 for a document without.
        largest: numbers in the vectors of the largest page.
    """

    entry: DocumentEntry
    generation: str
    numbers: tuple[int, ...]
    dim: int
    largest: int

    def to_payload(self) -> dict[str, Any]:
        """The payload of the document's point."""
        entry = {name: getattr(self.entry, name) for name in _ENTRY_FIELDS}
        own = [self.generation, self.numbers, self.dim, self.largest]
        return {
            "type": "document",
            "doc_id": to_plain(self.entry.id),
            "page_count": len(self.numbers),
            "dim": self.dim,
            # As text: numbers in a payload are only as exact as doubles.
            "document": json.dumps([entry | {"metadata": dict(self.entry.metadata)}, own]),
        }


def read_document(payload: Mapping[str, Any]) -> StoredDocument:
    """The document of a payload; raises IndexCorrupt for a damaged one."""
    try:
        entry, (generation, numbers, dim, largest) = json.loads(payload["document"])
        entry["missing_pages"] = tuple(entry["missing_pages"])
        return StoredDocument(DocumentEntry(**entry), generation, tuple(numbers), dim, largest)
    except (KeyError, TypeError, ValueError) as cause:
        raise IndexCorrupt(f"a document of the index is damaged ({cause}); add it again") from cause


def page_payload(page: EmbeddedPage, entry: DocumentEntry, *, generation: str) -> dict[str, Any]:
    """The payload of a page's point: what filters compare, and all but vectors and image."""
    parsed = page.parsed
    text = " ".join(word.text for word in parsed.words)
    record = np.frombuffer(json.dumps(parsed_to_json(parsed)).encode(), dtype=np.uint8)
    arrays = {"record": record, **placement_to_arrays(page.embedding.placement)}
    compressed = io.BytesIO()
    np.savez_compressed(compressed, **arrays)  # type: ignore[arg-type]
    metadata = {key: value for key, value in entry.metadata.items() if value is not None}
    return {
        "doc_id": to_plain(entry.id),
        "generation": generation,
        "page_number": int(parsed.page.number),
        "uploaded": time.time(),
        "source": to_plain(entry.source),
        "kinds": sorted({region.kind for region in parsed.regions}),
        "terms": sorted(to_plain(term) for term in set(terms(text))),
        "metadata": [metadata_token(*item) for item in metadata.items()]
        + [metadata_key_token(key) for key in metadata],
        "numbers": {
            # Larger numbers are inexact, but on the right side of every number below.
            number_key(key): float(min(max(value, -_LARGEST), _LARGEST))
            for key, value in metadata.items()
            if isinstance(value, int | float)
        },
        # Compressed: JSON of the words is several times larger, and a server may return their
        # coordinates with other last digits.
        "record": base64.b64encode(compressed.getvalue()).decode(),
    }


def read_page(
    payload: Mapping[str, Any], vectors: FloatArray, *, load_image: ImageLoader
) -> EmbeddedPage:
    """The page of a payload, with its vectors (V, D); raises IndexCorrupt for a damaged one."""
    try:
        compressed = io.BytesIO(base64.b64decode(payload["record"], validate=True))
        with np.load(compressed, allow_pickle=False) as npz:
            arrays = dict(npz)
        content = json.loads(arrays.pop("record").tobytes())
        parsed = parsed_from_json(content, load_image=load_image)
        return EmbeddedPage(parsed, PageEmbedding(vectors, placement_from_arrays(arrays)))
    except (KeyError, TypeError, ValueError, AttributeError, zipfile.BadZipFile) as cause:
        message = f"a page of the index is damaged ({cause}); add its document again"
        raise IndexCorrupt(message) from cause


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
