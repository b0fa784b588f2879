"""The trailing stop: it follows the price by modify, towards the profit only, within what one order may be changed.

Kite takes 25 modifications of an order; the exit needs its share of them (the stop is turned into the exit, and repriced), so the
trail may use what `Tactics.trail_modifications` says, and takes larger steps the more of them are spent. The level that was reached
is the trigger of the stop itself: it stands in the journal and in the broker's book, so a restart never loosens it.
"""

from trader.domain.brackets import stop_level
from trader.domain.prices import round_down, round_up
from trader.domain.state import Bracket, Order
from trader.domain.turn import Turn
from trader.domain.values import OrderType, Paise, Side

# After so many modifications the step doubles.
_DOUBLES_AFTER = 4


def trailed_trigger(turn: Turn, bracket: Bracket, order: Order) -> Paise:
    """Where the trigger of a standing stop belongs now; its own trigger when it may or need not move."""
    plan, instrument = bracket.plan, turn.instrument(order.instrument)
    quote = turn.market.quotes.get(order.instrument)
    if not plan.trail_distance or instrument is None or quote is None:
        return order.trigger_price
    if order.order_type is not OrderType.STOP_LIMIT or turn.track(order).triggered_since is not None:
        return order.trigger_price
    tactics = turn.settings.tactics
    if order.modifications >= tactics.trail_modifications or turn.budget().second <= tactics.entry_reserve_per_second:
        return order.trigger_price
    tick, sign = instrument.tick_size, plan.side.sign
    candidate = quote.last_price - sign * plan.trail_distance
    level = round_down(candidate, tick) if plan.side is Side.BUY else round_up(candidate, tick)
    step = max(plan.trail_step, tick) << (order.modifications // _DOUBLES_AFTER)
    gain = (level - stop_level(bracket)) * sign
    return level if gain >= step else order.trigger_price
