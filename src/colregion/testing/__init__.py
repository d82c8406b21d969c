"""Contract tests and fakes for your own parser, encoder or index.

A contract is a class of tests. Inherit from it, override its fixture with your object, and pytest
checks the object against everything that the interface promises:

    class TestMyEncoder(EncoderContract):
        @pytest.fixture
        def encoder(self): return MyEncoder()

Needs pytest, which no other module of the package imports.
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
from colregion.testing.index_contract import IndexContract
from colregion.testing.index_contract_data import HOSTILE

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
