"""The session's strategies, with the profile's parameters laid over the session's."""

from collections.abc import Sequence

from trader.app.documents import ConfigInvalid
from trader.app.profiles import Profile
from trader.app.settings import StrategyChoice
from trader.domain.catalogue import build_strategy
from trader.domain.strategies import ParameterError, Strategy


def build_strategies(chosen: Sequence[StrategyChoice], profile: Profile) -> tuple[Strategy, ...]:
    """Build them all.

    Raises:
        ConfigInvalid: an unknown strategy, a wrong parameter, or a profile that speaks of a strategy nobody chose.
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
