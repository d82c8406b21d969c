"""`python -m colregion`."""

from colregion.cli import main

main()
