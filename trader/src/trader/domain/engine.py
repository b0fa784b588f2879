"""`step(state, event) -> (state, effects)`: the one door to the domain.

Pure: the same state and event give the same answer, in any process, at any time. The durable part changes only through
records that leave in the same step's `Persist`, so that `replay(journal) == durable`. After each event every standing
obligation is derived anew (a quote concerns its own instrument only), so nothing depends on one event arriving.
"""

from collections.abc import Callable
from typing import cast

from trader.domain.brackets import held_quantity, live_orders
from trader.domain.configuring import on_config_offered, on_profile_applied, settle_config
from trader.domain.effects import Effect, EngageKill, Persist
from trader.domain.events import (
    BookRead,
    ClockTick,
    CommitRefused,
    Committed,
    ConfigOffered,
    Event,
    FeedChanged,
    FundsRead,
    InstrumentsLoaded,
    KillEngaged,
    KillReleased,
    ModeWanted,
    MutationReply,
    OrderUpdated,
    PlaceAccepted,
    PlaceRefused,
    PlaceUnknown,
    PositionsRead,
    PreflightJudged,
    ProfileApplied,
    Quote,
    ReadFailed,
    SignalReceived,
    StandingChanged,
)
from trader.domain.evolving import evolve
from trader.domain.flattening import prove_flat
from trader.domain.guards import daily_loss_limit
from trader.domain.journal import apply, replay, with_entry
from trader.domain.leading import on_kill_engaged, on_kill_released, on_standing_changed, open_day
from trader.domain.obligations import meet_obligations
from trader.domain.positions import day_profit
from trader.domain.reading import ask_reads, on_read_failed
from trader.domain.reconciling import on_book_read, on_positions_read
from trader.domain.references import sample_references
from trader.domain.signals import consider, on_signal_received
from trader.domain.spreads import is_blown, sample_spreads
from trader.domain.state import EngineState, Market
from trader.domain.states import refresh_state
from trader.domain.turn import Turn
from trader.domain.updating import (
    on_commit_refused,
    on_committed,
    on_mutation_reply,
    on_order_updated,
    on_place_accepted,
    on_place_refused,
    on_place_unknown,
)
from trader.domain.values import SECOND, KillReason, Leg, OrderType, Standing

__all__ = ["apply", "replay", "step"]

_KILL_ASKED_AGAIN = SECOND


def step(state: EngineState, event: Event) -> tuple[EngineState, tuple[Effect, ...]]:
    """Take one event; return the next state and what is to be done, `Persist` first."""
    if isinstance(event, Quote):
        return _step_quote(state, event)
    turn = Turn(state, event.at, event.market_time)
    _move_clock(turn)
    if not _is_idle(turn) or isinstance(event, _HEARD_WITHOUT_STANDING):
        _HANDLERS[type(event)](turn, event)
    _settle(turn)
    return turn.finish()


def _is_idle(turn: Turn) -> bool:
    return turn.control.standing is Standing.NONE or turn.control.is_fenced


def _move_clock(turn: Turn) -> None:
    market, now, market_time = turn.market, turn.now, turn.market_time
    session = market.session
    if session is None or not session.valid_from <= market_time < session.valid_until:
        session = turn.settings.calendar.session_at(market_time)
    turn.market = Market(now, market_time, session, market.quotes, market.memory, market.spreads, market.references)


def _settle(turn: Turn) -> None:
    """Everything that is due now, whatever the event was."""
    refresh_state(turn)
    if _is_idle(turn):
        return
    durable, control = turn.durable, turn.control
    settle_config(turn)
    open_day(turn)
    _guard_daily_loss(turn)
    meet_obligations(turn, tuple(turn.durable.open))
    prove_flat(turn)
    if turn.durable is not durable or turn.control is not control:
        refresh_state(turn)
    ask_reads(turn)


def _step_quote(state: EngineState, quote: Quote) -> tuple[EngineState, tuple[Effect, ...]]:
    """The hot path: remember the quote, let strategies look, and derive what its own instrument asks for."""
    session = state.market.session
    if session is None or not session.valid_from <= quote.market_time < session.valid_until:
        # A new phase concerns everything: it is derived in full first, then the quote is looked at.
        state, effects = step(state, ClockTick(quote.at, quote.market_time))
        after, more = _step_quote_in_session(state, quote)
        return after, _merged(effects, more)
    return _step_quote_in_session(state, quote)


def _step_quote_in_session(state: EngineState, quote: Quote) -> tuple[EngineState, tuple[Effect, ...]]:
    market, key = state.market, quote.instrument
    previous = market.quotes.get(key)
    turn = Turn(state, quote.at, quote.market_time)
    spreads, spread = market.spreads, market.spreads.get(key)
    if spread is not None and not spread.is_latched and is_blown(spread, quote):
        spreads = with_entry(spreads, key, evolve(spread, is_latched=True, calm_samples=0))
    quotes = with_entry(market.quotes, key, quote)
    turn.market = Market(quote.at, quote.market_time, market.session, quotes, market.memory, spreads, market.references)
    concerned = [intent for intent, each in turn.durable.open.items() if each.plan.instrument == key]
    if concerned and not _is_idle(turn):
        _note_triggers(turn, quote)
        _guard_daily_loss(turn)
        meet_obligations(turn, concerned)
    consider(turn, quote, previous)
    return turn.finish()


def _merged(first: tuple[Effect, ...], second: tuple[Effect, ...]) -> tuple[Effect, ...]:
    """Both, with one Persist in front: the records of a step are one commit."""
    records = tuple(record for each in first + second if isinstance(each, Persist) for record in each.records)
    rest = tuple(each for each in first + second if not isinstance(each, Persist))
    return (Persist(records), *rest) if records else rest


def _note_triggers(turn: Turn, quote: Quote) -> None:
    """A stop whose trigger has traded is running, whether or not an update says so."""
    for bracket in turn.durable.open.values():
        if bracket.plan.instrument != quote.instrument or held_quantity(bracket) <= 0:
            continue
        for order in live_orders(bracket, Leg.STOP):
            track = turn.track(order)
            has_traded = (quote.last_price - order.trigger_price) * order.side.sign >= 0
            if order.order_type is OrderType.STOP_LIMIT and has_traded and track.triggered_since is None:
                turn.set_track(order.tag, evolve(track, triggered_since=turn.now))


def _guard_daily_loss(turn: Turn) -> None:
    """The engine pulls its own switch; asked for again every second until the kill stands."""
    control = turn.control
    if turn.durable.kill is not None:
        return
    if control.kill_asked_at is None:
        limit = daily_loss_limit(turn)
        if limit <= 0 or day_profit(turn.durable, turn.market.quotes) > -limit:
            return
    elif turn.now - control.kill_asked_at < _KILL_ASKED_AGAIN:
        return
    turn.others.append(EngageKill(KillReason.RISK, "the loss of the day reached its limit"))
    turn.change_control(kill_asked_at=turn.now, risk_generation=control.risk_generation + 1)
    refresh_state(turn)


def _on_clock_tick(turn: Turn, event: ClockTick) -> None:
    """Time passed: prices and spreads are sampled by it; what is due is derived after every event anyway."""
    sample_references(turn)
    sample_spreads(turn)


def _on_funds_read(turn: Turn, event: FundsRead) -> None:
    funds = evolve(turn.control.funds, answered_at=turn.now, requested_at=turn.now, is_pending=False)
    turn.change_control(funds=funds, net_liquidation=event.net_liquidation)


def _on_read_failed(turn: Turn, event: ReadFailed) -> None:
    on_read_failed(turn, event.what)


def _on_feed_changed(turn: Turn, event: FeedChanged) -> None:
    """What happened while the stream was away was told to nobody: the book must agree before any new risk."""
    if not event.up:
        turn.change_control(is_feed_up=False, feed_lost_at=turn.now, agreements=0)
    elif not turn.control.is_feed_up:
        turn.change_control(is_feed_up=True, feed_lost_at=turn.now, agreements=0)


def _on_instruments_loaded(turn: Turn, event: InstrumentsLoaded) -> None:
    turn.change_control(instruments={each.key: each for each in event.instruments})


def _on_mode_wanted(turn: Turn, event: ModeWanted) -> None:
    turn.change_control(wants_live=event.live, is_suspended=event.suspended)


def _on_preflight_judged(turn: Turn, event: PreflightJudged) -> None:
    turn.change_control(preflight_passed=event.passed, preflight_message=event.message)


_HEARD_WITHOUT_STANDING = (
    ClockTick,
    ConfigOffered,
    FeedChanged,
    InstrumentsLoaded,
    KillEngaged,
    KillReleased,
    ModeWanted,
    PreflightJudged,
    ProfileApplied,
    SignalReceived,
    StandingChanged,
)

# The key of each row is the type that its function takes: a relation that annotations cannot say.
_HANDLERS = cast(
    "dict[type[Event], Callable[[Turn, Event], None]]",
    {
        BookRead: on_book_read,
        ClockTick: _on_clock_tick,
        CommitRefused: on_commit_refused,
        Committed: on_committed,
        ConfigOffered: on_config_offered,
        FeedChanged: _on_feed_changed,
        FundsRead: _on_funds_read,
        InstrumentsLoaded: _on_instruments_loaded,
        KillEngaged: on_kill_engaged,
        KillReleased: on_kill_released,
        ModeWanted: _on_mode_wanted,
        MutationReply: on_mutation_reply,
        OrderUpdated: on_order_updated,
        PlaceAccepted: on_place_accepted,
        PlaceRefused: on_place_refused,
        PlaceUnknown: on_place_unknown,
        PositionsRead: on_positions_read,
        PreflightJudged: _on_preflight_judged,
        ProfileApplied: on_profile_applied,
        ReadFailed: _on_read_failed,
        SignalReceived: on_signal_received,
        StandingChanged: on_standing_changed,
    },
)
