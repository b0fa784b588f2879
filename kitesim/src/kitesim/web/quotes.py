"""Market data routes: https://kite.trade/docs/connect/v3/market-quotes/ and /historical/"""

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime
from itertools import groupby

from aiohttp import web

from kitesim.clocks import DAY, IST, MINUTE, SECOND, iso
from kitesim.errors import InputRefused
from kitesim.limits import RequestClass
from kitesim.market.candles import Candle, minutes
from kitesim.market.quotes import Quote
from kitesim.web.replies import Call, KiteHandler, route, success

# Minutes of a candle and days that one request may ask for: https://kite.trade/forum/discussion/14149
INTERVALS = {
    "minute": (1, 60),
    "3minute": (3, 100),
    "5minute": (5, 100),
    "10minute": (10, 100),
    "15minute": (15, 200),
    "30minute": (30, 200),
    "60minute": (60, 400),
    "day": (1440, 2000),
}
_OPEN_OFFSET = (9 * 60 + 15) * MINUTE - (5 * 60 + 30) * MINUTE


async def instruments(call: Call) -> web.Response:
    """Serve `GET /instruments` and `GET /instruments/{exchange}` as CSV."""
    exchange = call.request.match_info.get("exchange")
    # Without a charset: the official JavaScript client compares the whole header.
    return web.Response(body=call.simulator.master.dump(exchange).encode(), content_type="text/csv")


def _quotes(most: int, row: Callable[[Quote], dict[str, object]]) -> KiteHandler:
    async def handler(call: Call) -> web.Response:
        keys = call.request.query.getall("i", [])
        if not keys:
            raise InputRefused("Missing or empty field `i`")
        if len(keys) > most:
            # Text: https://kite.trade/forum/discussion/comment/14024
            raise InputRefused(f"Too many tokens requested. Max permitted is {most}.")
        # An unknown instrument is absent from the answer: https://kite.trade/docs/connect/v3/market-quotes/
        found = ((key, _find(call, key)) for key in keys)
        return success({key: row(quote) for key, quote in found if quote is not None})

    return handler


def _find(call: Call, key: str) -> Quote | None:
    """Return the quote of a name, or of an instrument token, which the Java and .NET clients document too."""
    market = call.simulator.market
    if key.isascii() and key.isdigit():
        market.wake((int(key),))
        instrument = market.master.by_token.get(int(key))
        return market.quotes[instrument.token] if instrument is not None else None
    return market.find(key)


async def historical(call: Call) -> web.Response:
    """Serve `GET /instruments/historical/{token}/{interval}`."""
    interval = call.segment("interval")
    if interval not in INTERVALS:
        raise InputRefused(f"Invalid `interval`. Expected one of {', '.join(INTERVALS)}, was {interval[:40]!r}.")
    token = call.segment("token")
    quote = call.simulator.market.quotes.get(int(token)) if token.isascii() and token.isdigit() else None
    if quote is None:
        raise InputRefused("Invalid `instrument_token`.")
    start, end = (_moment(call.request.query.get(field, ""), field) for field in ("from", "to"))
    length, most_days = INTERVALS[interval]
    if end - start > most_days * DAY:
        raise InputRefused(f"interval exceeds max limit: {most_days} days")
    simulator = call.simulator
    now = simulator.clock.now_ns()
    with_interest = [quote.oi] if call.request.query.get("oi") == "1" else []

    def rows() -> list[list[object]]:
        source = minutes(
            quote.instrument,
            simulator.market.paths,
            simulator.market.candles,
            simulator.calendar,
            (start, min(end, now)),
        )
        return [
            [_stamp(first), opened / 100, high / 100, low / 100, closed / 100, volume, *with_interest]
            for first, opened, high, low, closed, volume in _merged(source, length)
        ]

    # Years of minutes take seconds to walk; the market must not wait for them.
    return success({"candles": await asyncio.to_thread(rows)})


def _merged(source: Iterable[Candle], length: int) -> Iterable[Candle]:
    """Join minutes into candles of a length in minutes; candles of a day start at the day's first minute."""
    if length == 1:
        yield from source
        return
    # Counted from 09:15 IST, so that a 30-minute candle starts at 09:15 and not at 09:00.
    offset = _OPEN_OFFSET if length < DAY // MINUTE else -(5 * 60 + 30) * MINUTE
    for _, group in groupby(source, key=lambda candle: (candle[0] - offset) // (length * MINUTE)):
        parts = list(group)
        yield (
            parts[0][0],
            parts[0][1],
            max(part[2] for part in parts),
            min(part[3] for part in parts),
            parts[-1][4],
            sum(part[5] for part in parts),
        )


def _moment(text: str, field: str) -> int:
    for pattern in ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d"):
        try:
            moment = datetime.strptime(text, pattern).replace(tzinfo=IST)
        except ValueError:
            continue
        return int(moment.timestamp()) * SECOND
    raise InputRefused(f"Invalid `{field}`. Expected yyyy-mm-dd hh:mm:ss, was {text[:40]!r}.")


def _stamp(now_ns: int) -> str:
    return iso(now_ns)[:19] + "+0530"


def add_routes(router: web.UrlDispatcher) -> None:
    """Add the routes of this module."""
    router.add_get("/instruments", route(instruments, RequestClass.OTHER))
    router.add_get("/instruments/{exchange}", route(instruments, RequestClass.OTHER))
    router.add_get("/instruments/historical/{token}/{interval}", route(historical, RequestClass.HISTORICAL))
    for path, most, row in (
        ("/quote", 500, Quote.full_row),
        ("/quote/ohlc", 1000, Quote.ohlc_row),
        ("/quote/ltp", 1000, Quote.ltp_row),
    ):
        router.add_get(path, route(_quotes(most, row), RequestClass.QUOTE))
