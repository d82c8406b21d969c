"""The engine: documents in, ranked regions out."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar
from unicodedata import normalize

from colregion.citations.context import MIN_CONFIDENCE, Context, CountTokens, build_context
from colregion.citations.locate import Locations, locate
from colregion.core.documents import DocumentEntry, Limits, Metadata
from colregion.core.embeddings import EmbeddedPage
from colregion.core.filters import FilterInput, parse_filters
from colregion.core.interfaces import Encoder, Index, IndexSetting, Parser
from colregion.core.repr import ShowsItself, one_line_repr
from colregion.core.results import DEFAULT_K, AddReport, Hit, Hits, Outcome, PageHit, RelevanceMap
from colregion.core.text import estimate_tokens
from colregion.encoders import encoder_for, load_encoder
from colregion.frameworks import MakesRetrievers
from colregion.indexes import open_index
from colregion.indexes.validation import check_encoder
from colregion.ingestion.copy import copy_index
from colregion.ingestion.on_demand import OnDemandReader, ReadingMode, ReadReport, parser_for
from colregion.ingestion.page_cache import PageCache, Rankable
from colregion.ingestion.pipeline import IngestJob, Progress
from colregion.ingestion.progress import ignore, reported
from colregion.ingestion.sources import DocumentOptions, Source
from colregion.ingestion.workers.pool import WorkerPool
from colregion.parsers import load_parser
from colregion.retrieval.confidence import Calibration
from colregion.retrieval.parts import find_region, page_id_of
from colregion.retrieval.ranking import Limits as RegionLimits
from colregion.retrieval.ranking import check_k
from colregion.retrieval.reading import DEFAULT_BUDGET_S
from colregion.retrieval.rerank import scorer_for
from colregion.retrieval.retriever import Retriever
from colregion.retrieval.scorer import Scorer

_CONTEXT_HITS, _LOCATED_HITS = 50, 20
_DEFAULT_LIMITS = Limits()


@one_line_repr("index", "encoder.fingerprint")
class Engine(MakesRetrievers, ShowsItself):
    """Adds documents to an index and answers questions with regions of their pages.

    Safe to use from threads. `open` makes index, encoder and parser from names.

    Args:
        scorer: scores pages and regions; by default `RegionScorer` with the encoder's noise floor.
        rerank: a text model that the pages compared are scored with as well; see `RerankScorer`.
        count_tokens: how `context` counts; by default an estimate that needs no tokenizer.
        reading_budget_s: seconds that a question may take to read what was only seen; see `add`.

    Raises:
        ModelMismatch: the index was made with another encoder.
        InvalidInput: both `scorer` and `rerank`.
    """

    def __init__(
        self,
        index: Index,
        *,
        encoder: Encoder,
        parser: Parser,
        scorer: Scorer[Any] | None = None,
        rerank: Encoder | None = None,
        count_tokens: CountTokens = estimate_tokens,
        reading_budget_s: float = DEFAULT_BUDGET_S,
    ) -> None:
        check_encoder(index, encoder)
        self.index = index
        self.encoder = encoder
        self.parser = parser
        self.count_tokens = count_tokens
        self._adding = threading.Lock()
        self.page_cache = PageCache(parser, encoder)
        self.reader = OnDemandReader(index, encoder, parser)
        self.reading_budget_s = reading_budget_s
        chosen = scorer_for(encoder, scorer=scorer, rerank=rerank)
        self.retriever = Retriever(index, encoder, chosen, self.reader)

    @classmethod
    def open(
        cls,
        index: str | Path | Index,
        *,
        encoder: str | Encoder | None = None,
        parser: str | Parser = "auto",
        rerank: str | Encoder | None = None,
        count_tokens: CountTokens = estimate_tokens,
        reading_budget_s: float = DEFAULT_BUDGET_S,
        **encoder_options: Any,
    ) -> Engine:
        """Open an index, or make it where there is none.

        Args:
            index: a folder, `qdrant:URL/collection`, or an `Index`.
            encoder: a spec for `load_encoder`, or an `Encoder`; None takes the one that the
                index was made with, `static_tokens` for a new index.
            parser: a spec for `load_parser`, or a `Parser`.
            rerank: a text model that pages are scored with as well, `text:ID` or an `Encoder`: it
                finds the right page first more often, for seconds per question about new pages and
                without confidences; see `RerankScorer`.
            encoder_options: for `load_encoder`, such as `device="cuda"`.

        Raises:
            ModelMismatch: the index was made with another encoder.
            InvalidInput: an unknown encoder or option, or options for an `Encoder`.
            IndexCorrupt: the folder contains something else, or an index of another version.
            BackendError: the folder cannot be written.
        """
        opened = index if isinstance(index, Index) else open_index(str(index))
        encoder = encoder_for(opened, encoder, **encoder_options)
        engine = cls(
            opened,
            encoder=encoder,
            parser=load_parser(parser) if isinstance(parser, str) else parser,
            rerank=load_encoder(rerank) if isinstance(rerank, str) else rerank,
            count_tokens=count_tokens,
            reading_budget_s=reading_budget_s,
        )
        if encoder.spec is not None and opened.get_setting(IndexSetting.ENCODER_SPEC) is None:
            opened.set_setting(IndexSetting.ENCODER_SPEC, encoder.spec)
        return engine

    _shared: ClassVar[dict[tuple[str, str | None, str], Engine]] = {}
    _shared_lock: ClassVar[threading.Lock] = threading.Lock()

    @classmethod
    def shared(
        cls, index: str | Path, *, encoder: str | None = None, parser: str = "auto"
    ) -> Engine:
        """The process's one engine for this index, opened on first use and again after `close`, for
        adapters that a framework copies, pickles or rebuilds on every call."""
        spec = str(index)
        key = (spec if ":" in spec else str(Path(spec).resolve()), encoder, parser)
        with cls._shared_lock:
            if key not in cls._shared:
                cls._shared[key] = cls.open(index, encoder=encoder, parser=parser)
            return cls._shared[key]

    def add(
        self,
        sources: Source | Iterable[Source] | Iterable[EmbeddedPage],
        *,
        doc_id: str | None = None,
        metadata: Metadata | None = None,
        password: str | None = None,
        parser: str | Parser | None = None,
        reading: ReadingMode = "now",
        workers: int | None = None,
        limits: Limits = _DEFAULT_LIMITS,
        progress: bool = True,
        on_progress: Callable[[Progress], None] | None = None,
        on_outcome: Callable[[Outcome], None] | None = None,
    ) -> AddReport:
        """Read, embed and store documents, each completely or not at all.

        A source that cannot be read does not stop the others: the report says why. Unchanged
        documents are skipped, changed ones replaced. A page that cannot be read goes in blank,
        `Outcome.missing_pages` names it, and the next `add` tries again. Worker processes read
        documents in parallel; this one embeds and stores them. After an interruption (Ctrl-C), the
        same call continues from the documents already stored.

        Args:
            sources: one, or an iterable, of files, folders, globs, bytes, files open for bytes
                and images; or the pages of one document with embeddings made elsewhere.
            doc_id: names the document, when there is exactly one; by default its path relative
                to the folder in `sources`.
            metadata: stored with every document, and usable in filters as `metadata.KEY`.
            password: for encrypted files.
            parser: reads these sources in place of the engine's own, such as
                `DoclingRegions("report.docling.json")` for regions detected by docling.
            reading: "on_demand" leaves pages without a text layer unread, for an encoder that sees
                images: a question reads where it is hot, `read` the rest.
            workers: the most worker processes; 0 to read in this process, without limits of time
                and memory or protection from crashes of libraries. By default one per core, and 0
                for a parser that cannot be pickled or that the running script itself defines.
            limits: bounds on each document.
            progress: show a bar in a notebook or terminal, unless `on_progress` is given.
            on_progress, on_outcome: called after every page and every document.

        Raises:
            InvalidInput: a source of another type, `doc_id` for several documents, an unknown
                parser, workers for a parser that cannot be pickled, or reading on demand without an
                encoder and a parser for images.
            BackendError: no worker process starts.
        """
        parser = load_parser(parser) if isinstance(parser, str) else parser or self.parser
        parser = parser_for(reading, parser, self.encoder)
        with self._adding, reported(on_progress, progress=progress) as show:
            job = IngestJob(
                index=self.index,
                encoder=self.encoder,
                pool=WorkerPool(parser, workers=workers, limits=limits),
                options=DocumentOptions(doc_id, metadata or {}, password),
                on_progress=show,
                on_outcome=on_outcome or ignore,
            )
            return AddReport(job.run(sources), job.pool.workers)

    def read(
        self,
        doc_id: str | None = None,
        *,
        budget_s: float | None = None,
        on_progress: Callable[[Progress], None] = ignore,
    ) -> ReadReport:
        """Read the pages that `add` left unread, of one document or all, what questions lit up
        first. Each is stored when it is read, so that an interruption loses none; after `budget_s`
        seconds no page is begun. Raises NotIndexed for an unknown document."""
        return self.reader.finish(doc_id, budget_s=budget_s, on_progress=on_progress)

    def search(
        self,
        question: str,
        *,
        k: int = DEFAULT_K,
        filters: FilterInput = None,
        min_confidence: float | None = None,
        max_area: float | None = None,
        reading_budget_s: float | None = None,
    ) -> list[Hit]:
        """The k regions over all pages that answer best, best first; [] when nothing is indexed,
        passes the filters or is likely enough.

        Args:
            filters: see `colregion.core.filters`.
            min_confidence: 0-1; leave out regions less likely to be right, if need be all.
            max_area: a budget for the regions, in pages (0.1 is a tenth of one); filled with the
                best that fit.
            reading_budget_s: the engine's by default; 0 reads nothing.

        Raises:
            InvalidInput: an empty question, k < 1, an unknown filter, a budget out of range, or
                `min_confidence` without a calibration.
            NotIndexed: the filters name documents of which none is in the index.
        """
        check_k(k)
        budget_s = self.reading_budget_s if reading_budget_s is None else reading_budget_s
        limits = RegionLimits(min_confidence, max_area, budget_s)
        filters = parse_filters(filters)
        return Hits(self.retriever.search(question, k=k, filters=filters, limits=limits))

    def search_pages(
        self, question: str, *, k: int = DEFAULT_K, filters: FilterInput = None
    ) -> list[PageHit]:
        """The k best pages, best first: by `PageEvidence.relevance`, or by late interaction for an
        encoder without a noise floor, such as visual models. Raises as `search`."""
        check_k(k)
        return self.retriever.search_pages(question, k=k, filters=parse_filters(filters))

    def rank(
        self,
        question: str,
        pages: Rankable | Sequence[Rankable],
        *,
        k: int | None = DEFAULT_K,
        min_confidence: float | None = None,
        max_area: float | None = None,
    ) -> list[Hit]:
        """The k regions of these pages that answer best; all of them for k None.

        Args:
            pages: ids of indexed pages (`doc#p3`), or files, bytes, images and parsed or embedded
                pages that need not be indexed. Pages read here are cached by content.
            min_confidence, max_area: as for `search`.

        Raises:
            InvalidInput: as `search`.
            NotIndexed: a page id that is not in the index.
            UnreadableDocument: a file that cannot be read.
        """
        if k is not None:
            check_k(k)
        embedded = self.page_cache.all_pages(pages, self.index)
        limits = RegionLimits(min_confidence, max_area, self.reading_budget_s)
        return Hits(self.retriever.rank(question, embedded, k=k, limits=limits))

    @property
    def calibration(self) -> Calibration | None:
        """The calibration set for the index, else the package's own for the encoder; None without
        either."""
        return self.retriever.calibration

    def set_calibration(self, calibration: Calibration) -> None:
        """Store a calibration with the index, for everyone who opens it from now on."""
        self.index.set_setting(IndexSetting.CALIBRATION, calibration.to_json())

    def region(self, region_id: str) -> Hit:
        """An indexed region by its id, as a hit without a score: to crop, expand or cite it again.

        Works for a label with its value that a search returned as one, too. Raises InvalidInput for
        what is no region's id, NotIndexed for no such page or region.
        """
        (page,) = self.index.load([page_id_of(region_id)])
        entry = self.index.entry(page.parsed.page.doc_id)
        return Hit(find_region(page.parsed, region_id), page.parsed, entry)

    def explain(
        self, question: str, page: Rankable, *, layers: Sequence[int] | None = None
    ) -> RelevanceMap:
        """How strongly each token of the question lights up each place of one page.

        Args:
            layers: see `RelevanceMap.with_layers`; None for those that regions are scored with.

        Raises:
            InvalidInput: an empty question, a file of several pages, or an unknown layer.
            NotIndexed: a page id that is not in the index.
        """
        embedded = self.page_cache.one_page(page, self.index)
        encoded, (page_scored,) = self.retriever.score(question, [embedded])
        shown = RelevanceMap.of(page_scored.candidate, encoded.embedding)
        return shown if layers is None else shown.with_layers(layers)

    def context(
        self,
        question: str,
        *,
        max_tokens: int = 800,
        filters: FilterInput = None,
        min_confidence: float | None = None,
    ) -> Context:
        """Prompt-ready text of the best regions, in reading order, each with a citation mark.

        Never over `max_tokens` by the engine's `count_tokens`; it ends earlier where no region is
        likely to answer, and is empty, with its `reason`, where none does. What was only seen, for
        want of time to read it, is in `Context.unread`.

        Args:
            min_confidence: 0-1; regions less likely to be right are left out. None stands for
                `MIN_CONFIDENCE` (0.1), and for 0 without a calibration.

        Raises as `search`, and InvalidInput for max_tokens < 1.
        """
        # A search with a bound says when there is no calibration to measure it with.
        asked, least = (None, MIN_CONFIDENCE) if min_confidence is None else (0.0, min_confidence)
        hits = self.search(question, k=_CONTEXT_HITS, filters=filters, min_confidence=asked)
        return build_context(
            hits, max_tokens=max_tokens, count_tokens=self.count_tokens, min_confidence=least
        )

    def locate(
        self, answer: str, *, question: str | None = None, hits: Sequence[Hit] | None = None
    ) -> Locations:
        """Where the words of an answer stand, best first; empty, with the `reason`, for nowhere.

        Args:
            answer: a value that a model extracted, or a sentence; see `citations.locate`.
            question: whose hits' pages are looked through; by default the answer itself.
            hits: to look through in place of a search.

        Raises as `search`.
        """
        if hits is None:
            hits = self.search(question or answer, k=_LOCATED_HITS)
        return locate(answer, hits)

    def remove(self, doc_id: str) -> None:
        """Take a document out of the index. Raises NotIndexed when it is not there."""
        self.index.remove(normalize("NFC", doc_id))

    def copy_to(
        self, target: str | Path | Index, *, on_progress: Callable[[Progress], None] | None = None
    ) -> AddReport:
        """Copy all documents into another index without reading or encoding anything again: from a
        folder to a Qdrant server, say, or back.

        Documents already in the target and equal are skipped, so an interrupted copy continues
        where it stopped; other documents of the target stay.

        Args:
            target: a spec for `open_index`, made where there is none; or an `Index`.
            on_progress: called after every page.

        Raises:
            InvalidInput: the target is this index.
            ModelMismatch: the target was made with another encoder.
        """
        return AddReport(tuple(copy_index(self.index, target, on_progress=on_progress)))

    def documents(self) -> list[DocumentEntry]:
        """The entries of all documents, by id."""
        return self.index.documents()

    def close(self) -> None:
        """Close the index. Closing twice is fine."""
        with Engine._shared_lock:
            Engine._shared = {k: one for k, one in Engine._shared.items() if one is not self}
        self.index.close()

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
