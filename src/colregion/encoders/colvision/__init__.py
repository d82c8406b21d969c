"""Visual models: the vectors of a page, and the place on the page of each."""

from colregion.encoders.colvision.encoder import ColVisionEncoder
from colregion.encoders.colvision.options import ColVisionOptions

__all__ = ["ColVisionEncoder", "ColVisionOptions"]
