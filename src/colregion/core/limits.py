"""What one document may cost while it is read."""

from __future__ import annotations

from dataclasses import dataclass, fields

from colregion.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on each document; what goes beyond them is refused or given up, and says so.

    Args:
        seconds_per_page: for reading one page, recognition included. A file that is read as a
            whole has this for each of its pages.
        memory_mb: MiB that reading may take, with the programs that it runs. Held to on Linux,
            by processes of their own only.
        pages: pages of one document.
        pixels: that one picture may declare, also one on a PDF page: A4 at 1300 dpi by default.
            Looked at before anything is decoded, because a file of some bytes can declare
            billions.
        file_mb: MiB of one file.

    Raises:
        InvalidInput: a bound that is not above 0.
    """

    seconds_per_page: float = 60.0
    memory_mb: int = 2048
    pages: int = 10_000
    pixels: int = 178_000_000
    file_mb: int = 1024

    def __post_init__(self) -> None:
        for bound in fields(self):
            value = getattr(self, bound.name)
            if not value > 0:
                raise InvalidInput(f"the limit {bound.name} must be above 0, got {value!r}")
