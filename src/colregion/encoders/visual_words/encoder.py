"""Words seen on the page image without being read: an own small visual model in the vector space of
the default encoder.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colregion.core.cpu import thread_count
from colregion.core.embeddings import EmbeddedPage, PageEmbedding, QueryEmbedding
from colregion.core.geometry import Box, BoxPlacement, FloatArray, Upright, boxes_to_array
from colregion.core.interfaces import Encoder
from colregion.core.regions import ParsedPage
from colregion.encoders.static.encoder import DIMENSION, StaticTokenEncoder
from colregion.encoders.visual_words import answer_types, model
from colregion.encoders.visual_words.answer_types import TYPES, AnswerTypeHead
from colregion.encoders.visual_words.model import CELL_HEIGHT, CELL_WIDTH, VisualWordModel
from colregion.encoders.visual_words.views import Look, PageView, choose_looks, resize
from colregion.encoders.visual_words.vocabulary import Vocabulary
from colregion.encoders.visual_words.words import pool_words, word_features
from colregion.errors import InvalidBox

# Eight A4 pages of 11-px letters. Larger images are reduced, and their letters with them.
_MAX_PIXELS = 8_000_000

_FEW_WORDS = 4
_CERTAIN_TYPE = 0.9  # text that stands sideways looks a little like amounts


@dataclass(frozen=True, slots=True, eq=False)
class SeenWords:
    """What the model sees on a page.

    Args:
        vectors: (V, 384) float32, one for each word, then one for each that looks like an answer.
        boxes: (V, 4) of each, in fractions of the page.
        certainty: (V,) the probability that the page shows this word, or this type of answer, 0-1.
    """

    vectors: FloatArray
    boxes: FloatArray
    certainty: FloatArray

    def where(self, keep: NDArray[np.bool_] | list[int]) -> SeenWords:
        """Only some of them."""
        return SeenWords(self.vectors[keep], self.boxes[keep], self.certainty[keep])

    def on_page(self, upright: Upright) -> SeenWords:
        """The same with boxes of the page as displayed, for boxes of the upright one; without
        those in corners that the turn added."""
        rows: list[int] = []
        boxes: list[Box] = []
        for row, box in enumerate(self.boxes.tolist()):
            with suppress(InvalidBox):
                boxes.append(upright.box_on_page(Box(*box)))
                rows.append(row)
        return replace(self.where(rows), boxes=boxes_to_array(boxes))

    @property
    def embedding(self) -> PageEmbedding:
        return PageEmbedding(self.vectors, BoxPlacement(self.boxes))


class VisualWordsEncoder(Encoder):
    """The words that a small visual model sees on a page image. Needs no OCR, downloads nothing.

    A page has one vector for each word that the model sees, at the box around it: that of
    `static_tokens` for the word where the model is sure of it, else the model's own, longer, which
    points towards what the word means and how it is spelled. A word that looks like a date, an
    amount or a percentage has one more vector, as with `static_tokens`. Questions are
    encoded as by `static_tokens`. The words of the parser do not count.

    The image is scaled to letters of 11 px, with a pass of its own for much larger ones, and
    turned if the page is known to lie sideways, upside down or askew, or if it is sideways or
    upside down by what the model sees. The model knows Latin letters and digits.

    The places are boxes and not cells of a grid, because a page has one placement, a page askew
    has no grid, and a region takes the words that lie in it by half, not those that touch it.

    Safe to use from threads.

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
        self._answer_types = AnswerTypeHead()
        self._answer_vectors = np.stack([self._static.answer_vector(words) for words in TYPES])
        self._vocabulary = Vocabulary(self._static)

    @property
    def fingerprint(self) -> str:
        # Raise with every change of the vectors.
        weights = f"{model.SHA256[:12]} {answer_types.SHA256[:12]}"
        return f"visual_words-4 {weights} {self._static.fingerprint}"

    def encode_pages(self, pages: Sequence[ParsedPage]) -> list[PageEmbedding]:
        """One embedding per page, float32, D = 384; a page on which no word is seen gives (0, 384).
        Raises BackendError where the weights are missing or damaged."""
        return [seen.embedding for seen in self.see_all(pages)]

    def with_words(self, page: EmbeddedPage, parsed: ParsedPage) -> PageEmbedding:
        """What was read stands in for what was seen at its place: the vectors of `static_tokens`
        for the words, the image's own where nothing was read."""
        placement = page.embedding.placement
        assert isinstance(placement, BoxPlacement)
        read = [leaf for leaf in parsed.leaves if not parsed.is_unread[leaf]]
        boxes = parsed.region_boxes[read]
        centers = (placement.boxes_xyxy[:, None, :2] + placement.boxes_xyxy[:, None, 2:]) / 2
        inside = ((boxes[:, :2] <= centers) & (centers <= boxes[:, 2:])).all(axis=2)
        is_read = np.any(inside, axis=1)
        (words,) = self._static.encode_pages([parsed])
        assert isinstance(words.placement, BoxPlacement)
        vectors = np.concatenate([words.vectors, page.embedding.vectors[~is_read]])
        places = np.concatenate([words.placement.boxes_xyxy, placement.boxes_xyxy[~is_read]])
        return PageEmbedding(vectors, BoxPlacement(places))

    def encode_query(self, text: str) -> QueryEmbedding:
        """As `StaticTokenEncoder.encode_query`."""
        return self._static.encode_query(text)

    def see_all(self, pages: Sequence[ParsedPage]) -> list[SeenWords]:
        """`see` of each page, one per core at a time. Raises as `encode_pages`."""
        with ThreadPoolExecutor(thread_count(max(len(pages), 1))) as threads:
            return list(threads.map(self.see, pages))

    def see(self, page: ParsedPage) -> SeenWords:
        """The words on a page's image. Raises as `encode_pages`."""
        known = page.page.upright
        degrees = known.degrees_clockwise if known else 0.0
        view = PageView.of(_turned(page.page.image.convert("L"), degrees_clockwise=degrees))
        if view is None:
            nothing = np.zeros((0, DIMENSION), np.float32)
            return SeenWords(nothing, np.zeros((0, 4)), np.zeros(0))
        view, looks = choose_looks(view, self._certainty)
        parts = [self._see(view, look, is_first=i == 0) for i, look in enumerate(looks)]
        directions, boxes, features = (np.concatenate(part) for part in zip(*parts, strict=True))
        words, certainty = self._vocabulary.read(directions)
        rows, types, likelihood = self._answer_types.likely(features)
        degrees = (degrees + 90.0 * view.quarter_turns) % 360.0
        seen = SeenWords(
            np.concatenate([words, self._answer_vectors[types]]),
            np.concatenate([boxes, boxes[rows]]),
            np.concatenate([certainty, likelihood]),
        )
        return seen.on_page(Upright(degrees, page.page.width, page.page.height))

    def _see(
        self, view: PageView, look: Look, *, is_first: bool
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Vectors, boxes in fractions of the turned page, and features of the words that this pass
        is for. The first one is also for words without letters of their own."""
        image = view.image
        largest = math.sqrt(_MAX_PIXELS / (image.width * image.height))
        scaled = resize(image, min(look.scale, largest))
        scale_xy = np.array(scaled.size) / image.size
        cells = self._model.run(np.asarray(scaled), paper=view.paper)
        words = pool_words(cells)
        votes = np.zeros(len(words))
        for letters, sign in ((look.letters, 1), (look.others, -1)):
            col, row = (letters.centers_xy * scale_xy / (CELL_WIDTH, CELL_HEIGHT)).astype(int).T
            word = words.word_of_cell[row, col]
            np.add.at(votes, word[word >= 0], sign * letters.widths[word >= 0])
        chosen = votes >= 0 if is_first else votes > 0
        pixels = np.minimum(
            words.boxes[chosen] * np.tile([CELL_WIDTH, CELL_HEIGHT], 2), np.tile(scaled.size, 2)
        )
        on_page = pixels / np.tile(scale_xy, 2) + np.tile(view.corners[:2], 2)
        return (
            words.vectors[chosen],
            on_page / np.tile(view.page_image.size, 2),
            word_features(cells, words)[chosen],
        )

    def _certainty(self, cutouts: Sequence[Image.Image]) -> float:
        """The mean over the words, less where there are few."""
        vectors, features = [], []
        for cutout in cutouts:
            gray = np.asarray(cutout)
            cells = self._model.run(gray, paper=int(np.median(gray)))
            words = pool_words(cells)
            vectors.append(words.vectors)
            features.append(word_features(cells, words))
        if not vectors:
            return 0.0
        # Of all cut-outs at once: products of a few rows cost more than their numbers.
        types = self._answer_types.probabilities(np.concatenate(features)).max(axis=1)
        # Tables of dates and amounts have no words to be certain of.
        types[types < _CERTAIN_TYPE] = 0.0
        certainty = np.maximum(self._vocabulary.certainty(np.concatenate(vectors)), types)
        return float(certainty.sum()) / (len(certainty) + _FEW_WORDS)


def _turned(image: Image.Image, *, degrees_clockwise: float) -> Image.Image:
    if degrees_clockwise % 360 == 0:
        return image
    bicubic = Image.Resampling.BICUBIC
    return image.rotate(-degrees_clockwise, resample=bicubic, expand=True, fillcolor=255)
