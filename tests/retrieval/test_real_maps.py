"""Which areas of an unread page are read by the similarity maps of published models.

The maps are evaluation data beside the repository, in `shared/data/real_maps`: recovered from
published images of ColPali, ColQwen2 and ColQwen3.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from colregion.core.documents import Page
from colregion.core.embeddings import Candidate, EmbeddedPage, PageEmbedding, QueryEmbedding
from colregion.core.geometry import Box, GridPlacement
from colregion.core.regions import Region
from colregion.indexes.memory import MemoryIndex
from colregion.parsers.layout import Layout
from colregion.parsers.layout.ink import ink_regions
from colregion.retrieval.question import Question
from colregion.retrieval.reading import leaves_around
from colregion.retrieval.regions import RegionScorer
from colregion.testing import WordEncoder

_PLACES = (parent / "shared" / "data" / "real_maps" for parent in Path(__file__).resolve().parents)
MAPS = next(filter(Path.is_dir, _PLACES), Path("shared/data/real_maps"))
pytestmark = pytest.mark.skipif(not MAPS.is_dir(), reason="shared/data/real_maps is not here")


class MapEncoder(WordEncoder):
    """Encodes every question as one token, whose similarity to a vector is that vector."""

    noise_floor = 0.0

    def encode_query(self, text: str) -> QueryEmbedding:
        return QueryEmbedding(np.ones((1, 1), np.float32), (text,), np.array([True]), np.ones(1))


def read_first(name: str, image_name: str) -> tuple[Region, list[Box], list[Box]]:
    """The best region, the boxes of the leaves that the three best have read, and of all."""
    values = np.nan_to_num(np.load(MAPS / name)).astype(np.float32)
    image = Image.open(MAPS / image_name).convert("RGB")
    page = Page("doc", 1, *image.size, "px", lambda *, dpi=None: image)  # noqa: ARG005
    parsed = ink_regions(page, Layout("geometry"))
    grid = GridPlacement((np.arange(values.size).reshape(values.shape),), n_vectors=values.size)
    embedded = EmbeddedPage(parsed, PageEmbedding(values.reshape(-1, 1), grid))
    question = Question.ask("token", encoder=MapEncoder(), index=MemoryIndex())
    scorer = RegionScorer()
    (scored,) = scorer.score_pages(question, [Candidate.of(embedded, question.embedding)])
    best = [one.region for one in scorer.score_regions(question, scored)][:3]
    paths = set().union(*(leaves_around(parsed, region) for region in best))
    every = [parsed.regions[leaf] for leaf in parsed.leaves]
    return best[0], [one.box for one in every if one.path in paths], [one.box for one in every]


@pytest.mark.parametrize(
    ("sample", "evidence_px"),
    [(1, (281, 2228, 1890, 2941)), (2, (719, 1244, 1796, 1770))],
)
def test_the_lines_of_the_evidence_are_read_and_hardly_any_others(
    sample: int, evidence_px: tuple[int, int, int, int]
) -> None:
    name = f"snappy_colqwen3-4b_sample{sample}_max_41x31.npy"
    _, read, every = read_first(name, f"snappy_heat_{sample}.png")
    evidence = Box.from_pixels(evidence_px, width_px=2550, height_px=3300)

    def inside(boxes: list[Box]) -> int:
        centers = [((box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2) for box in boxes]
        x0, y0, x1, y1 = evidence.xyxy
        return sum(x0 <= x <= x1 and y0 <= y <= y1 for x, y in centers)

    assert inside(read) >= inside(every) / 3
    assert inside(read) >= len(read) / 2
    assert sum(box.area for box in read) < 0.03


def test_the_axis_that_a_map_asks_for_is_read() -> None:
    best, read, every = read_first("colqwen2_v0.1_energy_token3_hour_23x32.npy", "energy.jpg")
    assert best.box.y0 > 0.8  # the labels of the hours are below the chart
    assert len(read) <= len(every) / 2


def test_the_headline_with_the_name_of_a_map_is_read_first() -> None:
    name = "colpali_v1.2_kazakhstan_token12_Kazakhstan_32x32.npy"
    best, read, _ = read_first(name, "kaz.jpg")
    assert best.box.y1 < 0.05
    assert len(read) <= 6
