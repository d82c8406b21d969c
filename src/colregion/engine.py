"""The engine: documents in, ranked regions out. It composes the ports and keeps no format."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, TypeAlias

from colregion.citations.context import Context, CountTokens, build_context
from colregion.core.documents import DocumentEntry, Limits, Metadata
from colregion.core.embeddings import EmbeddedPage, similarity
from colregion.core.filters import FilterInput, parse_filters
from colregion.core.geometry import FloatArray, GridPlacement, Placement
from colregion.core.interfaces import Encoder, Index, Parser
from colregion.core.regions import ParsedPage, Region
from colregion.core.results import AddReport, Hit, Outcome, PageHit, RelevanceMap
from colregion.core.text import estimate_tokens
from colregion.encoders import load_encoder
from colregion.errors import InvalidInput, ModelMismatch
from colregion.indexes import open_index
from colregion.ingestion.copy import ENCODER, copy_index
from colregion.ingestion.page_cache import PageCache
from colregion.ingestion.pipeline import Adding
from colregion.ingestion.source_images import read_image
from colregion.ingestion.sources import Given, Progress, Source, embed, find_items
from colregion.ingestion.workers import Reader
from colregion.parsers import load_parser
from colregion.retrieval.answer_types import expectation
from colregion.retrieval.confidence import Calibration, hit_features
from colregion.retrieval.evidence import Method, Weights
from colregion.retrieval.lookup import find_region, page_id_of
from colregion.retrieval.ranking import rank_pages
from colregion.retrieval.retriever import Choice, Searching
from colregion.retrieval.selection import Keep

Rankable: TypeAlias = Source | ParsedPage | EmbeddedPage

_CONTEXT_HITS = 50

_DEFAULT_LIMITS = Limits()

_ENCODER_SPEC = "encoder_spec"
_CALIBRATION = "calibration"


def _ignore(_told: object) -> None:
    """Nobody wants to know."""


class Engine:
    """Adds documents to an index and answers questions with regions of their pages.

    Safe to use from threads. The ports are injected; `open` makes them from names.

    Args:
        count_tokens: how `context` counts; by default an estimate that needs no tokenizer.

    Raises:
        ModelMismatch: the index was made with another encoder.
    """

    def __init__(
        self,
        index: Index,
        *,
        encoder: Encoder,
        parser: Parser,
        count_tokens: CountTokens = estimate_tokens,
    ) -> None:
        made_with = index.get_setting(ENCODER)
        if made_with is not None and made_with != encoder.fingerprint:
            raise ModelMismatch(
                f"the index was made with encoder {made_with!r} and cannot be used with "
                f"{encoder.fingerprint!r}; open it with the first, or index into another folder"
            )
        index.read_image = read_image
        self.index = index
        self.encoder = encoder
        self.parser = parser
        self.count_tokens = count_tokens
        self._adding = threading.Lock()
        self.page_cache = PageCache(parser, encoder)
        self._searching = Searching(index, encoder)

    @classmethod
    def open(
        cls,
        index: str | Path | Index,
        *,
        encoder: str | Encoder | None = None,
        parser: str | Parser = "auto",
        count_tokens: CountTokens = estimate_tokens,
        **encoder_options: Any,
    ) -> Engine:
        """Open an index, or make it where there is none.

        Args:
            index: a folder, `qdrant:URL/collection`, or an `Index`.
            encoder: a spec for `load_encoder`, or an `Encoder`; None takes the one that the
                index was made with, `static_tokens` for a new index.
            parser: a spec for `load_parser`, or a `Parser`.
            encoder_options: for `load_encoder`, such as `device="cuda"`.

        Raises:
            ModelMismatch: the index was made with another encoder.
            InvalidInput: an encoder or option that is not there, or options for an `Encoder`.
            IndexCorrupt: the folder holds something else, or an index of another version.
            BackendError: the folder cannot be written.
        """
        opened = index if isinstance(index, Index) else open_index(str(index))
        if encoder is None:
            encoder = opened.get_setting(_ENCODER_SPEC) or "static_tokens"
        if isinstance(encoder, str):
            encoder = load_encoder(encoder, **encoder_options)
        elif encoder_options:
            raise InvalidInput(f"{', '.join(encoder_options)}: give these to your encoder itself")
        engine = cls(
            opened,
            encoder=encoder,
            parser=load_parser(parser) if isinstance(parser, str) else parser,
            count_tokens=count_tokens,
        )
        if encoder.spec is not None and opened.get_setting(_ENCODER_SPEC) is None:
            opened.set_setting(_ENCODER_SPEC, encoder.spec)
        return engine

    _shared: ClassVar[dict[tuple[str, str | None, str], Engine]] = {}
    _shared_lock: ClassVar[threading.Lock] = threading.Lock()

    @classmethod
    def shared(
        cls, index: str | Path, *, encoder: str | None = None, parser: str = "auto"
    ) -> Engine:
        """The process's one engine for this index, opened on first use and again after `close`.

        For adapters that a framework copies, pickles or rebuilds on every call.
        """
        spec = str(index)
        key = (spec if ":" in spec else str(Path(spec).resolve()), encoder, parser)
        with cls._shared_lock:
            if key not in cls._shared:
                cls._shared[key] = cls.open(index, encoder=encoder, parser=parser)
            return cls._shared[key]

    def add(
        self,
        sources: Source | Sequence[Source] | Sequence[EmbeddedPage],
        *,
        doc_id: str | None = None,
        metadata: Metadata | None = None,
        password: str | None = None,
        parser: str | Parser | None = None,
        workers: int | None = None,
        limits: Limits = _DEFAULT_LIMITS,
        on_progress: Callable[[Progress], None] | None = None,
        on_outcome: Callable[[Outcome], None] | None = None,
    ) -> AddReport:
        """Read, embed and keep documents; each goes in whole or not at all.

        A source that cannot be read does not stop the others: the report says why. Unchanged
        documents are skipped, changed ones replaced whole. A page that cannot be read does not
        cost its document: it goes in blank, `Outcome.missing_pages` names it, and the next `add`
        tries again.

        Documents are read in processes of their own, several at a time; embedding and keeping is
        done in this one. An interruption (Ctrl-C) stops the processes and is passed on; what was
        finished is kept, and the same call goes on from there.

        Args:
            sources: files, folders, globs, bytes, pictures, or the pages of one document with
                embeddings made elsewhere.
            doc_id: names the document, when there is exactly one; by default its path relative
                to the folder that was given.
            metadata: kept with every document, and usable in filters as `metadata.KEY`.
            password: for encrypted files.
            parser: reads these sources in place of the engine's own, such as
                `DoclingRegions("report.docling.json")` for the regions that docling found.
            workers: the most processes that read; 0 to read in this one, where a crash of a
                library is its own and limits of time and memory are not held to. By default one
                a core, and 0 for a parser that cannot be pickled or that the running script
                itself defines; `AddReport.workers` says which.
            limits: what one document may cost.
            on_progress: called after every page.
            on_outcome: called with what became of each document, as it is known.

        Raises:
            InvalidInput: `doc_id` for several documents, an unknown parser, or workers for a
                parser that cannot be sent to them.
            BackendError: no reading process starts.
        """
        items, outcomes = find_items(sources)
        if doc_id is not None and len(items) > 1:
            raise InvalidInput(f"doc_id={doc_id!r} names one document, but {len(items)} were given")
        told = on_outcome or _ignore
        for outcome in outcomes:
            told(outcome)
        reading = load_parser(parser) if isinstance(parser, str) else parser or self.parser
        reader = Reader.of(reading, workers=workers, limits=limits)
        with self._adding:
            if self.index.get_setting(ENCODER) is None:
                self.index.set_setting(ENCODER, self.encoder.fingerprint)
            adding = Adding(
                index=self.index,
                encoder=self.encoder,
                reader=reader,
                given=Given(doc_id, metadata or {}, password),
                held={entry.id: entry for entry in self.index.documents()},
                on_progress=on_progress or _ignore,
                on_outcome=told,
            )
            outcomes.extend(adding.add(items))
        return AddReport(tuple(outcomes), reader.workers)

    def search(
        self,
        question: str,
        *,
        k: int = 5,
        filters: FilterInput = None,
        method: Method = "colregion",
        keep: Keep | None = None,
        min_confidence: float | None = None,
        max_area: float | None = None,
        weights: Weights | None = None,
        sharpen: bool = False,
    ) -> list[Hit]:
        """The k regions that answer best, over all pages.

        Args:
            filters: see `colregion.core.filters`.
            method: "colregion", "merged" for neighbouring regions made one where they are likely
                to belong together, or "paper" for the published propagation.
            keep: a threshold within each page; None for the method's own.
            min_confidence: 0-1; leave out what is less likely to be right, everything if need be.
            max_area: a budget for what is returned, in pages (0.1 is a tenth of one); filled
                with the best regions that fit.
            weights: of `retrieval.evidence.score_regions`, in place of its defaults, such as
                `{"captions": True}` for figures and tables with their captions.
            sharpen: take off what any question lights up, and patches without ink; for visual
                models, whose pictures it looks at again.

        Returns:
            Best first; [] when nothing is indexed, nothing passes the filters or nothing is
            likely enough.

        Raises:
            InvalidInput: an empty question, k < 1, an unknown method or filter, a budget that is
                not above 0, or `min_confidence` without a calibration.
        """
        _check_k(k)
        choice = Choice(method, keep, min_confidence, max_area, weights, sharpen)
        return self._searching.hits(
            question,
            k=k,
            filters=parse_filters(filters),
            choice=choice,
            calibration=self.calibration,
        )

    def search_pages(
        self, question: str, *, k: int = 5, filters: FilterInput = None
    ) -> list[PageHit]:
        """The k best pages, best first. Raises as `search`.

        By their late-interaction score; with an encoder that has a noise floor, the best 25 or
        more by that are put in order by `relevance.page_evidence`.
        """
        _check_k(k)
        query = self._searching.query(question)
        pages, scores = self._searching.pages(query, k=k, filters=parse_filters(filters))
        entries = self._searching.entries_of(pages)
        return [
            PageHit(page.parsed, entries[page.parsed.page.doc_id], score)
            for page, score in zip(pages, scores, strict=True)
        ]

    def rank(
        self,
        question: str,
        pages: Rankable | Sequence[Rankable],
        *,
        k: int | None = 5,
        method: Method = "colregion",
        keep: Keep | None = None,
        min_confidence: float | None = None,
        max_area: float | None = None,
        weights: Weights | None = None,
        sharpen: bool = False,
    ) -> list[Hit]:
        """The k regions of the given pages that answer best; all of them for k None.

        Args:
            pages: ids of indexed pages (`doc#p3`), or files, bytes, pictures and parsed or
                embedded pages that need not be indexed. What had to be read is kept for the
                next question, by content.
            method, keep, min_confidence, max_area, weights, sharpen: as for `search`.

        Raises:
            InvalidInput: as `search`.
            NotIndexed: a page id that the index does not hold.
            UnreadableDocument: a file that cannot be read.
        """
        if k is not None:
            _check_k(k)
        choice = Choice(method, keep, min_confidence, max_area, weights, sharpen)
        query = self._searching.query(question)
        given = [pages] if isinstance(pages, Rankable) else list(pages)
        return self._searching.hits_on(
            [page for one in given for page in self._pages_of(one)],
            query,
            question=question,
            k=k,
            choice=choice,
            calibration=self.calibration,
        )

    def confidence_features(
        self, question: str, pages: Sequence[EmbeddedPage], *, k: int
    ) -> tuple[list[Region], FloatArray]:
        """What a calibration is fitted to: the k best regions of the pages and the features
        (N, F) of each, see `colregion.retrieval.confidence.FEATURES`."""
        query = self._searching.query(question)
        ranked = rank_pages(
            pages, query, question=question, k=k, noise_floor=self.encoder.noise_floor
        )
        scored = [one.scored for one in ranked]
        features = hit_features(
            scored, expected=expectation(question), words_asked=int(query.content.sum())
        )
        return [one.region for one in scored], features

    @property
    def calibration(self) -> Calibration | None:
        """Tells the confidence of hits: the index's own, kept by `set_calibration`, else the
        encoder's; None where there is neither."""
        kept = self.index.get_setting(_CALIBRATION)
        return Calibration.from_json(kept) if kept is not None else self.encoder.calibration

    def set_calibration(self, calibration: Calibration) -> None:
        """Keep a calibration with the index, for whoever opens it from now on."""
        self.index.set_setting(_CALIBRATION, calibration.to_json())

    def region(self, region_id: str) -> Hit:
        """An indexed region by its id, as a hit without a score: to crop, widen or cite it again.

        Label and value, or figure and caption, that a search returned as one are found by their
        id too.

        Raises:
            InvalidInput: it is no region's id.
            NotIndexed: there is no such page or region, or it was merged of several for one
                search.
        """
        (page,) = self.index.load([page_id_of(region_id)])
        entry = self.index.entry(page.parsed.page.doc_id)
        return Hit(find_region(page.parsed, region_id), page.parsed, entry)

    def explain(
        self, question: str, page: Rankable, *, layers: Sequence[int] | None = None
    ) -> RelevanceMap:
        """How strongly each token of the question lights up each place of one page.

        Args:
            layers: which of a visual model's grids the map shows: 0 the finest, 1 the thumbnail
                of models that have one; None for those that its regions are scored with.

        Raises:
            InvalidInput: an empty question, a file of several pages, or a layer that the page
                does not have.
            NotIndexed: a page id that the index does not hold.
        """
        embedded = self._pages_of(page)
        if len(embedded) != 1:
            raise InvalidInput(f"explain needs one page, got {len(embedded)}; name one by its id")
        query = self._searching.query(question)
        embedding = embedded[0].embedding
        sim = similarity(query.vectors, embedding.vectors)
        return RelevanceMap(sim, _with_layers(embedding.placement, layers), query)

    def context(
        self,
        question: str,
        *,
        max_tokens: int = 800,
        filters: FilterInput = None,
        min_confidence: float | None = None,
    ) -> Context:
        """Prompt-ready text of the best regions, in reading order, each with a citation mark.

        Never over `max_tokens` by the engine's `count_tokens`. Empty when nothing is found.
        Raises as `search`, and InvalidInput for max_tokens < 1.
        """
        hits = self.search(
            question, k=_CONTEXT_HITS, filters=filters, min_confidence=min_confidence
        )
        return build_context(hits, max_tokens=max_tokens, count_tokens=self.count_tokens)

    def remove(self, doc_id: str) -> None:
        """Take a document out of the index. Raises NotIndexed when it is not there."""
        self.index.remove(doc_id)

    def copy_to(
        self,
        target: str | Path | Index,
        *,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> AddReport:
        """Put everything the index holds into another one, without reading or encoding anything
        again: from a folder to a Qdrant server, say, or back.

        Documents that the target already has as they are here are skipped, so a copy that broke
        off goes on where it stopped; what else the target holds stays.

        Args:
            target: a spec for `open_index`, made where there is none; or an `Index`.
            on_progress: called after every page.

        Raises:
            InvalidInput: the target is this index.
            ModelMismatch: the target was made with another encoder.
        """
        opened = target if isinstance(target, Index) else open_index(str(target))
        try:
            return AddReport(tuple(copy_index(self.index, opened, on_progress=on_progress)))
        finally:
            if opened is not target:
                opened.close()

    def documents(self) -> list[DocumentEntry]:
        """What the index holds, by id."""
        return self.index.documents()

    def close(self) -> None:
        """Let go of the index. Closing twice is fine."""
        with Engine._shared_lock:
            for key in [key for key, engine in Engine._shared.items() if engine is self]:
                del Engine._shared[key]
        self.index.close()

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _pages_of(self, page: Rankable) -> list[EmbeddedPage]:
        if isinstance(page, EmbeddedPage):
            return [page]
        if isinstance(page, ParsedPage):
            return list(embed([page], self.encoder))
        if isinstance(page, str) and "#p" in page and not Path(page).exists():
            return self.index.load([page])
        return self.page_cache.read(page)


def _with_layers(placement: Placement, layers: Sequence[int] | None) -> Placement:
    if layers is None:
        return placement
    if not isinstance(placement, GridPlacement):
        raise InvalidInput("layers are for visual models; this page's vectors sit on its words")
    if not layers:
        raise InvalidInput("layers must name one layer or more, got none")
    return replace(placement, map_layers=tuple(layers))


def _check_k(k: int) -> None:
    if isinstance(k, bool) or not isinstance(k, int) or k < 1:
        raise InvalidInput(f"k must be a whole number from 1 up, got {k!r}")
