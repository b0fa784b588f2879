"""What a mirror is shown: the newest quote of each instrument, in the words that kitesim takes; and that nothing waits for it."""

import asyncio
import struct
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest

from tests.component.trader_kite.conftest import PERMIT
from tests.unit.trader.engine.fakes import FUTURE
from trader.adapters.kite.mirror import QuoteMirror, contract, quote
from trader.adapters.kite.packets import packets
from trader.adapters.kite.paper import PaperFeed, ShutGate
from trader.domain.events import BrokerOrder, Quote
from trader.domain.instruments import Instrument
from trader.domain.values import InstrumentKey, MachineTime, MarketTime, Paise
from trader.engine.ports import FeedAlive, FeedDown, FeedItem, FeedUp, GateClosed

QUOTE = Quote(MachineTime(1), MarketTime(1), FUTURE.key, Paise(2400000), Paise(2399900), Paise(2400100))


def full(token: int, last: int) -> bytes:
    """A frame with one full packet."""
    body = struct.pack(
        ">16I", token, last, 65, last, 123_500, 1, 2, 2_390_000, 2_412_000, 2_388_000, 2_385_000, 7, 4_000, 1, 1, 8
    )
    levels = b"".join(
        struct.pack(">2IH2x", 130, last + step, 2) for step in (-100, -200, -300, -400, -500, 100, 200, 300, 400, 500)
    )
    return struct.pack(">2H", 1, 184) + body + levels


def test_a_packet_becomes_a_quote_in_rupees() -> None:
    """Day, volume, interest and depth; of an index its price alone."""
    (packet,) = packets(full(FUTURE.token, 2_400_000))
    row = quote(FUTURE.key, packet)
    assert (row["instrument"], row["last_price"], row["volume"], row["oi"]) == (FUTURE.key, 24_000, 123_500, 4_000)
    assert row["ohlc"] == {"open": 23_900, "high": 24_120, "low": 23_880, "close": 23_850}
    assert row["depth"]["buy"][0] == {"price": 23_999, "quantity": 130, "orders": 2}
    assert row["depth"]["sell"][4] == {"price": 24_005, "quantity": 130, "orders": 2}
    (index,) = packets(struct.pack(">2H8I", 1, 32, 256265, 2_400_000, 1, 1, 1, 1, 0, 0))
    assert quote("NSE:NIFTY 50", index) == {"instrument": "NSE:NIFTY 50", "last_price": 24_000}


@pytest.mark.parametrize(
    ("symbol", "kind", "strike"),
    [("NIFTY26DECFUT", "FUT", 0), ("NIFTY26DEC24150CE", "CE", 24_150), ("NIFTY26D0824150PE", "PE", 24_150)],
)
def test_a_contract_tells_its_strike(symbol: str, kind: str, strike: float) -> None:
    """A month and a week take five letters alike; kitesim asks for a strike of options, and for none of futures."""
    row = contract(replace(FUTURE, key=InstrumentKey(f"NFO:{symbol}"), kind=kind))
    assert row is not None
    assert (row["strike"], row["name"], row["lot_size"], row["tick_size"]) == (strike, "NIFTY", 75, 0.05)
    assert contract(replace(FUTURE, key=InstrumentKey("NSE:NIFTY 50"), kind="INDEX")) is None


async def test_a_mirror_that_does_not_answer_costs_older_quotes_and_no_memory() -> None:
    """Each instrument keeps its newest packet; what was overtaken is counted; who shows is never kept waiting."""
    problems: list[str] = []
    mirror = QuoteMirror("http://127.0.0.1:1", None, problems.append)
    running = asyncio.create_task(mirror.run([FUTURE]))
    try:
        async with asyncio.timeout(5):
            while not problems:  # noqa: ASYNC110 - told by a callback
                await asyncio.sleep(0.01)
        for step in range(1_000):
            mirror.hear(full(FUTURE.token, 2_400_000 + step))
        mirror.hear(b"\x00\x01\x00")
        mirror.hear(full(FUTURE.token + 256, 2_400_000))
        figures = mirror.figures()
        assert (figures.pushed, figures.overtaken) == (0, 999)
        assert figures.lag_seconds > 0
        assert "the mirror at http://127.0.0.1:1 does not answer" in problems[0]
    finally:
        running.cancel()


def test_the_gate_of_the_live_market_never_opens() -> None:
    """Whatever permit it is shown."""
    for permit in (PERMIT, replace(PERMIT, adds_risk=False)):
        with pytest.raises(GateClosed, match="nothing is ordered at the live broker"):
            ShutGate().check(permit)


class Script:
    """A stream that says these things and then nothing."""

    def __init__(self, *said: FeedItem) -> None:
        self.said: asyncio.Queue[FeedItem] = asyncio.Queue()
        for each in said:
            self.said.put_nowait(each)

    async def items(self, instruments: Sequence[Instrument]) -> AsyncIterator[FeedItem]:
        while True:
            yield await self.said.get()


class Following(QuoteMirror):
    """A mirror that follows until it is told otherwise."""

    async def run(self, instruments: Sequence[Instrument]) -> None:
        self.changed("")
        await asyncio.Event().wait()


async def test_the_feed_is_up_while_all_three_are_and_passes_each_what_is_its_own() -> None:
    """The account's own order updates and the mirror's quotes end there; losing any of the three is a loss of the feed."""
    order = BrokerOrder.__new__(BrokerOrder)
    market, exchange = Script(FeedUp(), order, QUOTE), Script(FeedUp(), QUOTE, order, FeedAlive())
    mirror = Following("http://127.0.0.1:1", None)
    items = PaperFeed(market, exchange, mirror).items([FUTURE])  # type: ignore[arg-type]
    seen: list[FeedItem] = []
    async with asyncio.timeout(5):
        while len(seen) < 4:
            seen.append(await anext(items))
        assert [type(each).__name__ for each in seen].count("FeedUp") == 1
        assert sorted(type(each).__name__ for each in seen) == ["BrokerOrder", "FeedAlive", "FeedUp", "Quote"]
        mirror.changed("it is away")
        assert await anext(items) == FeedDown("the mirror: it is away")
        mirror.changed("")
        assert await anext(items) == FeedUp()
        exchange.said.put_nowait(FeedDown("closed"))
        assert await anext(items) == FeedDown("the paper exchange: closed")
        exchange.said.put_nowait(FeedUp())
        assert await anext(items) == FeedUp()
    await items.aclose()  # type: ignore[attr-defined]
