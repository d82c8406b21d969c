"""The command line interface, `colregion`.

Exit status: 0 success, 1 failure, 2 usage error, 130 interrupted.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

# Importing a module adds its commands to the application, in the order of `--help`.
from colregion.cli import add, search, read, index, copy, start, serve, evaluate, check_model  # noqa: F401  # isort: skip
from colregion.cli.common import app, err, escape
from colregion.errors import ColregionError, InvalidInput

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; errors of colregion become one line and an exit status."""
    try:
        app(sys.argv[1:] if arguments is None else arguments)
    except ColregionError as error:
        err.print(f"[red]error[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(2 if isinstance(error, InvalidInput) else 1)
