"""Attention of an image encoder within all windows at once, beside one window after the other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from colregion.encoders import load_encoder
from colregion.encoders.colvision import ColVisionEncoder, varlen_attention
from colregion.errors import InvalidInput
from colregion.testing.fakes import PlainImage, make_parsed_page
from tests.encoders.tiny_colvision import ModelShelf

pytestmark = pytest.mark.torch


def test_vectors_are_equal_when_all_windows_are_one_launch(
    models: ModelShelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from torch.nn.attention import varlen

    launches: list[tuple[int, int]] = []

    def reference(
        query: Any, key: Any, value: Any, ends: Any, _: Any, longest: int, *__: Any
    ) -> Any:
        parts = []
        for start, end in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True):
            rows = [one[start:end].transpose(0, 1) for one in (query, key, value)]
            parts.append(torch.nn.functional.scaled_dot_product_attention(*rows).transpose(0, 1))
        launches.append((len(parts), longest))
        return torch.cat(parts)

    encoder = ColVisionEncoder(str(models.folder("colqwen2_5")))
    images = [PlainImage(width_px=425, height_px=550), PlainImage(width_px=600, height_px=200)]
    pages = [make_parsed_page([], number=i + 1, image=image) for i, image in enumerate(images)]
    before = encoder.encode_pages(pages)
    monkeypatch.setattr(varlen, "varlen_attn", reference)
    assert varlen_attention._register(encoder.model)
    after = encoder.encode_pages(pages)
    for one, other in zip(before, after, strict=True):
        np.testing.assert_allclose(one.vectors, other.vectors, atol=1e-6)
    depth = encoder.model.config.vision_config.depth
    assert len(launches) == 2 * depth  # pages are batches of one on a CPU
    windowed = [n for n, longest in launches if longest == 64]
    assert windowed
    assert min(windowed) > 1


def test_attention_in_one_launch_is_refused_without_windows_and_on_a_cpu(
    models: ModelShelf,
) -> None:
    assert not varlen_attention._register(models.encoder("colmodernvbert").model)
    with pytest.raises(InvalidInput, match="for the ColQwen families"):
        load_encoder(str(models.folder("colqwen2_5")), attention="varlen")
