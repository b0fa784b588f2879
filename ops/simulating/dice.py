"""Randomness by purpose: each part of the world draws from a stream of its own, so that a fault more or less does not reshuffle
the rest.
"""

from collections.abc import Sequence
from functools import cache
from random import Random
from typing import TypeVar

_Choice = TypeVar("_Choice")


@cache
def _number_of(purpose: str) -> int:
    return sum(letter * 31**place for place, letter in enumerate(purpose.encode()))


class Dice:
    """One stream: a seed and a purpose."""

    __slots__ = ("_random", "chance")

    def __init__(self, seed: int, purpose: str) -> None:
        # A product of odd numbers spreads neighbouring seeds; `Random(str)` hashes with SHA-512 and costs ten times as much.
        self._random = Random((seed * 0x9E3779B97F4A7C15 + _number_of(purpose)) & (1 << 63) - 1)  # noqa: S311 - a simulation
        self.chance = self._random.random

    def between(self, low: float, high: float) -> float:
        """Somewhere in between."""
        return low + (high - low) * self.chance()

    def nanoseconds(self, low: float, high: float) -> int:
        """A span between so many seconds."""
        return int((low + (high - low) * self.chance()) * 1e9)

    def below(self, limit: int) -> int:
        """A number from 0 on."""
        return int(self.chance() * limit)

    def one_of(self, choices: Sequence[_Choice]) -> _Choice:
        """Any of these."""
        return choices[int(self.chance() * len(choices))]
