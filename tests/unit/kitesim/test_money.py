"""Charges, conversions and the square-off: every rupee can be explained."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from kitesim.errors import ConfigInvalid, InputRefused, MarginRefused
from kitesim.exchange.charges import load_charges

from .conftest import Floor

MARKET = {"order_type": "MARKET", "market_protection": -1}
SHARE = {"key": "NSE:INFY", **MARKET}


def test_every_row_of_the_table_has_a_source() -> None:
    """And every segment has all six charges on the day of the research."""
    table = load_charges()
    assert all(row.source for row in table.rows)
    for segment in ("equity_delivery", "equity_intraday", "futures", "options"):
        names = {row.charge for row in table.rows if row.segment == segment and row.effective <= date(2026, 11, 22)}
        assert len(names) == 6


def test_rates_have_dates(floor: Floor) -> None:
    """Selling a future cost 0.02 % tax until March 2026, and costs 0.05 % since April."""
    future, table = floor.quote().instrument, load_charges()
    lakh = 100_000_00
    taxes = [table.of(future, "NRML", "SELL", lakh, date(2026, month, 1)).transaction_tax for month in (3, 4)]
    assert taxes == [Decimal(20), Decimal(50)]
    assert table.of(future, "NRML", "BUY", lakh, date(2026, 4, 1)).transaction_tax == 0


def test_charges_are_those_of_a_contract_note(floor: Floor) -> None:
    """One crore of futures sold: each part by hand, tax to the rupee, the rest to the paisa."""
    charges = load_charges().of(floor.quote().instrument, "NRML", "SELL", 10**9, date(2026, 11, 23))
    assert [charges.brokerage, charges.transaction_tax] == [Decimal(20), Decimal(5000)]
    assert [charges.exchange_turnover_charge, charges.sebi_turnover_charge] == [Decimal(183), Decimal(10)]
    assert charges.gst == Decimal("0.18") * (20 + 183 + 10)
    assert charges.taken() == 2000 + 500_000 + 18_300 + 1000 + 3834
    small = load_charges().of(floor.quote("NSE:INFY").instrument, "CNC", "BUY", 1520_00, date(2026, 11, 23))
    assert small.brokerage == 0
    # Rs 1.52 of tax and Rs 0.228 of stamp duty are Rs 2 and Rs 0; 4.67, 0.15 and 0.87 paise are 5, 0 and 1.
    assert small.taken() == 200 + 0 + 5 + 0 + 1


def test_a_bad_table_is_refused(tmp_path: Path) -> None:
    """The message names the field of the configuration."""
    (tmp_path / "charges.yaml").write_text("rows: [{charge: bribe}]")
    with pytest.raises(ConfigInvalid, match=r"charges\.file"):
        load_charges(tmp_path / "charges.yaml")


def test_charges_leave_the_cash_with_each_trade(floor: Floor, make_floor: Callable[..., Floor]) -> None:
    """One brokerage an order however many trades it takes; switched off, nothing leaves."""
    order = floor.place("BUY", 1755, price=floor.quote().last / 100 + 100)
    for _ in range(8):
        floor.let_pass(0.5)
    assert len(floor.account.trades) > 1
    future = floor.quote().instrument
    right = load_charges().of(future, "NRML", "BUY", order.filled_value, date(2026, 11, 23)).taken()
    assert floor.account.opening_cash - floor.account.cash == right == floor.account.charges[order.order_id]
    free = make_floor(charges={"taken": "never"})
    free.place("BUY", 65, **MARKET)
    free.settle()
    assert free.account.cash == free.account.opening_cash


def convert(floor: Floor, **fields: object) -> None:
    row = {"exchange": "NFO", "tradingsymbol": "NIFTY26DECFUT", "transaction_type": "BUY", "position_type": "day"}
    form = {**row, "quantity": 65, "old_product": "MIS", "new_product": "NRML", **fields}
    floor.simulator.desk.convert(floor.account, {name: str(value) for name, value in form.items()})


def test_a_conversion_moves_quantity_and_cost(floor: Floor) -> None:
    """The sum over both products stays what the trades say, and the net does not move for the same margin."""
    order = floor.place("BUY", 130, product="MIS", **MARKET)
    floor.settle()
    net = floor.account.net()
    convert(floor)
    positions = {position.product: position for position in floor.account.positions.values()}
    assert (positions["MIS"].quantity, positions["NRML"].quantity) == (65, 65)
    assert sum(position.day_buy_value for position in positions.values()) == order.filled_value
    assert abs(floor.account.net() - net) <= 1
    with pytest.raises(InputRefused, match="at most 65 to convert"):
        convert(floor, quantity=130)


def test_an_overnight_position_converts_as_such(floor: Floor) -> None:
    """Carried quantities are another kind than the day's."""
    floor.place("SELL", 65, **MARKET)
    floor.settle()
    floor.account.close_day()
    sale = {"transaction_type": "SELL", "old_product": "NRML", "new_product": "MIS"}
    with pytest.raises(InputRefused, match="at most 0 to convert"):
        convert(floor, **sale)
    convert(floor, position_type="overnight", **sale)
    rows = {row["product"]: row["overnight_quantity"] for row in floor.account.position_rows()["net"]}
    assert rows == {"NRML": 0, "MIS": -65}


def test_a_conversion_that_costs_too_much_changes_nothing(make_floor: Callable[..., Floor]) -> None:
    """Intraday shares to delivery need the whole price."""
    floor = make_floor(funds=40_000)
    floor.place("BUY", 100, product="MIS", **SHARE)
    floor.settle()
    before = (floor.account.net(), floor.account.position_rows())
    share = {"exchange": "NSE", "tradingsymbol": "INFY", "quantity": 100, "new_product": "CNC"}
    with pytest.raises(MarginRefused, match="Insufficient funds"):
        convert(floor, **share)
    assert (floor.account.net(), floor.account.position_rows()) == before


def test_intraday_positions_are_squared_off(make_floor: Callable[..., Floor]) -> None:
    """At the configured time: orders cancelled, positions closed for a fee, no fresh ones; NRML is left alone."""
    floor = make_floor(market="nse", start="15:24:00", speed=60)
    floor.place("BUY", 130, product="MIS", **MARKET)
    floor.place("BUY", 65, **MARKET)
    resting = floor.place("BUY", 65, product="MIS", price=floor.quote().last / 100 - 200)
    floor.settle()
    floor.let_pass(3)
    assert resting.row()["status"] == "CANCELLED"
    quantities = {row["product"]: row["quantity"] for row in floor.account.position_rows()["net"]}
    assert quantities == {"MIS": 0, "NRML": 65}
    assert floor.account.fees == 59_00
    account = floor.account
    assert account.cash == account.opening_cash - sum(account.charges.values()) - account.fees
    with pytest.raises(InputRefused, match="not accepted after the square-off"):
        floor.place("BUY", 65, product="MIS", **MARKET)


def test_sold_options_block_a_share_of_their_strike(floor: Floor) -> None:
    """Bought options are paid in full; sold ones block a share of the notional, an approximation."""
    key = next(
        key
        for key in floor.simulator.master.by_key
        if key.startswith("NFO:") and key.endswith("CE") and floor.quote(key).last > 100_00
    )
    option = floor.quote(key).instrument
    net = floor.account.net()
    bought = floor.place("BUY", option.lot, key=key, product="NRML", **MARKET)
    floor.settle()
    assert floor.account.blocked == bought.filled_value
    floor.place("SELL", 2 * option.lot, key=key, product="NRML", **MARKET)
    floor.settle()
    assert floor.account.blocked == round(option.lot * option.strike * 0.12)
    assert floor.account.net() < net
