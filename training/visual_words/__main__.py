"""`python -m training.visual_words COMMAND`: see the README."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal, get_args

import numpy as np
import typer

from training.visual_words.shards import Split, draw_shards, drawing, shard_paths
from training.visual_words.sources import fetch_sources

app = typer.Typer(help=__doc__, no_args_is_help=True)

_READERS = min(8, os.cpu_count() or 1)

Folder = Annotated[Path, typer.Argument(file_okay=False)]
Size = Literal["fast", "small"]


@app.command()
def fetch(sources: Folder) -> None:
    """Download fonts and word lists of Debian packages to SOURCES."""
    n_fonts, n_words = fetch_sources(sources)
    print(f"{n_fonts} fonts, {n_words} words")


@app.command()
def draw(
    sources: Folder, shards: Folder, split: str = "train", start: int = 0, count: int = 1
) -> None:
    """Draw COUNT shards of 256 crops to SHARDS, with seeds from START on. Several processes with
    seeds of their own draw at once."""
    (chosen,) = [one for one in get_args(Split) if one == split] or [None]
    if chosen is None:
        raise typer.BadParameter(f"--split is one of {', '.join(get_args(Split))}")
    draw_shards(sources, shards, split=chosen, seeds=range(start, start + count))


@app.command()
def train(
    sources: Folder,
    shards: Folder,
    out: Folder,
    start: Annotated[Path | None, typer.Option(help="Weights to start from.")] = None,
    minutes: float = 110,
    batch: int = 8,
    rate: float = 2.2e-3,
    device: str = "cpu",
    size: Size = "fast",
    drawers: Annotated[int, typer.Option(help="Processes that draw shards meanwhile.")] = 0,
    first_crops: Annotated[int, typer.Option(help="Crops to wait for.")] = 1,
) -> None:
    """Train the network on SHARDS, those too that come meanwhile; writes visual_words.pt and
    training.jsonl to OUT."""
    from training.visual_words.model import SIZES, CellNetwork, load_network
    from training.visual_words.train import TrainingOptions, train

    network = CellNetwork(SIZES[size]) if start is None else load_network(start, SIZES[size])
    options = TrainingOptions(
        seconds=60 * minutes, batch=batch, rate=rate, device=device, first_crops=first_crops
    )
    readers = ProcessPoolExecutor(_READERS, multiprocessing.get_context("spawn"))
    with drawing(sources, shards, processes=drawers), readers as pool:
        train(network, shards, sources / "words.tsv", out, options, pool=pool)


@app.command()
def export(weights: Path, shards: Folder, out: Path, size: Size = "fast") -> None:
    """Write WEIGHTS as the ONNX file that ships, and check it against float32."""
    from training.visual_words.export import export
    from training.visual_words.model import SIZES, load_network
    from training.visual_words.shards import Shard

    calibration, check = (
        Shard.load(shard_paths(shards, split)[0]).images for split in ("train", "words")
    )
    print(export(load_network(weights, SIZES[size]), out, calibration=calibration, check=check))
    print_hash(out)


@app.command()
def answer_types(shards: Folder, out: Path, epochs: int = 20) -> None:
    """Train the head for dates, amounts and so on upon the shipped network."""
    from colregion.encoders.visual_words.answer_types import AnswerTypeHead
    from colregion.encoders.visual_words.model import VisualWordModel
    from training.visual_words.answer_types import Examples, check_head, train_head
    from training.visual_words.shards import Shard

    model = VisualWordModel()

    def examples(split: Split) -> Examples:
        paths = shard_paths(shards, split)
        return Examples.joined(Examples.of(Shard.load(path), model) for path in paths)

    train_head(examples("train"), out, epochs=epochs)
    digest = print_hash(out)
    for split in ("words", "fonts"):
        held_out = examples(split)
        said = AnswerTypeHead(out, sha256=digest).probabilities(
            held_out.features.astype(np.float32)
        )
        for name, figures in check_head(said, held_out.types).items():
            print(split, name, asdict(figures))


@app.command()
def spot(cases: Path, encoder: str = "visual_words", pages: int = 20) -> None:
    """Word spotting on the first PAGES pages of each data set of a file for `colregion eval`."""
    from colregion import Engine
    from colregion.encoders import load_encoder
    from colregion.evaluation.cases import read_cases
    from colregion.evaluation.corpus import index_pages
    from colregion.evaluation.parse_cache import CachedParser
    from colregion.indexes.memory import MemoryIndex
    from colregion.parsers import load_parser
    from training.visual_words.spotting import spot_words

    asked = read_cases(cases)
    loaded = load_encoder(encoder)
    parser = CachedParser(load_parser("auto"))
    reader = Engine.open(MemoryIndex(), encoder="static_tokens", parser=parser)
    for dataset in sorted({case.dataset for case in asked}):
        images = dict.fromkeys(case.image for case in asked if case.dataset == dataset)
        chosen = set(list(images)[:pages])
        read = index_pages([case for case in asked if case.image in chosen], reader)
        result = spot_words(loaded, [page.parsed for page in read.values()])
        for kind, n in result.words.items():
            print(f"{dataset} {kind}s: {result.share(kind):.3f} of {n}")


def print_hash(path: Path) -> str:
    """Print and return the SHA-256 of a file, for the constant beside it."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    print(f"{path}: {path.stat().st_size} bytes, SHA256 {digest}")
    return digest


if __name__ == "__main__":
    app()
