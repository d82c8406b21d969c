"""What a visual encoder costs beside the bare loop over its model."""

from __future__ import annotations

from typing import Any

from benchmarks.timing import Row, timed
from colregion.core.regions import ParsedPage
from colregion.demo import DOCUMENTS
from colregion.documents import open_document
from colregion.encoders import load_encoder
from colregion.encoders.colvision import ColVisionEncoder
from colregion.errors import InvalidInput, require


def visual_row(spec: str) -> Row:
    """A page of the demo's report, encoded, placed and checked, beside processor and model alone.

    Args:
        spec: of a visual encoder, for `load_encoder`.

    Raises:
        InvalidInput: the encoder is not a visual one.
    """
    encoder = load_encoder(spec)
    if not isinstance(encoder, ColVisionEncoder):
        raise InvalidInput(f"{spec!r} is no visual encoder; there is no model to compare with")
    (report,) = DOCUMENTS.glob("*report*.pdf")
    page = ParsedPage(next(open_document(report).pages()), (), ())
    image = page.page.image  # read once, before the clock runs
    torch = require("torch", extra="colpali")

    def alone() -> Any:
        batch = encoder.processor.process_images([image]).to(encoder.device)
        batch.pop("labels", None)
        with torch.inference_mode():
            output = encoder.model(**batch)
        return getattr(output, "embeddings", output).float().cpu()

    cells = encoder.encode_pages([page])[0].vectors.shape[0]
    return timed(
        "visual",
        lambda: encoder.encode_pages([page]),
        alone,
        per=1,
        against=f"processor and model of {encoder.fingerprint} alone, a page of {cells} vectors",
    )
