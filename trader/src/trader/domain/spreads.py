"""What spread is normal for an instrument, learned from the instrument itself.

Every few seconds of market time the last quote's spread is sampled; the median of the window is the normal. A quote some times
wider trips the guard at once and latches it: it opens again only after several samples in a row near the normal, so that a book
that flickers lets nothing through. Until enough samples are known, half of the outer limit holds. Samples are taken by the clock,
not by quotes: the hot path compares two integers.
"""

from dataclasses import dataclass

from trader.domain.events import Quote
from trader.domain.evolving import evolve, quick
from trader.domain.instruments import Instrument
from trader.domain.profiles import PARTS_PER_UNIT
from trader.domain.samples import SpreadNormal
from trader.domain.tactics import Tactics
from trader.domain.turn import Turn
from trader.domain.values import InstrumentKey

_PERMILLE = 1_000
_OPTIONS = ("CE", "PE")


@quick
@dataclass(frozen=True, slots=True)
class SpreadLimits:
    """Bounds of one instrument's spread at one price, in paise."""

    outermost: int
    floor: int
    """Below so much nothing counts as wide."""


def limits_at(quote: Quote, instrument: Instrument, tactics: Tactics) -> SpreadLimits:
    """The outer limit as a part of the price, and the floor in ticks."""
    ppm = tactics.max_option_spread_ppm if instrument.kind in _OPTIONS else tactics.max_spread_ppm
    floor = tactics.spread_floor_ticks * instrument.tick_size
    return SpreadLimits(max(quote.last_price * ppm // PARTS_PER_UNIT, floor), floor)


def widest(limits: SpreadLimits, normal: SpreadNormal | None, tactics: Tactics) -> int:
    """The widest spread that an entry may meet."""
    if normal is None or len(normal.samples) < tactics.spread_warm_up:
        return max(limits.outermost // 2, limits.floor)
    return min(limits.outermost, max(normal.median * tactics.spread_blowout_permille // _PERMILLE, limits.floor))


def is_blown(normal: SpreadNormal, quote: Quote) -> bool:
    """Whether this quote trips the latch: wider than the last sample allows, or without one of its sides."""
    return quote.ask - quote.bid > normal.widest or not quote.bid


def sample_spreads(turn: Turn) -> None:
    """Take the samples that are due while the market is open; a quote is sampled once."""
    session, market, tactics = turn.market.session, turn.market, turn.settings.tactics
    if session is None or not turn.is_market_open:
        return
    changed: dict[InstrumentKey, SpreadNormal] = {}
    for key, quote in market.quotes.items():
        normal = market.spreads.get(key)
        if normal is not None and normal.trading_date != session.trading_date:
            normal = None
        if normal is not None and quote.market_time - normal.sampled_at < tactics.spread_sample_interval:
            continue
        instrument = turn.instrument(key)
        if instrument is None or quote.bid <= 0 or quote.ask < quote.bid or quote.market_time < session.start:
            continue
        changed[key] = _sampled(normal, quote, limits_at(quote, instrument, tactics), tactics, session.trading_date)
    if changed:
        turn.market = evolve(market, spreads={**market.spreads, **changed})


def _sampled(
    normal: SpreadNormal | None, quote: Quote, limits: SpreadLimits, tactics: Tactics, trading_date: str
) -> SpreadNormal:
    spread = quote.ask - quote.bid
    samples = (*(normal.samples[1 - tactics.spread_window :] if normal else ()), spread)
    median = sorted(samples)[len(samples) // 2]
    calm = 0
    if normal is not None and normal.is_latched:
        is_calm = spread <= max(median * tactics.spread_calm_permille // _PERMILLE, limits.floor)
        calm = normal.calm_samples + 1 if is_calm and spread <= limits.outermost else 0
    fresh = SpreadNormal(
        trading_date=trading_date,
        sampled_at=quote.market_time,
        samples=samples,
        median=median,
        widest=0,
        is_latched=normal is not None and normal.is_latched and calm < tactics.spread_calm_samples,
        calm_samples=calm,
    )
    return evolve(fresh, widest=widest(limits, fresh, tactics))
