"""Readouts of `visual_words`, compared by cross-validation over documents.

What the model sees on the pages of the cases is stored once per set of weights; each readout then
takes seconds. Regions are those of the parser, without their text, so that only the
image speaks. A readout is chosen on four fifths of the documents and measured on the last fifth.
"""

from __future__ import annotations

import hashlib
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.reading import AREAS
from colregion.core.embeddings import EmbeddedPage, PageEmbedding
from colregion.core.geometry import BoxPlacement, FloatArray, boxes_to_array
from colregion.core.regions import ParsedPage
from colregion.documents import open_document
from colregion.encoders.static.encoder import StaticTokenEncoder
from colregion.encoders.visual_words.encoder import SeenWords, VisualWordsEncoder
from colregion.encoders.visual_words.vocabulary import Readout, Vocabulary
from colregion.engine import Engine
from colregion.errors import InvalidInput
from colregion.evaluation import metrics
from colregion.evaluation.baselines import random_order
from colregion.evaluation.cases import Case, read_cases
from colregion.evaluation.parse_cache import CachedParser
from colregion.indexes.memory import MemoryIndex
from colregion.parsers import load_parser

SHIPPED = "shipped"
READOUTS: Mapping[str, Readout] = {
    SHIPPED: Readout(),
    **{f"unsure_length {x}": Readout(unsure_length=x) for x in (1.5, 1.75, 2.25, 2.5, 3.0)},
    **{f"sure {x}": Readout(sure=x) for x in (0.3, 0.5, 0.7, 0.8, 0.95)},
    **{f"likely {x}": Readout(likely=x) for x in (0.1, 0.2, 0.5, 0.7)},
    **{f"sharpness {x}": Readout(sharpness=x) for x in (32, 40, 56, 64)},
    **{f"words {n}": Readout(words=n) for n in (4_000, 10_000)},
    "directions only": Readout(likely=1.0, sure=1.0),
}
"""What is compared: each differs from the shipped one in one setting."""

FOLDS = 5


class _Directions(Vocabulary):
    """Leaves directions as they are, with certainty 0."""

    def read(self, vectors: FloatArray) -> tuple[FloatArray, FloatArray]:
        return vectors, np.zeros(len(vectors))


class _Looking(VisualWordsEncoder):
    """Sees directions that are not read against the vocabulary."""

    def __init__(self) -> None:
        super().__init__()
        self._vocabulary = _Directions(self._static)


class _RememberedWords(StaticTokenEncoder):
    """Makes each word's vector once for all readouts."""

    def __init__(self) -> None:
        super().__init__()
        self._remembered = cache(super().term_vector)

    def term_vector(self, term: str) -> FloatArray:
        return self._remembered(term)


def compare_readouts(cases_file: Path, folder: Path) -> dict[str, Any]:
    """Figures of all readouts over the data sets of `AREAS`, and of the choice by folds. Raises
    InvalidInput for fewer documents than folds.

    Args:
        folder: for what was seen on the pages; that of the same weights is used again.
    """
    cases = [case for case in read_cases(cases_file) if case.dataset in AREAS]
    if len({case.doc_id for case in cases}) < FOLDS:
        raise InvalidInput(f"readouts are compared on cases of {FOLDS} documents or more")
    encoder = _Looking()
    engine = Engine(MemoryIndex(), encoder=encoder, parser=load_parser("text_layer"))
    pages = dict(_pages(cases, encoder, folder))
    static = _RememberedWords()
    recalls: dict[str, list[float]] = {}
    for name, readout in READOUTS.items():
        vocabulary = Vocabulary(static, readout)
        embedded = {image: _embedded(*page, vocabulary) for image, page in pages.items()}
        recalls[name] = [_recall(engine, case, embedded[case.image]) for case in cases]
    return summary(cases, recalls)


def _pages(
    cases: Sequence[Case], encoder: _Looking, folder: Path
) -> Iterator[tuple[Path, tuple[ParsedPage, SeenWords]]]:
    """Each image with its page, without text, and what was seen on it."""
    parser = CachedParser(load_parser("auto"))
    folder = folder / hashlib.sha256(encoder.fingerprint.encode()).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    for image in dict.fromkeys(case.image for case in cases):
        (page,) = parser.parse(open_document(image, doc_id=image.as_posix()))
        path = folder / f"{image.stem}.npz"
        if not path.exists():
            seen = encoder.see(page)
            np.savez(path, vectors=seen.vectors, boxes=seen.boxes, certainty=seen.certainty)
        with np.load(path) as stored:
            seen = SeenWords(stored["vectors"], stored["boxes"], stored["certainty"])
        regions = tuple(replace(region, text="") for region in page.regions)
        yield image, (ParsedPage(page.page, (), regions), seen)


def _embedded(page: ParsedPage, seen: SeenWords, vocabulary: Vocabulary) -> EmbeddedPage:
    is_word = seen.certainty == 0
    words, _ = vocabulary.read(seen.vectors[is_word])
    vectors = np.concatenate([words, seen.vectors[~is_word]])
    boxes = np.concatenate([seen.boxes[is_word], seen.boxes[~is_word]])
    return EmbeddedPage(page, PageEmbedding(vectors, BoxPlacement(boxes)))


def _recall(engine: Engine, case: Case, page: EmbeddedPage) -> float:
    hits = engine.rank(case.question, [page], k=None)
    (recall,) = metrics.evidence_recall_at_area(
        boxes_to_array(box for hit in hits for box in hit.region.boxes),
        boxes_to_array(case.boxes),
        [AREAS[case.dataset]],
        box_mode=case.box_mode,
    )
    return float(recall)


def summary(cases: Sequence[Case], recalls: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """Means by readout.

    Args:
        recalls: of each readout, one per case; among them `SHIPPED`.

    Returns:
        {"readouts": {name: {"mean": over the data sets, DATASET: ..., "folds": [the mean's
        difference to `SHIPPED` in each fold]}}, "chosen": [{"readout": the best over the other
        folds, "gain": its difference in this one}, ...]}. A fold without cases of a data set
        leaves it out.
    """
    documents = sorted({case.doc_id for case in cases})
    order = random_order(len(documents), key="folds").tolist()
    fold_of = {documents[i]: position % FOLDS for position, i in enumerate(order)}
    fold = np.array([fold_of[case.doc_id] for case in cases])
    dataset = np.array([case.dataset for case in cases])

    def means(name: str, chosen: NDArray[np.bool_]) -> dict[str, float]:
        values = np.asarray(recalls[name])
        groups = {one: values[chosen & (dataset == one)] for one in sorted(set(dataset[chosen]))}
        return {str(one): float(group.mean()) for one, group in groups.items()}

    def mean(name: str, chosen: NDArray[np.bool_]) -> float:
        return statistics.fmean(means(name, chosen).values())

    def gain(name: str, k: int) -> float:
        return round(mean(name, fold == k) - mean(SHIPPED, fold == k), 4)

    everything = np.ones(len(cases), dtype=bool)
    folds = range(FOLDS)
    rows = {
        name: {
            "mean": mean(name, everything),
            **means(name, everything),
            "folds": [gain(name, k) for k in folds],
        }
        for name in recalls
    }
    best = [max(recalls, key=partial(mean, chosen=fold != k)) for k in folds]
    chosen = [{"readout": name, "gain": gain(name, k)} for k, name in enumerate(best)]
    return {"readouts": rows, "chosen": chosen}
