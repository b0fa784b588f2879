"""What the official client sees of each fault."""

import asyncio
import json
from collections.abc import Callable

import aiohttp
import pytest
import requests
from kiteconnect import KiteConnect
from kiteconnect import exceptions as kite_errors

from .conftest import FUTURE, Exchange, eventually
from .seen import shows

pytestmark = pytest.mark.component
ORDERS = "/orders/regular"


def buy(kite: KiteConnect, tag: str) -> str:
    order_id = kite.place_order("regular", "NFO", FUTURE, "BUY", 65, "NRML", "MARKET", market_protection=-1, tag=tag)
    return str(order_id)


def tags(kite: KiteConnect) -> list[str]:
    return [order["tag"] for order in kite.orders()]


@pytest.fixture
def trader(exchange: Exchange) -> KiteConnect:
    """Return a client of a user of its own."""
    return exchange.client()


def fault(exchange: Exchange, kite: KiteConnect, kind: str, **fields: object) -> None:
    """Put a fault to work once, for this user's next order."""
    user_id = kite.profile()["user_id"]
    exchange.control("POST", "faults", kind=kind, user_id=user_id, **{"path": ORDERS, "count": 1, **fields})


@shows("drop-after")
def test_a_reply_lost_after_acceptance_leaves_an_order(exchange: Exchange, trader: KiteConnect) -> None:
    """The client sees a broken connection; the order is in the book, once."""
    fault(exchange, trader, "drop-after", tag="LOST0001")
    with pytest.raises(requests.exceptions.ConnectionError):
        buy(trader, "LOST0001")
    assert tags(trader) == ["LOST0001"]
    assert [entry["fault"] for entry in exchange.log("fault") if entry["tag"] == "LOST0001"] == ["drop-after"]


@shows("drop-before")
def test_a_request_lost_before_acceptance_leaves_none(exchange: Exchange, trader: KiteConnect) -> None:
    """The client sees the same broken connection; there is no order."""
    fault(exchange, trader, "drop-before")
    with pytest.raises(requests.exceptions.ConnectionError):
        buy(trader, "LOST0002")
    assert tags(trader) == []
    buy(trader, "LOST0003")
    assert tags(trader) == ["LOST0003"]


@shows("timed-out")
def test_timed_out_is_not_refused(exchange: Exchange, trader: KiteConnect) -> None:
    """Code 400 "timed out" on an order that was accepted."""
    fault(exchange, trader, "timed-out")
    with pytest.raises(kite_errors.GeneralException, match="Order request timed out") as seen:
        buy(trader, "TIMED001")
    assert seen.value.code == 400
    assert tags(trader) == ["TIMED001"]


@shows("rate-limit")
def test_a_rate_limit_out_of_the_blue(exchange: Exchange, trader: KiteConnect) -> None:
    """A 429 that is definite: nothing was accepted."""
    fault(exchange, trader, "rate-limit")
    with pytest.raises(kite_errors.NetworkException, match="Too many requests"):
        buy(trader, "RATE0001")
    assert tags(trader) == []


@shows("bad-gateway")
def test_a_gateway_answers_in_html(exchange: Exchange, trader: KiteConnect) -> None:
    """502 with HTML becomes the client's DataException."""
    fault(exchange, trader, "bad-gateway")
    with pytest.raises(kite_errors.DataException, match="Unknown Content-Type"):
        buy(trader, "GATE0001")


@shows("delay")
def test_a_delay_outlives_the_clients_patience(exchange: Exchange, trader: KiteConnect) -> None:
    """The client gives up reading; the order is accepted later all the same."""
    trader.timeout = 0.3
    fault(exchange, trader, "delay", delay_ms=800)
    with pytest.raises(requests.exceptions.ReadTimeout):
        buy(trader, "LATE0001")
    eventually(lambda: tags(trader) == ["LATE0001"])


@pytest.mark.parametrize(("kind", "copies"), [("updates-lost", 0), ("updates-doubled", 2)])
async def test_order_updates_get_lost_or_doubled(
    make_exchange: Callable[..., Exchange], kind: str, copies: int
) -> None:
    """The frame is sent not at all, or twice; the book is right either way."""
    exchange = await asyncio.to_thread(make_exchange)
    trader = await asyncio.to_thread(exchange.client, "AB1234")
    await asyncio.to_thread(exchange.control, "POST", "faults", kind=kind, tag="COPY0001")
    url = f"{exchange.stream_url}/?api_key={trader.api_key}&access_token={trader.access_token}"
    async with aiohttp.ClientSession() as client, client.ws_connect(url) as socket:
        await asyncio.to_thread(buy, trader, "COPY0001")
        last = await asyncio.to_thread(buy, trader, "LAST0001")
        seen: list[str] = []
        async with asyncio.timeout(10):
            async for message in socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    seen.append(json.loads(message.data)["data"]["order_id"])
                    if seen[-1] == last:
                        break
    assert len(seen) == copies + 1
