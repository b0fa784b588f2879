"""Whatever users do, the order book, the trades, the positions and the cash tell the same story."""

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kitesim.errors import KiteError
from kitesim.exchange.accounts import Account
from kitesim.exchange.orders import Order, Place
from kitesim.exchange.positions import Position

from .conftest import Floor

KEYS = ["NFO:NIFTY26DECFUT", "NFO:BANKNIFTY26DECFUT", "NSE:INFY"]
# What a user does: which user, what, in which instrument, which side, how many lots, how many ticks from the last price.
actions = st.lists(
    st.tuples(
        st.sampled_from(["AB1234", "CD5678"]),
        st.sampled_from(
            [
                "LIMIT",
                "MARKET",
                "SL",
                "SL-M",
                "IOC",
                "TTL",
                "iceberg",
                "sliced",
                "gtt",
                "convert",
                "cover",
                "cancel",
                "modify",
                "wait",
                "jump",
            ]
        ),
        st.sampled_from(KEYS),
        st.sampled_from(["BUY", "SELL"]),
        st.integers(1, 20),
        st.integers(-300, 300),
    ),
    min_size=1,
    max_size=25,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(script=actions, start=st.sampled_from([None, "09:01:00", "15:13:30", "15:29:30"]))
def test_order_book_trades_positions_and_cash_agree(
    script: list[tuple[str, str, str, str, int, int]], start: str | None
) -> None:
    """Nothing is lost, nothing is counted twice, and nothing fills outside its limit; in and around auctions too."""
    hours = {} if start is None else {"market": "nse", "start": start, "speed": 240}
    floor = Floor(limits={"enabled": False}, strikes=0, **hours)
    accounts = {user: floor.add(user) for user in ("AB1234", "CD5678")}
    for user, what, key, side, lots, ticks in script:
        account = accounts[user]
        try:
            act(floor, account, (what, key, side, lots, ticks))
        except KiteError:
            continue
        finally:
            for each in accounts.values():
                check(floor, each)
    floor.settle()
    for each in accounts.values():
        check(floor, each)


def act(floor: Floor, account: Account, action: tuple[str, str, str, int, int]) -> None:
    what, key, side, lots, ticks = action
    quote = floor.quote(key)
    tick, desk = quote.instrument.tick, floor.simulator.desk
    price = quote.last + ticks * tick
    live = [order for order in account.orders.values() if order.place is not Place.DONE]
    match what:
        case "wait":
            floor.let_pass(0.5)
        case "jump":
            floor.force(price, key)
        case "cancel" if live:
            desk.cancel(account, live[lots % len(live)].order_id)
        case "modify" if live:
            desk.modify(account, live[lots % len(live)].order_id, {"price": f"{price / 100:.2f}"})
        case "LIMIT" | "IOC":
            validity = "IOC" if what == "IOC" else "DAY"
            floor.place_for(
                account, side, lots * quote.instrument.lot, key=key, price=f"{price / 100:.2f}", validity=validity
            )
        case "MARKET":
            floor.place_for(
                account, side, lots * quote.instrument.lot, key=key, order_type="MARKET", market_protection=-1
            )
        case "TTL":
            quantity = lots * quote.instrument.lot
            ttl = {"validity": "TTL", "validity_ttl": 1, "price": f"{price / 100:.2f}"}
            floor.place_for(account, side, quantity, key=key, **ttl)
        case "iceberg" | "sliced" | "convert" | "gtt" | "cover":
            act_at_length(floor, account, action)
        case "SL" | "SL-M":
            stop = {"trigger_price": f"{price / 100:.2f}", "price": f"{price / 100:.2f}", "market_protection": 1}
            floor.place_for(account, side, lots * quote.instrument.lot, key=key, order_type=what, **stop)
    if lots % 2:
        floor.settle()


def act_at_length(floor: Floor, account: Account, action: tuple[str, str, str, int, int]) -> None:
    """Do what makes several orders, makes one later, or moves a position."""
    what, key, side, lots, ticks = action
    exchange, symbol = key.split(":")
    instrument, desk = floor.quote(key).instrument, floor.simulator.desk
    price = floor.quote(key).last + ticks * instrument.tick
    row = {"exchange": exchange, "tradingsymbol": symbol, "transaction_type": side, "order_type": "LIMIT"}
    row |= {"product": "NRML" if exchange == "NFO" else "CNC", "price": f"{price / 100:.2f}"}
    match what:
        case "iceberg":
            desk.place(account, "iceberg", row | {"quantity": str(4 * instrument.lot), "iceberg_legs": "4"})
        case "sliced":
            desk.place_sliced(account, "regular", row | {"quantity": str(lots * 3 * instrument.lot)})
        case "cover":
            stop = floor.quote(key).last + (-1 if side == "BUY" else 1) * abs(ticks) * instrument.tick
            cover = {"order_type": "MARKET", "market_protection": "-1", "trigger_price": f"{stop / 100:.2f}"}
            desk.place(account, "co", row | cover | {"product": "MIS", "quantity": str(lots * instrument.lot)})
        case "gtt":
            condition = {"exchange": exchange, "tradingsymbol": symbol, "trigger_values": [price / 100]}
            order = row | {"quantity": str(instrument.lot)}
            form = {"type": "single", "condition": json.dumps(condition), "orders": json.dumps([order])}
            desk.gtts.place(account.user_id, form)
        case "convert":
            held = account.positions.get((instrument.token, "NRML" if exchange == "NFO" else "MIS"))
            old, new = ("NRML", "MIS") if exchange == "NFO" else ("MIS", "CNC")
            if ticks % 2:
                old, new = new, old
            moved = {"quantity": str(lots * instrument.lot), "old_product": old, "new_product": new}
            side = "SELL" if held is not None and held.quantity < 0 else "BUY"
            desk.convert(account, row | moved | {"transaction_type": side, "position_type": "day"})


def check(floor: Floor, account: Account) -> None:
    positions: dict[int, Position] = {}
    for order in account.orders.values():
        trades = account.order_trades.get(order.order_id, [])
        assert sum(trade.quantity for trade in trades) == order.filled <= order.terms.quantity
        assert sum(trade.quantity * trade.price for trade in trades) == order.filled_value
        assert all(trade.quantity > 0 for trade in trades)
        row = json.loads(order.history[-1])
        assert (row["status"], row["filled_quantity"]) == (order.status.value, order.filled)
        check_ends(order)
        for trade in trades:
            position = positions.setdefault(order.instrument.token, Position(order.instrument, ""))
            position.fill(order.is_buy, trade.quantity, trade.price)
    # Conversions move what was traded between products and change nothing of the sum.
    shown = {(position.instrument.token, position.product) for position in account.positions.values()}
    assert shown == set(account.positions)
    for token, position in positions.items():
        both = [other for other in account.positions.values() if other.instrument.token == token]
        for name in ("day_buy_quantity", "day_buy_value", "day_sell_quantity", "day_sell_value"):
            assert sum(getattr(other, name) for other in both) == getattr(position, name)
    assert {position.instrument.token for position in account.positions.values()} == set(positions)
    assert len(account.trades) == sum(len(trades) for trades in account.order_trades.values())
    money = sum(
        (-1 if trade.order.is_buy else 1) * trade.quantity * trade.price
        + (1 if trade.order.is_buy else -1) * trade.quantity * floor.quote(trade.order.instrument.key).last
        for trade in account.trades
    )
    delivered = sum(
        position.profit(floor.quote(position.instrument.key).last)
        for position in account.positions.values()
        if position.product == "CNC"
    )
    assert account.net() == account.cash + money - delivered - account.blocked
    assert account.cash == account.opening_cash - sum(account.charges.values()) - account.fees
    margins = account.margins_row()
    assert margins["net"] == account.net() / 100
    if not any(order.place is not Place.DONE for order in account.orders.values()) and not any(
        position.quantity for position in account.positions.values()
    ):
        # What shares bought and sold today have lost stays blocked until it is settled; what they have won is not there yet.
        losses = (position.profit(0) for position in account.positions.values() if position.product == "CNC")
        assert account.blocked == sum(max(0, -profit) for profit in losses)


def check_ends(order: Order) -> None:
    assert (order.place is Place.DONE) is order.status.is_terminal
    if order.status.value == "COMPLETE":
        assert order.pending == 0
    if order.status.value == "CANCELLED":
        assert order.cancelled == order.pending


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    side=st.sampled_from(["BUY", "SELL"]),
    ticks=st.integers(-60, 60),
    lots=st.integers(1, 27),
    jumps=st.lists(st.integers(-100, 100), max_size=6),
    start=st.sampled_from([None, "09:05:00", "15:36:00"]),
)
def test_no_fill_is_outside_the_limit(side: str, ticks: int, lots: int, jumps: list[int], start: str | None) -> None:
    """However the market jumps, a limit order trades at its limit or better, and for no more than its quantity."""
    floor = Floor(strikes=0, **({} if start is None else {"market": "nse", "start": start, "speed": 240}))
    quote = floor.quote()
    limit = quote.last + ticks * 10
    order = floor.place(side, lots * 65, price=f"{limit / 100:.2f}")
    floor.settle()
    for jump in jumps:
        floor.force(quote.last + jump * 10)
        floor.let_pass(0.5)
    for trade in floor.account.trades:
        assert trade.price <= limit if side == "BUY" else trade.price >= limit
    assert order.filled <= order.terms.quantity


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 10_000))
def test_the_same_seed_gives_the_same_log(seed: int) -> None:
    """A run is a function of its seed and of what was asked, machine time aside."""

    def run() -> list[dict[str, object]]:
        floor = Floor(seed=seed, strikes=0)
        floor.place("BUY", 1755, price=floor.quote().last / 100)
        floor.let_pass(5)
        floor.place("SELL", 130, order_type="MARKET", market_protection=-1)
        floor.let_pass(5)
        return [{**entry, "machine_time_ns": 0} for entry in floor.simulator.log.entries()]

    assert run() == run()
