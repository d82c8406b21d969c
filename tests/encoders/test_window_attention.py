"""Attention of an image encoder within groups of windows, beside one window after the other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from colregion.encoders import load_encoder
from colregion.encoders.colvision import ColVisionEncoder, window_attention
from colregion.testing.fakes import PlainImage, make_parsed_page
from tests.encoders.tiny_colvision import ModelShelf

pytestmark = pytest.mark.torch

IMAGES = [PlainImage(width_px=425, height_px=550), PlainImage(width_px=600, height_px=200)]
PAGES = [make_parsed_page([], number=i + 1, image=image) for i, image in enumerate(IMAGES)]


def test_windows_are_grouped_by_length_and_keep_their_order() -> None:
    import torch

    windows = window_attention._windows(torch.tensor([0, 2, 3, 5, 5, 6], dtype=torch.int32))
    assert windows.groups == [(2, 1), (2, 2)]
    assert windows.order.tolist() == [2, 5, 0, 1, 3, 4]
    equal = window_attention._windows(torch.tensor([0, 3, 6, 9]))
    assert equal == (None, [(3, 3)])


def test_vectors_are_those_of_one_window_after_the_other_in_few_calls(
    models: ModelShelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    folder = str(models.folder("colqwen2_5"))
    one_by_one = load_encoder(folder, attention="sdpa", batch_tokens=8192)
    grouped = load_encoder(folder, batch_tokens=8192)
    assert isinstance(grouped, ColVisionEncoder)
    assert isinstance(one_by_one, ColVisionEncoder)
    assert one_by_one.model.config.vision_config._attn_implementation == "sdpa"
    attention = torch.nn.functional.scaled_dot_product_attention
    batches: list[int] = []

    def counted(query: Any, *others: Any, **options: Any) -> Any:
        batches.append(len(query))
        return attention(query, *others, **options)

    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", counted)
    expected, n_before = one_by_one.encode_pages(PAGES), len(batches)
    vectors, n_after = grouped.encode_pages(PAGES), len(batches) - n_before
    for one, other in zip(expected, vectors, strict=True):
        np.testing.assert_allclose(one.vectors, other.vectors, atol=1e-6)
    assert n_after < n_before / 3
    assert max(batches[n_before:]) > 10


@pytest.mark.parametrize("family", ["colmodernvbert", "colpali"])
def test_models_without_windows_keep_their_attention(models: ModelShelf, family: str) -> None:
    assert not window_attention.attend_in_groups(models.encoder(family).model)


def test_one_window_at_a_time_is_attended_to_as_transformers_does(models: ModelShelf) -> None:
    """As a release of transformers asks that knows flash-attn by its name only."""
    import torch
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    layer = models.encoder("colqwen2_5").model.visual.blocks[0].attn
    rows = torch.randn((3, 1, 2, 5, 16), generator=torch.Generator().manual_seed(0))
    ours, _ = window_attention._attention(
        layer, rows[0], rows[1], rows[2], None, scaling=0.25, is_causal=False
    )
    theirs, _ = sdpa_attention_forward(
        layer, rows[0], rows[1], rows[2], None, scaling=0.25, is_causal=False
    )
    torch.testing.assert_close(ours, theirs)
    ends = torch.tensor([0, 2, 5])
    both, _ = window_attention._attention(
        layer, rows[0], rows[1], rows[2], None, scaling=0.25, cu_seq_lens_q=ends
    )
    for start, end in ((0, 2), (2, 5)):
        part = rows[..., start:end, :]
        alone, _ = sdpa_attention_forward(
            layer, part[0], part[1], part[2], None, scaling=0.25, is_causal=False
        )
        torch.testing.assert_close(both[:, start:end], alone)
