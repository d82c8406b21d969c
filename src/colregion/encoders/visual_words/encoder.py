"""Words seen on the page image without being read: an own small visual model in the vector space of
the default encoder.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress

import numpy as np
from PIL import Image

from colregion.core.embeddings import EmbeddedPage, PageEmbedding, QueryEmbedding
from colregion.core.geometry import Box, BoxPlacement, FloatArray, Upright, boxes_to_array
from colregion.core.interfaces import Encoder
from colregion.core.regions import ParsedPage
from colregion.encoders.static.encoder import DIMENSION, StaticTokenEncoder
from colregion.encoders.visual_words.model import (
    CELL_HEIGHT,
    CELL_WIDTH,
    SHA256,
    VisualWordModel,
)
from colregion.encoders.visual_words.views import Look, PageView, choose_looks, resize
from colregion.encoders.visual_words.vocabulary import Vocabulary
from colregion.encoders.visual_words.words import PooledWords, pool_words
from colregion.errors import InvalidBox

# Eight A4 pages of 11-px letters. Larger images are reduced, and their letters with them.
_MAX_PIXELS = 8_000_000

_FEW_WORDS = 4


class VisualWordsEncoder(Encoder):
    """The words that a small visual model sees on a page image. Needs no OCR, downloads nothing.

    A page has one vector for each word that the model sees, at the box around it: that of
    `static_tokens` for the word where the model is sure of it, else the model's own, longer, which
    points towards what the word means and how it is spelled. Questions are encoded as by
    `static_tokens`. The words of the parser do not count.

    The image is scaled to letters of 11 px, with a pass of its own for much larger ones, and
    turned if the page is known to lie sideways, upside down or askew, or if it is sideways or
    upside down by what the model sees. The model knows Latin letters and digits.

    The places are boxes and not cells of a grid, because a page has one placement, a page askew
    has no grid, and a region takes the words that lie in it by half, not those that touch it.

    Safe to use from threads, one at a time in the model.

    Raises:
        MissingDependency: onnxruntime, the extra `visual-words`, is not installed.
    """

    # Exceeded by six in ten thousand pairs of a random word and a place on reports, forms and
    # receipts.
    noise_floor = 0.4
    spec = "visual_words"
    sees_images = True

    def __init__(self) -> None:
        self._static = StaticTokenEncoder()
        self._model = VisualWordModel()
        self._vocabulary = Vocabulary(self._static)

    @property
    def fingerprint(self) -> str:
        # Raise with every change of the vectors.
        return f"visual_words-1 {SHA256[:12]} {self._static.fingerprint}"

    def encode_pages(self, pages: Sequence[ParsedPage]) -> list[PageEmbedding]:
        """One embedding per page, float32, D = 384; a page on which no word is seen gives (0, 384).
        Raises BackendError where the weights are missing or damaged."""
        return [self._encode(page) for page in pages]

    def with_words(self, page: EmbeddedPage, parsed: ParsedPage) -> PageEmbedding:
        """What was read stands in for what was seen at its place: the vectors of `static_tokens`
        for the words, the image's own where nothing was read."""
        placement = page.embedding.placement
        assert isinstance(placement, BoxPlacement)
        read = [leaf for leaf in parsed.leaves if not parsed.is_unread[leaf]]
        boxes = parsed.region_boxes[read]
        centers = (placement.boxes_xyxy[:, None, :2] + placement.boxes_xyxy[:, None, 2:]) / 2
        inside = ((boxes[:, :2] <= centers) & (centers <= boxes[:, 2:])).all(axis=2).any(axis=1)
        (words,) = self._static.encode_pages([parsed])
        assert isinstance(words.placement, BoxPlacement)
        vectors = np.concatenate([words.vectors, page.embedding.vectors[~inside]])
        places = np.concatenate([words.placement.boxes_xyxy, placement.boxes_xyxy[~inside]])
        return PageEmbedding(vectors, BoxPlacement(places))

    def encode_query(self, text: str) -> QueryEmbedding:
        """As `StaticTokenEncoder.encode_query`."""
        return self._static.encode_query(text)

    def _encode(self, page: ParsedPage) -> PageEmbedding:
        known = page.page.upright
        degrees = known.degrees_clockwise if known else 0.0
        view = PageView.of(_turned(page.page.image.convert("L"), degrees_clockwise=degrees))
        if view is None:
            return PageEmbedding(
                np.zeros((0, DIMENSION), np.float32), BoxPlacement(np.zeros((0, 4)))
            )
        view, looks = choose_looks(view, self._certainty)
        parts = [self._see(view, look, is_first=i == 0) for i, look in enumerate(looks)]
        vectors, boxes = (np.concatenate(part) for part in zip(*parts, strict=True))
        degrees = (degrees + 90.0 * view.quarter_turns) % 360.0
        upright = Upright(degrees, page.page.width, page.page.height)
        return _placed(self._vocabulary.read(vectors), boxes, upright)

    def _see(self, view: PageView, look: Look, *, is_first: bool) -> tuple[FloatArray, FloatArray]:
        """Vectors, and boxes in fractions of the turned page, of the words that this pass is for.
        The first one is also for words without letters of their own."""
        image = view.image
        largest = math.sqrt(_MAX_PIXELS / (image.width * image.height))
        scaled = resize(image, min(look.scale, largest))
        scale_xy = np.array(scaled.size) / image.size
        words = self._words(scaled, paper=view.paper)
        votes = np.zeros(len(words))
        for letters, sign in ((look.letters, 1), (look.others, -1)):
            cells = (letters.centers_xy * scale_xy / (CELL_WIDTH, CELL_HEIGHT)).astype(np.int64)
            word = words.word_of_cell[cells[:, 1], cells[:, 0]]
            np.add.at(votes, word[word >= 0], sign * letters.widths[word >= 0])
        chosen = votes >= 0 if is_first else votes > 0
        pixels = np.minimum(
            words.boxes[chosen] * np.tile([CELL_WIDTH, CELL_HEIGHT], 2), np.tile(scaled.size, 2)
        )
        on_page = pixels / np.tile(scale_xy, 2) + np.tile(view.corners[:2], 2)
        return words.vectors[chosen], on_page / np.tile(view.page_image.size, 2)

    def _words(self, image: Image.Image, *, paper: int) -> PooledWords:
        return pool_words(self._model.run(np.asarray(image), paper=paper))

    def _certainty(self, cutouts: Sequence[Image.Image]) -> float:
        """The mean over the words, less where there are few."""
        words = [self._words(one, paper=int(np.median(np.asarray(one)))) for one in cutouts]
        vectors = np.concatenate(
            [np.zeros((0, DIMENSION), np.float32), *(w.vectors for w in words)]
        )
        return float(self._vocabulary.certainty(vectors).sum()) / (len(vectors) + _FEW_WORDS)


def _turned(image: Image.Image, *, degrees_clockwise: float) -> Image.Image:
    if degrees_clockwise % 360 == 0:
        return image
    bicubic = Image.Resampling.BICUBIC
    return image.rotate(-degrees_clockwise, resample=bicubic, expand=True, fillcolor=255)


def _placed(vectors: FloatArray, boxes: FloatArray, upright: Upright) -> PageEmbedding:
    """The words on the page as displayed, without those in corners that the turn added."""
    rows: list[int] = []
    on_page: list[Box] = []
    for row, box in enumerate(boxes.tolist()):
        with suppress(InvalidBox):
            on_page.append(upright.box_on_page(Box(*box)))
            rows.append(row)
    return PageEmbedding(vectors[rows], BoxPlacement(boxes_to_array(on_page)))
