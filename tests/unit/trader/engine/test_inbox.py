"""What waits for the loop, and in which order it is taken."""

import pytest

from tests.unit.trader.engine.virtual_time import VirtualClock, run_virtually
from trader.domain.events import ClockTick, Event, FeedChanged, Quote
from trader.domain.values import InstrumentKey, MachineTime, MarketTime, Paise
from trader.engine.inbox import Inbox, InboxOverflow


def quote(instrument: str, price: int) -> Quote:
    return Quote(MachineTime(1), MarketTime(1), InstrumentKey(instrument), Paise(price), Paise(0), Paise(0))


def tick(at: int) -> ClockTick:
    return ClockTick(MachineTime(at), MarketTime(1))


def feed(at: int) -> FeedChanged:
    return FeedChanged(MachineTime(at), MarketTime(1), up=True)


async def drained(inbox: Inbox) -> list[Event]:
    return [await inbox.get() for _ in range(len(inbox))]


def test_a_lagging_loop_sees_the_newest_quote_of_each_and_every_event() -> None:
    """Events in order and first, then time, then quotes by how long their instrument waits."""

    async def main(clock: VirtualClock) -> None:
        inbox = Inbox()
        for event in (quote("A", 1), tick(1), quote("B", 2), feed(1), quote("A", 3), feed(2), tick(2)):
            inbox.put(event)
        assert inbox.conflated == 1
        assert await drained(inbox) == [feed(1), feed(2), tick(2), quote("A", 3), quote("B", 2)]

    run_virtually(main)


def test_a_draining_inbox_takes_answers_only() -> None:
    """Quotes and ticks begin things; what was there before is still worked off."""

    async def main(clock: VirtualClock) -> None:
        inbox = Inbox()
        inbox.put(quote("A", 1))
        inbox.is_draining = True
        for event in (quote("B", 2), tick(1), feed(1)):
            inbox.put(event)
        assert await drained(inbox) == [feed(1), quote("A", 1)]

    run_virtually(main)


def test_a_hopeless_backlog_is_an_error_and_quotes_never_make_one() -> None:
    """The fuse is for events, which may not be dropped; quotes are bounded by their instruments."""

    async def main(clock: VirtualClock) -> None:
        inbox = Inbox(limit=2)
        for price in range(100):
            inbox.put(quote("A", price))
        inbox.put(feed(1))
        inbox.put(feed(2))
        with pytest.raises(InboxOverflow):
            inbox.put(feed(3))

    run_virtually(main)
