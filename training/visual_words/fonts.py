"""The fonts that text is drawn in."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from PIL import ImageFont

HELD_OUT_FAMILIES = frozenset({"Cabin", "Vollkorn", "P052", "C059", "DejaVuSerifCondensed"})
"""Families that training never draws."""

_STYLE = re.compile(
    r"[-_]?(Regular|Roman|Bold_?Italic|BoldOblique|Bold|Italic|Oblique|BdIta|Demi|DemiItalic|Book"
    r"|BookOblique|R|RB|RBI|RI|K|I|BI|Bd|It|Code|Code_Italic|CondBold|CondLight.*|Semibold.*"
    r"|MediumItalic|L|E|F|S|X)?\.(ttf|otf)$"
)
# Kinds of family and the share of lines in each; the rest is in any family.
_KINDS = (
    (
        0.50,
        re.compile(
            "Nimbus|Arimo|Carlito|Caladea|Liberation|FreeSans|FreeSerif|FreeMono|Cousine|Tinos"
            "|NotoS|DejaVu|OpenSans|Lato|Courier|Roboto|Inter"
        ),
    ),
    (0.12, re.compile("Mono|Cousine|Courier|OCR|Inconsolata|Hack|Typewriter")),
    (0.03, re.compile("Because|reip|Humor|Rufscript|dkg")),  # like handwriting
)


class FontSource:
    """Random fonts of a folder.

    Args:
        held_out: only of the families that training never draws.
    """

    def __init__(self, folder: Path, *, held_out: bool = False) -> None:
        families: dict[str, list[Path]] = {}
        for path in sorted(folder.glob("*.[to]tf")):
            families.setdefault(_STYLE.sub("", path.name), []).append(path)
        chosen = {
            name: paths
            for name, paths in families.items()
            if (name in HELD_OUT_FAMILIES) == held_out
        }
        self._any = list(chosen.values())
        self._kinds = [] if held_out else list(_by_kind(chosen))

    def font(self, rng: random.Random, *, size_px: int) -> ImageFont.FreeTypeFont:
        """A font of this size, of a family by how common it is."""
        share, families = rng.random(), self._any
        for end, members in self._kinds:
            if share < end:
                families = members
                break
        return _load(rng.choice(rng.choice(families)), size_px)


def _by_kind(families: Mapping[str, list[Path]]) -> Sequence[tuple[float, list[list[Path]]]]:
    """Upper ends of the shares, and the families of each kind that has any."""
    kinds = []
    end = 0.0
    for share, pattern in _KINDS:
        members = [paths for name, paths in families.items() if pattern.search(name)]
        if members:
            end += share
            kinds.append((end, members))
    return kinds


@lru_cache(maxsize=4000)
def _load(path: Path, size_px: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(path), size_px, layout_engine=ImageFont.Layout.BASIC)
