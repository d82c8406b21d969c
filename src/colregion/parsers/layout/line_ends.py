"""Words that a line's end breaks, joined in the text of a paragraph."""

from __future__ import annotations

from collections.abc import Container, Sequence

from colregion.core.text import join_broken


def join_lines(lines: Sequence[str], page_words: Container[str]) -> str:
    """Join the lines of a paragraph by line breaks, each broken word whole in its first line.

    A hyphen stays where it belongs to the word by `page_words`, the page's words without signs
    around them: they have it with the hyphen and not without.
    """
    joined: list[str] = []
    for line in lines:
        if joined and (whole := _whole_word(joined[-1], line, page_words)):
            joined[-1] = joined[-1][: -len(_last_word(joined[-1]))] + whole
            line = line.partition(" ")[2]
        if line:
            joined.append(line)
    return "\n".join(joined)


def _whole_word(line: str, following: str, page_words: Container[str]) -> str:
    before, after = _last_word(line), following.partition(" ")[0]
    whole = join_broken(before, after)
    hyphenated = before + after
    keeps_hyphen = strip_signs(hyphenated) in page_words and strip_signs(whole) not in page_words
    return hyphenated if whole and keeps_hyphen else whole


def strip_signs(word: str) -> str:
    """The word without the signs before and after it."""
    return word.strip(",.;:!?()[]\"'“”‘’«»")


def _last_word(line: str) -> str:
    return line.rpartition(" ")[2]
