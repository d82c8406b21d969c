"""Which way text runs, from the corners that cloud recognisers give it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Corners = Sequence[tuple[float, float]]
"""(x, y) clockwise from where the text begins, y down."""


def quarter_turn(lines: Iterable[Corners]) -> float:
    """Degrees clockwise, 0, 90, 180 or 270, that make most of the text stand upright; 0 for no
    lines. A line counts as long as it is."""
    votes = {0.0: 0.0, 90.0: 0.0, 180.0: 0.0, 270.0: 0.0}
    for corners in lines:
        if len(corners) < 2:
            continue
        dx, dy = corners[1][0] - corners[0][0], corners[1][1] - corners[0][1]
        if abs(dx) >= abs(dy):
            votes[0.0 if dx >= 0 else 180.0] += abs(dx)
        else:
            # Text that runs down the page has to be turned counter-clockwise, once.
            votes[270.0 if dy > 0 else 90.0] += abs(dy)
    return max(votes, key=lambda turn: votes[turn])
