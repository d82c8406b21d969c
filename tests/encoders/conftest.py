"""What tests of models share: tiny checkpoints on disk."""

from __future__ import annotations

import pytest
from tiny_colvision import ModelShelf


@pytest.fixture(scope="session")
def models(
    working_torchvision: None,  # noqa: ARG001
    tmp_path_factory: pytest.TempPathFactory,
) -> ModelShelf:
    """Tiny checkpoints of every family, made on first use."""
    return ModelShelf(tmp_path_factory.mktemp("models"))
