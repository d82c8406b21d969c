"""What is said of files inside of other files."""

from __future__ import annotations

from collections.abc import Sequence

_MOST_NAMES = 5


def attachments_not_read(names: Sequence[str]) -> str:
    """The sentence that names attached files; "" for none."""
    if not names:
        return ""
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    listed = ", ".join(names[:_MOST_NAMES]) + more
    return f"attached files are not read ({listed}); save them and add them by themselves"
