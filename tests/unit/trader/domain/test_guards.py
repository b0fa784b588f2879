"""Every denied intent has exactly one code."""

import datetime as dt

import pytest

from tests.unit.trader.domain.test_protection import protected
from tests.unit.trader.domain.world import BANK, NIFTY, World, bank, nifty, profile, settings
from trader.domain.calendars import AlwaysOpen, ExchangeCalendar, midnight_of
from trader.domain.effects import EngageKill, GuardTripped
from trader.domain.events import InstrumentsLoaded, PreflightJudged, ProfileApplied, StandingChanged
from trader.domain.guards import GUARDS
from trader.domain.positions import portfolio_heat
from trader.domain.signals import take_up
from trader.domain.sizing import size_entry
from trader.domain.strategies import Intent
from trader.domain.turn import Turn
from trader.domain.values import (
    SECOND,
    Epoch,
    GuardCode,
    KillReason,
    Leg,
    MarketTime,
    Paise,
    Quantity,
    Side,
    SignalKey,
    Standing,
)
from trader.domain.views import view


def live() -> World:
    """LIVE, with a quote."""
    world = World(instruments=(nifty(), bank())).start()
    world.quote(2_400_000)
    world.quote(5_200_000, BANK)
    return world


def intent(**changes: object) -> Intent:
    fields: dict[str, object] = {
        "strategy": "test",
        "signal_key": SignalKey("key"),
        "instrument": NIFTY,
        "side": Side.BUY,
        "entry_price": Paise(2_400_100),
        "stop_price": Paise(2_395_100),
        "target_price": Paise(2_407_600),
    }
    return Intent(**{**fields, **changes})  # type: ignore[arg-type]


def verdict(world: World, proposal: Intent) -> GuardCode | None:
    """The one code that denied it; None when its entry was planned."""
    turn = Turn(world.state, world.now, world.market_time)
    denial = take_up(turn, proposal)
    trips = [effect for effect in turn.others if isinstance(effect, GuardTripped)]
    assert [trip.code for trip in trips] == ([] if denial is None else [denial.code])
    assert bool(turn.orders) is (denial is None)
    return None if denial is None else denial.code


def test_a_sound_intent_passes() -> None:
    """Nothing objects to what the profile allows."""
    assert verdict(live(), intent()) is None


def test_not_leader() -> None:
    """Only lease and epoch together add risk."""
    world = live()
    world.feed(StandingChanged(world.now, world.market_time, Standing.EPOCH_ONLY, Epoch(1)))
    assert verdict(world, intent()) is GuardCode.NOT_LEADER


def test_killed() -> None:
    """A kill denies everything."""
    world = live()
    world.kill()
    assert verdict(world, intent()) is GuardCode.KILLED


def test_not_live() -> None:
    """Preflight gates new risk."""
    world = live()
    world.feed(PreflightJudged(world.now, world.market_time, passed=False, message="no token"))
    assert verdict(world, intent()) is GuardCode.NOT_LIVE


def test_session_closed() -> None:
    """No entries once square-off has begun."""
    world = live()
    session = world.state.market.session
    assert session is not None
    world.pass_time(session.square_off - world.market_time)
    world.run(1)
    world.quote(2_400_000)
    assert verdict(world, intent()) is GuardCode.SESSION_CLOSED


@pytest.mark.parametrize("changes", [{"underlyings": ("BANKNIFTY",)}, {"kinds": ("CE",)}])
def test_instrument_not_allowed(changes: dict[str, object]) -> None:
    """The profile's lists bind; so does the day's master."""
    world = live()
    world.feed(ProfileApplied(world.now, world.market_time, profile(**changes), "h"))
    assert verdict(world, intent()) is GuardCode.INSTRUMENT_NOT_ALLOWED
    assert verdict(world, intent(instrument="NFO:OTHER")) is GuardCode.INSTRUMENT_NOT_ALLOWED


def test_stale_data() -> None:
    """A quote older than the profile allows is no ground for an entry."""
    world = live()
    world.run(6, step_ms=1000)
    assert verdict(world, intent()) is GuardCode.STALE_DATA


@pytest.mark.parametrize(
    "changes", [{"entry_price": 2_400_105}, {"stop_price": 2_395_101}, {"target_price": 2_407_603}]
)
def test_tick_size(changes: dict[str, object]) -> None:
    """Every price of the bracket lies on the tick."""
    assert verdict(live(), intent(**changes)) is GuardCode.TICK_SIZE


@pytest.mark.parametrize(
    ("proposal", "master"),
    [
        ({"entry_price": 2_640_100, "stop_price": 2_639_000, "target_price": 2_640_000}, {}),
        ({"target_price": 2_650_000}, {}),
        ({}, {"lower_circuit": Paise(0)}),
        ({}, {"freeze_quantity": Quantity(50)}),
    ],
)
def test_freeze_band(proposal: dict[str, object], master: dict[str, object]) -> None:
    """Outside the circuit, with a circuit unknown, or below one lot of freeze quantity nothing is entered."""
    world = live()
    world.feed(InstrumentsLoaded(world.now, world.market_time, (nifty(**master),)))
    assert verdict(world, intent(**proposal)) is GuardCode.FREEZE_BAND


def test_spread_blowout() -> None:
    """Bid and ask too far apart: whoever enters pays it twice."""
    world = live()
    world.quote(2_400_000, spread=6_000)
    assert verdict(world, intent()) is GuardCode.SPREAD_BLOWOUT


@pytest.mark.parametrize(
    ("expiry", "hour", "denied"),
    [
        ("2026-11-23", 14, False),
        ("2026-11-23", 15, True),
        ("2026-11-24", 15, False),
        ("2026-11-20", 11, True),
        ("", 15, False),
    ],
)
def test_expiring(expiry: str, hour: int, denied: bool) -> None:
    """No new risk in a contract's last hour, nor in one that has expired; the instrument master says when that is."""
    world = World(
        settings=settings(ExchangeCalendar(frozenset())),
        instruments=(nifty(expiry=expiry),),
        market_time=MarketTime(midnight_of(dt.date(2026, 11, 23)) + hour * 3600 * SECOND),
    ).start()
    world.run(1)
    world.quote(2_400_000)
    assert (verdict(world, intent()) is GuardCode.EXPIRING) is denied


def test_the_cut_off_of_an_expiring_contract_is_the_calendar_s() -> None:
    """Minutes before the end; 0 leaves the whole session; a market that never closes has none."""
    moment = MarketTime(midnight_of(dt.date(2026, 11, 23)) + (15 * 60 + 30) * 60 * SECOND)
    cutoffs = [ExchangeCalendar(frozenset(), expiry_cutoff_minutes=each).session_at(moment) for each in (60, 0)]
    assert [each.end - each.expiry_cutoff for each in cutoffs] == [3600 * SECOND, 0]
    assert AlwaysOpen().session_at(moment).expiry_cutoff > AlwaysOpen().session_at(moment).end
    with pytest.raises(ValueError, match="expiry_cutoff_minutes"):
        ExchangeCalendar(frozenset(), expiry_cutoff_minutes=-1)


def test_lot_size() -> None:
    """An instrument without a lot cannot be sized."""
    world = live()
    world.feed(InstrumentsLoaded(world.now, world.market_time, (nifty(lot_size=Quantity(0)),)))
    assert verdict(world, intent()) is GuardCode.LOT_SIZE


@pytest.mark.parametrize("changes", [{"stop_price": 2_300_000}, {"stop_price": 2_401_000}])
def test_per_trade_risk(changes: dict[str, object]) -> None:
    """A lot that risks more than its share, or a stop on the wrong side, is denied, never sized to 0."""
    world = live()
    world.funds = 10_000_000
    world.run(12, step_ms=1000)
    world.quote(2_400_000)
    assert verdict(world, intent(**changes)) is GuardCode.PER_TRADE_RISK


def test_heat_ignores_nothing() -> None:
    """Open risk, in doubt or not, leaves no room: HEAT."""
    world = live()
    world.fate = lambda _: "lost"
    tight = profile(max_heat_ppm=1_000)
    world.feed(ProfileApplied(world.now, world.market_time, tight, "h"))
    turn = Turn(world.state, world.now, world.market_time)
    assert take_up(turn, intent()) is None
    world.state, _ = turn.finish()

    other = intent(
        instrument=BANK,
        signal_key=SignalKey("k2"),
        entry_price=Paise(5_200_000),
        stop_price=Paise(5_150_000),
        target_price=Paise(5_240_000),
    )

    assert verdict(world, other) is GuardCode.HEAT


def test_duplicate() -> None:
    """The same signal is the same intent, for the whole day; and one bracket at a time per instrument."""
    world = protected()
    known = world.bracket.plan
    same = intent(strategy=known.strategy, signal_key=known.signal_key)
    assert verdict(world, same) is GuardCode.DUPLICATE
    assert verdict(world, intent(signal_key=SignalKey("new"))) is GuardCode.DUPLICATE
    world.quote(2_410_000)
    world.run(1)
    assert not world.state.durable.open
    assert verdict(world, same) is GuardCode.DUPLICATE


def test_daily_loss() -> None:
    """What the entry risks may not take the day beyond its limit."""
    world = live()
    world.feed(ProfileApplied(world.now, world.market_time, profile(max_daily_loss_ppm=100), "h"))
    assert verdict(world, intent()) is GuardCode.DAILY_LOSS


def test_flatten_budget() -> None:
    """An entry after which the flatten plan would not fit is denied."""
    world = live()
    world.feed(ProfileApplied(world.now, world.market_time, profile(orders_per_second=1), "h"))
    assert verdict(world, intent()) is GuardCode.FLATTEN_BUDGET
    world.feed(ProfileApplied(world.now, world.market_time, profile(orders_per_day=3), "h"))
    assert verdict(world, intent()) is GuardCode.FLATTEN_BUDGET


def test_rate_limit_counts_attempts() -> None:
    """Refused calls count: with the reserve of the second reached, entries wait, exits do not."""
    world = live()
    turn = Turn(world.state, world.now, world.market_time)
    turn.change_control(sends=turn.control.sends.noted(world.now, 6))
    world.state, _ = turn.finish()
    assert verdict(world, intent()) is GuardCode.RATE_LIMIT


def test_the_registry_is_total() -> None:
    """Each code of the closed enumeration has its guard, and each guard its own code."""
    assert sorted(code.value for code, _ in GUARDS) == sorted(code.value for code in GuardCode)


def test_the_size_is_the_smallest_bound_in_whole_lots() -> None:
    """floor(NL x ppm / distance / lot) x lot, at most the freeze quantity, within the heat that is left."""
    by_risk = size_entry(profile(), Paise(10_000_000_00), Paise(0), 5_000, nifty())
    assert by_risk.quantity == 10_000_000_00 * 5_000 // 1_000_000 // 5_000 // 65 * 65 == 975
    by_freeze = size_entry(profile(), Paise(100_000_000_00), Paise(0), 5_000, nifty())
    assert by_freeze.quantity == 1755
    by_heat = size_entry(profile(), Paise(10_000_000_00), Paise(19_000_000), 5_000, nifty())
    assert by_heat.quantity == 195


def test_the_size_needs_a_distance() -> None:
    """A stop at the entry, or on its other side, sizes nothing."""
    with pytest.raises(ValueError, match="positive"):
        size_entry(profile(), Paise(1), Paise(0), 0, nifty())


def test_the_daily_loss_pulls_the_switch_once() -> None:
    """At the limit the engine kills itself with reason `risk`, and is flat."""
    world = protected()
    world.feed(ProfileApplied(world.now, world.market_time, profile(max_daily_loss_ppm=300), "h"))

    world.quote(2_402_500 - 2_000)
    world.pump()
    world.run(2)

    kills = [effect for effect in world.effects if isinstance(effect, EngageKill)]
    assert [kill.reason for kill in kills] == [KillReason.RISK]
    assert world.exchange.quantity(NIFTY) == 0


def test_heat_falls_to_what_is_left() -> None:
    """Heat is what the open brackets lose at their stops: held from the entry price, the rest of the entry from its limit."""
    world = protected()
    plan = world.bracket.plan
    held = world.order(Leg.ENTRY)

    heat = portfolio_heat(world.state.durable.open.values())

    assert heat == 1755 * (held.average_price - plan.stop_price)
    assert view(world.state).heat == heat
    world.kill()
    world.run(1)
    assert view(world.state).heat == 0


def test_no_float_ever_meets_money() -> None:
    """Prices, money and quantities of every record are integers."""
    world = protected()
    world.kill()
    world.run(2)

    for record in world.journal:
        for name in record.__slots__:
            assert not isinstance(getattr(record, name), float), (record, name)
