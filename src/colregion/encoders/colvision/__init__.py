"""Visual models: which vectors they make of a page, and where on the page each looks."""

from colregion.encoders.colvision.encoder import ColVisionEncoder

__all__ = ["ColVisionEncoder"]
