"""Pages that are hard to read: the right page by what OCR reads and by what the image shows.

Of each kind ten pages of forty words, drawn at random from the common words of the default encoder;
a question is three neighbouring words of its page, and is asked over the pages of all kinds.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from colregion import Engine
from colregion.core.interfaces import Encoder, Parser
from colregion.encoders import load_encoder
from colregion.encoders.static.encoder import StaticTokenEncoder
from colregion.errors import InvalidInput
from colregion.evaluation.parse_cache import CachedParser
from colregion.indexes.memory import MemoryIndex
from colregion.parsers import load_parser

ENCODERS = ("static_tokens", "visual_words", "static_tokens+visual_words")
_PAGES_PER_KIND = 10
_WORDS_PER_PAGE = 40
_QUESTION_WORDS = 3
_SIZE = (1240, 1754)
_MARGIN = 100
_PRINT = "DejaVuSans.ttf"  # among what Pillow finds on most machines
# Neither the words that every page has, nor those that few readers know.
_RANKS = slice(300, 6000)
_SHORTEST_WORD = 4
_LETTER_PX, _SMALL_LETTER_PX = 34, 8
_NOISE = 0.4  # of the pixels


def measure_hard_pages(fonts: Sequence[Path], folder: Path) -> dict[str, Any]:
    """{encoder: {kind: the share of questions whose page comes first, "all": of all kinds}}. Kinds:
    one for each font, white on a photo, letters of 8 px, noise on 40 % of the pixels.

    Args:
        folder: for the pages, as PNG.

    Raises:
        InvalidInput: a font cannot be read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    words = [
        word
        for word in StaticTokenEncoder().known_words()[_RANKS]
        if len(word) >= _SHORTEST_WORD  # all are letters
    ]
    questions: dict[Path, tuple[str, str]] = {}
    for kind, draw in _kinds(fonts, rng).items():
        for number in range(_PAGES_PER_KIND):
            text = rng.choice(words, _WORDS_PER_PAGE, replace=False).tolist()
            start = int(rng.integers(_WORDS_PER_PAGE - _QUESTION_WORDS + 1))
            path = folder / f"{kind} {number}.png"
            draw(text).save(path)
            questions[path] = kind, " ".join(text[start : start + _QUESTION_WORDS])
    parser = CachedParser(load_parser("tesseract"))
    return {spec: _first_pages(load_encoder(spec), parser, questions) for spec in ENCODERS}


_Draw = Callable[[Sequence[str]], Image.Image]


def _kinds(fonts: Sequence[Path], rng: np.random.Generator) -> Mapping[str, _Draw]:
    plain = partial(_text_image, font_path=_PRINT, size_px=_LETTER_PX)
    return {
        **{path.stem: partial(plain, font_path=str(path)) for path in fonts},
        "white on a photo": lambda words: _on_photo(plain(words), rng),
        "letters of 8 px": partial(plain, size_px=_SMALL_LETTER_PX),
        "40 % noise": lambda words: _noisy(plain(words), rng),
    }


def _text_image(words: Sequence[str], *, font_path: str, size_px: int) -> Image.Image:
    """Words in lines, black on white. `size_px` is the font's, above the height of its letters."""
    try:
        font = ImageFont.truetype(font_path, size_px)
    except OSError as error:
        raise InvalidInput(f"cannot read the font {font_path}; give a .ttf or .otf file") from error
    image = Image.new("L", _SIZE, 255)
    draw = ImageDraw.Draw(image)
    x, y = float(_MARGIN), float(_MARGIN)
    for word in words:
        width = draw.textlength(word, font=font)
        if x + width > _SIZE[0] - _MARGIN:
            x, y = float(_MARGIN), y + 2.0 * size_px
        draw.text((x, y), word, font=font, fill=0)
        x += width + 0.4 * size_px
    return image


def _on_photo(text: Image.Image, rng: np.random.Generator) -> Image.Image:
    """White on shapes of all shades, blurred as behind a camera's focus."""
    coarse = rng.integers(20, 190, (_SIZE[1] // 40, _SIZE[0] // 40), dtype=np.uint8)
    photo = Image.fromarray(coarse).resize(_SIZE, Image.Resampling.BICUBIC)
    photo = photo.filter(ImageFilter.GaussianBlur(6))
    return Image.composite(photo, Image.new("L", _SIZE, 255), text)


def _noisy(text: Image.Image, rng: np.random.Generator) -> Image.Image:
    pixels: NDArray[np.uint8] = np.array(text)
    noise = rng.random(pixels.shape) < _NOISE
    pixels[noise] = rng.integers(0, 256, int(noise.sum()))
    return Image.fromarray(pixels)


def _first_pages(
    encoder: Encoder, parser: Parser, questions: Mapping[Path, tuple[str, str]]
) -> dict[str, float]:
    engine = Engine(MemoryIndex(), encoder=encoder, parser=parser)
    added = engine.add(list(questions))
    right: dict[str, list[bool]] = {"all": []}
    for outcome, (kind, question) in zip(added.outcomes, questions.values(), strict=True):
        pages = engine.search_pages(question, k=1)
        is_right = [page.doc_id for page in pages] == [outcome.doc_id]
        for group in (kind, "all"):
            right.setdefault(group, []).append(is_right)
    return {group: statistics.fmean(values) for group, values in right.items()}
