"""colregion: ask a question over PDFs and scans, get back the regions that answer it."""

__version__ = "0.1.0"
