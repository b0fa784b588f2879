"""The reference price around which the exchange protects limit prices, computed by ourselves.

NSE checks F&O limits against a reference that follows the trades of about the last half minute, when an order comes in and again
when a stop triggers (support.zerodha.com, "price out of LPP range"; that it is a 30 s average is a user's quotation of a circular,
unverified). We take the average of one last price a second over 30 s of market time.
"""

from bisect import bisect_right
from operator import itemgetter

from trader.domain.evolving import evolve
from trader.domain.samples import Reference
from trader.domain.turn import Turn
from trader.domain.values import SECOND, InstrumentKey, MarketTime

_EVERY = SECOND
_WINDOW = 30 * SECOND
_time_of, _price_of = itemgetter(0), itemgetter(1)


def sample_references(turn: Turn) -> None:
    """Take the last prices that are due."""
    market = turn.market
    changed: dict[InstrumentKey, Reference] = {}
    for key, quote in market.quotes.items():
        known = market.references.get(key)
        if known is None or quote.market_time - known.samples[-1][0] >= _EVERY:
            changed[key] = _with(known, quote.market_time, quote.last_price)
    if changed:
        turn.market = evolve(market, references={**market.references, **changed})


def reference_price(turn: Turn, key: InstrumentKey) -> int:
    """The average of the last half minute; the last price before that is known, 0 without any quote."""
    quote, known = turn.market.quotes.get(key), turn.market.references.get(key)
    if quote is None:
        return 0
    is_recent = known is not None and quote.market_time - known.samples[-1][0] < _WINDOW
    return known.average if known is not None and is_recent else quote.last_price


def _with(known: Reference | None, at: MarketTime, price: int) -> Reference:
    """Samples are a second apart at least, so that they stand in the order of their times."""
    before = known.samples if known else ()
    samples = (*before[bisect_right(before, at - _WINDOW, key=_time_of) :], (at, price))
    return Reference(samples, sum(map(_price_of, samples)) // len(samples))
