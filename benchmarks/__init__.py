"""Measurements of speed and of published protocols; run with `python -m benchmarks`."""
