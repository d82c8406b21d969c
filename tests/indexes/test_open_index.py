from pathlib import Path

import pytest

from colregion.errors import InvalidInput
from colregion.indexes import LocalIndex, open_index


@pytest.mark.parametrize("as_text", [True, False])
def test_open_index_opens_a_folder_as_a_local_index(tmp_path: Path, as_text: bool) -> None:
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
def test_unknown_spec_is_refused(spec: str, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        open_index(spec)


def test_open_index_refuses_a_missing_index_with_create_false(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no index at"):
        open_index(tmp_path / "library", create=False)
    assert list(tmp_path.iterdir()) == []
