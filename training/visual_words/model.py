"""The convolutional network: a gray page image to a vector and an ink logit for each cell."""

from __future__ import annotations

from itertools import pairwise
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
        wide: of the pointwise layers of the last blocks; 0 for blocks without them.
        mixed: of the features before the layers of inked cells.
        hidden: of the layers that only inked cells pass before the last one.
    """

    channels: tuple[int, int, int, int]
    blocks: tuple[int, int, int]
    narrow: int
    wide: int
    mixed: int
    hidden: tuple[int, ...] = ()


SIZES = {
    "fast": Size((16, 32, 64, 192), (1, 2, 6), narrow=80, wide=0, mixed=256, hidden=(1024,)),
    "small": Size((24, 48, 112, 256), (1, 2, 5), narrow=96, wide=512, mixed=512),
}
"""What ships, 1.8 million weights, and one of twice as many that takes 2.5 times as long."""


class CellNetwork(nn.Module):
    """Convolutions over all cells of 8 x 16 px, then layers over the inked ones alone, of which a
    page has a quarter or less."""

    def __init__(self, size: Size = SIZES["fast"]) -> None:
        super().__init__()
        c2, c4, c8, c16 = size.channels
        self.stem = nn.Sequential(_layer(1, c2, (5, 5), (2, 2)), _layer(c2, c4, (3, 3), (2, 2)))
        self.s4 = nn.Sequential(*(_Residual(c4) for _ in range(size.blocks[0])))
        self.d8 = _layer(c4, c8, (3, 3), (2, 2))
        self.s8 = nn.Sequential(*(_Residual(c8) for _ in range(size.blocks[1])))
        self.d16 = _layer(c8, c16, (3, 4), (1, 2), padding=(1, 1))
        self.s16 = nn.Sequential(
            *(_WideBlock(c16, size.narrow, size.wide) for _ in range(size.blocks[2]))
        )
        self.mix = _layer(c16, size.mixed, (1, 1))
        self.ink = nn.Conv2d(size.mixed, 1, 1)
        widths = size.mixed, *size.hidden
        self.head = nn.Sequential(
            *(_layer(before, after, (1, 1)) for before, after in pairwise(widths)),
            nn.Conv2d(widths[-1], DIMENSION, 1),
        )
        self.feature_sizes = c16, size.mixed  # of `features`

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Vectors (B, 384, H / 8, W / 16), not normalized, of all cells and ink logits
        (B, H / 8, W / 16) of images (B, 1, H, W), 0 black to 1 white."""
        _, late, ink = self.features(images)
        return self.head(late), ink

    def features(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The features after the first layers and before those of inked cells, and the ink."""
        early = self.d16(self.s8(self.d8(self.s4(self.stem(images)))))
        late = self.mix(self.s16(early))
        return early, late, self.ink(late)[:, 0]

    def vectors(self, late: Tensor) -> Tensor:
        """Vectors (N, 384) of the later features (N, C) of single cells."""
        result: Tensor = self.head(late.transpose(0, 1)[None, :, :, None])
        return result[0, :, :, 0].transpose(0, 1)


def load_network(path: Path, size: Size = SIZES["fast"]) -> CellNetwork:
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
    """A convolution over a wide field of few channels, then perhaps two pointwise layers over
    many."""

    def __init__(self, channels: int, narrow: int, wide: int) -> None:
        super().__init__()
        self.parts = nn.ModuleList(
            [
                nn.Sequential(
                    _layer(channels, narrow, (1, 1)),
                    _layer(narrow, narrow, (3, 5)),
                    _layer(narrow, channels, (1, 1), ends=True),
                )
            ]
        )
        if wide:
            pointwise = _layer(channels, wide, (1, 1)), _layer(wide, channels, (1, 1), ends=True)
            self.parts.append(nn.Sequential(*pointwise))

    def forward(self, x: Tensor) -> Tensor:
        for part in self.parts:
            x = torch.add(x, part(x))
        return x


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
