"""What an exit is priced at: beyond the touch, twice as far with each try, as near as protection wants it."""

import pytest

from tests.unit.trader.domain.building import bracket, filled, order, over, track, turn_of
from tests.unit.trader.domain.test_guards import live
from tests.unit.trader.domain.world import NIFTY, World, nifty
from trader.domain.evolving import evolve
from trader.domain.exiting import exit_price, exit_tries
from trader.domain.samples import Reference
from trader.domain.state import Bracket, Order
from trader.domain.turn import Turn
from trader.domain.values import Leg, OrderStatus, Paise, Side

ENTRY = filled(Leg.ENTRY)
STOP, TARGET, EXIT = order(Leg.STOP), order(Leg.TARGET), order(Leg.EXIT)
BID, ASK, LAST = 2_399_990, 2_400_010, 2_400_000
STEP = 100
"""Ten ticks of ten paise."""


@pytest.fixture(scope="module")
def ready() -> World:
    """LIVE, with a quote; nobody steps it further."""
    return live()


@pytest.mark.parametrize(("side", "touch", "sign"), [(Side.SELL, BID, -1), (Side.BUY, ASK, 1)])
@pytest.mark.parametrize("tries", [0, 1, 2, 3])
def test_twice_as_far_with_each_try(ready: World, side: Side, touch: int, sign: int, tries: int) -> None:
    """Ten ticks beyond the touch of the own side, then twenty, forty, eighty."""
    exits = [over(Leg.EXIT, OrderStatus.CANCELLED, number) for number in range(tries)]
    which = bracket(ENTRY, STOP, *exits)
    assert exit_price(turn_of(ready, which), which, side) == touch + sign * (STEP << tries)


def test_tries_are_placements_and_reprices() -> None:
    """Each exit is one, each reprice of whatever order one more; stops and targets by themselves are none."""
    assert exit_tries(bracket(ENTRY, STOP, TARGET)) == 0
    assert exit_tries(bracket(ENTRY, evolve(STOP, reprices=2, modifications=9), EXIT, order(Leg.EXIT, attempt=1))) == 4


def quoted(turn: Turn, **changes: object) -> Turn:
    quotes = {**turn.market.quotes, NIFTY: evolve(turn.market.quotes[NIFTY], **changes)}
    turn.market = evolve(turn.market, quotes=quotes)
    return turn


@pytest.mark.parametrize("missing", ["bid", "ask"])
def test_half_a_book_is_no_touch(ready: World, missing: str) -> None:
    """With a side of the quote missing the last price is the touch."""
    which = bracket(ENTRY)
    turn = quoted(turn_of(ready, which), **{missing: Paise(0)})
    assert exit_price(turn, which, Side.SELL) == LAST - STEP


def test_without_a_quote_the_plan_is_the_price(ready: World) -> None:
    """The stop, or what an adopted position was entered at; without its instrument nothing can be rounded."""
    planned, adopted = bracket(ENTRY), bracket(filled(Leg.ENTRY, price=2_401_000), stop_price=Paise(0))

    def unquoted(which: Bracket) -> Turn:
        turn = turn_of(ready, which)
        turn.market = evolve(turn.market, quotes={})
        return turn

    assert exit_price(unquoted(planned), planned, Side.SELL) == 2_395_000 - STEP
    assert exit_price(unquoted(adopted), adopted, Side.SELL) == 2_401_000 - STEP
    unlisted = turn_of(ready, planned, instruments={})
    assert exit_price(unlisted, planned, Side.SELL) == LAST


def test_doubling_ends(ready: World) -> None:
    """After twelve doublings the step stays: beyond that only the band would answer."""
    exits = [over(Leg.EXIT, OrderStatus.CANCELLED, number) for number in range(13)]
    which = bracket(ENTRY, *exits)
    turn = turn_of(ready, which, instruments={NIFTY: nifty(tick_size=Paise(1), upper_circuit=Paise(0))})
    turn.market = evolve(turn.market, quotes={})
    assert exit_price(turn, which, Side.SELL) == 2_395_000 - (10 << 12)


def test_protection_follows_the_last_price_until_it_is_refused(ready: World) -> None:
    """In a jump the reference lags: what trades now counts, until the exchange says no; then its reference does."""
    late = {NIFTY: Reference(((ready.market_time, 2_500_000),), 2_500_000)}
    far = [over(Leg.EXIT, OrderStatus.CANCELLED, number) for number in range(10)]

    def price(*orders: Order, **road: object) -> int:
        which = bracket(ENTRY, STOP, *far, *orders)
        turn = turn_of(ready, which, {STOP: track(ready, **road)})
        turn.market = evolve(turn.market, references=late)
        return exit_price(turn, which, Side.SELL)

    assert price() == LAST - 48_000
    refused = over(Leg.EXIT, OrderStatus.REJECTED, 10)
    assert price(refused) == 2_500_000 - 50_000
    assert price(refused, over(Leg.EXIT, OrderStatus.CANCELLED, 11)) == LAST - 48_000
    assert price(mutation_refusals=1) == 2_500_000 - 50_000
    ended = evolve(STOP, status=OrderStatus.CANCELLED)
    which = bracket(ENTRY, ended, *far)
    turn = turn_of(ready, which, {ended: track(ready, mutation_refusals=1)})
    turn.market = evolve(turn.market, references=late)
    assert exit_price(turn, which, Side.SELL) == LAST - 48_000
