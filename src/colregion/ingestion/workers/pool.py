"""A parser in as many processes as it can be used in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from colregion.core.documents import Limits
from colregion.core.interfaces import Parser
from colregion.errors import InvalidInput
from colregion.ingestion.workers.in_process import read_here
from colregion.ingestion.workers.messages import Event, Reading
from colregion.ingestion.workers.schedule import default_workers, read_documents
from colregion.ingestion.workers.tasks import pickled_parser


@dataclass(frozen=True, slots=True)
class Reader:
    """How documents are read.

    Args:
        pickled: the parser for other processes; None to read in this one.
        workers: processes, 0 for none.
    """

    parser: Parser
    pickled: bytes | None
    workers: int
    limits: Limits

    @classmethod
    def of(cls, parser: Parser, *, workers: int | None, limits: Limits) -> Reader:
        """The parser in as many processes as asked for.

        Args:
            workers: None for one a core, or for none where the parser cannot be sent to others.

        Raises:
            InvalidInput: fewer than none, or some for a parser that cannot be sent.
        """
        if workers is not None and workers < 0:
            raise InvalidInput(f"workers must be 0 or more, got {workers}")
        pickled = None if workers == 0 else pickled_parser(parser)
        if pickled is None:
            if workers:
                raise InvalidInput(
                    f"workers={workers}, but {type(parser).__name__} cannot be sent to other "
                    "processes: it is defined in the script that runs, or holds what cannot be "
                    "pickled; put its class into a module, or pass workers=0"
                )
            return cls(parser, None, 0, limits)
        return cls(parser, pickled, workers or default_workers(), limits)

    def read(self, readings: Iterator[Reading], *, folder: Path) -> Iterator[Event]:
        """What comes of the documents, as it comes."""
        if self.pickled is None:
            return read_here(readings, parser=self.parser, folder=folder)
        return read_documents(
            readings,
            parser=self.pickled,
            by_page=self.parser.by_page,
            workers=self.workers,
            limits=self.limits,
            folder=folder,
        )
