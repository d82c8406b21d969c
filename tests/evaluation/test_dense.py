from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from colregion.errors import BackendError, InvalidInput
from colregion.evaluation.dense import DenseModel
from tests.encoders.tiny_text_models import save_bert

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def folder(working_torchvision: None, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: ARG001
    folder = tmp_path_factory.mktemp("bert")
    save_bert(folder)
    return folder


@pytest.mark.parametrize("prefix", ["", "text:"])
def test_vectors_have_length_one_and_equal_texts_are_the_nearest(folder: Path, prefix: str) -> None:
    model = DenseModel(f"{prefix}{folder}")
    documents = model.encode_documents(["total amount due", "invoice date", "the revenue"])
    query = model.encode_query("invoice date")
    assert documents.shape == (3, 32)
    assert np.linalg.norm(documents, axis=1) == pytest.approx(np.ones(3))
    assert documents @ query == pytest.approx(np.array([0.0, 1.0, 0.0]), abs=0.99)
    assert int(np.argmax(documents @ query)) == 1
    assert documents[1] @ query == pytest.approx(1.0)


def test_unknown_and_damaged_models_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="neither an existing folder nor a hub id"):
        DenseModel("no such/model/at all")
    (tmp_path / "config.json").write_text((folder / "config.json").read_text())
    with pytest.raises(BackendError, match="could not be loaded as a model of whole texts"):
        DenseModel(str(tmp_path))
