"""Draw the documents of `colregion demo` into the package: python -m scripts.make_demo_documents

Needs reportlab in addition to colregion. The same versions write the same bytes.
"""

from __future__ import annotations

import sys
from pathlib import Path

from scripts.demo_documents import annual_report, paper, receipt, slide

DOCUMENTS = Path(__file__).parent.parent / "src/colregion/demo/documents"


def make(folder: Path) -> list[Path]:
    """Write all documents into `folder`, which is created if missing."""
    folder.mkdir(parents=True, exist_ok=True)
    drawings = {
        "tarrow-annual-report-2024.pdf": annual_report.draw,
        "shore-battery-paper.pdf": paper.draw,
        "winter-timetable-slide.pdf": slide.draw,
        "cafe-receipt-scan.jpg": receipt.draw,
    }
    for name, draw in drawings.items():
        draw(folder / name)
    return [folder / name for name in drawings]


if __name__ == "__main__":
    for document in make(Path(sys.argv[1]) if len(sys.argv) > 1 else DOCUMENTS):
        print(f"{document.stat().st_size / 1024:7.1f} KiB  {document}")
