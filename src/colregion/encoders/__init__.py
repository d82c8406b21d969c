"""Encoders: what turns pages and questions into vectors."""

from __future__ import annotations

from colregion.errors import InvalidInput
from colregion.ports import Encoder

_KNOWN = ("static_tokens",)


def load_encoder(spec: str) -> Encoder:
    """The encoder that a name stands for: "static_tokens".

    Raises:
        InvalidInput: an unknown name; the message lists the known ones.
    """
    if spec == "static_tokens":
        from colregion.encoders.static_tokens import StaticTokenEncoder

        return StaticTokenEncoder()
    raise InvalidInput(f"unknown encoder {spec!r}; known are {', '.join(_KNOWN)}")
