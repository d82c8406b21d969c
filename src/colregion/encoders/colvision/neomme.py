"""NeoMME-Retriever (transformers 5.24 and later), whose processor differs from those of the other
families."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PIL import Image

from colregion.errors import require


class NeoMMEPages:
    """The interface of the other families' processors over transformers' `NeoMMEProcessor`.

    A page is stretched by less than a patch to whole patches: the processor would fill the last
    row and column with black, and the grid would reach beyond the page.

    Attributes:
        row_id: the id of the token that ends each row of patches.
    """

    def __init__(self, processor: Any) -> None:
        self._processor = processor
        self.tokenizer, self.image_processor = processor.tokenizer, processor.image_processor
        self.row_id = int(processor.tokenizer.row_token_id)

    def process_images(self, images: Sequence[Image.Image]) -> Any:
        """The model's inputs for pages."""
        return self._processor(
            images=[self._in_whole_patches(image) for image in images],
            images_kwargs={"do_resize": False},
            padding="longest",
            return_tensors="pt",
        )

    def process_queries(self, texts: Sequence[str]) -> Any:
        """The model's inputs for questions."""
        return self._processor.apply_chat_template(
            [[{"role": "user", "content": [{"type": "text", "text": text}]}] for text in texts],
            task="query",
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
            processor_kwargs={"padding": "longest"},
        )

    def _in_whole_patches(self, image: Image.Image) -> Image.Image:
        module = "transformers.models.neomme.image_processing_neomme"
        library = require(module, extra="colpali")
        images = self.image_processor
        size = images.size and library.SizeDict(**dict(images.size))
        height, width = library.get_resize_output_size(
            image.height, image.width, images.max_side, size
        )
        side = images.patch_size
        whole = (-(-width // side) * side, -(-height // side) * side)
        return image.convert("RGB").resize(whole, Image.Resampling.BILINEAR)
