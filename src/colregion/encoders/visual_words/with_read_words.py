"""Words that were read, and those seen on the image where nothing was read with confidence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from colregion.core.embeddings import PageEmbedding
from colregion.core.geometry import (
    BoxPlacement,
    FloatArray,
    box_areas,
    boxes_to_array,
    pairwise_overlap,
)
from colregion.core.regions import ParsedPage
from colregion.encoders.visual_words.encoder import SeenWords, VisualWordsEncoder

_DOUBTFUL = 0.6
"""Confidence of the recogniser below which a word may have been misread."""

_SAME_PLACE = 0.25  # of a seen word's box inside that of a read one


class ReadAndSeenWordsEncoder(VisualWordsEncoder):
    """The vectors of `static_tokens` for the words of the parser, and beside them those of
    `visual_words` where no word was read with confidence: handwriting, print on photos,
    misreadings. Those of which the image is not sure, too: of pages that OCR reads badly more are
    found so, and on pages that it reads well nothing changes (docs/visual-words.md).

    A page of which every word is read with confidence has the vectors of `static_tokens`, a page
    that is unread those of `visual_words`. Safe to use from threads.

    Raises:
        MissingDependency: onnxruntime, the extra `visual-words`, is not installed.
    """

    spec = "static_tokens+visual_words"

    @property
    def fingerprint(self) -> str:
        # Raise with every change of which words are taken.
        return f"read_and_seen-2 {self._static.fingerprint} {super().fingerprint}"

    def encode_pages(self, pages: Sequence[ParsedPage]) -> list[PageEmbedding]:
        """One embedding per page, float32, D = 384, read words first; a page without words gives
        (0, 384). Raises BackendError where the weights are missing or damaged."""
        read = self._static.encode_pages(pages)
        return list(map(_with_seen, pages, read, self.see_all(pages)))


def _with_seen(page: ParsedPage, read: PageEmbedding, seen: SeenWords) -> PageEmbedding:
    trusted = [
        word.box for word in page.words if word.confidence is None or word.confidence >= _DOUBTFUL
    ]
    added = seen.where(~is_covered(seen.boxes, boxes_to_array(trusted)))
    assert isinstance(read.placement, BoxPlacement)
    return PageEmbedding(
        np.concatenate([read.vectors, added.vectors]),
        BoxPlacement(np.concatenate([read.placement.boxes_xyxy, added.boxes])),
    )


def is_covered(boxes: FloatArray, by: FloatArray) -> NDArray[np.bool_]:
    """(N,) whether a quarter or more of each of `boxes` (N, 4) lies inside one of `by` (M, 4)."""
    shared = pairwise_overlap(boxes, by).max(axis=1, initial=0.0)
    return np.asarray(shared >= _SAME_PLACE * box_areas(boxes))
