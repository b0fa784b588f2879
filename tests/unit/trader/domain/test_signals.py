"""Signals from outside are intents like any other; and a strategy that fails takes nothing with it."""

from dataclasses import dataclass

import pytest

from tests.unit.trader.domain.world import NIFTY, World, profile, settings
from trader.domain.brackets import OrderWatcher
from trader.domain.effects import SignalJudged
from trader.domain.events import EntrySignal, SignalReceived
from trader.domain.opening_range import OpeningRangeBreakout
from trader.domain.signal_intake import SignalIntake, from_parameters
from trader.domain.strategies import Intent, Memory, ParameterError, StrategyView
from trader.domain.values import (
    SECOND,
    GuardCode,
    InstrumentKey,
    Leg,
    Paise,
    Side,
    SignalKey,
    SignalVerdict,
)
from trader.domain.views import view


def listening(*strategies: object, **limits: object) -> World:
    """Live, with a quote."""
    chosen = settings(strategies=(*strategies, SignalIntake()))  # type: ignore[arg-type]
    world = World(settings=chosen, profile=profile(**limits)).start()
    world.run(1)
    world.quote(2_400_000)
    return world


def signal(**changes: object) -> EntrySignal:
    fields: dict[str, object] = {
        "key": SignalKey("desk-1"),
        "instrument": NIFTY,
        "side": Side.BUY,
        "entry_price": None,
        "stop_price": Paise(2_396_000),
        "target_price": Paise(2_408_000),
    }
    return EntrySignal(**{**fields, **changes})  # type: ignore[arg-type]


def bring(world: World, what: EntrySignal, strategy: str = "signal-intake") -> SignalJudged:
    world.feed(SignalReceived(world.now, world.market_time, "r1", strategy, what))
    return [each for each in world.effects if isinstance(each, SignalJudged)][-1]


def test_a_signal_becomes_a_bracket() -> None:
    """Entered some ticks beyond the touch, sized by the profile, protected as it fills."""
    world = listening()

    answer = bring(world, signal())
    world.pump()

    assert (answer.verdict, answer.code) == (SignalVerdict.ENTERED, None)
    assert world.bracket.plan.intent == answer.intent
    assert world.order(Leg.ENTRY).price == 2_400_010 + 40
    assert OrderWatcher(world.bracket).is_protected


def test_the_same_signal_never_enters_twice() -> None:
    """A retry, another caller, a successor, a closed bracket: the key is burned for the day."""
    world = listening()
    first = bring(world, signal())
    world.pump()

    assert bring(world, signal(side=Side.SELL)).verdict is SignalVerdict.KNOWN
    world.restart(2)
    world.run(2)
    world.quote(2_400_000)
    again = bring(world, signal())

    assert (again.verdict, again.intent) == (SignalVerdict.KNOWN, first.intent)
    assert len(world.placed(Leg.ENTRY)) == 1


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"stop_price": Paise(2_401_000)}, GuardCode.PER_TRADE_RISK),
        ({"stop_price": Paise(2_396_003)}, GuardCode.TICK_SIZE),
        ({"entry_price": Paise(2_700_000)}, GuardCode.FREEZE_BAND),
        ({"instrument": InstrumentKey("NFO:OTHER26DECFUT")}, GuardCode.INSTRUMENT_NOT_ALLOWED),
    ],
)
def test_a_signal_passes_the_same_guards(changes: dict[str, object], code: GuardCode) -> None:
    """One code, counted as any denial; the key is not burned, so that a corrected signal may follow."""
    world = listening()

    answer = bring(world, signal(**changes))

    assert (answer.verdict, answer.code) == (SignalVerdict.DENIED, code)
    assert [trip.code for trip in world.guard_trips()] == [code]
    assert bring(world, signal()).verdict is SignalVerdict.ENTERED


def test_nobody_enters_without_the_lease_or_a_quote_or_a_taker() -> None:
    """A standby, an instrument that has not traded yet, a strategy that takes no signals."""
    standby = World(settings=settings(strategies=(SignalIntake(),)))
    standby.prepare()
    assert bring(standby, signal()).code is GuardCode.NOT_LEADER

    quiet = World(settings=settings(strategies=(SignalIntake(),))).start()
    assert bring(quiet, signal()).code is GuardCode.STALE_DATA

    other = listening(OpeningRangeBreakout())
    assert bring(other, signal(), "opening-range-breakout").code is GuardCode.INSTRUMENT_NOT_ALLOWED
    assert bring(other, signal(), "nobody").code is GuardCode.INSTRUMENT_NOT_ALLOWED


def test_a_trailing_signal_trails() -> None:
    """What the signal asks of its stop stands in the plan."""
    world = listening()
    bring(world, signal(trail_distance=Paise(4_000), trail_step=Paise(100)))
    assert (world.bracket.plan.trail_distance, world.bracket.plan.trail_step) == (4_000, 100)


def test_parameters_are_checked() -> None:
    """Which one, what it was, what would be right."""
    assert from_parameters({"entry_timeout_seconds": 3}).entry_timeout == 3 * SECOND
    with pytest.raises(ParameterError, match=r"entry_timeout_seconds must be a whole number within 1\.\.3600, was 0"):
        from_parameters({"entry_timeout_seconds": 0})
    with pytest.raises(ParameterError, match="unknown parameter 'size'"):
        from_parameters({"size": 1})


@dataclass(frozen=True, slots=True)
class Careless:
    """A strategy of somebody else's, with a mistake."""

    mistake: str
    name: str = "careless"
    entry_timeout: int = SECOND

    def decide(self, view: StrategyView, memory: Memory | None) -> tuple[Memory | None, tuple[Intent, ...]]:
        if self.mistake == "raises":
            raise ZeroDivisionError("division by zero")
        price = 2_400_100.0 if self.mistake == "floats" else Paise(2_400_100)
        name = "opening-range-breakout" if self.mistake == "poses" else self.name
        sound = Intent(name, SignalKey("k"), NIFTY, Side.BUY, price, Paise(2_396_000), Paise(2_408_000))  # type: ignore[arg-type]
        return memory, ("buy",) if self.mistake == "talks" else (sound,)  # type: ignore[return-value]


@pytest.mark.parametrize("mistake", ["raises", "floats", "poses", "talks"])
def test_a_strategy_that_fails_is_asked_no_more(mistake: str) -> None:
    """It raises, proposes floats, another's name, or no intent: it is muted, and everybody else trades and protects on."""
    world = listening(Careless(mistake))

    assert world.state.control.muted == ("careless",)
    assert len(world.announced("strategy_failed")) == 1
    assert bring(world, signal()).verdict is SignalVerdict.ENTERED
    world.pump()
    world.quote(2_400_500)
    assert view(world.state).naked == 0
    assert len(world.announced("strategy_failed")) == 1
