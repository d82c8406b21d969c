"""A page's inputs for the model: made from its image, and put together to a batch."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache
from typing import Any

from PIL import Image

from colregion.core.documents import ImageLoader, Page
from colregion.errors import InvalidInput, require

Inputs = dict[str, Any]  # tensors, by the names of the model's arguments
_LARGE_BYTES = 1 << 20

# Clockwise by 1, 2 and 3 quarter turns; Pillow counts the other way round.
_CLOCKWISE = (Image.Transpose.ROTATE_270, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_90)


def upright_image(page: Page) -> Image.Image:
    """The page's image as the model is shown it."""
    return _turned(page.image, page.quarter_turns)


def _turned(image: Image.Image, quarter_turns: int) -> Image.Image:
    return image.transpose(_CLOCKWISE[quarter_turns - 1]) if quarter_turns else image


def prepare(
    processor: Any, image: Image.Image, *, page_id: str, dtype: str, device: str | None = None
) -> Inputs:
    """The inputs of one page, floating-point numbers in the model's `dtype`.

    With a `device` the image processor runs on it; the inputs leave it, so that pages under way
    take none of its memory. Raises InvalidInput for a page of a shape that the processor refuses.
    """
    torch = require("torch", extra="colpali")
    try:
        with _images_on(device, processor.image_processor, torch):
            return _inputs(processor.process_images([image]), getattr(torch, dtype))
    except (ValueError, ZeroDivisionError) as cause:
        raise InvalidInput(
            f"the model's processor refuses {page_id} of {image.width} x {image.height} px: "
            f"{cause}. Split long pages into parts"
        ) from cause


def _inputs(batch: Any, dtype: Any) -> Inputs:
    inputs = {
        name: value.to(dtype) if value.is_floating_point() else value
        for name, value in batch.items()
        if name != "labels"
    }
    mask = inputs.get("pixel_attention_mask")
    if mask is not None and mask.all():  # as the model takes it to be, in 27 MB
        del inputs["pixel_attention_mask"]
    return {name: _in_host_memory(value) for name, value in inputs.items()}


def _in_host_memory(value: Any) -> Any:
    if not value.is_cuda:
        return value
    return value.new_empty(value.shape, device="cpu", pin_memory=True).copy_(value)


@contextmanager
def _images_on(device: str | None, images: Any, torch: Any) -> Iterator[None]:
    """Makes a device the default of an image processor, in whose processor's methods it is no
    argument. A GPU does this beside what else it does."""
    if device is None:
        yield
        return
    is_gpu = device.startswith("cuda")
    before = images.__class__, getattr(images, "device", None)
    images.__class__, images.device = _resizing_as_a_cpu(images.__class__), device
    try:
        with torch.cuda.stream(_own_stream(device)) if is_gpu else nullcontext():
            yield
    finally:
        images.__class__, images.device = before


@cache
def _own_stream(device: str) -> Any:
    """One, because torch keeps memory for each stream that has used it."""
    return require("torch", extra="colpali").cuda.Stream(device)


@cache
def _resizing_as_a_cpu(kind: Any) -> Any:
    """The class of an image processor that resizes across, rounds to bytes within their range, and
    then resizes down, as a CPU does. In one step on a GPU, bicubic interpolation would keep what
    swings beyond white, and near letters pixels would differ by up to 13 of 255."""
    base = next(cls for cls in reversed(kind.__mro__) if "resize" in vars(cls))

    class TwoSteps(base):  # type: ignore[valid-type, misc]
        def resize(self, image: Any, size: Any, **options: Any) -> Any:
            if size.height and size.width:
                across = type(size)(height=image.shape[-2], width=size.width)
                image = super().resize(image=image, size=across, **options)
            return super().resize(image=image, size=size, **options)

    return type(kind.__name__, (kind, TwoSteps), {})  # before the base, where there is a resize too


@dataclass(frozen=True, slots=True)
class PrepareTask:
    """Load a page's image and prepare it, in another process.

    Args:
        image: what loads the image, or the image.
    """

    image: ImageLoader | Image.Image
    quarter_turns: int
    page_id: str
    dtype: str

    def __call__(self, processor: Any) -> Inputs:
        image = self.image if isinstance(self.image, Image.Image) else self.image()
        upright = _turned(image, self.quarter_turns)
        return prepare(processor, upright, page_id=self.page_id, dtype=self.dtype)


def prepare_task(page: Page, *, dtype: str) -> PrepareTask:
    """The task for a page: its image is loaded in the other process, unless it is there already,
    or a document in memory that every page would carry along is larger than the image."""
    image: ImageLoader | Image.Image = page.load_image
    if "image" in page.__dict__ or len(pickle.dumps(page.load_image)) > _LARGE_BYTES:
        image = page.image
    return PrepareTask(image, page.quarter_turns, page.id, dtype)


def collate(parts: Sequence[Inputs], tokenizer: Any, *, pinned: bool) -> Inputs:
    """One batch of several pages, as the processor makes it from all of them: sequences padded at
    the tokenizer's side, tiles and patches at their end.

    Args:
        pinned: put it into memory that CUDA copies from while it computes.
    """
    if len(parts) == 1:
        return {name: one.pin_memory() for name, one in parts[0].items()} if pinned else parts[0]
    torch = require("torch", extra="colpali")
    batch = {}
    for name, value in parts[0].items():
        values = [part[name] for part in parts]
        if value.ndim == 2 and value.is_floating_point():  # patches of all pages, one after another
            whole = torch.cat(values)
            batch[name] = whole.pin_memory() if pinned else whole
            continue
        sequence = value.shape[-2:] == parts[0]["input_ids"].shape
        by_axis = sequence and value.ndim == 3  # positions: (axes, pages, tokens)
        if by_axis:
            values = [one.transpose(0, 1) for one in values]
        shape = [max(one.shape[axis] for one in values) for axis in range(value.ndim)]
        shape[0] = sum(len(one) for one in values)
        fill = tokenizer.pad_token_id if name == "input_ids" else 0
        whole = torch.full(shape, fill, dtype=value.dtype, pin_memory=pinned)
        row = 0
        for one in values:
            end = row + len(one)
            if sequence and tokenizer.padding_side == "left":
                whole[row:end, ..., shape[-1] - one.shape[-1] :] = one
            else:
                whole[(slice(row, end), *(slice(length) for length in one.shape[1:]))] = one
            row = end
        batch[name] = whole.transpose(0, 1) if by_axis else whole
    return batch
