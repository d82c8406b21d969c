"""Payloads of documents and pages, and filters over those of pages."""

from __future__ import annotations

import base64
import io
import json
import time
import uuid
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from qdrant_client import models

from colregion.core import serialization
from colregion.core.documents import DocumentEntry, ImageLoader, MetadataValue
from colregion.core.embeddings import EmbeddedPage, PageEmbedding
from colregion.core.filters import Condition, Filters
from colregion.core.geometry import FloatArray
from colregion.core.regions import KINDS
from colregion.core.text import terms
from colregion.errors import IndexCorrupt

# Below it every whole number is exact as a double, which is what Qdrant compares ranges with.
_EXACT_BELOW = 2.0**52
_NAMESPACE = uuid.UUID("5d0f1f0e-4c0b-5b57-9f0e-6d1f0f1a7c31")  # any fixed one will do
_LARGEST = 1e300
# Pages are read one by one, so how many are unread is counted, not stored with the document.
_ENTRY_FIELDS = [one.name for one in fields(DocumentEntry) if one.name != "unread_pages"]
IS_UNREAD = models.FieldCondition(key="unread", range=models.Range(gt=0))


def point_id(*names: object) -> str:
    """The id of the point of a document, a page, a setting or the format."""
    return str(uuid.uuid5(_NAMESPACE, json.dumps([str(name) for name in names])))


# Texts are stored as JSON of ASCII: a payload cannot carry lone surrogates (from file names).
to_plain, from_plain = json.dumps, json.loads


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """The point of a document.

    Args:
        generation: of the document's current pages; all others are stale.
        numbers: page numbers, ascending.
        dim: D of the vectors, which names the pages' collection; 0 for a document without.
        largest: numbers in the vectors of the largest page.
    """

    entry: DocumentEntry
    generation: str
    numbers: tuple[int, ...]
    dim: int
    largest: int

    def counted(self, unread: Mapping[str, int]) -> DocumentEntry:
        """The entry, with the number of unread pages from those by generation."""
        return replace(self.entry, unread_pages=unread.get(self.generation, 0))

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
        raise IndexCorrupt(f"a document is damaged ({cause}); add it again") from cause


def page_payload(
    page: EmbeddedPage, entry: DocumentEntry, *, generation: str, uploaded: float
) -> dict[str, Any]:
    """The payload of a page's point: what filters compare, and all but vectors and image."""
    parsed, metadata = page.parsed, {k: v for k, v in entry.metadata.items() if v is not None}
    words = set(terms(" ".join(word.text for word in parsed.words)))
    record = json.dumps(serialization.parsed_to_json(parsed)).encode()
    arrays = serialization.placement_to_arrays(page.embedding.placement)
    arrays["record"] = np.frombuffer(record, dtype=np.uint8)
    compressed = io.BytesIO()
    np.savez_compressed(compressed, **arrays)  # type: ignore[arg-type]
    return {
        "doc_id": to_plain(entry.id),
        "generation": generation,
        "page_number": int(parsed.page.number),
        "uploaded": uploaded,
        "source": to_plain(entry.source),
        "kinds": sorted({region.kind for region in parsed.regions}),
        "unread": parsed.unread_share,
        "terms": sorted(to_plain(term) for term in words),
        "metadata": [*map(_token, metadata), *(_token(*item) for item in metadata.items())],
        "numbers": {  # beyond _EXACT_BELOW only compared with smaller ones
            number_key(key): float(min(max(value, -_LARGEST), _LARGEST))
            for key, value in metadata.items()
            if isinstance(value, int | float)
        },
        # Compressed, because JSON is larger and a server may round the coordinates.
        "record": base64.b64encode(compressed.getvalue()).decode(),
    }


def read_page(
    payload: Mapping[str, Any], vectors: FloatArray, *, load_image: ImageLoader
) -> EmbeddedPage:
    """The page of a payload and its vectors (V, D); raises IndexCorrupt for a damaged one."""
    try:
        compressed = io.BytesIO(base64.b64decode(payload["record"], validate=True))
        with np.load(compressed, allow_pickle=False) as npz:
            arrays = dict(npz)
        content = json.loads(arrays.pop("record").tobytes())
        parsed = serialization.parsed_from_json(content, load_image=load_image)
        placement = serialization.placement_from_arrays(arrays)
        return EmbeddedPage(parsed, PageEmbedding(vectors, placement))
    except (KeyError, TypeError, ValueError, AttributeError, zipfile.BadZipFile) as cause:
        raise IndexCorrupt(f"a page is damaged ({cause}); add its document again") from cause


def _token(key: str, *value: MetadataValue) -> str:
    """A metadata key, or a key and its value, as one keyword; equal for equal values (1, True)."""
    plain = [int(v) if isinstance(v, int | float) and v == v // 1 else v for v in value]
    return json.dumps([key, *plain])


def number_key(key: str) -> str:
    """The field in "numbers" of a metadata key: payload paths take no dots or brackets."""
    return "k" + json.dumps(key).encode().hex()


def translate(
    filters: Filters, documents: Callable[[], Iterable[DocumentEntry]]
) -> models.Filter | None:
    """The filters in Qdrant's form, for points of pages; None if no page can pass.

    Args:
        documents: lists the documents, for what Qdrant cannot compare, such as the order of texts.
    """
    groups: list[list[models.Condition]] = []  # of each, one condition has to be true
    must_not: list[models.Condition] = []
    by_document: list[Condition] = []
    for condition in filters.conditions:
        if condition.field in ("kind", "hidden_text"):  # about regions, not pages
            continue
        if condition.op in ("eq", "in"):
            groups.append(_equal(condition))
        elif condition.op in ("ne", "nin"):
            must_not += _equal(condition)
        elif _is_exact(condition.value):
            groups.append([_range(condition)])
        else:
            by_document.append(condition)
    if any(condition.field == "kind" for condition in filters.conditions):
        # One region has to meet all conditions on kinds.
        groups.append(_any_of("kinds", [kind for kind in KINDS if filters.kind(kind)]))
    if by_document:
        rest = Filters(tuple(by_document))
        ids = [
            to_plain(one.id)
            for one in documents()
            if rest.page(doc_id=one.id, source=one.source, page_number=0, metadata=one.metadata)
        ]
        groups.append(_any_of("doc_id", ids))
    if not all(groups):
        return None
    return models.Filter(must=[models.Filter(should=group) for group in groups], must_not=must_not)


def uploaded_before(age_s: float) -> models.Condition:
    """The condition that a page was uploaded longer ago than this."""
    return models.FieldCondition(key="uploaded", range=models.Range(lt=time.time() - age_s))


def any_of(key: str, values: Sequence[str]) -> models.Condition:
    """Matches points whose field has one of the values."""
    return models.FieldCondition(key=key, match=models.MatchAny(any=list(values)))


def _any_of(key: str, values: Sequence[str]) -> list[models.Condition]:
    return [any_of(key, values)] if values else []


def _equal(condition: Condition) -> list[models.Condition]:
    """Conditions of which one is true if the field has the value, or one of the values."""
    several = condition.op in ("in", "nin")
    values: Sequence[Any] = condition.value if several else [condition.value]
    if condition.field == "page_number":
        ranges = [models.Range(gte=float(n), lte=float(n)) for n in values if _is_exact(n)]
        return [models.FieldCondition(key="page_number", range=one) for one in ranges]
    if condition.field in ("doc_id", "source"):
        return _any_of(condition.field, [to_plain(value) for value in values])
    key = condition.field.removeprefix("metadata.")
    matches = _any_of("metadata", [_token(key, v) for v in values if v is not None])
    if None in values:  # the same as a missing key
        matches.append(models.Filter(must_not=[any_of("metadata", [_token(key)])]))
    return matches


def _range(condition: Condition) -> models.Condition:
    key = condition.field
    if key != "page_number":
        key = f"numbers.{number_key(key.removeprefix('metadata.'))}"
    bounds = models.Range(**{condition.op: float(condition.value)})
    return models.FieldCondition(key=key, range=bounds)


def _is_exact(value: Any) -> bool:
    """Whether the value is a number that a double represents exactly."""
    return isinstance(value, int | float) and abs(value) < _EXACT_BELOW
