"""For those who write a parser, an encoder or an index: fakes to build on, contracts to inherit.

A contract is a class of tests. Derive from it, give it the object as a fixture, and pytest runs
every promise of the port against it:

    class TestMyEncoder(EncoderContract):
        @pytest.fixture
        def encoder(self): return MyEncoder()

Needs pytest, which this module alone imports.
"""

from colregion.testing.contracts import EncoderContract, ParserContract
from colregion.testing.fakes import (
    ColorEncoder,
    LineParser,
    PlainImage,
    WordEncoder,
    make_page,
    make_parsed_page,
)
from colregion.testing.index_contract import HOSTILE, IndexContract

__all__ = [
    "HOSTILE",
    "ColorEncoder",
    "EncoderContract",
    "IndexContract",
    "LineParser",
    "ParserContract",
    "PlainImage",
    "WordEncoder",
    "make_page",
    "make_parsed_page",
]
