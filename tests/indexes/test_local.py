from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from colregion.indexes.local import LocalIndex
from colregion.ports import Index
from colregion.testing import IndexContract


class TestLocalIndex(IndexContract):
    @pytest.fixture
    def index(self, tmp_path: Path) -> Iterator[Index]:
        with ExitStack() as self.opened:
            yield self.opened.enter_context(LocalIndex(tmp_path / "index"))

    def reopen(self, index: Index) -> Index:
        assert isinstance(index, LocalIndex)
        index.close()
        return self.opened.enter_context(LocalIndex(index.folder))
