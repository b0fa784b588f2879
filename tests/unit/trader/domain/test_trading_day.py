"""Days open and close by market time."""

import datetime as dt

from tests.unit.trader.domain.world import NIFTY, World, settings
from trader.domain.calendars import MINUTE, ExchangeCalendar, midnight_of
from trader.domain.events import ClockTick
from trader.domain.values import SECOND, Leg, MarketTime, TradingState
from trader.domain.views import view

MONDAY = midnight_of(dt.date(2026, 11, 23))


def nfo(hour: int, minute: int) -> World:
    world = World(settings=settings(ExchangeCalendar(frozenset({"2026-11-24"}))))
    world.market_time = MarketTime(MONDAY + (hour * 60 + minute) * MINUTE)
    return world.start()


def jump(world: World, hour: int, minute: int, days: int = 0) -> None:
    """Let market time stand somewhere else, as a simulator does."""
    world.market_time = MarketTime(MONDAY + ((days * 24 + hour) * 60 + minute) * MINUTE)
    world.pass_time()
    world.feed(ClockTick(world.now, world.market_time))
    world.pump()


def test_the_day_ends_flat_and_closed() -> None:
    """At square-off everything is closed, then the engine rests in CLOSED, without a latch."""
    world = nfo(9, 10)
    assert view(world.state).trading_state is TradingState.LIVE
    jump(world, 9, 15)
    world.quote(2_400_000)
    world.walk([2_402_000, 2_398_000, *[2_400_000] * 9])
    world.quote(2_402_500)
    world.pump()
    world.run(1)
    assert world.exchange.quantity(NIFTY) == 1755

    jump(world, 15, 25)
    world.run(2)

    assert world.exchange.quantity(NIFTY) == 0
    assert view(world.state).trading_state is TradingState.CLOSED
    assert world.state.durable.kill is None


def test_a_holiday_is_no_trading_day() -> None:
    """CLOSED all day, and no day is opened; Wednesday opens a new one."""
    world = nfo(15, 45)
    assert view(world.state).trading_state is TradingState.CLOSED
    jump(world, 11, 0, days=1)
    world.run(2)
    assert view(world.state).trading_state is TradingState.CLOSED
    assert world.state.durable.trading_date == ""

    jump(world, 9, 0, days=2)
    world.run(2)

    assert world.state.durable.trading_date == "2026-11-25"
    assert view(world.state).trading_state is TradingState.LIVE


def test_a_day_opens_with_its_net_liquidation() -> None:
    """The limits of the day are fractions of what the account was worth at its opening."""
    world = nfo(9, 10)
    assert world.state.durable.opening_net_liquidation == world.funds
    world.funds += 5_000
    world.run(30, step_ms=1000)
    assert world.state.durable.opening_net_liquidation == world.funds - 5_000
    assert view(world.state).net_liquidation == world.funds


def test_profit_of_the_day_adds_up() -> None:
    """Closed brackets as booked, open ones at the last price, all in paise."""
    world = World().start()
    world.enter()
    world.run(1)
    entry = world.order(Leg.ENTRY)
    world.quote(2_403_500)
    assert view(world.state).day_profit == 1755 * (2_403_500 - entry.average_price)
    (position,) = view(world.state).positions
    assert (position.quantity, position.profit) == (1755, 1755 * 1_000)

    world.kill()
    world.run(2)

    assert view(world.state).day_profit == sum(world.state.durable.profit_booked.values()) > 0
    assert world.exchange.quantity(NIFTY) == 0


def test_nothing_is_sent_while_the_exchange_is_closed() -> None:
    """An exit after hours would only be refused: it waits for the next opening, while HALTED stands."""
    world = nfo(9, 10)
    jump(world, 9, 15)
    world.quote(2_400_000)
    world.walk([2_402_000, 2_398_000, *[2_400_000] * 9])
    world.quote(2_402_500)
    world.pump()
    world.run(1)
    world.exchange.liquidity = False
    jump(world, 15, 39)
    world.run(5)
    jump(world, 15, 41)
    before = len(world.sent)
    world.run(30, step_ms=1000)
    assert len(world.sent) == before
    assert view(world.state).trading_state is TradingState.REDUCING
    world.pass_time(SECOND)
