"""Build the default encoder's token table: python scripts/build_static_tokens.py MODEL_FOLDER

MODEL_FOLDER holds sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0): model.safetensors,
config.json, vocab.txt. Needs torch and transformers, which the product does not.

Every word piece is passed alone through the model. Three views of it are joined: the mean of the
last layer over [CLS], the piece and [SEP]; the last layer at the piece; and the input embedding.
Spearman correlation with WordSim-353 / SimLex-999 of the joined table is 0.75 / 0.48, of the first
view alone 0.69 / 0.46.
"""

from __future__ import annotations

import hashlib
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModel

OUTPUT = Path(__file__).parent.parent / "src/colregion/encoders"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
DIMENSION = 128
# The two strongest directions tell frequent pieces from rare ones rather than what they mean.
DROPPED_DIRECTIONS = 2
# The others are flattened: each is divided by this power of its singular value.
FLATTENING = 0.75
BATCH = 512

Matrix = NDArray[np.float64]


def read_vocabulary(folder: Path) -> list[str]:
    return (folder / "vocab.txt").read_text(encoding="utf-8").splitlines()


def piece_views(model: Any, vocabulary: list[str]) -> list[Matrix]:
    """Three (N, 384) views of the pieces."""
    cls, sep = vocabulary.index("[CLS]"), vocabulary.index("[SEP]")
    means, middles = [], []
    with torch.inference_mode():
        for ids in torch.arange(len(vocabulary)).split(BATCH):
            alone = torch.stack(
                [torch.full_like(ids, cls), ids, torch.full_like(ids, sep)], dim=1
            )  # (B, 3)
            hidden = model(
                input_ids=alone, attention_mask=torch.ones_like(alone)
            ).last_hidden_state  # (B, 3, 384)
            means.append(hidden.mean(dim=1).numpy())
            middles.append(hidden[:, 1].numpy())
    inputs = model.embeddings.word_embeddings.weight.detach().numpy()
    return [np.concatenate(means), np.concatenate(middles), inputs]


def unit(rows: Matrix) -> Matrix:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float64)


def centred(rows: Matrix) -> Matrix:
    return np.asarray(rows - rows.mean(axis=0))


def compress(views: list[Matrix]) -> NDArray[np.int8]:
    """(N, 128) int8: the joined views along their principal directions, each row scaled to use
    all 8 bits. Its length means nothing; the reader makes it 1."""
    joined = centred(unit(np.hstack([unit(centred(unit(view))) for view in views])))
    strength, directions = np.linalg.eigh(joined.T @ joined)  # weakest first
    chosen = slice(-DROPPED_DIRECTIONS - 1, -DROPPED_DIRECTIONS - 1 - DIMENSION, -1)
    basis = directions[:, chosen]
    # The sign of an eigenvector is arbitrary; fixed, so that every build gives the same table.
    basis = basis * np.sign(basis[np.abs(basis).argmax(axis=0), np.arange(DIMENSION)])
    projected = joined @ basis / np.sqrt(strength[chosen]) ** FLATTENING
    scaled = projected / np.abs(projected).max(axis=1, keepdims=True) * 127
    return np.asarray(np.rint(scaled), dtype=np.int8)


def build(folder: Path, output: Path) -> None:
    found = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    if found != WEIGHTS_SHA256:
        raise SystemExit(f"model.safetensors has sha256 {found}, wanted {WEIGHTS_SHA256}")
    vocabulary = read_vocabulary(folder)
    views = piece_views(AutoModel.from_pretrained(folder).eval(), vocabulary)
    # Pieces of other scripts are single letters, whose mean says nothing about a word, and
    # numbers have poor vectors: the encoder goes by their spelling instead.
    kept = [i for i, piece in enumerate(vocabulary) if re.fullmatch(r"(##)?[a-z]+", piece)]
    np.save(output / "static_tokens.npy", compress([view[kept] for view in views]))
    lines = "".join(f"{vocabulary[i]}\n" for i in kept)
    (output / "static_tokens.txt").write_text(lines, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        raise SystemExit(__doc__)
    build(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) == 3 else OUTPUT)
