"""The rows of holdings: what was delivered, what of it was sold today, what the client has authorised.

Rows: holdings.json, holdings_summary.json and holdings_compact.json of zerodha/kiteconnect-mocks;
https://kite.trade/docs/connect/v3/portfolio/#holdings
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from kitesim.market.instruments import Instrument
from kitesim.market.quotes import Quote

QuoteOf = Callable[[int], Quote]


@dataclass(slots=True)
class Holding:
    """Shares that were delivered; value is what they cost in paise."""

    instrument: Instrument
    quantity: int
    value: int


@dataclass(slots=True)
class Authorised:
    """Shares that the client has released for sale on one day, by token."""

    date: str = ""
    quantities: dict[int, int] = field(default_factory=dict)


def compact_rows(holdings: Mapping[int, Holding]) -> list[dict[str, object]]:
    """Return the rows of `/portfolio/holdings/compact`."""
    return [
        {
            "exchange": holding.instrument.exchange,
            "tradingsymbol": holding.instrument.symbol,
            "instrument_token": token,
            "t1_quantity": 0,
            "quantity": holding.quantity,
        }
        for token, holding in holdings.items()
    ]


def summary_row(holdings: Mapping[int, Holding], quote_of: QuoteOf) -> dict[str, object]:
    """Return `/portfolio/holdings/summary`: what was paid, what it is worth, and both profits."""
    invested = sum(holding.value for holding in holdings.values())
    worth = sum(holding.quantity * quote_of(token).last for token, holding in holdings.items())
    yesterday = sum(holding.quantity * quote_of(token).close for token, holding in holdings.items())
    return {
        "total_pnl": (worth - invested) / 100,
        "total_pnl_percent": (worth - invested) * 100 / invested if invested else 0,
        "today_pnl": (worth - yesterday) / 100,
        "today_pnl_percent": (worth - yesterday) * 100 / yesterday if yesterday else 0,
        "invested_amount": invested / 100,
        "current_value": worth / 100,
    }


def holding_row(holding: Holding, quote: Quote, sold: int, authorised: Authorised) -> dict[str, object]:
    """Return a row of `/portfolio/holdings`; `sold` are the shares sold today."""
    token = holding.instrument.token
    released = authorised.quantities.get(token, 0)
    change = (quote.last - quote.close) / 100
    return {
        "tradingsymbol": holding.instrument.symbol,
        "exchange": holding.instrument.exchange,
        "instrument_token": token,
        "isin": "",
        "product": "CNC",
        "price": 0,
        "quantity": holding.quantity,
        "used_quantity": sold,
        "t1_quantity": 0,
        "realised_quantity": holding.quantity,
        "authorised_quantity": released,
        "authorised_date": f"{authorised.date} 00:00:00" if released else "",
        "authorisation": {},
        "opening_quantity": holding.quantity,
        "short_quantity": 0,
        "collateral_quantity": 0,
        "collateral_type": "",
        "discrepancy": False,
        "average_price": holding.value / holding.quantity / 100,
        "last_price": quote.last / 100,
        "close_price": quote.close / 100,
        "pnl": (holding.quantity * quote.last - holding.value) / 100,
        "day_change": change,
        "day_change_percentage": change * 10_000 / quote.close,
        "mtf": {"quantity": 0, "used_quantity": 0, "average_price": 0, "value": 0, "initial_margin": 0},
    }
