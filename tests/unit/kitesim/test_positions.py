"""Every figure of a position row follows from what was traded."""

from hypothesis import given
from hypothesis import strategies as st

from kitesim.exchange.positions import Position
from kitesim.market.instruments import Instrument

SHARE = Instrument(408065, "INFY", "INFOSYS", "NSE", "NSE", "EQ", 10, 1, 0, 1520_00, "INFY", "NSE-CAS")
FIELDS = {
    *("tradingsymbol", "exchange", "instrument_token", "product", "quantity", "overnight_quantity", "multiplier"),
    *("average_price", "close_price", "last_price", "value", "pnl", "m2m", "unrealised", "realised"),
    *("buy_quantity", "buy_price", "buy_value", "buy_m2m", "sell_quantity", "sell_price", "sell_value", "sell_m2m"),
    *("day_buy_quantity", "day_buy_price", "day_buy_value", "day_sell_quantity", "day_sell_price", "day_sell_value"),
}
trades = st.lists(st.tuples(st.booleans(), st.integers(1, 500), st.integers(1, 1_000_000)), max_size=12)


def number(value: object) -> float:
    assert isinstance(value, int | float)
    return value


@given(yesterday=trades, today=trades, close=st.integers(1, 1_000_000), last=st.integers(1, 1_000_000))
def test_a_row_adds_up(
    yesterday: list[tuple[bool, int, int]], today: list[tuple[bool, int, int]], close: int, last: int
) -> None:
    """All 29 fields agree with each other and with the trades, over a day boundary too."""
    position = Position(SHARE, "MIS")
    for trade in yesterday:
        position.fill(*trade)
    position.carry_over(close)
    carried = position.quantity
    for trade in today:
        position.fill(*trade)
    row = dict(position.row(last).items())
    assert set(row) == FIELDS
    assert row["quantity"] == carried + sum(size if buy else -size for buy, size, _ in today)
    assert row["overnight_quantity"] == carried
    assert number(row["buy_quantity"]) - number(row["sell_quantity"]) == row["quantity"]
    assert round(number(row["sell_value"]) * 100 - number(row["buy_value"]) * 100) == round(number(row["value"]) * 100)
    assert round(number(row["pnl"]) * 100) == round(number(row["value"]) * 100) + position.quantity * last
    assert number(row["realised"]) + number(row["unrealised"]) == row["pnl"]
    assert round(number(row["m2m"]) * 100) == position.day_profit(last)
    assert round(number(row["pnl"]) * 100) == position.profit(last)
    assert abs(number(row["buy_price"]) * position.row(last)["buy_quantity"] - number(row["buy_value"])) < 0.01  # type: ignore[operator]
    day = position.row(last, day_only=True)
    assert day["quantity"] == sum(size if buy else -size for buy, size, _ in today)
    assert day["overnight_quantity"] == 0


def test_rows_match_the_published_example() -> None:
    """The GOLDGUINEA row of the published mock: 3 carried at its cost, 1 bought and 4 sold today."""
    position = Position(SHARE, "NRML", overnight_quantity=3, overnight_value=6917100, close=2323200)
    position.fill(True, 1, 2338800)
    position.fill(False, 4, 2334000)
    row = position.row(2335500)
    expected = {
        "quantity": 0,
        "average_price": 0,
        "value": 801,
        "pnl": 801,
        "m2m": 276,
        "buy_quantity": 4,
        "buy_price": 23139.75,
        "buy_value": 92559,
        "buy_m2m": 93084,
        "sell_value": 93360,
        "sell_m2m": 93360,
        "day_buy_value": 23388,
    }
    assert {name: row[name] for name in expected} == expected
    day = position.row(2335500, day_only=True)
    assert (day["quantity"], day["average_price"], day["value"], day["pnl"]) == (-3, 23340, 69972, -93)


def test_carrying_over_keeps_the_cost_of_what_is_held() -> None:
    """The profit over two days is the sum of what was realised and what is still open."""
    position = Position(SHARE, "NRML")
    position.fill(True, 10, 100)
    position.fill(False, 4, 110)
    position.carry_over(120)
    assert (position.overnight_quantity, position.overnight_value) == (6, 600)
    assert position.profit(120) == 120
    assert position.day_profit(120) == 0
