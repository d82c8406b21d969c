"""REST: search, context, citations, pages, images and documents of one engine, under `/api`."""

from __future__ import annotations

import hashlib
import io
import json
import mimetypes
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import FileResponse
from PIL import Image
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from colregion.citations.resolve import resolve
from colregion.core.documents import DocumentEntry, Limits
from colregion.core.results import Hit
from colregion.documents import identify
from colregion.engine import Engine
from colregion.errors import NotIndexed, UnreadableDocument
from colregion.export.destination import source_file
from colregion.export.html.map_layers import map_layers
from colregion.export.html.views import upright_crop
from colregion.server import records
from colregion.server.workers import ServerLimits, Workers

Width = Annotated[int, Query(ge=16, le=4000, description="At most this wide, in pixels.")]
Limit = Annotated[int, Query(ge=1, le=1000, description="The most documents to list.")]
Offset = Annotated[int, Query(ge=0, description="How many documents to skip.")]
IfNoneMatch = Annotated[str, Header(include_in_schema=False)]

_FULL_WIDTH = 4000  # the server's limit on images is below
_ERRORS: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": records.ErrorAnswer, "description": "The request is wrong."},
    "503": {"model": records.ErrorAnswer, "description": "The server cannot answer now."},
}
_JPEG_QUALITY = 85
_INLINE = ("application/pdf", "image/png", "image/jpeg", "image/webp", "image/gif")


class Api:
    """The endpoints; each runs the engine in a worker thread."""

    def __init__(
        self, engine: Engine, workers: Workers, limits: ServerLimits, *, writable: bool
    ) -> None:
        self._engine, self._workers, self._limits = engine, workers, limits
        self._writable = writable

    def router(self) -> APIRouter:
        router = APIRouter(prefix="/api", responses=_ERRORS)
        for path, endpoint, model in (
            ("/search", self.search, records.SearchAnswer),
            ("/context", self.context, records.ContextAnswer),
            ("/resolve", self.resolve, records.ResolveAnswer),
            ("/maps", self.maps, records.MapsAnswer),
        ):
            router.add_api_route(path, endpoint, methods=["POST"], response_model=model)
        for path, image, media_type in (
            ("/pages/{page_id:path}.png", self.page_png, "image/png"),
            ("/pages/{page_id:path}.jpg", self.page_jpeg, "image/jpeg"),
            ("/regions/{region_id:path}.png", self.region_png, "image/png"),
            ("/regions/{region_id:path}.jpg", self.region_jpeg, "image/jpeg"),
            ("/documents/{doc_id:path}/file", self.file, "application/octet-stream"),
        ):
            content: dict[int | str, dict[str, Any]] = {200: {"content": {media_type: {}}}}
            router.add_api_route(path, image, response_class=Response, responses=content)
        router.add_api_route("/pages/{page_id:path}", self.page, response_model=records.PageText)
        router.add_api_route("/documents", self.documents, response_model=records.FileList)
        return router

    async def search(self, body: records.SearchRequest) -> Response:
        """Find the regions that answer a question."""
        question = self._limits.check_question(body.question)
        return await self._json(self._search, question, body)

    async def context(self, body: records.ContextRequest) -> Response:
        """Write the best regions as text for a prompt, each led by a citation mark."""
        question = self._limits.check_question(body.question)
        return await self._json(self._context, question, body)

    async def resolve(self, body: records.ResolveRequest) -> Response:
        """Link the citations in a model's answer to the regions of its context."""
        self._limits.check_answer(body.answer)
        return await self._json(self._resolve, body)

    async def maps(self, body: records.MapsRequest) -> Response:
        """Draw where on a page the question, and each of its words, is answered."""
        question = self._limits.check_question(body.question)
        return await self._json(self._maps, question, body.page_id)

    async def page(self, page_id: str) -> Response:
        """Read the words of a page and their boxes."""
        return await self._json(self._page, page_id)

    async def page_png(
        self, page_id: str, width: Width = _FULL_WIDTH, if_none_match: IfNoneMatch = ""
    ) -> Response:
        """The image of a page as it is displayed."""
        return await self._workers.run(self._page_image, page_id, "PNG", width, if_none_match)

    async def page_jpeg(
        self, page_id: str, width: Width = _FULL_WIDTH, if_none_match: IfNoneMatch = ""
    ) -> Response:
        """The image of a page as it is displayed, in less time and space than PNG."""
        return await self._workers.run(self._page_image, page_id, "JPEG", width, if_none_match)

    async def region_png(
        self, region_id: str, width: Width = _FULL_WIDTH, if_none_match: IfNoneMatch = ""
    ) -> Response:
        """The image of a region with a little around it, turned upright."""
        return await self._workers.run(self._region_image, region_id, "PNG", width, if_none_match)

    async def region_jpeg(
        self, region_id: str, width: Width = _FULL_WIDTH, if_none_match: IfNoneMatch = ""
    ) -> Response:
        """The image of a region with a little around it, turned upright."""
        return await self._workers.run(self._region_image, region_id, "JPEG", width, if_none_match)

    async def documents(self, limit: Limit = 100, offset: Offset = 0) -> Response:
        """List the documents and what could not be read of them."""
        return await self._json(self._documents, limit, offset)

    async def file(self, doc_id: str) -> Response:
        """The file that a document was read from, unless it has changed since."""
        return await self._workers.run(self._file, doc_id)

    async def _json(self, call: Any, *arguments: Any) -> Response:
        return json_answer(await self._workers.run(call, *arguments))

    def _search(self, question: str, body: records.SearchRequest) -> BaseModel:
        hits = self._engine.search(
            question, k=body.k, filters=body.filters, min_confidence=body.min_confidence
        )
        return records.SearchAnswer(regions=[records.hit_record(hit, question) for hit in hits])

    def _context(self, question: str, body: records.ContextRequest) -> BaseModel:
        context = self._engine.context(
            question,
            max_tokens=body.max_tokens,
            filters=body.filters,
            min_confidence=body.min_confidence,
        )
        citations = [
            records.ContextCitation(mark=mark, region=records.hit_record(hit, question))
            for mark, hit in context.citations.items()
        ]
        return records.ContextAnswer(
            text=context.text,
            tokens=context.tokens,
            reason=context.reason,
            citations=citations,
            unread=[records.hit_record(hit, body.question) for hit in context.unread],
        )

    def _resolve(self, body: records.ResolveRequest) -> BaseModel:
        hits = {mark: self._engine.region(one) for mark, one in body.citations.items()}
        resolution = resolve(body.answer, hits)
        return records.ResolveAnswer(
            citations=[
                records.CitationRecord(start=c.start, end=c.end, mark=c.mark, region_id=c.hit.id)
                for c in resolution.citations
            ],
            unknown=[
                records.UnknownRecord(start=u.start, end=u.end, text=u.text, reason=u.reason)
                for u in resolution.unknown
            ],
            regions=[records.hit_record(hit) for hit in resolution.hits],
        )

    def _maps(self, question: str, page_id: str) -> BaseModel:
        (page,) = self._engine.index.load([page_id])
        relevance = self._engine.explain(question, page)
        size = page.parsed.page
        layers = map_layers(relevance, width=size.width, height=size.height)
        return records.MapsAnswer(maps=[records.map_record(layer) for layer in layers])

    def _page(self, page_id: str) -> BaseModel:
        (page,) = self._engine.index.load([page_id])
        entry = self._engine.index.entry(page.parsed.page.doc_id)
        return records.page_text(page.parsed, entry)

    def _page_image(self, page_id: str, form: str, width: int, known: str) -> Response:
        (embedded,) = self._engine.index.load([page_id])
        page = embedded.parsed.page
        tag = _tag(self._engine.index.entry(page.doc_id), page_id, form, width)
        return _not_modified(tag, known) or self._image(page.image, form, width, tag)

    def _region_image(self, region_id: str, form: str, width: int, known: str) -> Response:
        hit: Hit = self._engine.region(region_id)
        tag = _tag(hit.entry, region_id, form, width)
        return _not_modified(tag, known) or self._image(upright_crop(hit), form, width, tag)

    def _image(self, image: Image.Image, form: str, width: int, tag: str) -> Response:
        most = self._limits.image_px
        scaled = image.convert("RGB")
        scaled.thumbnail((min(width, most), most), Image.Resampling.LANCZOS, reducing_gap=3.0)
        packed = io.BytesIO()
        options = {"quality": _JPEG_QUALITY} if form == "JPEG" else {"compress_level": 3}
        scaled.save(packed, form, **options)
        return Response(packed.getvalue(), 200, {"etag": tag}, f"image/{form.lower()}")

    def _documents(self, limit: int, offset: int) -> BaseModel:
        entries = self._engine.documents()
        return records.FileList(
            documents=[records.file_record(one) for one in entries[offset : offset + limit]],
            total=len(entries),
            writable=self._writable,
        )

    def _file(self, doc_id: str) -> Response:
        entry = self._engine.index.entry(doc_id)
        path = source_file(entry.source)
        if path is None:
            raise NotIndexed(f"{entry.source}, from which {doc_id} was read, is no file here")
        try:
            identity = identify(path, limits=Limits(file_mb=1 << 20))
        except UnreadableDocument as cause:
            raise HTTPException(409, str(cause)) from cause
        if identity.content_hash != entry.content_hash:
            raise HTTPException(
                409, f"{entry.source} has changed since it was indexed; add it again"
            )
        media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        disposition = "inline" if media_type in _INLINE else "attachment"
        # The browser's own viewer of PDF needs what the policy of the page forbids.
        headers = {"content-security-policy": "frame-ancestors 'none'"}
        return FileResponse(
            path,
            headers=headers,
            media_type=media_type,
            filename=path.name,
            content_disposition_type=disposition,
        )


def json_answer(record: BaseModel) -> Response:
    """The record as JSON. Unpaired surrogates, which damaged text layers and file names contain,
    become question marks."""
    text = json.dumps(record.model_dump(), ensure_ascii=False, allow_nan=False)
    return Response(text.encode("utf-8", "replace"), media_type="application/json")


def _tag(entry: DocumentEntry, *parts: object) -> str:
    """An entity tag: the image is the same as long as document and parser are."""
    content = repr((entry.content_hash, entry.parser, *parts)).encode()
    return f'"{hashlib.sha256(content).hexdigest()[:24]}"'


def _not_modified(tag: str, known: str) -> Response | None:
    return Response(status_code=304, headers={"etag": tag}) if tag in known else None
