"""How each timed trouble is done to the world."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from ops.simulating.troubles import Kind, Trouble
from trader.domain.profiles import Config
from trader.domain.tags import decode_tag
from trader.domain.values import KillReason, Side

if TYPE_CHECKING:
    from ops.simulating.process import Process
    from ops.simulating.world import World

_WEATHER = frozenset(
    {
        Kind.LEASE_AWAY,
        Kind.LEASE_AMBIGUOUS,
        Kind.STORE_AWAY,
        Kind.STORE_AMBIGUOUS,
        Kind.STORE_LATE,
        Kind.STORE_SLOW,
        Kind.FEED_DOWN,
        Kind.FEED_SILENT,
        Kind.UPDATES_LOST,
        Kind.UPDATES_DOUBLED,
        Kind.UPDATES_LATE,
        Kind.BROKER_AWAY,
        Kind.READS_FAIL,
        Kind.READS_SLOW,
        Kind.POSITIONS_LAG,
    }
)


def happen(world: "World", trouble: Trouble) -> None:
    """Let it happen now."""
    world.reach(trouble.kind.value)
    if trouble.kind in _WEATHER:
        until = world.scheduler.now + int(trouble.seconds * 1e9)
        for process in _pods(world, trouble):
            process.weather.begin(trouble.kind, until)
            if trouble.kind is Kind.FEED_DOWN:
                process.feed.drop()
        return
    _DOINGS[trouble.kind](world, trouble)


def _pods(world: "World", trouble: Trouble) -> "list[Process]":
    alive = [each for each in world.pods if each is not None and each.is_alive]
    return alive if trouble.pod < 0 else [each for each in alive if each.slot == trouble.pod]


def _one(world: "World", trouble: Trouble) -> "Process | None":
    """The pod that is named, else the leader."""
    if trouble.pod < 0:
        return world.leader
    found = _pods(world, trouble)
    return found[0] if found else None


def _crash(world: "World", trouble: Trouble) -> None:
    process = _one(world, trouble)
    if process is not None:
        world.crash(process)


def _replace(world: "World", trouble: Trouble) -> None:
    process = _one(world, trouble)
    if process is not None:
        world.replace(process)


def _crash_at_turn(world: "World", trouble: Trouble) -> None:
    process = _one(world, trouble)
    if process is not None:
        process.loop.crash_after(trouble.number)


def _pause(world: "World", trouble: Trouble) -> None:
    process = _one(world, trouble)
    if process is not None:
        world.stop(process, trouble.seconds)


def _stop(world: "World", trouble: Trouble) -> None:
    process = _one(world, trouble)
    if process is not None:
        process.loop.call_soon(process.engine.stop)


def _lease_deleted(world: "World", trouble: Trouble) -> None:
    world.api.delete()
    world.scheduler.after(int(trouble.seconds * 1e9), world.api.create)


def _thin(world: "World", trouble: Trouble) -> None:
    world.exchange.liquid = False

    def over() -> None:
        world.exchange.liquid = True

    world.scheduler.after(int(trouble.seconds * 1e9), over)


def _risk_refuses(world: "World", trouble: Trouble) -> None:
    world.exchange.refuses = "RMS: blocked"

    def over() -> None:
        world.exchange.refuses = ""

    world.scheduler.after(int(trouble.seconds * 1e9), over)


def _jump(world: "World", trouble: Trouble) -> None:
    for instrument in world.schedule.instruments:
        world.jump(instrument.key, trouble.amount)


def _exchange_cancels(world: "World", trouble: Trouble) -> None:
    ours = [order for order in world.exchange.working() if decode_tag(order.tag) is not None]
    if ours:
        world.exchange.end_by_exchange(ours[trouble.amount % len(ours)], "cancelled by the exchange")


def _kill(world: "World", trouble: Trouble) -> None:
    process = _one(world, trouble)
    if process is not None:
        kill(world, process)


def kill(world: "World", process: "Process") -> None:
    """Ask one process for a kill, as its API does."""
    for bracket in process.probe.state.durable.open.values():
        for order in bracket.orders.values():
            if not order.status.is_terminal:
                world.reach(f"kill with {order.leg.name.lower()} {order.status.value}")
    world.note("kill_asked", process=process.name)

    def start() -> None:
        process.loop.create_task(process.engine.request_kill(KillReason.MANUAL, "by the desk", "desk"))

    process.loop.call_soon(start)


def _kill_by_spec(world: "World", _: Trouble) -> None:
    world.note("kill_asked", process="")
    world.edit_kill(engaged=True)


def _release(world: "World", _: Trouble) -> None:
    stands = world.database.standing_kill()
    if stands is not None:
        world.edit_kill(engaged=False, release=stands.kill_id)


def _suspend(world: "World", trouble: Trouble) -> None:
    assert world.wishes is not None
    world.wish(replace(world.wishes, suspended=True))

    def over() -> None:
        assert world.wishes is not None
        world.wish(replace(world.wishes, suspended=False))

    world.scheduler.after(int(trouble.seconds * 1e9), over)


def _tighten(world: "World", _: Trouble) -> None:
    process = world.leader
    view = process.engine.snapshot().view if process is not None else None
    if process is None or view is None:
        return
    tight = replace(world.profile, max_heat_ppm=world.profile.max_heat_ppm // 4, per_trade_risk_ppm=100)
    offer = process.engine.offer_config(Config("tight", "", tight), view.config_hash, view.epoch, is_promoted=False)
    process.loop.call_soon(process.loop.create_task, offer)


def _human_closes(world: "World", trouble: Trouble) -> None:
    for position in world.exchange.positions():
        if position.quantity:
            side = Side.SELL if position.quantity > 0 else Side.BUY
            lot = world.exchange.instruments[position.instrument].lot_size
            quantity = abs(position.quantity) if trouble.amount else lot
            world.exchange.trade_by_hand(position.instrument, side, quantity)
            return


def _human_trades(world: "World", trouble: Trouble) -> None:
    instrument = world.schedule.instruments[trouble.amount % len(world.schedule.instruments)]
    world.exchange.trade_by_hand(instrument.key, Side.BUY, instrument.lot_size)


_DOINGS: "dict[Kind, Callable[[World, Trouble], None]]" = {
    Kind.CRASH: _crash,
    Kind.REPLACE: _replace,
    Kind.CRASH_AT_TURN: _crash_at_turn,
    Kind.PAUSE: _pause,
    Kind.STOP: _stop,
    Kind.LEASE_DELETED: _lease_deleted,
    Kind.REVOKE: lambda world, _: world.api.revoke(),
    Kind.JUMP: _jump,
    Kind.THIN: _thin,
    Kind.RISK_REFUSES: _risk_refuses,
    Kind.EXCHANGE_CANCELS: _exchange_cancels,
    Kind.KILL: _kill,
    Kind.KILL_BY_SPEC: _kill_by_spec,
    Kind.RELEASE: _release,
    Kind.SUSPEND: _suspend,
    Kind.TIGHTEN: _tighten,
    Kind.HUMAN_CLOSES: _human_closes,
    Kind.HUMAN_TRADES: _human_trades,
}
