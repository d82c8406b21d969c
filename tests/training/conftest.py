"""Tiny sources and shards: two fonts, a few words, crops of the usual size."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

FONTS = Path("/usr/share/fonts/truetype/dejavu")
WORDS = ["common\tgarden", "common\tinvoice", "common\tof", "common\tschool", "common\twater"] + [
    "en\tLanterns",
    "en\tit's",
    "fr\tété",
    "nl\tvaart",
]


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as `fetch_sources` leaves it."""
    folder = tmp_path_factory.mktemp("sources")
    (folder / "fonts").mkdir()
    for name in ("DejaVuSans.ttf", "DejaVuSansMono.ttf"):
        shutil.copy(FONTS / name, folder / "fonts")
    (folder / "words.tsv").write_text("\n".join(WORDS) + "\n", encoding="utf-8")
    return folder
