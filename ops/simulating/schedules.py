"""From a seed to a schedule: instruments, signals, and what goes wrong when. Pure: the same seed, the same schedule."""

from dataclasses import dataclass, field, replace

from ops.simulating.dice import Dice
from ops.simulating.process import MORNING
from ops.simulating.scripted import PlannedSignal
from ops.simulating.troubles import CALL_KINDS, Kind, Trouble
from trader.domain.calendars import AlwaysOpen, Calendar
from trader.domain.instruments import Instrument
from trader.domain.profiles import RiskProfile
from trader.domain.values import SECOND, InstrumentKey, Paise, Quantity, Side

SHORT, HOUR = "short", "hour"
PROFILE = RiskProfile(
    name="full",
    per_trade_risk_ppm=5_000,
    max_heat_ppm=20_000,
    max_daily_loss_ppm=20_000,
    underlyings=("NIFTY", "BANKNIFTY", "FINNIFTY", "MIDCPNIFTY", "SENSEX"),
    kinds=("FUT",),
    orders_per_second=10,
    orders_per_minute=400,
    orders_per_day=5_000,
    market_data_stale_after=5 * SECOND,
    order_stream_stale_after=5 * SECOND,
)


def _future(number: int, name: str, *, lot: int, freeze: int, tick: int, price: int) -> Instrument:
    return Instrument(
        key=InstrumentKey(f"NFO:{name}26DECFUT"),
        token=number,
        underlying=name,
        kind="FUT",
        expiry="2026-12-29",
        tick_size=Paise(tick),
        lot_size=Quantity(lot),
        freeze_quantity=Quantity(freeze),
        lower_circuit=Paise(price * 9 // 10 // tick * tick),
        upper_circuit=Paise(price * 11 // 10 // tick * tick),
    )


INSTRUMENTS = (
    _future(1, "NIFTY", lot=65, freeze=1800, tick=10, price=2_400_000),
    _future(2, "BANKNIFTY", lot=30, freeze=600, tick=20, price=5_200_000),
    _future(3, "FINNIFTY", lot=60, freeze=1800, tick=10, price=2_700_000),
    _future(4, "MIDCPNIFTY", lot=120, freeze=2800, tick=5, price=1_300_000),
    _future(5, "SENSEX", lot=20, freeze=1000, tick=50, price=7_900_000),
)


@dataclass(frozen=True, slots=True)
class Schedule:
    """All that a seed decides before the world begins."""

    kind: str
    seed: int
    pods: int
    storm_seconds: float
    quote_every: int
    volatility: float
    partial: float
    instruments: tuple[Instrument, ...]
    signals: tuple[PlannedSignal, ...]
    troubles: tuple[Trouble, ...]
    kills_after_healing: bool
    has_breakout: bool = False
    profile: RiskProfile = PROFILE
    calendar: Calendar = field(default_factory=AlwaysOpen)

    def without(self, *left_out: Trouble) -> "Schedule":
        """The same schedule with fewer troubles."""
        return replace(self, troubles=tuple(each for each in self.troubles if each not in left_out))


def short(seed: int) -> Schedule:
    """One bracket's life, or two, with a handful of troubles."""
    dice = Dice(seed, "schedule")
    pods = 1 if dice.chance() < 0.3 else 2 if dice.chance() < 0.85 else 3
    storm = dice.between(7.0, 13.0)
    instruments = INSTRUMENTS[: 1 if dice.chance() < 0.8 else 2]
    signals = tuple(
        PlannedSignal(
            number,
            MORNING + dice.nanoseconds(3.2, 5.0),
            each.key,
            Side.BUY if dice.chance() < 0.5 else Side.SELL,
            40 + dice.below(160),
            700 + dice.below(1_300),
        )
        for number, each in enumerate(instruments, 1)
    )
    count = dice.below(7)
    troubles = tuple(_trouble(dice, 2.0, storm) for _ in range(count))
    rare = _rare(seed, signals[0])
    troubles += rare
    # Who is stopped or cut off for long outlives its Lease: the storm lasts until it is back.
    storm = max([storm, *(each.at + each.seconds + 1.0 for each in troubles if each.kind in _OUTLIVING)])
    return Schedule(
        kind=SHORT,
        seed=seed,
        pods=pods,
        storm_seconds=storm,
        quote_every=int(SECOND * dice.between(0.2, 0.6)),
        volatility=_CALM if len(rare) > 1 else dice.one_of((15.0, 40.0, 80.0)),
        partial=dice.one_of((0.0, 0.0, 0.4, 0.8)),
        instruments=instruments,
        signals=signals,
        troubles=troubles,
        kills_after_healing=dice.chance() < 0.3,
    )


_CALM = 4.0


def _rare(seed: int, signal: PlannedSignal) -> tuple[Trouble, ...]:
    """Meetings that chance alone brings about once in ten thousand schedules, in one of thirty.

    A kill that the database has and the leader has not heard of while it enters. And a leader whose Lease expires while its stop is
    cancelled again and again: what it commits to protect itself meets the epoch of its successor.
    """
    dice = Dice(seed, "rare")
    chance = dice.chance()
    if chance < 0.03:
        begins = (signal.at - MORNING) / SECOND
        return (Trouble(Kind.KILL, round(begins + dice.between(0.0, 0.6), 6), pod=dice.below(2)),)
    if chance < 0.043:
        at, pod = dice.between(4.5, 6.0), dice.below(2)
        cancels = (Trouble(Kind.EXCHANGE_CANCELS, round(at + 13.0 + 0.3 * number, 6)) for number in range(20))
        return (Trouble(Kind.LEASE_AWAY, round(at, 6), pod, seconds=20.0), *cancels)
    return ()


HOUR_SECONDS = 3_600.0
_SIGNAL_EVERY = 75.0
_TROUBLE_EVERY = 22.0
_CALLS_AN_HOUR = 900


def hour(seed: int) -> Schedule:
    """A market hour: five instruments, a quote of each a second, signals and breakouts, and a trouble every half minute."""
    dice = Dice(seed, "hour")
    signals = tuple(
        PlannedSignal(
            100 * number + count,
            MORNING + dice.nanoseconds(_SIGNAL_EVERY * count + 5, _SIGNAL_EVERY * (count + 1)),
            each.key,
            Side.BUY if dice.chance() < 0.5 else Side.SELL,
            60 + dice.below(200),
            700 + dice.below(1_300),
        )
        for number, each in enumerate(INSTRUMENTS, 1)
        for count in range(int(HOUR_SECONDS / _SIGNAL_EVERY))
    )
    troubles = [
        _trouble(dice, begin, begin + _TROUBLE_EVERY, _CALLS_AN_HOUR, _STEADY_BAG)
        for begin in (_TROUBLE_EVERY * number for number in range(int(HOUR_SECONDS / _TROUBLE_EVERY)))
    ]
    for _ in range(3):
        at = dice.between(300.0, 3_300.0)
        kind = Kind.KILL if dice.chance() < 0.6 else Kind.KILL_BY_SPEC
        troubles += [Trouble(kind, round(at, 6)), Trouble(Kind.RELEASE, round(at + dice.between(5.0, 60.0), 6))]
    late = Kind.HUMAN_CLOSES if dice.chance() < 0.5 else Kind.TIGHTEN
    troubles.append(Trouble(late, round(dice.between(2_400.0, 3_500.0), 6), amount=dice.below(3)))
    return Schedule(
        kind=HOUR,
        seed=seed,
        pods=2 if dice.chance() < 0.8 else 3,
        storm_seconds=HOUR_SECONDS,
        quote_every=SECOND,
        volatility=dice.one_of((30.0, 60.0, 90.0)),
        partial=dice.one_of((0.0, 0.3, 0.6)),
        instruments=INSTRUMENTS,
        signals=signals,
        troubles=tuple(troubles),
        kills_after_healing=dice.chance() < 0.5,
        has_breakout=True,
        profile=replace(PROFILE, per_trade_risk_ppm=400),
    )


# How often each trouble comes, and how many seconds it lasts (from, to).
_WEIGHTS: tuple[tuple[Kind, int, float, float], ...] = (
    (Kind.CRASH, 6, 0, 0),
    (Kind.REPLACE, 2, 0, 0),
    (Kind.CRASH_AT_TURN, 6, 0, 0),
    (Kind.PAUSE, 4, 0.5, 28.0),
    (Kind.STOP, 2, 0, 0),
    (Kind.LEASE_AWAY, 3, 1.0, 24.0),
    (Kind.LEASE_AMBIGUOUS, 2, 0.5, 6.0),
    (Kind.LEASE_DELETED, 1, 0.1, 5.0),
    (Kind.REVOKE, 2, 0, 0),
    (Kind.STORE_AWAY, 4, 0.3, 8.0),
    (Kind.STORE_AMBIGUOUS, 3, 0.2, 3.0),
    (Kind.STORE_LATE, 2, 0.2, 3.0),
    (Kind.STORE_SLOW, 2, 1.0, 6.0),
    (Kind.FEED_DOWN, 4, 0.2, 6.0),
    (Kind.FEED_SILENT, 1, 1.0, 8.0),
    (Kind.UPDATES_LOST, 5, 1.0, 8.0),
    (Kind.UPDATES_DOUBLED, 4, 1.0, 8.0),
    (Kind.UPDATES_LATE, 5, 1.0, 8.0),
    (Kind.LOST, 6, 0, 0),
    (Kind.UNANSWERED, 8, 0, 0),
    (Kind.REFUSED, 4, 0, 0),
    (Kind.LIMITED, 2, 0, 0),
    (Kind.REJECTED, 4, 0, 0),
    (Kind.SLOW, 3, 0.3, 0.9),
    (Kind.SLOW_CONNECTION, 3, 0.1, 1.8),
    (Kind.HIDDEN, 3, 0.5, 20.0),
    (Kind.FROZEN, 2, 0.5, 25.0),
    (Kind.CRASH_AFTER_SEND, 4, 0, 0),
    (Kind.BROKER_AWAY, 3, 0.3, 5.0),
    (Kind.READS_FAIL, 3, 0.5, 6.0),
    (Kind.READS_SLOW, 3, 1.0, 6.0),
    (Kind.POSITIONS_LAG, 3, 1.0, 6.0),
    (Kind.RISK_REFUSES, 2, 0.3, 4.0),
    (Kind.JUMP, 6, 0, 0),
    (Kind.THIN, 3, 0.5, 4.0),
    (Kind.EXCHANGE_CANCELS, 3, 0, 0),
    (Kind.KILL, 4, 0, 0),
    (Kind.KILL_BY_SPEC, 2, 0, 0),
    (Kind.RELEASE, 2, 0, 0),
    (Kind.SUSPEND, 2, 0.5, 5.0),
    (Kind.TIGHTEN, 1, 0, 0),
    (Kind.HUMAN_CLOSES, 2, 0, 0),
    (Kind.HUMAN_TRADES, 1, 0, 0),
)
_BAG = tuple(row for row in _WEIGHTS for _ in range(row[1]))


_OUTLIVING = (Kind.PAUSE, Kind.LEASE_AWAY)
# In an hour these would end all trading: they come in pairs, or late.
_ENDING = (Kind.KILL, Kind.KILL_BY_SPEC, Kind.RELEASE, Kind.HUMAN_CLOSES, Kind.HUMAN_TRADES, Kind.TIGHTEN)
_STEADY_BAG = tuple(row for row in _BAG if row[0] not in _ENDING)


def _trouble(
    dice: Dice, begin: float, end: float, calls: int = 14, bag: tuple[tuple[Kind, int, float, float], ...] = _BAG
) -> Trouble:
    kind, _, least, most = dice.one_of(bag)
    # Troubles gather where the bracket is born and dies: half of them strike in the first seconds after the signal.
    at = dice.between(begin, end) if dice.chance() < 0.5 else dice.between(begin + 1.2, begin + 4.0)
    seconds = dice.between(least, most) if most else 0.0
    pod = dice.below(2) if dice.chance() < 0.2 else -1
    if kind in CALL_KINDS:
        # Most brackets make few calls: the first ones are worth most.
        number = 1 + dice.below(calls if calls > 14 or dice.chance() < 0.3 else 6)
        return Trouble(kind, number=number, seconds=seconds)
    number = 1 + dice.below(120) if kind is Kind.CRASH_AT_TURN else -1
    amount = dice.below(400) - 200 if kind is Kind.JUMP else dice.below(3)
    return Trouble(kind, round(at, 6), pod, number, round(seconds, 6), amount)


def make(kind: str, seed: int) -> Schedule:
    """The schedule of this kind and seed.

    Raises:
        ValueError: there is no such kind.
    """
    if kind not in (SHORT, HOUR):
        raise ValueError(f"kind must be {SHORT} or {HOUR}, was {kind!r}")
    return short(seed) if kind == SHORT else hour(seed)


def perfect(seed: int) -> Schedule:
    """One engine, nothing goes wrong, one bracket."""
    signal = PlannedSignal(1, MORNING + 4 * SECOND, INSTRUMENTS[0].key, Side.BUY, 100, 1_000)
    return Schedule(SHORT, seed, 1, 12.0, SECOND // 4, 60.0, 0.0, INSTRUMENTS[:1], (signal,), (), False)
