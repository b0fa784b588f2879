"""Configuration as an event: what tightens holds at once, what loosens needs the operator's promotion and an engine at rest.

The files that a process was started with are the operator's word. Everything later is an offer that names the hash it replaces and
the leadership it is meant for. An offer may tighten one limit and loosen another: then the tighter of both holds at once, and the
rest waits until no bracket is open. What is in force is journalled; a successor that was started with the same files keeps
whichever of files and journal is the tighter, limit by limit, so that no crash ever loosens anything.
"""

from collections.abc import Callable

from trader.domain.effects import ConfigJudged, LoadInstruments
from trader.domain.events import ConfigOffered, ProfileApplied
from trader.domain.profiles import LIMITS, Config, RiskProfile, loosened, out_of_bounds, tightest
from trader.domain.records import ConfigTaken
from trader.domain.turn import Turn
from trader.domain.values import ConfigRefusal, ConfigVerdict, MarketTime, Standing


def on_profile_applied(turn: Turn, event: ProfileApplied) -> None:
    """Begin with the process's files, and with what was tightened over these very files before a restart."""
    started = Config(event.config_hash, event.stage, event.profile)
    config, profile = _resumed(started, turn.durable.config)
    turn.change_control(
        started_with=started,
        profile=profile,
        config=config,
        config_noted=False,
        config_waiting=None,
        loaded_for=traded(event.profile),
    )


def on_config_offered(turn: Turn, event: ConfigOffered) -> None:
    """Judge an offer, put what it tightens in force, and answer."""
    refusal, detail = _refusal(turn, event)
    if refusal is not None:
        verdict = ConfigVerdict.REFUSED
    else:
        verdict, detail = _taken(turn, event.config)
    turn.others.append(ConfigJudged(event.request, event.config.config_hash, verdict, refusal, detail))
    turn.announce(
        "config_judged",
        config=event.config.config_hash,
        stage=event.config.stage,
        verdict=verdict.value,
        refusal=refusal.value if refusal else "",
        detail=detail,
    )


def settle_config(turn: Turn) -> None:
    """Let a waiting configuration loosen once nothing is open, write down what is in force, and load what may be traded."""
    control = turn.control
    if control.config_waiting is not None and _is_at_rest(turn):
        _put_in_force(turn, control.config_waiting)
        turn.announce("config_applied", config=control.config_waiting.config_hash, stage=control.config_waiting.stage)
    control = turn.control
    if control.profile is None:
        return
    if not control.config_noted:
        _note(turn)
    if traded(control.profile) != control.loaded_for and not turn.durable.open:
        # While a bracket is open its instrument stays loaded, whatever else may be traded.
        turn.change_control(loaded_for=traded(control.profile))
        turn.others.append(LoadInstruments(control.profile))


def traded(profile: RiskProfile) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What instruments a profile needs."""
    return profile.underlyings, profile.kinds


def _resumed(started: Config, recorded: ConfigTaken | None) -> tuple[Config, RiskProfile]:
    """The files' configuration, unless the journal kept a tighter one over the same files; and the limits in force."""
    if recorded is None or recorded.started_with != started.config_hash:
        return started, started.profile
    kept = _profile_of(recorded)
    if not loosened(started.profile, kept):
        return Config(recorded.config_hash, recorded.stage, kept), kept
    return started, tightest(kept, started.profile)


def _refusal(turn: Turn, event: ConfigOffered) -> tuple[ConfigRefusal | None, str]:
    if _is_known(turn, event.config) and not _wrong_addressee(turn, event):
        return None, ""
    for code, check in CHECKS:
        detail = check(turn, event)
        if detail:
            return code, detail
    return None, ""


def _is_known(turn: Turn, config: Config) -> bool:
    """Whether this very offer was taken already: asking again changes nothing."""
    control = turn.control
    return config == control.config_waiting or (config == control.config and config.profile == control.profile)


def _wrong_addressee(turn: Turn, event: ConfigOffered) -> str:
    return _not_leader(turn, event) or _wrong_epoch(turn, event)


def _not_leader(turn: Turn, event: ConfigOffered) -> str:
    control = turn.control
    leads = control.standing is Standing.LEADER and not control.is_fenced and control.config is not None
    return "" if leads else f"standing is {control.standing}: only a leader takes {event.config.config_hash!r}"


def _wrong_epoch(turn: Turn, event: ConfigOffered) -> str:
    epoch = turn.control.epoch
    return "" if event.epoch == epoch else f"epoch must be {epoch}, was {event.epoch}"


def _out_of_bounds(turn: Turn, event: ConfigOffered) -> str:
    return out_of_bounds(event.config.profile)


def _wrong_base(turn: Turn, event: ConfigOffered) -> str:
    assert turn.control.config is not None
    base = turn.control.config.config_hash
    return "" if event.replaces == base else f"in force is {base!r}, not {event.replaces!r}"


def _hash_reused(turn: Turn, event: ConfigOffered) -> str:
    control, config = turn.control, event.config
    for known in (control.config, control.started_with, control.config_waiting):
        if known and known.config_hash == config.config_hash and known.profile != config.profile:
            return f"{config.config_hash!r} stands for other limits already"
    return ""


def _loosens_without_stage(turn: Turn, event: ConfigOffered) -> str:
    return "" if event.is_promoted else _loosened(turn, event)


def _killed(turn: Turn, event: ConfigOffered) -> str:
    more = _loosened(turn, event)
    return f"a kill stands: {more}" if more and turn.is_killed else ""


def _loosened(turn: Turn, event: ConfigOffered) -> str:
    assert turn.control.profile is not None
    return loosened(turn.control.profile, event.config.profile)


CHECKS: tuple[tuple[ConfigRefusal, Callable[[Turn, ConfigOffered], str]], ...] = (
    (ConfigRefusal.NOT_LEADER, _not_leader),
    (ConfigRefusal.WRONG_EPOCH, _wrong_epoch),
    (ConfigRefusal.OUT_OF_BOUNDS, _out_of_bounds),
    (ConfigRefusal.WRONG_BASE, _wrong_base),
    (ConfigRefusal.HASH_REUSED, _hash_reused),
    (ConfigRefusal.LOOSENS_WITHOUT_STAGE, _loosens_without_stage),
    (ConfigRefusal.KILLED, _killed),
)
"""In this order; the first that objects refuses the offer."""


def _taken(turn: Turn, config: Config) -> tuple[ConfigVerdict, str]:
    control = turn.control
    assert control.profile is not None
    more = loosened(control.profile, config.profile)
    if not more or _is_at_rest(turn):
        _put_in_force(turn, config)
        return ConfigVerdict.APPLIED, more
    if config != control.config_waiting:
        limits = tightest(control.profile, config.profile)
        turn.change_control(profile=limits, config_waiting=config, config_noted=False)
    return ConfigVerdict.WAITING, more


def _put_in_force(turn: Turn, config: Config) -> None:
    turn.change_control(profile=config.profile, config=config, config_waiting=None, config_noted=False)


def _is_at_rest(turn: Turn) -> bool:
    """Nothing held, working or in doubt, and no kill: the only moment at which limits may loosen."""
    return not turn.durable.open and not turn.is_killed


def _note(turn: Turn) -> None:
    """Write down what is in force, unless the journal's last word says so already."""
    control, last = turn.control, turn.durable.config
    assert control.config is not None
    assert control.started_with is not None
    record = _record(turn.market_time, control.started_with.config_hash, control.config, control.profile)
    if last is None or any(
        getattr(last, name) != getattr(record, name) for name in ConfigTaken.__slots__ if name != "market_time"
    ):
        turn.record(record)
    turn.change_control(config_noted=True)


def _record(market_time: MarketTime, started_with: str, config: Config, limits: RiskProfile | None) -> ConfigTaken:
    assert limits is not None
    return ConfigTaken(
        market_time=market_time,
        started_with=started_with,
        config_hash=config.config_hash,
        stage=config.stage,
        name=limits.name,
        underlyings=",".join(limits.underlyings),
        kinds=",".join(limits.kinds),
        **{name: getattr(limits, name) for name in LIMITS},
    )


def _profile_of(record: ConfigTaken) -> RiskProfile:
    return RiskProfile(
        name=record.name,
        underlyings=_listed(record.underlyings),
        kinds=_listed(record.kinds),
        **{name: getattr(record, name) for name in LIMITS},
    )


def _listed(text: str) -> tuple[str, ...]:
    return tuple(text.split(",")) if text else ()
