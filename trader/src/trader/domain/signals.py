"""From quote to entry: ask the strategies, judge what they propose, plan the bracket and its entry in one step.

An entry above the freeze quantity is cut into slices, each a bracket; all are planned in the same step, and so in one commit.

The signal's key is burned by the plan's record: whatever happens next, the same signal never makes a second entry (rule 7).
"""

from trader.domain.effects import GuardTripped
from trader.domain.events import Quote
from trader.domain.guards import judge, make_case
from trader.domain.journal import with_entry
from trader.domain.records import BracketPlanned
from trader.domain.sending import place
from trader.domain.state import Market
from trader.domain.strategies import Intent, StrategyView
from trader.domain.tags import intent_id
from trader.domain.turn import Turn
from trader.domain.values import IntentId, Leg, OrderType, Paise, Quantity, SignalKey, Standing
from trader.domain.wants import PlaceWant, Urgency


def consider(turn: Turn, quote: Quote, previous: Quote | None) -> None:
    """Show a quote to every strategy and take up what they propose."""
    instrument, session = turn.instrument(quote.instrument), turn.market.session
    if instrument is None or session is None:
        return
    is_whole = previous is None or previous.at >= turn.control.feed_lost_at
    view = StrategyView(quote, instrument, session, is_whole)
    for strategy in turn.settings.strategies:
        key = (strategy.name, quote.instrument)
        memory = turn.market.memory.get(key)
        remembered, intents = strategy.decide(view, memory)
        if remembered is not memory:
            _remember(turn, key, remembered)
        if turn.control.standing is Standing.NONE:
            # A standby follows the market; only a leader's denials and entries are anybody's business.
            continue
        for intent in intents:
            take_up(turn, intent)


def take_up(turn: Turn, intent: Intent) -> bool:
    """Judge one intent; plan and send its entry, or tell the one guard that denied it."""
    case = make_case(turn, intent)
    denial = judge(case)
    if denial is not None:
        turn.others.append(GuardTripped(denial.code, intent.instrument, denial.detail))
        return False
    for number, quantity in enumerate(case.sizing.cut(), start=1):
        _enter(turn, intent, _identity_of_slice(turn, case.identity, intent, number), number, quantity)
    return True


def _identity_of_slice(turn: Turn, first: IntentId, intent: Intent, number: int) -> IntentId:
    """The first slice is the intent; each further one is an intent of its own, the same in whatever process."""
    if number == 1:
        return first
    key = _key_of_slice(intent, number)
    return intent_id(turn.settings.account, turn.durable.trading_date, intent.strategy, key)


def _key_of_slice(intent: Intent, number: int) -> SignalKey:
    return intent.signal_key if number == 1 else SignalKey(f"{intent.signal_key}#{number}")


def _enter(turn: Turn, intent: Intent, identity: IntentId, number: int, quantity: Quantity) -> None:
    """Plan one bracket and send its entry."""
    turn.record(
        BracketPlanned(
            market_time=turn.market_time,
            intent=identity,
            trading_date=turn.durable.trading_date,
            strategy=intent.strategy,
            signal_key=_key_of_slice(intent, number),
            instrument=intent.instrument,
            side=intent.side,
            quantity=quantity,
            product=turn.settings.product,
            entry_price=intent.entry_price,
            stop_price=intent.stop_price,
            target_price=intent.target_price,
            trail_distance=intent.trail_distance,
            trail_step=intent.trail_step,
        )
    )
    bracket = turn.durable.open[identity]
    want = PlaceWant(
        Urgency.PROFIT, bracket, Leg.ENTRY, intent.side, OrderType.LIMIT, quantity, intent.entry_price, Paise(0)
    )
    place(turn, want, adds_risk=True)
    turn.announce(
        "bracket_planned",
        intent=identity,
        instrument=intent.instrument,
        side=intent.side.value,
        quantity=quantity,
        entry_paise=intent.entry_price,
        stop_paise=intent.stop_price,
        target_paise=intent.target_price,
    )


def _remember(turn: Turn, key: tuple[str, str], memory: object) -> None:
    market = turn.market
    turn.market = Market(
        market.now,
        market.market_time,
        market.session,
        market.quotes,
        with_entry(market.memory, key, memory),  # type: ignore[arg-type]
        market.spreads,
        market.references,
    )
