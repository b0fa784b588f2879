"""The strategies that come with the engine, by the names that sessions use."""

from collections.abc import Callable, Mapping

from trader.domain import opening_range, signal_intake
from trader.domain.strategies import Strategy

Factory = Callable[[Mapping[str, object]], Strategy]
"""Builds a strategy from a manifest's parameters; raises `ParameterError`, which says which one is wrong and what is right."""

BUILT_IN: Mapping[str, Factory] = {
    opening_range.NAME: opening_range.from_parameters,
    signal_intake.NAME: signal_intake.from_parameters,
}
