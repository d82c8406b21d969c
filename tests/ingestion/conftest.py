"""Engines in memory that are closed after the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from colregion import Engine
from colregion.core.interfaces import Parser
from colregion.indexes.memory import MemoryIndex
from colregion.testing import WordEncoder


@pytest.fixture
def engine_of() -> Iterator[Callable[[Parser], Engine]]:
    engines: list[Engine] = []

    def make(parser: Parser) -> Engine:
        engines.append(Engine(MemoryIndex(), encoder=WordEncoder(), parser=parser))
        return engines[-1]

    yield make
    for engine in engines:
        engine.close()
