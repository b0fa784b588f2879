"""What the official client sees of each fault of requests, limits and rules; scenarios and windows."""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest
import requests
import yaml
from kiteconnect import KiteConnect
from kiteconnect import exceptions as kite_errors

from kitesim.faults import POINTS, FaultKind

from .conftest import FUTURE, Exchange, eventually
from .seen import SEEN, shows

pytestmark = pytest.mark.component
KEY = f"NFO:{FUTURE}"
Maker = Callable[..., Exchange]


def buy(kite: KiteConnect, tag: str, quantity: int = 65, **fields: object) -> str:
    terms: dict[str, object] = {"order_type": "MARKET", "market_protection": -1, **fields}
    made = kite.place_order("regular", "NFO", FUTURE, "BUY", quantity, "NRML", tag=tag, **terms)
    return str(made)


def tags(kite: KiteConnect) -> list[str]:
    return [row["tag"] for row in kite.orders()]


@pytest.fixture
def trader(exchange: Exchange) -> KiteConnect:
    """Return a client of a user of its own."""
    return exchange.client()


def test_every_fault_is_seen_by_the_official_client() -> None:
    """A kind of fault without a test that shows it fails here."""
    for module in ("test_faults", "test_faults_market", "test_faults_stream"):
        importlib.import_module(f"{__package__}.{module}")
    assert set(SEEN) == set(get_args(FaultKind)) == set(POINTS)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_gateway_answers_in_html(exchange: Exchange, trader: KiteConnect, status: int) -> None:
    """Whatever the status, HTML becomes the client's DataException, whose code is 502 always."""
    user_id = trader.profile()["user_id"]
    exchange.control("POST", "faults", kind="bad-gateway", status=status, user_id=user_id, path="/orders", count=1)
    with pytest.raises(kite_errors.DataException, match=f"Unknown Content-Type.*{status}") as seen:
        trader.orders()
    assert seen.value.code == 502
    assert trader.orders() == []


@shows("late-book")
def test_an_order_appears_late_in_the_book(exchange: Exchange, trader: KiteConnect) -> None:
    """The client has its order id, and the book does not know it for a while."""
    user_id = trader.profile()["user_id"]
    exchange.control("POST", "faults", kind="late-book", user_id=user_id, hidden_ms=600, count=1)
    order_id = buy(trader, "HIDDEN")
    assert tags(trader) == []
    with pytest.raises(kite_errors.GeneralException, match="order_id"):
        trader.order_history(order_id)
    eventually(lambda: tags(trader) == ["HIDDEN"])
    assert trader.order_history(order_id)[-1]["order_id"] == order_id


def test_timed_out_and_late_is_the_worst_of_both(exchange: Exchange, trader: KiteConnect) -> None:
    """As forum post 35732 tells: code 400, nothing in the book, and the order appears seconds later."""
    user_id = trader.profile()["user_id"]
    exchange.control("POST", "faults", kind="timed-out", user_id=user_id, hidden_ms=600, count=1, method="POST")
    with pytest.raises(kite_errors.GeneralException, match="timed out"):
        buy(trader, "GHOST")
    assert tags(trader) == []
    eventually(lambda: tags(trader) == ["GHOST"])


@shows("ip-refused")
def test_an_address_is_refused_on_order_routes_only(exchange: Exchange, trader: KiteConnect) -> None:
    """PermissionException on place, modify and cancel; the book and the quotes still answer."""
    exchange.control("POST", "faults", kind="ip-refused", user_id=trader.profile()["user_id"])
    for change in (
        lambda: buy(trader, "REFUSED"),
        lambda: trader.modify_order("regular", "1", quantity=65),
        lambda: trader.cancel_order("regular", "1"),
    ):
        with pytest.raises(kite_errors.PermissionException) as seen:
            change()
        assert seen.value.code == 403
    assert trader.orders() == []
    assert KEY in trader.ltp(KEY)


@shows("tight-limits")
def test_limits_are_tightened_and_released(make_exchange: Maker) -> None:
    """One order a second while it lasts; the second one in a row is refused with 429."""
    exchange = make_exchange(funds=50_000_000, limits={"enabled": False})
    trader = exchange.client()
    made = exchange.control("POST", "faults", kind="tight-limits", per_second=1)
    refused = []
    for number in range(3):
        try:
            buy(trader, f"TIGHT{number}")
        except kite_errors.NetworkException as error:
            refused.append(error.code)
    assert set(refused) == {429}
    exchange.control("DELETE", f"faults/{made['id']}")
    for number in range(3):
        buy(trader, f"FREE{number}")


@shows("band-jump")
def test_circuit_limits_jump(make_exchange: Maker) -> None:
    """A price that was allowed is outside the limits of `/quote` now."""
    exchange = make_exchange(limits={"enabled": False}, funds=50_000_000)
    trader = exchange.client()
    before = trader.quote(KEY)[KEY]
    exchange.control("POST", "faults", kind="band-jump", instrument=KEY, percent=1)
    after = trader.quote(KEY)[KEY]
    assert after["lower_circuit_limit"] > before["lower_circuit_limit"]
    assert after["upper_circuit_limit"] < before["upper_circuit_limit"]
    with pytest.raises(kite_errors.InputException, match="circuit"):
        buy(trader, "BELOW", order_type="LIMIT", price=round(after["last_price"] * 0.98), market_protection=None)
    assert exchange.control("GET", "faults") == {"faults": []}


@shows("freeze-change")
def test_the_freeze_quantity_changes(make_exchange: Maker) -> None:
    """What was one order yesterday is too large today."""
    exchange = make_exchange(limits={"enabled": False}, funds=500_000_000)
    trader = exchange.client()
    buy(trader, "BIG1", quantity=650)
    exchange.control("POST", "faults", kind="freeze-change", instrument="NFO:NIFTY.*", quantity=600)
    with pytest.raises(kite_errors.InputException, match="freeze"):
        buy(trader, "BIG2", quantity=650)
    buy(trader, "SMALL", quantity=585)


def test_a_scenario_file_sets_the_stage(make_exchange: Maker, tmp_path: Path) -> None:
    """Faults of a file are at work from the start; `skip` lets the first occasions pass."""
    file = tmp_path / "scenario.yaml"
    rows = [{"kind": "rate-limit", "path": "/orders", "method": "GET", "skip": 2, "count": 1}]
    file.write_text(yaml.safe_dump({"faults": rows}))
    exchange = make_exchange(faults_file=str(file), limits={"enabled": False})
    trader = exchange.client()
    assert [row["kind"] for row in exchange.control("GET", "faults")["faults"]] == ["rate-limit"]
    trader.orders()
    trader.orders()
    with pytest.raises(kite_errors.NetworkException):
        trader.orders()
    trader.orders()


def test_a_fault_strikes_in_its_window_of_market_time(make_exchange: Maker) -> None:
    """Before and after the window the client sees nothing of it."""
    exchange = make_exchange(start="09:59:00", speed=0, limits={"enabled": False})
    trader = exchange.client()
    exchange.control("POST", "faults", kind="drop-before", path="/orders", from_time="10:00:00", until_time="10:05:00")
    trader.orders()
    exchange.control("POST", "clock", advance_seconds=120)
    with pytest.raises(requests.exceptions.ConnectionError):
        trader.orders()
    exchange.control("POST", "clock", advance_seconds=300)
    trader.orders()


def test_a_fault_strikes_sometimes(make_exchange: Maker) -> None:
    """The same seed gives the same strikes."""

    def strikes() -> list[bool]:
        exchange = make_exchange(limits={"enabled": False})
        trader = exchange.client("AB1234")
        exchange.control("POST", "faults", kind="rate-limit", path="/orders", probability=0.4)
        seen = []
        for _ in range(25):
            try:
                trader.orders()
            except kite_errors.NetworkException:
                seen.append(True)
            else:
                seen.append(False)
        return seen

    first = strikes()
    assert 3 <= sum(first) <= 20
    assert strikes() == first
