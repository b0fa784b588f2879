"""From quote to entry: ask the strategies, judge what they propose, plan the bracket and its entry in one step.

An entry above the freeze quantity is cut into slices, each a bracket; all are planned in the same step, and so in one commit.

The signal's key is burned by the plan's record: whatever happens next, the same signal never makes a second entry (rule 7).
"""

from trader.domain.effects import GuardTripped, SignalJudged
from trader.domain.events import Quote, SignalReceived
from trader.domain.guards import Denial, judge, make_case
from trader.domain.journal import bracket_of, with_entry
from trader.domain.records import BracketPlanned
from trader.domain.sending import place
from trader.domain.state import Market
from trader.domain.strategies import Intent, Strategy, StrategyView, flaw
from trader.domain.tags import intent_id
from trader.domain.turn import Turn
from trader.domain.values import (
    GuardCode,
    IntentId,
    Leg,
    OrderType,
    Paise,
    Quantity,
    SignalKey,
    SignalVerdict,
    Standing,
)
from trader.domain.wants import PlaceWant, Urgency


def consider(turn: Turn, quote: Quote, previous: Quote | None) -> None:
    """Show a quote to every strategy and take up what they propose."""
    instrument, session = turn.instrument(quote.instrument), turn.market.session
    if instrument is None or session is None:
        return
    is_whole = previous is None or previous.at >= turn.control.feed_lost_at
    view = StrategyView(quote, instrument, session, is_whole)
    for strategy in turn.settings.strategies:
        intents = _proposals(turn, strategy, view)
        if turn.control.standing is Standing.NONE:
            # A standby follows the market; only a leader's denials and entries are anybody's business.
            continue
        for intent in intents:
            take_up(turn, intent)


def on_signal_received(turn: Turn, event: SignalReceived) -> None:
    """Ask the signal's strategy and answer with what became of it."""
    signal = event.signal
    identity = intent_id(turn.settings.account, turn.durable.trading_date, event.strategy, signal.key)
    if bracket_of(turn.durable, identity) is not None:
        turn.others.append(SignalJudged(event.request, SignalVerdict.KNOWN, identity, None, "it has entered today"))
        return
    denial = _judged_signal(turn, event)
    verdict = SignalVerdict.DENIED if denial else SignalVerdict.ENTERED
    code, detail = (denial.code, denial.detail) if denial else (None, "")
    turn.others.append(SignalJudged(event.request, verdict, identity, code, detail))


def _judged_signal(turn: Turn, event: SignalReceived) -> Denial | None:
    signal, session = event.signal, turn.market.session
    quote, instrument = turn.market.quotes.get(signal.instrument), turn.instrument(signal.instrument)
    denial = None
    strategy = next((each for each in turn.settings.strategies if each.name == event.strategy), None)
    if turn.control.standing is not Standing.LEADER or turn.control.is_fenced:
        denial = Denial(GuardCode.NOT_LEADER, f"standing is {turn.control.standing}: only a leader adds risk")
    elif strategy is None or not getattr(strategy, "takes_signals", False) or strategy.name in turn.control.muted:
        denial = Denial(GuardCode.INSTRUMENT_NOT_ALLOWED, f"no strategy {event.strategy!r} takes signals here")
    elif instrument is None:
        denial = Denial(GuardCode.INSTRUMENT_NOT_ALLOWED, f"{signal.instrument} is not in the day's instrument master")
    elif quote is None or session is None:
        denial = Denial(GuardCode.STALE_DATA, f"no quote of {signal.instrument} yet")
    else:
        view = StrategyView(quote, instrument, session, is_feed_whole=True, signal=signal)
        intents = _proposals(turn, strategy, view)
        if len(intents) == 1 and intents[0].signal_key == signal.key:
            return take_up(turn, intents[0])
        denial = Denial(GuardCode.INSTRUMENT_NOT_ALLOWED, f"{strategy.name} made {len(intents)} intents of it, not one")
    turn.others.append(GuardTripped(denial.code, signal.instrument, denial.detail))
    return denial


def _proposals(turn: Turn, strategy: Strategy, view: StrategyView) -> tuple[Intent, ...]:
    """What a strategy proposes; one that fails is muted, for a user's mistake must not end who protects his positions."""
    if strategy.name in turn.control.muted:
        return ()
    key = (strategy.name, view.quote.instrument)
    memory = turn.market.memory.get(key)
    try:
        remembered, intents = strategy.decide(view, memory)
        problem = next((wrong for intent in intents if (wrong := flaw(strategy.name, intent))), "") if intents else ""
    except Exception as error:
        problem = f"{type(error).__name__}: {error}"
    if problem:
        turn.change_control(muted=(*turn.control.muted, strategy.name))
        turn.announce("strategy_failed", strategy=strategy.name, problem=problem)
        return ()
    if remembered is not memory:
        _remember(turn, key, remembered)
    return intents


def take_up(turn: Turn, intent: Intent) -> Denial | None:
    """Judge one intent; plan and send its entry, or tell the one guard that denied it."""
    case = make_case(turn, intent)
    denial = judge(case)
    if denial is not None:
        turn.others.append(GuardTripped(denial.code, intent.instrument, denial.detail))
        return denial
    for number, quantity in enumerate(case.sizing.cut(), start=1):
        _enter(turn, intent, _identity_of_slice(turn, case.identity, intent, number), number, quantity)
    return None


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
