"""What is drawn: words by how common they are, numbers, and printed tokens made of them."""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from colregion.core.text import fold, terms
from training.visual_words.sources import COMMON

_COMMONEST = 2000  # of which every word is drawn
_HELD_OUT = 16  # one in so many of the others is not
_SHORTEST_HELD_OUT = 4
_RANK_OFFSET = 300  # a word's share is 1 / (its rank + this)

_NUMBER_SHARE = 0.2
_LETTERS_AND_DIGITS = "ABCDEFGHJKLMNPRSTUVWXYZ0123456789"


@dataclass(frozen=True)
class WordLists:
    """Folded words of letters.

    Args:
        common: commonest first.
        english, foreign: as printed.
        held_out: words that training never draws.
    """

    common: tuple[str, ...]
    english: tuple[str, ...]
    foreign: tuple[str, ...]
    held_out: tuple[str, ...]

    @classmethod
    def read(cls, path: Path) -> WordLists:
        """From the `words.tsv` of `fetch_sources`."""
        lists: dict[str, list[str]] = {}
        for line in path.read_text(encoding="utf-8").splitlines():
            language, word = line.split("\t")
            lists.setdefault(language, []).append(word)
        common = [word for word in lists.pop(COMMON) if len(word) >= 2]
        held_out = {word for word in common[_COMMONEST:] if is_held_out(word)}
        single = {
            language: [word for word in words if len(terms(word)) == 1]
            for language, words in lists.items()
        }
        english = [word for word in single.pop("en", []) if fold(word) not in held_out]
        return cls(
            tuple(word for word in common if word not in held_out),
            tuple(english),
            tuple(word for words in single.values() for word in words),
            tuple(sorted(held_out)),
        )

    @property
    def terms(self) -> list[str]:
        """All of them, folded and sorted."""
        words = (*self.common, *self.english, *self.foreign, *self.held_out)
        return sorted({fold(word) for word in words})


def is_held_out(word: str) -> bool:
    """Whether a word that is not among the commonest is kept out of training."""
    return len(word) >= _SHORTEST_HELD_OUT and zlib.crc32(f"7{word}".encode()) % _HELD_OUT == 0


class TextSource:
    """Random printed tokens.

    Args:
        only_held_out: draw every other word from those that training never draws.
    """

    def __init__(
        self, lists: WordLists, rng: random.Random, *, only_held_out: bool = False
    ) -> None:
        self._lists = lists
        self._rng = rng
        self._only_held_out = only_held_out
        self._shares = list(accumulate(1 / (i + _RANK_OFFSET) for i in range(len(lists.common))))

    def word(self) -> str:
        """A word or a number."""
        rng, lists = self._rng, self._lists
        kind = rng.random()
        if self._only_held_out and kind < 0.5:
            return rng.choice(lists.held_out)
        if kind >= 1 - _NUMBER_SHARE:
            return self.number()
        if kind >= 0.74 and lists.foreign:
            return rng.choice(lists.foreign)
        if kind >= 0.62 and lists.english:
            return rng.choice(lists.english)
        if kind >= 0.46:
            return rng.choice(lists.common)
        return rng.choices(lists.common, cum_weights=self._shares)[0]

    def number(self) -> str:
        """A count, amount, date, time, year, percentage, code or telephone number."""
        rng = self._rng
        amount = rng.random() * 10 ** rng.randint(1, 5)
        kinds: tuple[tuple[int, Callable[[], str]], ...] = (
            (16, lambda: str(rng.randint(0, 99))),
            (14, lambda: f"{rng.randint(0, 99_999):,}"),
            (20, lambda: rng.choice(["", "$", "", "€", "£", "RM", "", "USD "]) + f"{amount:,.2f}"),
            (4, lambda: _with_decimal_comma(amount) + rng.choice(["", " €", " EUR"])),
            (11, self._date),
            (2, lambda: f"{rng.randint(0, 23):02d}:{rng.randint(0, 59):02d}"),
            (9, lambda: str(rng.randint(1950, 2030))),
            (7, lambda: f"{rng.randint(0, 100)}{rng.choice(['', f'.{rng.randint(0, 9)}'])}%"),
            (7, lambda: "".join(rng.choices(_LETTERS_AND_DIGITS, k=rng.randint(3, 9)))),
            (5, lambda: f"{rng.randint(100, 999)}-{rng.randint(1000, 9999)}"),
            (5, lambda: str(rng.randint(10**4, 10 ** rng.randint(5, 11)))),
        )
        (make,) = rng.choices([kind for _, kind in kinds], weights=[n for n, _ in kinds])
        return make()

    def token(self, *, upper: float, capital: float) -> str:
        """A word as it is printed: in upper case or with a capital by these probabilities, perhaps
        with punctuation."""
        rng = self._rng
        text = self.word()
        if text.isalpha() and text.islower():
            case = rng.random()
            if case < upper:
                text = text.upper()
            elif case < upper + capital:
                text = text.capitalize()
        mark = rng.random()
        if mark < 0.07:
            return text + rng.choice(",.,.:;")
        if mark < 0.10:
            return f"({text})"
        if mark < 0.11:
            return f'"{text}"'
        if mark < 0.115:
            return text + "'s"
        if mark < 0.13:
            return text + rng.choice("-/") + self.word()
        return f"{rng.choice('•*-#')} {text}" if mark < 0.14 else text

    def _date(self) -> str:
        rng = self._rng
        mark = rng.choice("/-.")
        year = rng.choice([str(rng.randint(1960, 2026)), f"{rng.randint(0, 99):02d}"])
        return f"{rng.randint(1, 31):02d}{mark}{rng.randint(1, 12):02d}{mark}{year}"


def _with_decimal_comma(amount: float) -> str:
    return f"{amount:,.2f}".translate(str.maketrans(",.", ".,"))
