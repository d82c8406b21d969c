"""Pages that were only seen, from the image to the answer, in every kind of index."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from rich.console import Console

from colregion import Engine
from colregion.core.documents import DocumentEntry, Page
from colregion.core.embeddings import EmbeddedPage
from colregion.core.geometry import Box
from colregion.core.interfaces import Index
from colregion.core.regions import ParsedPage, Region
from colregion.documents.images import in_memory_image
from colregion.encoders import load_encoder
from colregion.encoders.visual_words.encoder import VisualWordsEncoder
from colregion.evaluation.run import Options, evaluate_file
from colregion.indexes import open_index
from colregion.indexes.local import scoring as local_scoring
from colregion.indexes.memory import MemoryIndex
from colregion.parsers import load_parser
from colregion.retrieval.confidence import calibration_of

pytestmark = pytest.mark.fonts

FONT = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"
WIDTH, HEIGHT = 640, 420
TEXTS = {
    "school": ("the garden of our village school", "is open every morning of the week"),
    "order": ("invoice for window glass and furniture", "payment is due before the winter"),
    "report": ("annual revenue of the energy market", "growth of the national economy"),
}
QUESTIONS = {
    "school": "On which morning of the week is it open?",
    "order": "What is the invoice for?",
    "report": "How is the growth of the economy?",
}
HALVES = Box(0.0, 0.0, 1.0, 0.5), Box(0.0, 0.5, 1.0, 1.0)
HALF_OF_ANSWER = {"school": 1, "order": 0, "report": 1}
"""Which of the halves of its page has most words of the question, or the only ones."""


def draw(lines: tuple[str, str]) -> Image.Image:
    image = Image.new("RGB", (WIDTH, HEIGHT), "white")
    pen = ImageDraw.Draw(image)
    for y, line in zip((60, 260), lines, strict=True):
        pen.text((40, y), line, font=ImageFont.truetype(FONT, 20), fill="black")
    return image


@pytest.fixture(scope="module")
def encoder() -> VisualWordsEncoder:
    return VisualWordsEncoder()


@pytest.fixture(scope="module")
def pages(encoder: VisualWordsEncoder) -> list[EmbeddedPage]:
    """A page of each text and a blank one: two regions each, without words."""
    images = {name: draw(lines) for name, lines in TEXTS.items()}
    images["blank"] = Image.new("RGB", (WIDTH, HEIGHT), "white")
    parsed = []
    for name, image in images.items():
        page = Page(name, 1, WIDTH, HEIGHT, "px", load_image=partial(in_memory_image, image))
        regions = tuple(
            Region(page.id, (i,), box, "", "text") for i, box in enumerate(HALVES, start=1)
        )
        parsed.append(ParsedPage(page, (), regions))
    embeddings = encoder.encode_pages(parsed)
    return [EmbeddedPage(*pair) for pair in zip(parsed, embeddings, strict=True)]


def fill(index: Index, pages: list[EmbeddedPage]) -> None:
    for page in pages:
        doc_id = page.parsed.page.doc_id
        index.replace(DocumentEntry(doc_id, doc_id, content_hash=doc_id, parser=""), [page])


@pytest.fixture(
    params=["memory", "local", pytest.param("qdrant", marks=pytest.mark.qdrant)], scope="module"
)
def engine(
    request: pytest.FixtureRequest,
    encoder: VisualWordsEncoder,
    pages: list[EmbeddedPage],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Engine]:
    tmp_path = tmp_path_factory.mktemp("index")
    if request.param == "qdrant":
        from colregion.indexes.qdrant import QdrantIndex, QdrantOptions

        index: Index = QdrantIndex(":memory:", "seen", QdrantOptions(images=tmp_path))
    elif request.param == "local":
        index = open_index(str(tmp_path / "index"))
    else:
        index = MemoryIndex()
    fill(index, pages)
    with closing(Engine(index, encoder=encoder, parser=load_parser("text_layer"))) as engine:
        yield engine


def test_question_finds_the_region_that_shows_its_words(engine: Engine) -> None:
    for name, question in QUESTIONS.items():
        hit = engine.search(question, k=1)[0]
        assert (hit.doc_id, hit.region.box) == (name, HALVES[HALF_OF_ANSWER[name]])
        assert hit.text == ""


def test_map_is_brightest_on_the_word_of_the_question(engine: Engine) -> None:
    relevance = engine.explain("invoice", "order#p1")
    raster = np.nan_to_num(relevance.raster(rows=21, cols=32), nan=-np.inf)  # cells of 20 px
    row, col = np.unravel_index(raster.argmax(), raster.shape)
    # "invoice" is the first word of the upper line, at (40, 60) and 76 px wide. Its box has whole
    # cells of the model, 11 px high on this page, and lights up every raster cell that it touches.
    assert 50 <= 20 * row + 10 <= 86
    assert 30 <= 20 * col + 10 <= 126


def test_blank_page_is_never_an_answer(engine: Engine) -> None:
    for question in QUESTIONS.values():
        assert "blank" not in {hit.doc_id for hit in engine.search_pages(question, k=10)}


def test_question_in_another_script_is_answered_by_spelling_alone(engine: Engine) -> None:
    hits = engine.search_pages("Когда открыт сад?", k=3)
    assert all(np.isfinite(hit.score) for hit in hits)


def test_two_stage_search_finds_the_same_pages(
    encoder: VisualWordsEncoder,
    pages: list[EmbeddedPage],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(local_scoring, "exact_up_to", lambda *_, **__: 0)
    monkeypatch.setattr(local_scoring, "_FEWEST_CANDIDATES", 1)
    monkeypatch.setattr(local_scoring, "_CANDIDATES_PER_PAGE", 0)
    with closing(open_index(str(tmp_path / "index"))) as index:
        fill(index, pages)
        for name, question in QUESTIONS.items():
            (candidate,) = index.search(encoder.encode_query(question), k=1)
            assert candidate.parsed.page.doc_id == name


@pytest.mark.parametrize("name", ["visual_words", "static_tokens+visual_words"])
def test_encoders_that_see_words_have_a_calibration_of_their_own(name: str) -> None:
    assert calibration_of(MemoryIndex(), load_encoder(name)) is not None


def test_evaluation_runs_on_what_the_image_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    draw(TEXTS["order"]).save(tmp_path / "order.png")
    case = {
        "id": "1",
        "dataset": "drawn",
        "doc_id": "order",
        "page": 0,
        "image": "order.png",
        "question": QUESTIONS["order"],
        "answers": [],
        "boxes": [[40, 60, 420, 86]],
    }
    (tmp_path / "cases.jsonl").write_text(json.dumps(case), encoding="utf-8")
    result = evaluate_file(
        tmp_path / "cases.jsonl",
        Options(rankings=["colregion"], corpus=True),
        encoder="visual_words",
        parser="text_layer+geometry",
        console=Console(quiet=True),
    )
    assert result["rows"]["colregion"]["drawn"]["page_at"]["1"] == 1.0
