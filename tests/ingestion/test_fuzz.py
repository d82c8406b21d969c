"""Damaged files by the dozen: none may cost more than itself.

COLREGION_FUZZ says how many mutations to try (60 by default), COLREGION_FUZZ_SEED which.
"""

from __future__ import annotations

import io
import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from colregion import Engine, Limits
from colregion.indexes.local.index import LocalIndex
from colregion.parsers import load_parser
from colregion.testing import WordEncoder

COUNT = int(os.environ.get("COLREGION_FUZZ", "60"))
SEED = int(os.environ.get("COLREGION_FUZZ_SEED", "1"))


def small_image() -> Image.Image:
    image = Image.new("RGB", (120, 80), "white")
    ImageDraw.Draw(image).text((10, 30), "Total due 42", "black")
    return image


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def pdfs() -> Iterator[bytes]:
    yield encoded(small_image(), "PDF")
    yield encoded(small_image().convert("1"), "PDF")
    content = zlib.compress(b"BT /F 20 Tf 9 50 Td (Total due 42) Tj ET")
    yield b"".join(
        (
            b"%PDF-1.7\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n",
            b"2 0 obj<</Type/Pages/Count 1/Kids[3 0 R]>>endobj\n",
            b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]/Contents 4 0 R",
            b"/Resources<</Font<</F 5 0 R>>>>>>endobj\n",
            b"4 0 obj<</Filter/FlateDecode/Length %d>>stream\n" % len(content),
            content,
            b"\nendstream endobj\n",
            b"5 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj\n",
            b"trailer<</Size 6/Root 1 0 R>>\n%%EOF\n",
        )
    )


def seeds() -> list[tuple[str, bytes]]:
    image = small_image()
    tiffs = [
        encoded(image, "TIFF", save_all=True, append_images=[image.convert("L")]),
        encoded(image.convert("1"), "TIFF", compression="group4"),
        encoded(image, "TIFF", compression="tiff_lzw"),
    ]
    return [
        *(("pdf", data) for data in pdfs()),
        *(("tif", data) for data in tiffs),
        ("jpg", encoded(image, "JPEG")),
        ("jpg", encoded(image.convert("CMYK"), "JPEG", progressive=True)),
        ("png", encoded(image, "PNG")),
        ("png", encoded(image.convert("P"), "PNG")),
    ]


def flipped(data: bytearray, rng: np.random.Generator) -> None:
    for _ in range(rng.integers(1, 20)):
        data[rng.integers(len(data))] = rng.integers(256)


def cut_off(data: bytearray, rng: np.random.Generator) -> None:
    del data[rng.integers(len(data)) :]


def cut_out(data: bytearray, rng: np.random.Generator) -> None:
    start = rng.integers(len(data))
    del data[start : start + rng.integers(1, 100)]


def repeated(data: bytearray, rng: np.random.Generator) -> None:
    start = rng.integers(len(data))
    data[start:start] = data[start : start + rng.integers(1, 200)] * int(rng.integers(1, 5))


def made_extreme(data: bytearray, rng: np.random.Generator) -> None:
    start = rng.integers(len(data))
    extremes = (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"999999999", b"-1")
    data[start : start + 4] = extremes[rng.integers(len(extremes))]


MUTATIONS: tuple[Callable[[bytearray, np.random.Generator], None], ...] = (
    flipped,
    cut_off,
    cut_out,
    repeated,
    made_extreme,
)


def write_mutations(folder: Path, *, count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    kinds = seeds()
    for number in range(count):
        suffix, data = kinds[number % len(kinds)]
        mutated = bytearray(data)
        for _ in range(rng.integers(1, 4)):
            if mutated:
                MUTATIONS[rng.integers(len(MUTATIONS))](mutated, rng)
        (folder / f"{number:05}.{suffix}").write_bytes(mutated)


@pytest.mark.slow
def test_a_damaged_file_costs_only_itself(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    write_mutations(tmp_path / "in", count=COUNT, seed=SEED)
    parser = load_parser("text_layer+geometry")
    with Engine(LocalIndex(tmp_path / "library"), encoder=WordEncoder(), parser=parser) as engine:
        report = engine.add(tmp_path / "in", limits=Limits(seconds_per_page=20, memory_mb=1024))
        assert len(report.outcomes) == COUNT
        assert all(outcome.reason for outcome in report.failed)
        added = {o.doc_id: o.pages for o in report.of("added")}
        assert added, "some mutations leave a file readable"
        assert {entry.id: entry.page_count for entry in engine.documents()} == added
        for doc_id in added:
            for page in engine.index.load(engine.index.page_ids(doc_id)):
                assert page.parsed.page.image.width > 0
