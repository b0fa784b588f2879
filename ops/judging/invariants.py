"""The safety invariants I1 to I16 as pure functions over one history: the exchange's log, and where a test or a drill has it,
what the processes did (`sent`, `committed`, `epoch_taken`, `kill_heard`, …; see `docs/explanation/simulation.md`).

Each returns what it found, in words; an empty list means that it held. I1 is `checkers.duplicate_orders`.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ops.judging.courses import Interval, Moment, beyond, merged, spans, views
from ops.judging.history import TERMINAL
from trader.domain.tags import decode_tag
from trader.domain.values import Leg

Entries = Sequence[Mapping[str, Any]]
SECOND_NS = 1_000_000_000
SEND_LIMIT_NS = SECOND_NS
"""G of the architecture: what passed the gate may still arrive this much later."""
LIMIT_NS = 5 * SECOND_NS
"""I5, I6: how long an orphan or a naked position may stand."""
TOLD_NS = SECOND_NS // 10
"""A reply counts as known after this: it waits for its turn, and what was decided before is on its way."""
CALLS_A_SECOND = 10
"""kite.trade/docs/connect/v3/exceptions."""
ORDERS_AN_INTENT = 60
"""I14: far above what the hardest storm needs, far below a runaway."""
_ALLOWED: Mapping[str, frozenset[str]] = {
    "UNSENT": frozenset({"SENT", "IN_DOUBT", "ABSENT", "WORKING", "COMPLETE", "CANCELLED", "REJECTED"}),
    "SENT": frozenset({"IN_DOUBT", "WORKING", "COMPLETE", "CANCELLED", "REJECTED"}),
    "IN_DOUBT": frozenset({"SENT", "ABSENT", "WORKING", "COMPLETE", "CANCELLED", "REJECTED"}),
    "WORKING": frozenset({"IN_DOUBT", "COMPLETE", "CANCELLED", "REJECTED"}),
    "REJECTED": frozenset({"SENT", "WORKING", "COMPLETE", "CANCELLED"}),
    "ABSENT": frozenset({"SENT", "WORKING", "COMPLETE", "CANCELLED", "REJECTED"}),
}


def deposed_acts(entries: Entries) -> list[str]:
    """I2: epochs only rise, and nothing leaves under an epoch once a newer one stands, but for what passed the gate before."""
    found: list[str] = []
    epoch = 0
    stood: dict[int, int] = {}
    for entry in entries:
        if entry["kind"] == "epoch_taken":
            if entry["epoch"] <= epoch:
                found.append(f"epoch {entry['epoch']} was taken after epoch {epoch}")
            epoch = entry["epoch"]
            stood[epoch] = entry["machine_time_ns"]
        elif entry["kind"] == "sent" and entry["epoch"] < epoch:
            late = entry["machine_time_ns"] - min(at for other, at in stood.items() if other > entry["epoch"])
            if late > SEND_LIMIT_NS:
                what = f"{entry['operation']} of {entry['tag']} under epoch {entry['epoch']}"
                found.append(f"{what} left {late / SECOND_NS:.3f} s after epoch {epoch} stood")
    return found


def undurable_sends(entries: Entries) -> list[str]:
    """I3: no placement left before the database or the emergency journal had it."""
    durable: set[str] = set()
    found = []
    for entry in entries:
        if entry["kind"] in ("committed", "emergency_written"):
            durable.update(entry["tags"])
        elif entry["kind"] == "sent" and entry["operation"] == "place" and entry["tag"] not in durable:
            found.append(f"{entry['tag']} left before it was durable")
    return found


def lasting(entries: Entries, what: str, until_ns: int, excused: Sequence[Interval] = ()) -> list[str]:
    """I4, I5, I6: nothing stays `is_reversed`, `is_orphaned` or `is_naked` for longer than 5 s that no excuse covers."""
    first, *others = views(entries)
    found = _lasting(first, what, until_ns, excused)
    for view in others if found else ():
        milder = {each.split()[1] for each in _lasting(view, what, until_ns, excused)}
        found = [each for each in found if each.split()[1] in milder]
    return found


def _lasting(known: Mapping[str, Sequence[Moment]], what: str, until_ns: int, excused: Sequence[Interval]) -> list[str]:
    found = []
    for intent, course in known.items():
        for span in spans(course, lambda moment: bool(getattr(moment, what)), until_ns):
            if span.length > LIMIT_NS and (uncovered := beyond(span, excused)) > LIMIT_NS:
                begin, end = span.begin_ns / SECOND_NS, span.end_ns / SECOND_NS
                found.append(
                    f"intent {intent} {what.replace('is_', 'was ')} from {begin:.3f} to {end:.3f} s, "
                    f"{uncovered / SECOND_NS:.1f} s of it without an excuse"
                )
    return found


def overheated(entries: Entries) -> list[str]:
    """I7: at each decision to add risk, the worst case of all that is open stays within the heat allowed."""
    return [
        f"{entry['tag']} was decided at a heat of {entry['heat']} paise, {entry['heat_limit']} are allowed"
        for entry in entries
        if entry["kind"] == "decided" and entry["heat"] > entry["heat_limit"]
    ]


def risk_after_kill(entries: Entries) -> list[str]:
    """I8: who has heard of a kill sends no risk until its release, and nobody does later than G after it stands."""
    found: list[str] = []
    stood: int | None = None
    deaf: set[str] = set()
    for entry in entries:
        match entry["kind"]:
            case "kill_stood" if entry.get("reason") != "eod":
                stood = entry["machine_time_ns"]
            case "kill_released":
                stood, deaf = None, set()
            case "kill_heard" if entry.get("reason") != "eod":
                deaf.add(entry["process"])
            case "sent" if entry["adds_risk"]:
                late = stood is not None and entry["machine_time_ns"] - stood > SEND_LIMIT_NS
                if late or entry["process"] in deaf:
                    found.append(f"{entry['tag']} left at {entry['machine_time_ns'] / SECOND_NS:.3f} s under a kill")
            case _:
                pass
    return found


def too_many_calls(entries: Entries) -> list[str]:
    """I9: at most ten order calls of ours arrive in any calendar second, whatever their outcome."""
    count = Counter(
        entry["machine_time_ns"] // SECOND_NS
        for entry in entries
        if entry["kind"] == "request" and str(entry["path"]).startswith("/orders")
    )
    return [f"{calls} order calls in second {second}" for second, calls in count.items() if calls > CALLS_A_SECOND]


def mismatched_positions(ours: Mapping[str, int], entries: Entries) -> list[str]:
    """I10: what the engine believes to hold is the sum of the exchange's fills of its orders; at a quiet point."""
    truth: dict[str, int] = defaultdict(int)
    for entry in entries:
        if entry["kind"] == "trade" and decode_tag(entry.get("tag")) is not None:
            truth[entry["instrument"]] += int(entry["quantity"]) * (1 if entry["transaction_type"] == "BUY" else -1)
    keys = sorted({*ours, *truth})
    return [
        f"{key}: the engine holds {ours.get(key, 0)}, its fills say {truth.get(key, 0)}"
        for key in keys
        if ours.get(key, 0) != truth.get(key, 0)
    ]


def illegal_moves(entries: Entries) -> list[str]:
    """I11: an order's state moves along the graph only, what the broker ended stays ended, fills never fall."""
    known: dict[str, tuple[str, int]] = {}
    found = []
    for entry in entries:
        if entry["kind"] != "order_state":
            continue
        status, filled = entry["status"], int(entry["filled_quantity"])
        before, had = known.get(entry["tag"], ("UNSENT", 0))
        if status != before and status not in _ALLOWED.get(before, frozenset()):
            found.append(f"{entry['tag']} went from {before} to {status}")
        if filled < had:
            found.append(f"{entry['tag']} had {had} filled, and then {filled}")
        known[entry["tag"]] = status, filled
    return found


def illegal_orders(entries: Entries, limits: Mapping[str, Mapping[str, int]]) -> list[str]:
    """I12: prices in whole paise, on the tick and inside the circuit, quantities in lots and not above the freeze.

    `limits`: instrument -> `tick_size`, `lot_size`, `freeze_quantity`, `lower_circuit`, `upper_circuit`.
    """
    found = []
    for entry in entries:
        if entry["kind"] != "order_accepted" or entry["instrument"] not in limits or decode_tag(entry["tag"]) is None:
            continue
        limit = limits[entry["instrument"]]
        for name in ("price", "trigger_price"):
            price = entry[name]
            if type(price) is not int:
                found.append(f"{entry['tag']}: {name} {price} is no whole number of paise")
            elif price and (
                price % limit["tick_size"] or not limit["lower_circuit"] <= price <= limit["upper_circuit"]
            ):
                found.append(f"{entry['tag']}: {name} {price} is off the tick or the band")
        quantity = int(entry["quantity"])
        if quantity <= 0 or quantity % limit["lot_size"] or quantity > limit["freeze_quantity"]:
            found.append(f"{entry['tag']}: quantity {quantity} is not in lots, or above the freeze")
    return found


def blind_entries(entries: Entries) -> list[str]:
    """I13: no entry is decided outside the session, outside LIVE, or on a quote older than 5 s."""
    found = []
    for entry in entries:
        if entry["kind"] == "decided":
            age = entry["quote_age_ns"]
            if entry["phase"] != "OPEN" or entry["trading_state"] != "LIVE" or age is None or age > LIMIT_NS:
                found.append(f"{entry['tag']}: phase {entry['phase']}, {entry['trading_state']}, quote age {age}")
    return found


def crowds(entries: Entries) -> list[str]:
    """I14: no intent ever makes more than a bounded number of orders."""
    count: Counter[str] = Counter()
    for entry in entries:
        if entry["kind"] == "order_accepted" and (parts := decode_tag(entry.get("tag"))) is not None:
            count[parts.intent] += 1
    return [f"intent {intent} made {orders} orders" for intent, orders in count.items() if orders > ORDERS_AN_INTENT]


def unanswered_intents(entries: Entries) -> list[str]:
    """I15: each intent that a leader's strategy proposes is either sent, or denied with exactly one code."""
    return [
        f"{entry['intents']} intents had {entry['answers']} answers"
        for entry in entries
        if entry["kind"] == "proposed" and entry["intents"] != entry["answers"]
    ]


def _has_ended(entry: Mapping[str, Any]) -> bool:
    """Whether an entry of the exchange's log ends an order."""
    return entry["kind"] == "order_cancelled" or (entry["kind"] == "order_update" and entry["status"] in TERMINAL)


def doubled_legs(entries: Entries, hidden: Iterable[str] = ()) -> list[str]:
    """No process sends a stop or target while an earlier one of the same leg works that it was told to be accepted.

    `hidden`: tags of orders that came to the exchange long after the broker had accepted them. Whoever was told rightly doubted
    them meanwhile: they count as told when somebody wrote down that they work.
    """
    late, sender = set(hidden), dict[str, str]()
    told: dict[tuple[str, str], int] = {}
    working: set[str] = set()
    tags: dict[str, str] = {}
    found = []
    for entry in entries:
        kind = entry["kind"]
        if kind == "order_accepted":
            tags[str(entry["order_id"])] = entry["tag"]
            working.add(entry["tag"])
        elif _has_ended(entry) and str(entry["order_id"]) in tags:
            working.discard(tags[str(entry["order_id"])])
        elif kind == "replied" and entry["operation"] == "place" and entry["outcome"] == "accepted":
            if entry["tag"] not in late:
                told[entry["process"], entry["tag"]] = entry["machine_time_ns"]
        elif kind == "order_state" and entry["tag"] in late and entry["status"] == "WORKING" and entry["tag"] in sender:
            told.setdefault((sender[entry["tag"]], entry["tag"]), entry["machine_time_ns"])
        elif kind == "sent" and entry["operation"] == "place":
            sender[entry["tag"]] = entry["process"]
            found += _rivals(entry, told, working)
    return found


def _rivals(entry: Mapping[str, Any], told: Mapping[tuple[str, str], int], working: set[str]) -> list[str]:
    parts = decode_tag(entry["tag"])
    if parts is None or parts.leg not in (Leg.STOP, Leg.TARGET):
        return []
    for (process, tag), at_ns in told.items():
        if tag == entry["tag"] or tag not in working or process != entry["process"]:
            continue
        other = decode_tag(tag)
        is_same = other is not None and (other.intent, other.leg) == (parts.intent, parts.leg)
        if is_same and entry["machine_time_ns"] - at_ns > TOLD_NS:
            return [f"{entry['tag']} left although {tag} works and was known to"]
    return []


def false_flats(entries: Entries, frozen: Iterable[str] = ()) -> list[str]:
    """Rule 5: when flat was declared, the exchange held nothing of ours, nothing worked, and nothing was on its way.

    `frozen`: tags of requests that a stopped process had in its hand; the documents say what becomes of those.
    """
    spared = set(frozen)
    found: list[str] = []
    sent: dict[str, int] = {}
    declared: list[int] = []
    so_far: list[Mapping[str, Any]] = []
    for entry in entries:
        kind = entry["kind"]
        so_far.append(entry)
        if kind == "sent" and entry["operation"] == "place":
            sent[entry["tag"]] = entry["machine_time_ns"]
        elif kind == "flat_declared":
            declared.append(entry["machine_time_ns"])
            found += _not_flat(so_far)
        elif kind == "order_accepted" and declared and entry["tag"] in sent and entry["tag"] not in spared:
            if sent[entry["tag"]] < declared[-1]:
                found.append(f"flat was declared while {entry['tag']} was on its way")
        elif kind == "kill_released":
            declared.clear()
    return found


def _not_flat(entries: Sequence[Mapping[str, Any]]) -> list[str]:
    found = []
    first, *others = views(entries)
    for intent, course in first.items():
        last = course[-1]
        if (last.net and all(view[intent][-1].net for view in others)) or last.working:
            found.append(f"flat was declared with {last.net} held and {len(last.working)} orders at work of {intent}")
    return found


def kept_entries(entries: Entries, until_ns: int, excused: Sequence[Interval] = ()) -> list[str]:
    """Rule 7: an entry of an older epoch does not go on working once a successor's epoch stands (5 s, less excuses)."""
    epochs = [(each["machine_time_ns"], each["epoch"]) for each in entries if each["kind"] == "epoch_taken"]
    accepted: dict[str, tuple[str, int, int]] = {}
    ended: dict[str, int] = {}
    for entry in entries:
        if entry["kind"] == "order_accepted":
            parts = decode_tag(entry.get("tag"))
            if parts is not None and parts.leg is Leg.ENTRY:
                accepted[str(entry["order_id"])] = (entry["tag"], parts.epoch, entry["machine_time_ns"])
        elif _has_ended(entry):
            ended.setdefault(str(entry["order_id"]), entry["machine_time_ns"])
    found = []
    for order_id, (tag, epoch, at) in accepted.items():
        newer = [since for since, other in epochs if other > epoch]
        if newer:
            span = Interval(max(at, newer[0]), ended.get(order_id, until_ns))
            if beyond(span, excused) > LIMIT_NS:
                found.append(f"entry {tag} worked on for {span.length / SECOND_NS:.1f} s under a newer epoch")
    return found


def excuses(entries: Entries, recovery_ns: int, until_ns: int) -> list[Interval]:
    """When a trouble was on, or nobody could lead: nothing can be asked of anybody then. Disjoint, in order.

    A trouble tells itself until when it may be felt; a leader has `recovery_ns` from its standing to its first effect.
    """
    found = [Interval(each["machine_time_ns"], each["until_ns"]) for each in entries if each["kind"] == "trouble"]
    holding: set[str] = set()
    stopped: set[str] = set()
    since: int | None = 0
    for entry in entries:
        kind, process = entry["kind"], str(entry.get("process"))
        if kind not in _PROCESS_KINDS:
            continue
        if kind == "stopped":
            stopped.add(process)
        elif kind == "resumed":
            stopped.discard(process)
        elif kind == "standing" and entry["standing"] != "NONE":
            holding.add(process)
        else:
            holding.discard(process)
        leads = bool(holding - stopped)
        if leads and since is not None:
            found.append(Interval(since, entry["machine_time_ns"] + recovery_ns))
            since = None
        elif not leads and since is None:
            since = entry["machine_time_ns"]
    if since is not None:
        found.append(Interval(since, until_ns))
    return merged(found)


_PROCESS_KINDS = frozenset({"standing", "crashed", "exited", "stopped", "resumed"})
