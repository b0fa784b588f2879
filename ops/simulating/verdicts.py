"""All judges over one schedule: promise -> what broke it. An empty mapping means that everything held."""

from ops.judging import invariants, liveness
from ops.judging.checkers import duplicate_orders, repeated_entries, stale_epoch_risk
from ops.judging.journals import repeated_records
from ops.simulating.troubles import Kind
from ops.simulating.world import World
from trader.domain.engine import replay
from trader.domain.state import initial_state

RECOVERY_NS = 4_000_000_000
"""From standing to the first effect: the book read once, with its deadline of 3 s, and the call."""

_OF_THE_MARKET = frozenset(
    {Kind.THIN.value, Kind.JUMP.value, Kind.KILL.value, Kind.KILL_BY_SPEC.value, Kind.RELEASE.value}
)


def judge(world: World, killed_at: int | None) -> dict[str, list[str]]:
    """Ask every judge."""
    history, now = world.history, world.scheduler.now
    frozen = {entry["tag"] for entry in history if entry["kind"] == "frozen"}
    # The broker took these before a successor was there, and brought them to the exchange later: rule 7 deals with them.
    stuck = {entry["tag"] for entry in history if entry.get("trouble") == Kind.HIDDEN.value and "tag" in entry}
    thawed = [entry for entry in history if entry.get("tag") not in frozen] if frozen else history
    excused = invariants.excuses(history, RECOVERY_NS, now)
    # A market in which nothing trades keeps an exit from filling; it keeps nobody from placing or cancelling.
    calm = [entry for entry in history if entry.get("trouble") not in _OF_THE_MARKET]
    answerable = invariants.excuses(calm, RECOVERY_NS, now)
    found: dict[str, list[str]] = {
        "I1 no order twice": duplicate_orders(history),
        "I1 one entry per signal": repeated_entries(history),
        "I2 no risk under an older epoch": stale_epoch_risk([each for each in thawed if each.get("tag") not in stuck]),
        "I2 the deposed touch nothing": invariants.deposed_acts(history),
        "I3 durable before sent": invariants.undurable_sends(history),
        "I4 no reversal lasts": invariants.lasting(history, "is_reversed", now, excused),
        "I5 no orphan lasts": invariants.lasting(history, "is_orphaned", now, answerable),
        "I6 no position without its stop": invariants.lasting(history, "is_naked", now, answerable),
        "I7 heat is bounded": invariants.overheated(history),
        "I8 no risk after a kill": invariants.risk_after_kill(history),
        "I9 ten calls a second": invariants.too_many_calls(thawed),
        "I11 orders move along the graph": invariants.illegal_moves(history),
        "I12 orders are legal": invariants.illegal_orders(history, world.limits),
        "I13 no blind entry": invariants.blind_entries(history),
        "I14 no crowd": invariants.crowds(history),
        "I15 one answer an intent": invariants.unanswered_intents(history),
        "rule 3 no leg twice": invariants.doubled_legs(history, stuck),
        "rule 5 flat is flat": invariants.false_flats(history, frozen),
        "rule 7 older entries go": invariants.kept_entries(history, now, answerable),
        "L2 doubt ends": liveness.unresolved(history),
        "L3 somebody leads": liveness.no_leader(history),
        "L4 everything settles": liveness.unsettled(history),
        "L5 nothing is stuck": liveness.stuck(history),
        "no error": [text for each in world.everybody for text in (*each.failures, *each.loop.errors)],
    }
    if killed_at is not None:
        found["L1 flat in two seconds"] = liveness.late_flats(history, killed_at, now)
    found["I16 replay gives the state"] = _replay(world)
    found["I19 reconciling twice writes nothing"] = repeated_records(world.database.replay())
    return {promise: broken for promise, broken in found.items() if broken}


def _replay(world: World) -> list[str]:
    leader = world.leader
    if leader is None or leader.waiting():
        return []
    again = replay(initial_state(leader.probe.settings), world.database.replay()).durable
    now = leader.probe.state.durable
    if again == now:
        return []
    fields = [name for name in type(now).__slots__ if getattr(again, name) != getattr(now, name)]
    return [f"the journal gives another state: {', '.join(fields)} differ"]
