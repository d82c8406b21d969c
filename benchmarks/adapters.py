"""What the adapters cost beside the engine, for the frameworks that are installed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.timing import Row, timed
from colregion.core.embeddings import EmbeddedPage, PageEmbedding, QueryEmbedding
from colregion.core.interfaces import Encoder
from colregion.core.regions import ParsedPage
from colregion.encoders import load_encoder
from colregion.engine import Engine
from colregion.indexes import open_index
from colregion.parsers import load_parser

_QUESTION = "total amount of the annual revenue in the third quarter"
_AT_ONCE = 4
_K = 4


class _Waiting(Encoder):
    """The default encoder, behind a network that takes 50 ms per question."""

    def __init__(self) -> None:
        self._encoder = load_encoder("static_tokens")
        self.noise_floor = self._encoder.noise_floor

    @property
    def fingerprint(self) -> str:
        return self._encoder.fingerprint

    def encode_pages(self, pages: Sequence[ParsedPage]) -> list[PageEmbedding]:
        return self._encoder.encode_pages(pages)

    def encode_query(self, text: str) -> QueryEmbedding:
        time.sleep(0.05)
        return self._encoder.encode_query(text)


def adapter_rows(pages: Callable[[Engine], list[EmbeddedPage]], *, folder: Path) -> Iterator[Row]:
    """A row for each adapter beside the engine, and four concurrent calls beside one.

    Args:
        pages: makes the pages to search, embedded by the engine's encoder.
        folder: where the indexes go.
    """
    with (
        _engine(load_encoder("static_tokens"), pages, folder / "computing") as engine,
        _engine(_Waiting(), pages, folder / "waiting") as waiting,
    ):
        for name, package, retriever_of in (
            ("langchain", "langchain_core", _langchain),
            ("llama-index", "llama_index.core", _llama_index),
        ):
            if find_spec(package.partition(".")[0]) is None:
                continue
            ask, ask_later = retriever_of(engine)
            yield timed(
                name,
                ask,
                lambda: engine.search(_QUESTION, k=_K),
                per=1,
                against="the engine's own search, 20 pages",
            )
            _, ask_remote = retriever_of(waiting)
            for suffix, later, encoder in (
                ("async", ask_later, "the default encoder, which computes"),
                ("async-waiting", ask_remote, "an encoder that waits 50 ms for an answer"),
            ):
                yield timed(
                    f"{name}-{suffix}",
                    lambda later=later: asyncio.run(_together(later, _AT_ONCE)),  # type: ignore[misc]
                    lambda later=later: asyncio.run(_together(later, 1)),  # type: ignore[misc]
                    per=1,
                    against=f"one call, with {encoder}; ours is {_AT_ONCE} at once",
                )


async def _together(ask: Callable[[], Awaitable[object]], n: int) -> None:
    await asyncio.gather(*(ask() for _ in range(n)))


def _engine(
    encoder: Encoder, pages: Callable[[Engine], list[EmbeddedPage]], folder: Path
) -> Engine:
    engine = Engine(open_index(str(folder)), encoder=encoder, parser=load_parser("auto"))
    engine.add(pages(engine))
    return engine


def _langchain(engine: Engine) -> tuple[Callable[[], object], Callable[[], Awaitable[Any]]]:
    from colregion.langchain import RegionRetriever

    retriever = RegionRetriever(engine=engine, k=_K)
    return lambda: retriever.invoke(_QUESTION), lambda: retriever.ainvoke(_QUESTION)


def _llama_index(engine: Engine) -> tuple[Callable[[], object], Callable[[], Awaitable[Any]]]:
    from colregion.llama_index import RegionRetriever

    retriever = RegionRetriever(engine=engine, k=_K)
    return lambda: retriever.retrieve(_QUESTION), lambda: retriever.aretrieve(_QUESTION)
