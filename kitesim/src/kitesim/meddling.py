"""What standing faults do to the market itself: frozen prices, a halt, tighter limits, other bands and quantities.

Everything here is undone when its fault ends, but for a jump of a band and a new freeze quantity, which are facts of
the day like at the exchange.
"""

import re
from dataclasses import replace

from kitesim.calendars import Calendar
from kitesim.config import Limits
from kitesim.faults import FaultKind, Faults, FaultSpec
from kitesim.limits import RateLimiter
from kitesim.market.instruments import Master
from kitesim.market.market import Market
from kitesim.stream.hub import Delivery
from kitesim.truth import TruthLog

DELIVERIES: dict[FaultKind, Delivery] = {
    "updates-lost": "lost",
    "updates-doubled": "doubled",
    "updates-reordered": "held",
    "updates-replayed": "replayed",
}
# https://support.zerodha.com, price-out-of-lpp-range.
OUTSIDE_PROTECTION = (
    "The order was cancelled by the exchange because the price is outside the current allowed limit price protection "
    "range"
)


class Meddling:
    """Applies the faults that concern the whole market."""

    def __init__(self, faults: Faults, market: Market, calendar: Calendar, limiter: RateLimiter, log: TruthLog) -> None:
        self._faults = faults
        self._market = market
        self._calendar = calendar
        self._limiter = limiter
        self._limits = limiter.limits
        self._log = log
        self._frozen_by: tuple[str, ...] = ()
        self._is_clean = True

    def apply(self, now_ns: int) -> None:
        """Bring the market to what the faults of this machine time say."""
        if not self._faults.any():
            if not self._is_clean:
                self._undo()
            return
        self._is_clean = False
        self._freeze(now_ns)
        self._halt(now_ns)
        tight = self._faults.standing("tight-limits", now_ns)
        self._limiter.limits = self._tightened(tight[0].spec) if tight else self._limits
        while (spec := self._faults.strike("market", now_ns)) is not None:
            self._change(spec)
            self._log.write("fault", fault=spec.kind, instrument=spec.instrument)

    def _undo(self) -> None:
        self._market.frozen.clear()
        self._calendar.halted.clear()
        self._limiter.limits = self._limits
        self._frozen_by, self._is_clean = (), True

    def _freeze(self, now_ns: int) -> None:
        standing = self._faults.standing("frozen-prices", now_ns)
        names = tuple(fault.fault_id for fault in standing)
        if names == self._frozen_by:
            return
        self._frozen_by = names
        self._market.frozen.clear()
        for instrument in self._market.master:
            if any(fault.instrument.fullmatch(instrument.key) for fault in standing):
                self._market.frozen.add(instrument.token)

    def _halt(self, now_ns: int) -> None:
        halted: set[str] = set()
        for fault in self._faults.standing("exchange-halt", now_ns):
            halted |= {fault.spec.exchange} if fault.spec.exchange else self._calendar.exchanges
        if halted == self._calendar.halted:
            return
        for exchange in halted ^ self._calendar.halted:
            self._log.write("exchange_halted" if exchange in halted else "exchange_resumed", exchange=exchange)
        self._calendar.halted.clear()
        self._calendar.halted.update(halted)

    def _tightened(self, spec: FaultSpec) -> Limits:
        fields = ("orders_per_second", "quotes_per_second", "historical_per_second", "others_per_second")
        return self._limits.model_copy(update=dict.fromkeys(fields, spec.per_second) | {"enabled": True})

    def _change(self, spec: FaultSpec) -> None:
        pattern = re.compile(spec.instrument)
        changed = []
        for instrument in self._market.master:
            quote = self._market.quotes[instrument.token]
            if pattern.fullmatch(instrument.key) is None:
                changed.append(instrument)
                continue
            if spec.kind == "band-jump":
                quote.set_band(spec.percent / 100)
            else:
                quote.instrument = replace(instrument, freeze=spec.quantity)
            changed.append(quote.instrument)
        self._market.master = Master(self._market.master.day, changed)
