"""Code blocks of the README and the documentation."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PAGES = (
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    *sorted((ROOT / "docs").glob("*.md")),
)
_OUTPUT = re.compile(r"\s*^```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FENCE = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Args:
        title: what readers see above it; a block with a title says what it needs beyond the tests.
        line: of the file, where its content starts.
        output: the text of the block after it, if that is its output and follows at once.
    """

    language: str
    title: str
    text: str
    line: int
    output: str | None

    def commands(self) -> list[list[str]]:
        """The words of each line of a shell block, without comments; a backslash joins lines."""
        lines = self.text.replace("\\\n", " ").splitlines()
        return [shlex.split(line, comments=True) for line in lines]


def blocks_of(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    blocks = []
    for fence in _FENCE.finditer(text):
        language, options, content = fence.groups()
        title = re.search(r'title="([^"]+)"', options)
        output = _OUTPUT.match(text, fence.end())
        line = text.count("\n", 0, fence.start(3)) + 1
        blocks.append(
            Block(language, title[1] if title else "", content, line, output and output[1])
        )
    return blocks


def run_python(block: Block, page: Path, names: dict[str, Any]) -> str:
    """What a block prints when it runs with these names, to which it adds its own. The traceback of
    an error names the lines of the page."""
    printed = io.StringIO()
    code = compile("\n" * (block.line - 1) + block.text, str(page), "exec")
    with contextlib.redirect_stdout(printed):
        exec(code, names)
    return printed.getvalue()
