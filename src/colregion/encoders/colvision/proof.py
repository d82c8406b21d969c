"""Proofs on a loaded model that its vectors look where they are placed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colregion.core.documents import Page
from colregion.core.geometry import GridPlacement, IntArray
from colregion.core.regions import ParsedPage
from colregion.encoders.colvision.encoder import ColVisionEncoder
from colregion.errors import BackendError, InvalidInput

SHAPES = ((850, 1100), (1200, 500))  # width x height
_N_CELLS = 6
_ATTENTION_OUTPUT = re.compile(
    r"(self_attn|attn|attention|linear_attn|self_attention)(\.output_projection)?"
    r"\.(o_proj|out_proj|proj|Wo|dense)$"
)


@dataclass(frozen=True, slots=True)
class Proof:
    """How many of the cells that were checked are right, and a sentence for each that is not."""

    n_checked: int
    wrong: tuple[str, ...]

    @property
    def holds(self) -> bool:
        return not self.wrong


@dataclass(frozen=True)
class _Pixels:
    """An `ImageLoader` with these pixels (height, width, 3)."""

    values: NDArray[np.uint8]

    def __call__(self, *, dpi: int | None = None) -> Image.Image:  # noqa: ARG002
        return Image.fromarray(self.values)


def page_of(values: NDArray[np.uint8], *, number: int = 1) -> ParsedPage:
    """A page of these pixels (height, width, 3), without words or regions."""
    height_px, width_px, _ = values.shape
    return ParsedPage(Page("proof", number, width_px, height_px, "px", _Pixels(values)), (), ())


def prove_places(encoder: ColVisionEncoder) -> Proof:
    """Change a block of pixels inside one cell of a page of noise: with attention off, a vector
    depends on its own patch alone, and the one that changes most must be the one placed there.

    Checks the four corners and two more cells of every layer of pages of two shapes. Raises
    InvalidInput for an encoder that pools, whose vectors have several places; BackendError where
    the names of the model's attention layers are unknown.
    """
    if "pool_factor=" in encoder.fingerprint:
        raise InvalidInput(
            "a pooled vector has several places; check the model without pool_factor"
        )
    wrong: list[str] = []
    n_checked = 0
    with _without_attention(encoder.model):
        for width_px, height_px in SHAPES:
            rng = np.random.default_rng(width_px)
            noise = rng.integers(100, 156, (height_px, width_px, 3), dtype=np.uint8)
            (before,) = encoder.encode_pages([page_of(noise)])
            assert isinstance(before.placement, GridPlacement)
            for number, layer in enumerate(before.placement.layers):
                cells = choose_cells(rng, layer, n=_N_CELLS)
                pages = [
                    page_of(with_block(noise, layer, cell), number=i + 1)
                    for i, cell in enumerate(cells)
                ]
                for cell, after in zip(cells, encoder.encode_pages(pages), strict=True):
                    change = np.abs(after.vectors - before.vectors).max(axis=1)[layer]
                    moved = divmod(int(change.argmax()), layer.shape[1])
                    if moved != cell or not change.any():
                        place = f"{width_px} x {height_px} px, layer {number}"
                        wrong.append(f"{place}: pixels in cell {cell} move the vector of {moved}")
                n_checked += len(cells)
    return Proof(n_checked, tuple(wrong))


def choose_cells(rng: np.random.Generator, layer: IntArray, *, n: int) -> list[tuple[int, int]]:
    """(row, column) of n cells, 4 or more: the corners, and others at random."""
    rows, cols = layer.shape
    corners = [(0, 0), (0, cols - 1), (rows - 1, 0), (rows - 1, cols - 1)]
    others = rng.integers([rows, cols], size=(n - 4, 2)).tolist()
    return [*corners, *((row, col) for row, col in others)]


def with_block(
    values: NDArray[np.uint8], layer: IntArray, cell: tuple[int, int]
) -> NDArray[np.uint8]:
    """The page with a block of .3 of the cell's side in the cell's middle."""
    (height_px, width_px, _), (rows, cols), (row, col) = values.shape, layer.shape, cell
    side = max(1, int(0.3 * min(width_px / cols, height_px / rows)))
    x0 = int((col + 0.5) * width_px / cols - side / 2)
    y0 = int((row + 0.5) * height_px / rows - side / 2)
    changed = values.copy()
    changed[y0 : y0 + side, x0 : x0 + side] = 255 if (row + col) % 2 else 0
    return changed


@contextmanager
def _without_attention(model: Any) -> Iterator[None]:
    layers = [module for name, module in model.named_modules() if _ATTENTION_OUTPUT.search(name)]
    if len(layers) < 2:
        raise BackendError(f"the attention layers of {type(model).__name__} have unknown names")
    hooks = [layer.register_forward_hook(lambda _, __, out: out * 0) for layer in layers]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def prove_positions(encoder: ColVisionEncoder) -> Proof | None:
    """Read the positions that the language model gets for the patches of a page: their last two
    axes must be the patch's row and column. None for a model without such positions, whose patches
    have places in its image encoder only."""
    width_px, height_px = SHAPES[0]
    batch = encoder.processor.process_images([Image.new("RGB", (width_px, height_px))])
    backbone = getattr(encoder.model, "vlm", encoder.model)
    if "position_ids" in batch:
        receiver = encoder.model
    elif "image_grid_thw" in batch and hasattr(backbone, "get_rope_index"):
        receiver = backbone.language_model
    else:
        return None
    (embedding,) = encoder.encode_pages([page_of(np.zeros((height_px, width_px, 3), np.uint8))])
    assert isinstance(embedding.placement, GridPlacement)
    (layer,) = embedding.placement.layers
    inputs_seen: list[dict[str, Any]] = []

    def read(_module: Any, _args: Any, inputs: dict[str, Any]) -> None:
        inputs_seen.append(inputs)

    hook = receiver.register_forward_pre_hook(read, with_kwargs=True)
    try:
        encoder._run(batch, ["proof"])
    finally:
        hook.remove()
    positions = inputs_seen[0].get("position_ids")
    if positions is None or positions.ndim != 3:
        return Proof(layer.size, (f"positions without rows and columns, of {layer.size} patches",))
    patches = positions[-2:, 0].cpu().numpy()[:, layer]
    expected = np.indices(layer.shape)
    own = patches - patches[:, :1, :1]
    bad = np.argwhere((own != expected).any(axis=0)).tolist()
    return Proof(
        layer.size,
        tuple(
            f"patch {row, col} has position {tuple(own[:, row, col].tolist())}"
            for row, col in bad[:5]
        ),
    )
