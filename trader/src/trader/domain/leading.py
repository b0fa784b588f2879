"""Leadership, kills and the trading day: what begins and ends by somebody else's word.

Gaining leadership begins a recovery: what the journal left open is in doubt until the book says otherwise, and two books in a row
must agree before anything new is risked (rule 6). Losing it ends everything at once (rule 1).
"""

from trader.domain.brackets import live_orders
from trader.domain.calendars import Phase
from trader.domain.events import KillEngaged, KillReleased, StandingChanged
from trader.domain.orders import changed
from trader.domain.records import DayOpened, KillEnded, KillStood
from trader.domain.state import ReadTrack, Track
from trader.domain.turn import Turn
from trader.domain.values import MachineTime, OrderStatus, Standing, Tag


def on_standing_changed(turn: Turn, event: StandingChanged) -> None:
    """Leadership gained, reduced or lost."""
    control = turn.control
    is_new = event.standing is not Standing.NONE and (
        control.standing is Standing.NONE or control.is_fenced or event.epoch != control.epoch
    )
    loses_risk = control.standing is Standing.LEADER and (event.standing is not Standing.LEADER or is_new)
    turn.change_control(
        standing=event.standing,
        epoch=event.epoch,
        is_fenced=False,
        risk_generation=control.risk_generation + (1 if loses_risk else 0),
    )
    turn.announce("standing_changed", standing=event.standing.value, epoch=event.epoch)
    if is_new:
        _begin_recovery(turn)


def _begin_recovery(turn: Turn) -> None:
    turn.change_control(
        gained_at=turn.now,
        was_live=False,
        agreements=0,
        agreements_needed=2,
        position_agreements=0,
        suspicion=None,
        book=ReadTrack(),
        positions=ReadTrack(),
        funds=ReadTrack(),
        net_liquidation=None,
        foreign_orders={},
        tracks=_fresh_tracks(turn),
        touched_at=turn.now,
    )
    heard = turn.control.heard_kill
    if heard is not None:
        turn.change_control(heard_kill=None)
        on_kill_engaged(turn, heard)


def _fresh_tracks(turn: Turn) -> dict[Tag, Track]:
    """Every order that is not over starts anew; what was planned and never answered is in doubt."""
    tracks: dict[Tag, Track] = {}
    before = MachineTime(turn.now - 1)
    # A closed bracket with a live order is a journal with a hole in it: it is opened again, and judged by the book.
    for bracket in (*turn.durable.open.values(), *turn.durable.closed.values()):
        for order in live_orders(bracket):
            is_doubtful = order.status in (OrderStatus.UNSENT, OrderStatus.IN_DOUBT)
            if order.status is OrderStatus.UNSENT:
                message = "planned before a restart"
                turn.record(changed(order, turn.market_time, status=OrderStatus.IN_DOUBT, message=message))
            doubt_since = turn.now if is_doubtful else None
            tracks[order.tag] = Track(changed_at=before, planned_at=turn.now, doubt_since=doubt_since)
    return tracks


def on_kill_engaged(turn: Turn, event: KillEngaged) -> None:
    """This kill stands from here on, in place of another that was made apart from it; idempotent while it does."""
    if turn.control.standing is Standing.NONE or turn.control.is_fenced:
        turn.change_control(heard_kill=event)
        return
    before = turn.durable.kill
    turn.record(KillStood(turn.market_time, event.kill_id, event.reason, event.note, event.by))
    turn.change_control(kill_asked_at=None)
    if turn.durable.kill is not before:
        turn.change_control(risk_generation=turn.control.risk_generation + 1)
        turn.announce("kill_engaged", kill=event.kill_id, reason=event.reason.value, note=event.note, by=event.by)


def on_kill_released(turn: Turn, event: KillReleased) -> None:
    """Release this very kill; then everything is confirmed anew before any new risk."""
    heard = turn.control.heard_kill
    if heard is not None and heard.kill_id == event.kill_id:
        turn.change_control(heard_kill=None)
    if turn.control.standing is Standing.NONE or turn.control.is_fenced:
        return
    if turn.durable.kill is not None and turn.durable.kill.kill_id == event.kill_id:
        turn.record(KillEnded(turn.market_time, event.kill_id))
        turn.change_control(agreements=0, agreements_needed=2, was_live=False, kill_asked_at=None)
        turn.announce("kill_released", kill=event.kill_id)


def open_day(turn: Turn) -> None:
    """Begin the books of a trading date, once its market is near, funds are known and nothing of yesterday is open."""
    session, control = turn.market.session, turn.control
    if session is None or session.trading_date == turn.durable.trading_date or control.standing is not Standing.LEADER:
        return
    if session.phase is Phase.CLOSED or not control.net_liquidation or turn.durable.open:
        return
    turn.record(DayOpened(turn.market_time, session.trading_date, control.net_liquidation))
    turn.change_control(told={})
    turn.announce("day_opened", date=session.trading_date, net_liquidation_paise=control.net_liquidation)
