"""The session's strategies: those that come with the engine, and those of packages that are installed beside it.

A package brings a strategy by an entry point of the group `trader.strategies`: the name that sessions use, and a factory that takes
the parameters (docs/tutorials/write-a-strategy.md). A built-in name cannot be taken over.
"""

from collections.abc import Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points

from trader.app.documents import ConfigInvalid
from trader.app.profiles import Profile
from trader.app.settings import StrategyChoice
from trader.domain.catalogue import BUILT_IN
from trader.domain.strategies import ParameterError, Strategy

GROUP = "trader.strategies"


def build_strategies(chosen: Sequence[StrategyChoice], profile: Profile) -> tuple[Strategy, ...]:
    """Build them all, with the profile's parameters laid over the session's.

    Raises:
        ConfigInvalid: an unknown strategy, a wrong parameter, a package that cannot be used, or a profile that speaks of a
            strategy nobody chose.
    """
    problems, built = [], []
    for choice in chosen:
        parameters: dict[str, object] = {**choice.parameters, **profile.strategies.get(choice.name, {})}
        try:
            built.append(build_strategy(choice.name, parameters))
        except ParameterError as error:
            problems.append(f"strategies.{choice.name}: {error}")
    known = {choice.name for choice in chosen}
    problems.extend(
        f"strategies.{name}: is in the profile {profile.name}, but the session does not run it"
        for name in profile.strategies
        if name not in known
    )
    if problems:
        raise ConfigInvalid(problems)
    return tuple(built)


def build_strategy(name: str, parameters: Mapping[str, object]) -> Strategy:
    """Build a strategy from its name and parameters.

    Raises:
        ParameterError: no such strategy, one that cannot be used, or a parameter is wrong.
    """
    if name in BUILT_IN:
        return BUILT_IN[name](parameters)
    points = [point for point in entry_points(group=GROUP) if point.name == name]
    if not points:
        known = sorted({*BUILT_IN, *(point.name for point in entry_points(group=GROUP))})
        raise ParameterError(
            f"unknown strategy {name!r}; known are {', '.join(known)}; a package brings more by entry points of {GROUP}"
        )
    if len(points) > 1:
        raise ParameterError(f"{' and '.join(sorted(_source(each) for each in points))} both bring {name!r}")
    return _built(points[0], parameters)


def _built(point: EntryPoint, parameters: Mapping[str, object]) -> Strategy:
    """A strategy of another package: whatever goes wrong in it is told as a problem of the configuration."""
    try:
        strategy = point.load()(parameters)
    except ParameterError:
        raise
    except Exception as error:
        raise ParameterError(f"{_source(point)} cannot build it: {type(error).__name__}: {error}") from error
    missing = _missing(point.name, strategy)
    if missing:
        raise ParameterError(f"{_source(point)} built something that is no strategy: {missing}")
    return strategy  # type: ignore[no-any-return]


def _missing(name: str, strategy: object) -> str:
    """What a strategy lacks; empty when it can be used."""
    if getattr(strategy, "name", None) != name:
        return f"its name must be {name!r}, was {getattr(strategy, 'name', None)!r}"
    timeout = getattr(strategy, "entry_timeout", None)
    if type(timeout) is not int or timeout <= 0:
        return f"entry_timeout must be whole nanoseconds above 0, was {timeout!r}"
    return "" if callable(getattr(strategy, "decide", None)) else "it has no decide(view, memory)"


def _source(point: EntryPoint) -> str:
    package = point.dist.name if point.dist is not None else "a package"
    return f"{package} ({point.value})"
