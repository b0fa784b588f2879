"""The strategies that come with the engine, by the names that sessions use."""

from collections.abc import Callable, Mapping

from trader.domain import opening_range
from trader.domain.strategies import ParameterError, Strategy

_BUILT_IN: dict[str, Callable[[Mapping[str, object]], Strategy]] = {
    opening_range.NAME: opening_range.from_parameters,
}


def build_strategy(name: str, parameters: Mapping[str, object]) -> Strategy:
    """Build a strategy from its name and parameters.

    Raises:
        ParameterError: no such strategy, or a parameter is wrong.
    """
    build = _BUILT_IN.get(name)
    if build is None:
        raise ParameterError(f"unknown strategy {name!r}; known are {', '.join(sorted(_BUILT_IN))}")
    return build(parameters)
