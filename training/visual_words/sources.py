"""Fonts and word lists for drawn text, from Debian packages."""

from __future__ import annotations

import random
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from colregion.encoders.static.encoder import StaticTokenEncoder

FONT_PACKAGES = (
    """fonts-liberation fonts-urw-base35 fonts-croscore fonts-crosextra-carlito
    fonts-crosextra-caladea fonts-freefont-ttf fonts-roboto-unhinted fonts-lato fonts-open-sans
    fonts-texgyre lmodern fonts-cabin fonts-vollkorn fonts-oxygen fonts-cantarell fonts-inconsolata
    fonts-hack fonts-ebgaramond fonts-linuxlibertine fonts-courier-prime fonts-ocr-a fonts-ocr-b
    fonts-jetbrains-mono fonts-sil-gentium fonts-dosis fonts-quicksand fonts-b612 fonts-inter
    fonts-dejavu-core fonts-dejavu-extra fonts-noto-mono fonts-dkg-handwriting fonts-breip
    fonts-bwht fonts-humor-sans fonts-rufscript fonts-gnutypewriter"""
).split()

# Language, package, file in /usr/share/dict, and how many of its words are taken.
WORD_PACKAGES = (
    ("en", "wamerican-large", "american-english-large", None),
    ("fr", "wfrench", "french", 25_000),
    ("de", "wngerman", "ngerman", 30_000),
    ("es", "wspanish", "spanish", 20_000),
    ("it", "witalian", "italian", 12_000),
    ("pt", "wportuguese", "portuguese", 15_000),
    ("nl", "wdutch", "dutch", 15_000),
)
COMMON = "common"
"""The language under which the words of the token table stand, commonest first."""

# Symbols, outlines, and the weights of a family that no document is set in.
_UNSUITABLE = re.compile(
    r"Symbol|Dingbat|D050|Emoji|[Mm]ath|Greek|Initials|Outline|Keyboard|Z003|Chorus|Unslanted|Thin"
    r"|Hairline|ExtraLight|Extralight|Biolinum_O|cmex|Comfortaa|Expanded|SemiCond|Black|UltraBold"
    r"|ExtraBold|SemiBold|NL-|SDF|LinLibertine_(DR|I|M|aS|aBS|R[^.]*C|RZ)|caps|-Light"
)
_OF_MANY_WEIGHTS = re.compile(r"inter|jetbrains.*|lato")
_USUAL_WEIGHT = re.compile(r"-(Regular|Italic|Bold|BoldItalic)\.")
_LONGEST_WORD = 16


def fetch_sources(folder: Path) -> tuple[int, int]:
    """Download the packages by `apt-get` and write `fonts/` and `words.tsv` (language, word) to a
    folder. Returns the numbers of fonts and words. Nothing is installed."""
    packages = [*FONT_PACKAGES, *(package for _, package, _, _ in WORD_PACKAGES)]
    with tempfile.TemporaryDirectory() as made:
        root = Path(made)
        subprocess.run(["apt-get", "download", "-qq", *packages], cwd=root, check=True)
        for package in sorted(root.glob("*.deb")):
            subprocess.run(["dpkg", "-x", str(package), str(root / "files")], check=True)
        fonts = choose_fonts(root / "files/usr/share/fonts")
        (folder / "fonts").mkdir(parents=True, exist_ok=True)
        for font in fonts:
            shutil.copy(font, folder / "fonts" / font.name.replace(" ", "_"))
        rows = _words(root / "files/usr/share/dict")
    (folder / "words.tsv").write_text("".join(f"{a}\t{b}\n" for a, b in rows), encoding="utf-8")
    return len(fonts), len(rows)


def choose_fonts(folder: Path) -> list[Path]:
    """The suitable fonts of a folder and those in it, one per file name."""
    chosen: dict[str, Path] = {}
    for path in sorted(folder.rglob("*.[to]tf")):
        many = _OF_MANY_WEIGHTS.fullmatch(path.parent.name) is not None
        if not _UNSUITABLE.search(path.name) and (not many or _USUAL_WEIGHT.search(path.name)):
            chosen.setdefault(path.name.replace(" ", "_"), path)
    return list(chosen.values())


def _words(folder: Path) -> list[tuple[str, str]]:
    rng = random.Random(3)
    rows = [(COMMON, word) for word in StaticTokenEncoder().known_words()]
    for language, _, name, count in WORD_PACKAGES:
        content = (folder / name).read_bytes()
        try:
            lines = content.decode("utf-8").splitlines()
        except UnicodeDecodeError:
            lines = content.decode("latin-1").splitlines()
        words = [word for word in lines if 2 <= len(word) <= _LONGEST_WORD and word.isalpha()]
        if count is not None:
            words = rng.sample(words, min(count, len(words)))
        rows += [(language, word) for word in words]
    return rows
