"""Profit is what is left after charges, by the table of the day."""

from dataclasses import replace

from tests.unit.trader.domain.world import NIFTY, World, settings
from trader.app.tables import charge_table
from trader.domain.charges import ChargeRates, ChargeTable, Segment, charges
from trader.domain.positions import day_profit
from trader.domain.records import BracketClosed
from trader.domain.values import InstrumentKey, KillReason, Leg, Paise, Product, Side
from trader.domain.views import view

TABLE = charge_table()


def charged_world() -> World:
    """Past its entry, with the table that comes with the trader."""
    world = World(settings=replace(settings(), charges=TABLE)).start()
    world.enter()
    world.pump()
    return world


def test_a_future_sold_costs_what_the_charge_sheet_says() -> None:
    """65 units at 24,000: 20 brokerage, 780 tax, 28.55 exchange, 1.56 SEBI, 9.02 GST; no stamp duty on a sale."""
    cost = TABLE.of_order("2026-11-23", NIFTY, Product.MIS, Side.SELL, 65 * 2_400_000)

    assert cost == 2_000 + 78_000 + 2_855 + 156 + 902


def test_the_row_of_the_day_counts() -> None:
    """The tax rose in April 2026; a day before the first row takes the oldest."""
    turnover = 65 * 2_400_000
    before = TABLE.of_order("2026-03-31", NIFTY, Product.MIS, Side.SELL, turnover)
    after = TABLE.of_order("2026-04-01", NIFTY, Product.MIS, Side.SELL, turnover)

    assert after - before >= turnover * 3 // 10_000
    assert TABLE.of_order("2020-01-01", NIFTY, Product.MIS, Side.SELL, turnover) == before


def test_options_pay_a_flat_fee_and_delivery_none() -> None:
    """A flat fee does not grow with the turnover; delivery has no brokerage to tax."""
    option, stock = InstrumentKey("NFO:NIFTY26DEC24000CE"), InstrumentKey("NSE:INFY")

    assert TABLE.of_order("2026-11-23", option, Product.MIS, Side.BUY, 1) >= 2_000
    assert TABLE.of_order("2026-11-23", stock, Product.CNC, Side.BUY, 100) < 10
    assert TABLE.of_order("2026-11-23", stock, Product.MIS, Side.BUY, 0) == 0
    assert ChargeTable().of_order("2026-11-23", stock, Product.MIS, Side.BUY, 10**9) == 0


def test_every_part_rounds_against_us() -> None:
    """A paisa of turnover costs a paisa of each part that is due at all."""
    rates = ChargeRates("2026-01-01", Segment.FUTURES, "NSE", 1, Paise(5), 1, 1, 1, 1, 1, 1)

    assert charges(rates, Side.BUY, 1) == 6
    assert charges(rates, Side.SELL, 1) == 5


def test_profit_of_the_day_is_after_charges() -> None:
    """What is shown, booked and guarded is net; closing books the exit's charges too."""
    world = charged_world()
    entry = world.order(Leg.ENTRY)
    assert entry.charges == TABLE.of_order(
        "2026-11-23", NIFTY, Product.MIS, Side.BUY, entry.filled_quantity * entry.average_price
    )
    gross = entry.filled_quantity * (world.state.market.quotes[NIFTY].last_price - entry.average_price)
    assert day_profit(world.state.durable, world.state.market.quotes) == gross - entry.charges

    world.quote(world.bracket.plan.target_price)
    world.pump()
    world.run(1)

    (closed,) = [each for each in world.journal if isinstance(each, BracketClosed)]
    (bracket,) = world.state.durable.closed.values()
    orders = [order for order in bracket.orders.values() if order.filled_quantity]
    traded = sum(-order.side.sign * order.filled_quantity * order.average_price for order in orders)
    assert closed.profit == traded - sum(order.charges for order in orders)
    assert view(world.state).day_charges == sum(order.charges for order in orders) > entry.charges


def test_charges_alone_can_reach_the_daily_loss() -> None:
    """The switch is pulled on the loss that the account has, not on the one that prices show."""
    world = charged_world()
    entry = world.order(Leg.ENTRY)
    limit_ppm = entry.charges * 1_000_000 // world.funds
    assert limit_ppm > 0
    world.profile = replace(world.profile, max_daily_loss_ppm=limit_ppm)
    world.prepare()
    world.quote(int(entry.average_price))

    assert world.state.durable.kill is not None
    assert world.state.durable.kill.reason is KillReason.RISK
