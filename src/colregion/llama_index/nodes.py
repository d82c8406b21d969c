"""Hits as LlamaIndex nodes."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from llama_index.core import schema
from llama_index.core.schema import MediaResource, NodeRelationship, NodeWithScore, RelatedNodeInfo

from colregion import Hit, ParsedPage, Region
from colregion.adapters.crops import write_crop
from colregion.adapters.page_metadata import FILE_KEYS, Files, PageReference, referenced_pages
from colregion.core.documents import RESERVED_METADATA

SHOWN_TO_LLM = ("doc_id", "page_number")
"""Our metadata keys that a model reads with a region's text, beside the user's own keys."""


def region_node(
    hit: Hit, *, crops: str | Path | None = None, score_key: str | None = None
) -> NodeWithScore:
    """A hit as a node with its score.

    The node's id is the region's, and its metadata `Hit.to_metadata` without confidence and
    quotes. It is related to its document (SOURCE), its page (PARENT) and the regions of its level
    before and after it on the page (PREVIOUS, NEXT). Score and confidence are not part of the
    node, so that a region found by two questions is the same node, unless `score_key` asks for
    them.

    Args:
        crops: a folder to write an image of the region to; the result is then a `Node` that names
            the file. None gives a `TextNode`.
        score_key: the metadata key for the score. With it the metadata also has "quotes" and,
            where the index is calibrated, "confidence"; None leaves all out.

    Raises:
        BackendError: the folder cannot be written.
    """
    fields = node_fields(hit, *neighbours(hit.parsed, hit.region))
    if score_key is not None:
        added = {**hit.to_metadata(), score_key: hit.score}
        hidden = [key for key in added if key not in fields["metadata"]]
        fields["metadata"] |= added
        for keys in ("excluded_llm_metadata_keys", "excluded_embed_metadata_keys"):
            fields[keys] = [*fields[keys], *hidden]
    if crops is None:
        return NodeWithScore(node=schema.TextNode(text=hit.text, **fields), score=hit.score)
    image = MediaResource(path=write_crop(hit, crops), mimetype="image/png")
    text = MediaResource(text=hit.text)
    node = schema.Node(text_resource=text, image_resource=image, **fields)
    return NodeWithScore(node=node, score=hit.score)


def node_fields(hit: Hit, previous: Region | None, following: Region | None) -> dict[str, Any]:
    """Arguments of every node class: id, metadata, hidden metadata keys and relationships."""
    metadata = hit.to_metadata(confidence=False, quotes=False)
    own = [key for key in metadata if key in RESERVED_METADATA]
    document, text = schema.ObjectType.DOCUMENT, schema.ObjectType.TEXT
    # By hand, because `as_related_node_info` copies the other node's metadata.
    relationships = {
        # The stores write SOURCE over `doc_id` in the metadata, so the two have to agree.
        NodeRelationship.SOURCE: RelatedNodeInfo(node_id=hit.doc_id, node_type=document),
        NodeRelationship.PARENT: RelatedNodeInfo(node_id=hit.page_id, node_type=text),
    }
    around = {NodeRelationship.PREVIOUS: previous, NodeRelationship.NEXT: following}
    for relation, region in around.items():
        if region is not None:
            relationships[relation] = RelatedNodeInfo(node_id=region.id, node_type=text)
    return {
        "id_": hit.id,
        "metadata": metadata,
        "excluded_llm_metadata_keys": [
            key
            for key in own
            if key not in SHOWN_TO_LLM and not (key == "hidden_text" and hit.hidden_text_warning)
        ],
        "excluded_embed_metadata_keys": own,
        "relationships": relationships,
    }


def neighbours(parsed: ParsedPage, region: Region) -> tuple[Region | None, Region | None]:
    """The regions with text of the same level before and after one, in reading order; None at the
    page's ends, and for the whole page. After a merged region comes the first not among its parts.
    """
    if not region.path:
        return None, None
    before = after = None
    for other in (other for other in parsed.at_level(region.level) if other.text):
        if other.path < region.path:
            before = other
        elif other.path != region.path and other.box not in region.parts:
            after = other
            break
    return before, after


def page_references(
    node: schema.BaseNode, *, first_page: int | None = None, files: Files | None = None
) -> list[PageReference]:
    """The pages that a node names: by its metadata, as `referenced_pages` reads it, its image, or
    its SOURCE, which counts as `doc_id` where the metadata names no document. Raises likewise."""
    metadata = dict(node.metadata)
    # LlamaIndex's readers make a document, with a random id, of each page of a file.
    names = {"doc_id", "document_id", *FILE_KEYS} & metadata.keys()
    if node.ref_doc_id is not None and not names:
        metadata["doc_id"] = node.ref_doc_id
    path: str | Path | None
    data: str | bytes | None
    if isinstance(node, schema.ImageNode):
        path, data = node.image_path, node.image
    else:
        resource = getattr(node, "image_resource", None) or MediaResource()
        path, data = resource.path, resource.data
    if path is not None:
        metadata.setdefault("image_path", str(path))
    image = base64.b64decode(data) if data else None
    return referenced_pages(metadata, image=image, first_page=first_page, files=files)
