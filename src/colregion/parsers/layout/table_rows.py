"""Rows of a table: which of its lines belong together.

Drawn rules separate rows. Where there are none, every line with values (numbers, or marks for
none) of its own is a row, and a line without continues the cells of the one above or below.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from colregion.parsers.layout.table_columns import Columns
from colregion.parsers.layout.table_headers import spread_names
from colregion.parsers.layout.table_lines import Barriers, TableLine
from colregion.parsers.layout.table_pieces import Piece

_MAX_HEADER = 8  # lines
_MARK = 3  # characters of a mark, such as "yes" or an option's letter, that counts as a value

# In text heights, between the middles of lines.
OVERLAP = 0.75  # lines of one size that are closer overlap: centered cells of one row
_LOOSE = 1.25  # ratio to the usual line spacing from which lines are not of one cell
_HEADER_LOOSE = 1.6  # least spacing that parts the lines of a header
_NEARER = 1.15  # ratio to the next line's distance of one that is of the row above
_PADDED = 1.2  # ratio of the spacing of rows to that of lines in a table with space between rows

# Parts of a table between rules from which each is a row, also of one with rules around it and
# between its columns, if as many of them have only one line with values.
_MIN_BANDS, _BOXED_BANDS, _RULED_ROWS = 4, 2, 0.8

_OPEN_END = re.compile(
    r"(?:[-‐,–—&/]|\b(?:and|or|of|the|for|to|in|by|with|und|et|de|y))$", re.IGNORECASE
)

_LOW_START = re.compile(r"""[("'“&]*[^\W\d_](?<=[a-zà-öø-ÿα-ωа-я])|&""")
_FEW = 4  # of as many texts one starts with a capital where capitals start a text


def group_lines(
    lines: Sequence[TableLine], columns: Columns, barriers: Barriers
) -> tuple[list[list[TableLine]], int]:
    """The table's rows, each of one line or more, and how many of them at the top name the
    columns."""
    grouping = _Grouping(lines, columns, barriers)
    lines = grouping.lines
    groups = [[lines[0]]]
    header = int(grouping.n_header > 0)
    for at in range(1, len(lines)):
        if grouping.joins(groups[-1], at):
            groups[-1].append(lines[at])
        else:
            groups.append([lines[at]])
            header += at < grouping.n_header
    return groups, header or int(_is_row_of_names(groups, grouping.n_columns))


def _is_row_of_names(groups: Sequence[Sequence[TableLine]], n_columns: int) -> bool:
    """Whether a table without values in its first rows has three columns or more, all of which its
    first row fills."""
    first = [piece for line in groups[0] for piece in line.pieces]
    columns = {column for line in groups[0] for column in line.columns}
    return len(groups) > 1 and len(columns) == n_columns > 2 and not any(p.is_value for p in first)


class _Grouping:
    def __init__(self, lines: Sequence[TableLine], columns: Columns, barriers: Barriers) -> None:
        self.lines = lines
        self.height = columns.height
        self.n_columns = len(columns.spans)
        self.is_grid, self.is_boxed = columns.ruled, columns.boxed
        self.steps = [(b.middle - a.middle) / columns.height for a, b in pairwise(lines)]
        self.rules = [barriers.between(a.middle, b.middle) for a, b in pairwise(lines)]
        steps = sorted(step for step in self.steps if step >= OVERLAP) or [1.0]
        self.usual = steps[len(steps) // 10]
        self.padded = steps[len(steps) // 2] > _PADDED * self.usual
        heights = [line.middle for line in lines if line.values]
        apart = sorted((b - a) / columns.height for a, b in pairwise(heights))
        self.pitch = apart[len(apart) // 2] if apart else 0.0
        self.limits = _limits(lines, self.n_columns)
        self.capitals = _have_capitals(lines)
        self.ruled = self._ruled_rows()
        self.n_header = self._header_lines()
        self.lines = spread_names(
            lines, self.n_header, columns.spans, barriers, height=columns.height
        )

    def _header_lines(self) -> int:
        """How many lines at the top name the columns."""
        body = next((at for at, line in enumerate(self.lines) if line.values - {0}), None)
        if body is None or body > _MAX_HEADER:
            return 0
        while body and self._starts_body(body - 1):
            body -= 1
        names = 0
        for at, line in enumerate(self.lines[:body]):
            lone = len(line.pieces) == 1 and 0 in line.columns
            if lone and names:
                return at
            names += not lone
        return body if names else 0

    def _starts_body(self, at: int) -> bool:
        """Whether a line without values, above the first one with some, is of the same row."""
        line, after = self.lines[at : at + 2]
        if self.steps[at] < OVERLAP:
            return True
        if self.rules[at] or not line.columns <= after.columns:
            return False
        is_cut_off = at > 0 and 2 * len(self.rules[at - 1]) >= self.n_columns
        texts = {piece.columns for piece in after.pieces if not piece.is_value}
        is_text = len(line.pieces) == 1 and line.pieces[0].columns in texts
        return (is_cut_off and is_text) or self._continues([line], after, leads=True)

    def _ruled_rows(self) -> list[bool]:
        """For each line, whether the rules above and below it enclose one row."""
        bands: list[list[int]] = [[0]]
        for at, ruled in enumerate(self.rules, start=1):
            if 2 * len(ruled) >= self.n_columns and (0 in ruled or self.is_grid):
                bands.append([])
            bands[-1].append(at)
        single = [self._has_one_row(band) for band in bands]
        least = _BOXED_BANDS if self.is_boxed else _MIN_BANDS
        enough = len(bands) >= least and sum(single) >= _RULED_ROWS * len(bands)
        return [enough and one for band, one in zip(bands, single, strict=True) for _ in band]

    def _has_one_row(self, band: Sequence[int]) -> bool:
        """Whether no column has two values or marks in these lines."""
        values = [
            column
            for at in band
            for piece in self.lines[at].pieces
            if piece.is_value or len(piece.text) <= _MARK
            for column in piece.covered
        ]
        return len(values) == len(set(values))

    def joins(self, group: Sequence[TableLine], at: int) -> bool:
        """Whether line `at` belongs to the row that ends in the line before it."""
        below, step, rules = self.lines[at], self.steps[at - 1], self.rules[at - 1]
        own = frozenset().union(*(line.columns for line in group))
        values = frozenset().union(*(line.values for line in group))
        shared = own & below.columns
        if at == self.n_header or rules & (shared or own | below.columns) or values & below.values:
            return False
        if self._is_between(at):
            return True
        if self.ruled[at]:
            heads = below.values and not values and group[-1].pieces[-1].text.endswith(":")
            return not heads and _in_columns(group, below)
        if step < OVERLAP:
            return not shared or (below.columns <= own and self._surrounds(at))
        if at < self.n_header:
            return step <= max(_HEADER_LOOSE, _LOOSE * self.usual) and _stacks(group, below)
        if step > _LOOSE * self.usual:
            return False
        if below.values and values:
            # At the middle of a cell of two lines there are values, others at its end.
            partly = shared and own - below.columns and below.columns - own
            return bool(partly) and self._continues(group, below, leads=True)
        if below.values:
            return own < below.columns and self._continues(group, below, leads=True)
        if self._leads(at):
            return False
        is_near = at + 1 == len(self.lines) or self.steps[at] > _NEARER * step
        if below.columns < own and self.padded and is_near:
            return True
        return self._continues(group, below, leads=not (values and below.columns < own))

    def _leads(self, at: int) -> bool:
        """Whether a line without values is of the row of the next, which has values: it is at the
        same height, or starts with a capital and goes on there."""
        if at + 1 == len(self.lines) or not self.lines[at + 1].values:
            return False
        line, after = self.lines[at : at + 2]
        if self.steps[at] < OVERLAP and not line.columns & after.columns:
            return True
        starts_low = self.capitals and any(_goes_on_low(piece.text) for piece in line.pieces)
        return (
            not starts_low
            and line.columns < after.columns
            and self._continues([line], after, leads=True)
        )

    def _surrounds(self, at: int) -> bool:
        """Whether a line without values is the lower part of cells at whose middle the line above
        stands: the next line is farther away."""
        line, above = self.lines[at], self.lines[at - 1]
        if line.values or line.columns & above.columns:
            return False
        return at + 1 == len(self.lines) or self.steps[at] > _LOOSE * self.steps[at - 1]

    def _is_between(self, at: int) -> bool:
        """Whether a line without values is at the middle of two with values that lack it."""
        if not 0 < at < len(self.lines) - 1 or self.lines[at].values:
            return False
        above, label, below = self.lines[at - 1 : at + 2]
        apart = sum(self.steps[at - 1 : at + 1])
        lacking = not label.columns & (above.columns | below.columns)
        return bool(above.values & below.values) and lacking and apart <= _LOOSE * self.pitch

    def _continues(self, group: Sequence[TableLine], below: TableLine, *, leads: bool) -> bool:
        """Whether every cell that both have goes on in the lower line.

        Args:
            leads: whether the upper lines may be the head of the section that starts below, so
                that a small letter or an open end must show that they are not.
        """
        last = {p.columns: p for line in group for p in line.pieces}
        pairs = [(last[p.columns], p) for p in below.pieces if p.columns in last]
        shared = min(len(below.pieces), len(last))
        return len(pairs) == shared and all(self._goes_on(a, b, leads=leads) for a, b in pairs)

    def _goes_on(self, above: Piece, below: Piece, *, leads: bool) -> bool:
        if above.is_value:
            return below.text.startswith(("(", "["))
        if above.text.endswith(":"):
            return False
        if above.text.count("(") > above.text.count(")") or _OPEN_END.search(above.text):
            return True
        if self.capitals and _goes_on_low(below.text):
            return True
        if leads and _has_case(above.text):
            return False
        # Full: the next word would not have fitted into the line, other lines are no shorter.
        word = below.box.width / max(len(below.text), 1) * (1 + len(below.text.split()[0]))
        longest = max((x for x in self.limits[above.columns[0]] if x != above.box.x1), default=0.0)
        return " " in above.text and above.box.x1 <= longest < above.box.x1 + word


def _limits(lines: Sequence[TableLine], n_columns: int) -> list[list[float]]:
    """The largest right edges in each column."""
    rights: list[list[float]] = [[] for _ in range(n_columns)]
    for line in lines:
        for piece in line.pieces:
            if piece.columns[0] == piece.columns[1]:
                rights[piece.columns[0]].append(piece.box.x1)
    return [sorted(set(own))[-2:] for own in rights]


def _has_case(text: str) -> bool:
    return any(c.isupper() or c.islower() for c in text)


def _goes_on_low(text: str) -> bool:
    return _LOW_START.match(text) is not None


def _have_capitals(lines: Sequence[TableLine]) -> bool:
    """Whether enough texts start with a capital that a small letter shows that one goes on."""
    starts = [piece.text.lstrip("(\"'“")[:1] for line in lines for piece in line.pieces]
    capitals = sum(map(str.isupper, starts))
    return _FEW * capitals >= capitals + sum(map(str.islower, starts))


def _stacks(group: Sequence[TableLine], below: TableLine) -> bool:
    """Whether the lines of a header are of one row; a lone label under names of columns is not."""
    lone = below.columns == {0} and not any(0 in line.columns for line in group)
    return not lone and _in_columns(group, below)


def _in_columns(group: Sequence[TableLine], below: TableLine) -> bool:
    """Whether no cell over several columns is above or below cells of these."""
    above = [piece.columns for line in group for piece in line.pieces]
    lower = [piece.columns for piece in below.pieces]
    wide = {c for c in (*above, *lower) if c[0] < c[1]}
    return all(
        one == other or one[1] < other[0] or other[1] < one[0]
        for one in wide
        for other in (*above, *lower)
    )
