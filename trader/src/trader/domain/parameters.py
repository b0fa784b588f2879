"""Reads a strategy's parameters: each known, each within its bounds, each fault named with what would be right."""

from collections.abc import Mapping

from trader.domain.strategies import ParameterError

Bounds = Mapping[str, tuple[int, int]]


def whole_numbers(strategy: str, parameters: Mapping[str, object], bounds: Bounds) -> dict[str, int]:
    """All parameters of a strategy that takes whole numbers only.

    Raises:
        ParameterError: a parameter is unknown or out of its bounds.
    """
    numbers = {}
    for name, value in parameters.items():
        if name not in bounds:
            raise ParameterError(f"{strategy}: unknown parameter {name!r}; known are {', '.join(sorted(bounds))}")
        numbers[name] = whole_number(strategy, name, value, bounds[name])
    return numbers


def whole_number(strategy: str, name: str, value: object, bounds: tuple[int, int]) -> int:
    """One whole number.

    Raises:
        ParameterError: it is none, or out of its bounds.
    """
    low, high = bounds
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ParameterError(f"{strategy}: {name} must be a whole number within {low}..{high}, was {value!r}")
    return value
