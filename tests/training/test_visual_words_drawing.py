"""Fonts, words, drawn crops and the labels of their cells."""

from __future__ import annotations

import random
import time
from pathlib import Path

import numpy as np
import pytest

from colregion.core.text import terms
from training.visual_words.drawing import DrawnTerm
from training.visual_words.fonts import FontSource
from training.visual_words.shards import (
    IGNORED,
    NOTHING,
    Shard,
    draw_shard,
    drawing,
    label_cells,
    seen_characters,
    shard_paths,
)
from training.visual_words.sources import choose_fonts
from training.visual_words.targets import CHARACTERS
from training.visual_words.texts import TextSource, WordLists, is_held_out

pytestmark = pytest.mark.fonts


def term_at(x0: float, y0: float, x1: float, y1: float, *, term: str | None = "ab") -> DrawnTerm:
    return DrawnTerm(term, term or "--", x0, y0, x1, y1)


def bits_of(characters: str) -> int:
    return sum(1 << CHARACTERS.index(character) for character in characters)


def test_symbols_and_rare_weights_are_not_drawn(tmp_path: Path) -> None:
    for name in (
        "truetype/a/Plain-Regular.ttf",
        "truetype/a/PlainSymbol.ttf",
        "truetype/lato/Lato-Bold.ttf",
        "truetype/lato/Lato-Heavy.ttf",
        "opentype/b/Plain-Regular.ttf",
        "opentype/b/Other Bold.otf",
        "opentype/b/readme.txt",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    names = [path.relative_to(tmp_path).as_posix() for path in choose_fonts(tmp_path)]
    assert names == [
        "opentype/b/Other Bold.otf",
        "opentype/b/Plain-Regular.ttf",
        "truetype/lato/Lato-Bold.ttf",
    ]


def test_fonts_of_held_out_families_are_drawn_only_where_asked_for(tmp_path: Path) -> None:
    dejavu = Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf").read_bytes()
    for name in ("Cabin-Bold.ttf", "Carlito-Regular.ttf"):
        (tmp_path / name).write_bytes(dejavu)
    rng = random.Random(0)
    for held_out, name in ((False, "Carlito-Regular.ttf"), (True, "Cabin-Bold.ttf")):
        source = FontSource(tmp_path, held_out=held_out)
        paths = {str(source.font(rng, size_px=12).path) for _ in range(20)}
        assert paths == {str(tmp_path / name)}


def test_word_lists_are_split_by_language_and_have_single_terms(sources: Path) -> None:
    lists = WordLists.read(sources / "words.tsv")
    assert lists.common == ("garden", "invoice", "of", "school", "water")
    assert lists.english == ("Lanterns",)  # "it's" is two terms
    assert lists.foreign == ("été", "vaart")
    assert lists.terms == "ete garden invoice lanterns of school vaart water".split()


def test_a_sixteenth_of_long_words_beyond_the_commonest_is_held_out(tmp_path: Path) -> None:
    letters = "abcdefghijklmnopqrstuvwxyz"
    common = [a + b + c + "x" for a in letters[:8] for b in letters for c in letters[:16]]
    path = tmp_path / "words.tsv"
    path.write_text("".join(f"common\t{word}\n" for word in common), encoding="utf-8")
    lists = WordLists.read(path)
    assert set(lists.held_out) == {word for word in common[2000:] if is_held_out(word)}
    assert 0.04 < len(lists.held_out) / len(common[2000:]) < 0.09
    assert not set(lists.held_out).intersection(lists.common)
    assert not is_held_out("cat")


def test_half_of_the_words_of_the_split_words_are_held_out_ones() -> None:
    lists = WordLists(("garden",), (), (), ("zebra",))
    drawn = [
        TextSource(lists, random.Random(seed), only_held_out=True).word() for seed in range(400)
    ]
    assert 150 < drawn.count("zebra") < 250


def test_numbers_have_one_form_of_a_document_each() -> None:
    source = TextSource(WordLists(("a",), (), (), ()), random.Random(0))
    numbers = [source.number() for _ in range(300)]
    assert all(terms(number) for number in numbers)
    for mark in "$%:/€-":
        assert any(mark in number for number in numbers), mark


def test_cell_shows_the_term_that_covers_most_of_it() -> None:
    # Cells are 16 x 8 px. The first term covers columns 0 and 1 and 4 px of column 2, of which the
    # second covers 10 px.
    labels = label_cells([term_at(0, 8, 36, 20), term_at(38, 8, 62, 20)])
    assert labels[:4, :5].tolist() == [
        [NOTHING] * 5,
        [0, 0, 1, 1, NOTHING],
        [0, 0, 1, 1, NOTHING],
        [NOTHING] * 5,
    ]


def test_cell_with_less_than_a_quarter_of_a_term_is_ignored() -> None:
    labels = label_cells([term_at(0, 8, 35, 20)])  # 3 px of column 2
    assert labels[1, :4].tolist() == [0, 0, IGNORED, NOTHING]


def test_terms_that_are_cut_off_or_only_marks_are_ignored() -> None:
    labels = label_cells([term_at(-40, 8, 30, 20), term_at(66, 8, 94, 20, term=None)])
    assert labels[1, :7].tolist() == [IGNORED, IGNORED, NOTHING, NOTHING, IGNORED, IGNORED, NOTHING]


def test_cell_sees_the_characters_above_it_and_two_pixels_around() -> None:
    one = term_at(0, 8, 63.9, 20, term="abcdefgh")  # almost 8 px per character
    labels = label_cells([one])
    seen = seen_characters([one], labels)
    assert seen[1, :5].tolist() == [
        bits_of("abc"),
        bits_of("bcde"),
        bits_of("defg"),
        bits_of("fgh"),
        0,
    ]


def test_equal_seeds_draw_equal_shards_and_cells_name_their_terms(sources: Path) -> None:
    first, again = (draw_shard(sources, split="train", seed=3, n_crops=2) for _ in range(2))
    other = draw_shard(sources, split="train", seed=4, n_crops=2)
    np.testing.assert_array_equal(first.images, again.images)
    assert (first.terms, first.tokens) == (again.terms, again.tokens)
    assert (first.images != other.images).any()
    assert first.images.shape == (2, 192, 384)
    assert first.cells.shape == first.characters.shape == (2, 24, 24)
    shown = np.unique(first.cells[first.cells >= 0])
    assert len(shown) > 20
    assert all(first.terms[i] in terms(first.tokens[i]) for i in shown)


def test_shard_is_read_as_it_was_written(tmp_path: Path) -> None:
    shard = Shard(
        np.zeros((1, 192, 384), np.uint8),
        np.full((1, 24, 24), NOTHING, np.int32),
        np.zeros((1, 24, 24), np.int64),
        ["été"],
        ["Été,"],
    )
    shard.save(tmp_path / "train-00001.npz")
    (tmp_path / "train-00000.partial.npz").touch()
    (path,) = shard_paths(tmp_path, "train")
    read = Shard.load(path)
    np.testing.assert_array_equal(read.cells, shard.cells)
    assert (read.terms, read.tokens) == (["été"], ["Été,"])


def test_processes_draw_shards_with_seeds_after_those_there_until_the_block_ends(
    sources: Path, tmp_path: Path
) -> None:
    draw_shard(sources, split="train", seed=6, n_crops=1).save(tmp_path / "train-00006.npz")
    deadline = time.monotonic() + 60
    with drawing(sources, tmp_path, processes=1, n_crops=1):
        while len(shard_paths(tmp_path, "train")) < 3 and time.monotonic() < deadline:
            time.sleep(0.05)
    paths = shard_paths(tmp_path, "train")
    assert [path.name for path in paths[:3]] == [f"train-0000{seed}.npz" for seed in (6, 7, 8)]
    right = draw_shard(sources, split="train", seed=7, n_crops=1)
    np.testing.assert_array_equal(Shard.load(paths[1]).images, right.images)
    time.sleep(0.2)
    assert shard_paths(tmp_path, "train") == paths
