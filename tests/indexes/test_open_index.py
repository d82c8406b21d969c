from pathlib import Path

import pytest

from colregion.errors import InvalidInput
from colregion.indexes import LocalIndex, open_index


@pytest.mark.parametrize("as_text", [True, False])
def test_a_folder_is_a_local_index(tmp_path: Path, as_text: bool) -> None:
    folder = tmp_path / "library"
    with open_index(str(folder) if as_text else folder) as index:
        assert isinstance(index, LocalIndex)
        assert index.folder == folder


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("", "empty"),
        ("  ", "empty"),
        ("https://example.org/index", "is it qdrant:https://example.org/index"),
    ],
)
def test_a_spec_that_names_nothing_known_is_refused(spec: str, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        open_index(spec)


def test_a_missing_index_is_not_made_without_leave(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no index at"):
        open_index(tmp_path / "library", create=False)
    assert list(tmp_path.iterdir()) == []
