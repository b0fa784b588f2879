"""Trader and simulator read charges from tables of their own; for the same trade both must come to the same cost."""

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from kitesim.exchange.charges import load_charges
from kitesim.market.instruments import Instrument
from trader.app.tables import charge_table
from trader.domain.values import InstrumentKey, Product, Side

OURS, THEIRS = charge_table(), load_charges()
SYMBOLS = {
    "NFO:NIFTY26DECFUT": "FUT",
    "BFO:SENSEX26DECFUT": "FUT",
    "NFO:NIFTY26DEC24000CE": "CE",
    "BFO:SENSEX26DEC80000PE": "PE",
    "NSE:INFY": "EQ",
    "BSE:INFY": "EQ",
}
DAYS = st.dates(dt.date(2024, 10, 1), dt.date(2026, 12, 31))


@given(
    key=st.sampled_from(sorted(SYMBOLS)),
    product=st.sampled_from(["MIS", "CNC"]),
    side=st.sampled_from(["BUY", "SELL"]),
    paise=st.integers(1, 10_000_000_00),
    day=DAYS,
)
def test_both_tables_come_to_the_same_cost(key: str, product: str, side: str, paise: int, day: dt.date) -> None:
    """Within two rupees, for a contract note rounds tax and stamp duty to the rupee; and ours is never the lower otherwise."""
    exchange, _, symbol = key.partition(":")
    expiry = None if SYMBOLS[key] == "EQ" else dt.date(2026, 12, 31)
    instrument = Instrument(1, symbol, symbol, exchange, exchange, SYMBOLS[key], 5, 1, 0, 100, "path", exchange, expiry)

    ours = OURS.of_order(day.isoformat(), InstrumentKey(key), Product(product), Side(side), paise)
    theirs = THEIRS.of(instrument, product, side, paise, day)
    exact = sum(getattr(theirs, name) for name in theirs.__slots__) * 100

    assert 0 <= ours - exact < 6
    assert abs(ours - theirs.taken()) <= 110
