"""What the gates of a session still ask for, in words; nothing missing is the only way through.

A gate is judged for one configuration: the one that the leader trades by, or is about to.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from session_operator.domain.trading_days import trading_days_since
from session_operator.model import Spec
from session_operator.proofs import BurnIn, DrillResult, Run, RunKind, TradingDay, Verdict


class Subject(NamedTuple):
    """What is proved: limits, and the image that trades by them."""

    config_hash: str
    image: str


def result_of(name: str, config_hash: str, drills: Sequence[DrillResult]) -> DrillResult | None:
    """What a drill showed last with that configuration."""
    return next((each for each in drills if (each.name, each.config_hash) == (name, config_hash)), None)


def is_satisfied(result: DrillResult | None, image: str, day: TradingDay, spec: Spec) -> bool:
    """Whether a drill has passed with the image that trades, and not too long ago."""
    if result is None or result.verdict is not Verdict.PASSED or result.image != image or spec.gates is None:
        return False
    age = trading_days_since(result.trading_date, day, spec)
    return age is not None and age < spec.gates.drill_max_age_trading_days


def is_due(result: DrillResult | None, image: str, day: TradingDay, spec: Spec) -> bool:
    """Whether a drill is to be run by itself: once a day and image at most, while the market is yet to close.

    One that counts for several days is run again on the last of them.
    """
    if spec.gates is None or not day.is_market_day or day.is_closed:
        return False
    if result is None or result.image != image:
        return True
    age = trading_days_since(result.trading_date, day, spec)
    if age == 0:
        return False
    return not is_satisfied(result, image, day, spec) or age == spec.gates.drill_max_age_trading_days - 1


def broken(spec: Spec, image: str, drills: Sequence[DrillResult]) -> Mapping[str, str]:
    """Say, by the hash of a configuration, which drills of the gates were run last with this image and did not pass."""
    if spec.gates is None:
        return {}
    found: dict[str, list[str]] = {}
    for each in drills:
        if each.name in spec.gates.drills and each.image == image and each.verdict is not Verdict.PASSED:
            found.setdefault(each.config_hash, []).append(f"drill {each.name} {_not_passed(each)}")
    return {config_hash: "; ".join(texts) for config_hash, texts in found.items()}


def missing(
    spec: Spec,
    subject: Subject,
    day: TradingDay | None,
    *,
    drills: Sequence[DrillResult],
    burn_in: BurnIn | None,
    runs: Sequence[Run] = (),
) -> tuple[str, ...]:
    """List what is missing, in words."""
    if spec.gates is None or not (spec.gates.drills or spec.gates.burn_in_days):
        return ()
    return (*_drills(spec, subject, day, drills, runs), *_burn_in(spec, burn_in))


def _drills(
    spec: Spec, subject: Subject, day: TradingDay | None, drills: Sequence[DrillResult], runs: Sequence[Run]
) -> Iterator[str]:
    gates = spec.gates
    if gates is None or not gates.drills:
        return
    if day is None:
        yield "the trading day is not known: no leader has told it yet"
        return
    for name in gates.drills:
        result = result_of(name, subject.config_hash, drills)
        if not is_satisfied(result, subject.image, day, spec):
            why = _why(result, subject.image, day, gates.drill_max_age_trading_days)
            yield f"drill {name} {why}{_under_way(name, subject.config_hash, runs)}"


def _why(result: DrillResult | None, image: str, day: TradingDay, most: int) -> str:
    if result is None:
        return "has not passed today" if most == 1 else f"has not passed within {most} trading days"
    if result.image != image:
        return f"has not passed with image {image}, only ran with {result.image or 'another one'}"
    if result.verdict is not Verdict.PASSED:
        return _not_passed(result)
    if most == 1:
        return f"has not passed today ({day.date}), last on {result.trading_date}"
    return f"has not passed within {most} trading days, last on {result.trading_date}"


def _not_passed(result: DrillResult) -> str:
    word = "failed" if result.verdict is Verdict.FAILED else "could not be run"
    return f"{word} on {result.trading_date}: {result.reason or 'no reason was given'}"


def _under_way(name: str, config_hash: str, runs: Sequence[Run]) -> str:
    for place, run in enumerate(runs):
        if run.kind is RunKind.DRILL and (run.name, run.config_hash) == (name, config_hash):
            return " (it runs now)" if place == 0 else " (it waits for its turn)"
    return ""


def _burn_in(spec: Spec, burn_in: BurnIn | None) -> Iterator[str]:
    wanted = spec.gates.burn_in_days if spec.gates is not None else 0
    earned = burn_in.earned_days if burn_in is not None else 0
    if earned < wanted:
        clean = burn_in.clean_days if burn_in is not None else 0
        yield f"{clean} of {wanted} burn-in days"
