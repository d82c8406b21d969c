"""Tiny checkpoints on disk for the tests of models."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.encoders.tiny_colvision import ModelShelf


@pytest.fixture(scope="session")
def models(
    working_torchvision: None,  # noqa: ARG001
    tmp_path_factory: pytest.TempPathFactory,
) -> ModelShelf:
    """Tiny checkpoints of every family, made on first use."""
    from tests.encoders.tiny_colvision import ModelShelf

    return ModelShelf(tmp_path_factory.mktemp("models"))
