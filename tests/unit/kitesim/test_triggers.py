"""Good-till-triggered orders fire once, say what became of them, and end in one of their statuses."""

import json
from collections.abc import Callable

import pytest

from kitesim.errors import GttUnknown, InputRefused
from kitesim.exchange.gtts import Gtt, Gtts

from .conftest import FUTURE, Floor


def order(price: float, **fields: object) -> dict[str, object]:
    row = {"transaction_type": "SELL", "quantity": 65, "order_type": "LIMIT", "product": "NRML", "price": price}
    return row | fields


def form(kind: str, values: list[float], orders: list[dict[str, object]], key: str = FUTURE) -> dict[str, str]:
    exchange, symbol = key.split(":")
    condition = {"exchange": exchange, "tradingsymbol": symbol, "trigger_values": values, "last_price": 1.0}
    return {"type": kind, "condition": json.dumps(condition), "orders": json.dumps(orders)}


@pytest.fixture
def gtts(floor: Floor) -> Gtts:
    return floor.simulator.desk.gtts


def single(floor: Floor, gtts: Gtts, away: float = 50) -> tuple[Gtt, float]:
    """Set a single trigger so many rupees above the last price."""
    last = floor.quote().last / 100
    return gtts.place("AB1234", form("single", [last + away], [order(last + away)])), last


def test_a_trigger_fires_once_when_the_price_crosses_it(floor: Floor, gtts: Gtts) -> None:
    """Over a gap too; the order is placed and the result names it."""
    gtt, last = single(floor, gtts)
    floor.force(round((last + 40) * 100))
    assert gtt.status == "active"
    floor.force(round((last + 90) * 100))
    floor.force(round((last + 20) * 100))
    floor.force(round((last + 90) * 100))
    floor.settle()
    row = gtts.get("AB1234", str(gtt.trigger_id)).row()
    (placed,) = floor.account.orders.values()
    outcome = row["orders"][0]["result"]["order_result"]  # type: ignore[index]
    assert (row["status"], outcome["status"], outcome["order_id"]) == ("triggered", "success", placed.order_id)
    assert (placed.request.variety, placed.terms.price) == ("regular", round((last + 50) * 100))


def test_of_two_legs_one_fires(floor: Floor, gtts: Gtts) -> None:
    """The other lies dormant for ever, and its result stays empty."""
    last = floor.quote().last / 100
    gtt = gtts.place("AB1234", form("two-leg", [last - 50, last + 50], [order(last - 60), order(last + 50)]))
    floor.force(round((last - 55) * 100))
    floor.force(round((last + 90) * 100))
    results = [each["result"] for each in gtt.row()["orders"]]  # type: ignore[attr-defined]
    assert results[1] is None
    assert results[0]["triggered_at"] == pytest.approx(last - 55)
    assert len(floor.account.orders) == 1


def test_triggered_is_not_accepted(floor: Floor, gtts: Gtts) -> None:
    """An order that the broker refuses stands as failed with its reason."""
    last = floor.quote().last / 100
    gtt = gtts.place("AB1234", form("single", [last - 50], [order(1)]))
    floor.force(round((last - 55) * 100))
    outcome = gtt.results[0]["order_result"]
    assert gtt.status == "triggered"
    assert isinstance(outcome, dict)
    assert outcome["status"] == "failed"
    assert "lower circuit limit" in outcome["rejection_reason"]


def test_a_trigger_is_replaced_and_deleted(floor: Floor, gtts: Gtts) -> None:
    """A modification is a full replacement under the same id; a deleted trigger is shown and never fires."""
    gtt, last = single(floor, gtts)
    changed = gtts.modify("AB1234", str(gtt.trigger_id), form("single", [last + 80], [order(last + 80)]))
    assert (changed.trigger_id, changed.trigger_values) == (gtt.trigger_id, (round((last + 80) * 100),))
    floor.force(round((last + 60) * 100))
    gtts.delete("AB1234", str(gtt.trigger_id))
    floor.force(round((last + 90) * 100))
    assert [row["status"] for row in gtts.rows("AB1234")] == ["deleted"]
    assert not floor.account.orders
    with pytest.raises(InputRefused, match="not active, was deleted"):
        gtts.delete("AB1234", str(gtt.trigger_id))
    with pytest.raises(GttUnknown):
        gtts.get("CD5678", str(gtt.trigger_id))


@pytest.mark.parametrize("status", ["disabled", "rejected", "cancelled"])
def test_the_broker_ends_triggers(floor: Floor, gtts: Gtts, status: str) -> None:
    """It fires no more and says why; a disabled one waits for its user, who sets it anew, the others are at an end."""
    gtt, last = single(floor, gtts)
    gtts.by_broker("AB1234", str(gtt.trigger_id), status, "Bonus issue")
    floor.force(round((last + 90) * 100))
    (row,) = gtts.rows("AB1234")
    assert (row["status"], row["meta"]) == (status, {"rejection_reason": "Bonus issue"})
    assert not floor.account.orders
    again = form("single", [last + 200], [order(last + 200)])
    if status != "disabled":
        with pytest.raises(InputRefused, match=f"not active, was {status}"):
            gtts.modify("AB1234", str(gtt.trigger_id), again)
        return
    gtts.modify("AB1234", str(gtt.trigger_id), again)
    floor.force(round((last + 210) * 100))
    assert gtts.get("AB1234", str(gtt.trigger_id)).status == "triggered"


def test_triggers_end_with_their_contract_or_after_a_year(make_floor: Callable[..., Floor]) -> None:
    """The first tick of a later day expires what is a year old and cancels what has no contract any more."""
    floor = make_floor()
    gtts = floor.simulator.desk.gtts
    gtt, _ = single(floor, gtts)
    share = form("single", [1700], [order(1700, product="CNC", quantity=1)], "NSE:INFY")
    old = gtts.place("AB1234", share)
    floor.simulator.clock.advance(366 * 86_400 * 10**9)
    gtts.on_ticks([])
    assert (gtt.status, old.status) == ("expired", "expired")
    floor = make_floor()
    gtts = floor.simulator.desk.gtts
    gtt, _ = single(floor, gtts)
    floor.simulator.clock.advance(60 * 86_400 * 10**9)
    gtts.on_ticks([])
    assert gtt.status == "cancelled"


@pytest.mark.parametrize(
    ("kind", "values", "orders", "message"),
    [
        ("oco", [25000], [order(25000)], "Invalid `type`"),
        ("single", [25000, 26000], [order(25000)], "Invalid `condition`"),
        ("single", [25000], [], "Invalid `orders`"),
        ("single", [25000], ["x"], "Invalid `orders`"),
        ("single", [25000.03], [order(25000)], "Tick size"),
        ("single", ["many"], [order(25000)], "Expected rupees"),
        ("two-leg", [25900, 26000], [order(25000), order(25000)], "below and above the last price"),
        ("single", [26000], [order(26000, order_type="MARKET")], "Invalid `order_type`"),
        ("single", [26000], [order(26000, product="MIS")], "Invalid `product`"),
        ("single", [26000], [order(26000, quantity=64)], "multiple of the lot size"),
    ],
)
def test_bad_triggers_are_refused(
    gtts: Gtts, kind: str, values: list[float], orders: list[dict[str, object]], message: str
) -> None:
    """The message names the field or the rule."""
    with pytest.raises(InputRefused) as refusal:
        gtts.place("AB1234", form(kind, values, orders))
    assert message in refusal.value.message


def test_only_so_many_triggers_are_active(make_floor: Callable[..., Floor]) -> None:
    """The limit counts active triggers only."""
    floor = make_floor(rules={"most_gtts": 1})
    gtts = floor.simulator.desk.gtts
    gtt, _ = single(floor, gtts)
    with pytest.raises(InputRefused, match="Maximum allowed triggers"):
        single(floor, gtts)
    gtts.delete("AB1234", str(gtt.trigger_id))
    single(floor, gtts)


def test_a_reset_user_has_no_triggers(floor: Floor, gtts: Gtts) -> None:
    """New funds empty everything."""
    _, last = single(floor, gtts)
    floor.simulator.add_user("AB1234", 5000)
    floor.force(round((last + 90) * 100))
    assert gtts.rows("AB1234") == []
