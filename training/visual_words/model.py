"""The convolutional network: a gray page image to a vector and an ink logit for each cell."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from colregion.encoders.static.encoder import DIMENSION


class Size(NamedTuple):
    """The widths of a network.

    Args:
        channels: at a half, a quarter, an eighth, and a sixteenth of the width.
        blocks: residual blocks at a quarter, an eighth and a sixteenth.
        narrow: channels inside the last blocks.
        mixed: of the features before the last layer.
    """

    channels: tuple[int, int, int, int]
    blocks: tuple[int, int, int]
    narrow: int
    mixed: int


SIZES = {
    "small": Size((24, 48, 112, 256), (1, 2, 5), narrow=96, mixed=512),
    "large": Size((32, 64, 128, 320), (1, 2, 6), narrow=128, mixed=768),
}
"""What ships, 3.5 million weights, and one for a GPU."""


class CellNetwork(nn.Module):
    """A cell of 8 x 16 px sees about 230 px to each side and 100 px up and down."""

    def __init__(self, size: Size = SIZES["small"]) -> None:
        super().__init__()
        c2, c4, c8, c16 = size.channels
        self.stem = nn.Sequential(_layer(1, c2, (5, 5), (2, 2)), _layer(c2, c4, (3, 3), (2, 2)))
        self.s4 = nn.Sequential(*(_Residual(c4) for _ in range(size.blocks[0])))
        self.d8 = _layer(c4, c8, (3, 3), (2, 2))
        self.s8 = nn.Sequential(*(_Residual(c8) for _ in range(size.blocks[1])))
        self.d16 = _layer(c8, c16, (3, 4), (1, 2), padding=(1, 1))
        self.s16 = nn.Sequential(*(_WideBlock(c16, size.narrow) for _ in range(size.blocks[2])))
        self.mix = _layer(c16, size.mixed, (1, 1))
        self.head = nn.Conv2d(size.mixed, DIMENSION + 1, 1)
        self.feature_sizes = c16, size.mixed  # of `with_features`

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Vectors (B, 384, H / 8, W / 16), not normalized, and ink logits (B, H / 8, W / 16) of
        images (B, 1, H, W), 0 black to 1 white."""
        vectors, ink, _, _ = self.with_features(images)
        return vectors, ink

    def with_features(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """As `forward`, and the features after the first layers and before the last one."""
        early = self.d16(self.s8(self.d8(self.s4(self.stem(images)))))
        late = self.mix(self.s16(early))
        result = self.head(late)
        return result[:, :-1], result[:, -1], early, late


def load_network(path: Path, size: Size = SIZES["small"]) -> CellNetwork:
    """The network with the weights of a file, as float32, for use and not for training."""
    state: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    network = CellNetwork(size)
    network.load_state_dict(
        {
            name: value.float() if value.is_floating_point() else value
            for name, value in state.items()
        }
    )
    network.eval()
    return network


def save_state(state: dict[str, Tensor], path: Path) -> None:
    """Write weights as float16, in one step."""
    partial = path.with_suffix(".partial")
    halves = {
        name: value.half() if value.is_floating_point() else value for name, value in state.items()
    }
    torch.save(halves, partial)
    partial.replace(path)


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.a = _layer(channels, channels, (3, 3))
        self.b = _layer(channels, channels, (3, 3), ends=True)

    def forward(self, x: Tensor) -> Tensor:
        return torch.add(x, self.b(self.a(x)))


class _WideBlock(nn.Module):
    """A convolution over a wide field of few channels, then two pointwise layers over many."""

    def __init__(self, channels: int, narrow: int) -> None:
        super().__init__()
        self.a = _layer(channels, narrow, (1, 1))
        self.b = _layer(narrow, narrow, (3, 5))
        self.c = _layer(narrow, channels, (1, 1), ends=True)
        self.d = _layer(channels, 2 * channels, (1, 1))
        self.e = _layer(2 * channels, channels, (1, 1), ends=True)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.c(self.b(self.a(x)))
        return torch.add(x, self.e(self.d(x)))


def _layer(
    before: int,
    after: int,
    kernel: tuple[int, int],
    stride: tuple[int, int] = (1, 1),
    *,
    padding: tuple[int, int] | None = None,
    ends: bool = False,
) -> nn.Sequential:
    """Convolution, batch norm and ReLU. One that ends a residual block has no ReLU and starts at
    zero, so that the block starts as the identity."""
    if padding is None:
        padding = kernel[0] // 2, kernel[1] // 2
    norm = nn.BatchNorm2d(after)
    parts = [nn.Conv2d(before, after, kernel, stride, padding, bias=False), norm]
    if ends:
        nn.init.zeros_(norm.weight)
        return nn.Sequential(*parts)
    return nn.Sequential(*parts, nn.ReLU(inplace=True))
