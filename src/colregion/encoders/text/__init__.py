"""Text models: contextual vectors of a page's words, at the words' own boxes."""

from colregion.encoders.text.encoder import TextModelEncoder

__all__ = ["TextModelEncoder"]
