"""The liveness promises L1 to L5 as pure functions over a history: after the last fault, what must come about does, in time.

A history holds `healed` once, and `checked` entries after it: what an observer saw of leader, doubts, orphans and queues.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ops.judging.courses import views

Entries = Sequence[Mapping[str, Any]]
SECOND_NS = 1_000_000_000
FLAT_SECONDS, FLAT_CALLS = 2.0, 20
LEADER_SECONDS = 20.0
"""L3: a Lease of 15 s whose holder is gone, one look every 2 s, the epoch, and G."""
SETTLED_SECONDS = 10.0
"""L2, L4: after somebody leads."""
FOREIGN_SECONDS = 25.0
"""L4 for trades of other people that no update told: an idle look at the positions every 10 s, and a second one to be sure."""
ABSENT_SECONDS = 110.0
"""L2 for orders that never arrived: 95 s of doubt (rule 2), and the two reads that prove it."""


def late_flats(entries: Entries, asked_ns: int, until_ns: int) -> list[str]:
    """L1: a kill asked for at this moment leaves nothing held and nothing at work within 2 s and 20 calls."""
    found = []
    calls = sum(
        entry["kind"] == "request" and asked_ns <= entry["machine_time_ns"] <= asked_ns + int(FLAT_SECONDS * SECOND_NS)
        for entry in entries
    )
    if calls > FLAT_CALLS:
        found.append(f"flattening took {calls} calls")
    limit = asked_ns + int(FLAT_SECONDS * SECOND_NS)
    first, *others = views(entries)
    for intent, course in first.items():
        last = course[-1]
        is_held = last.net and all(view[intent][-1].net for view in others)
        moment = last.at_ns if not (is_held or last.working) else until_ns
        if moment > limit:
            state = f"{last.net} held, {len(last.working)} at work"
            found.append(f"intent {intent} was not flat {FLAT_SECONDS:g} s after the kill ({state} in the end)")
    return found


def no_leader(entries: Entries) -> list[str]:
    """L3: somebody leads, and nobody is without a leader for longer."""
    healed, checks = _checks(entries)
    since: int | None = healed
    for each in checks:
        since = None if each["leader"] else each["machine_time_ns"] if since is None else since
        if since is not None and each["machine_time_ns"] - since > LEADER_SECONDS * SECOND_NS:
            return [f"nobody led for {(each['machine_time_ns'] - since) / SECOND_NS:.1f} s after the healing"]
    return ["nobody led after the healing"] if checks and not any(each["leader"] for each in checks) else []


def unresolved(entries: Entries) -> list[str]:
    """L2: what the exchange shows is known to the leader within 10 s, what never arrived is given up within 110 s."""
    found = _still(entries, "unknown", SETTLED_SECONDS, "outcomes unknown")
    return found + _still(entries, "absent", ABSENT_SECONDS, "absent orders not given up")


def unsettled(entries: Entries) -> list[str]:
    """L4: orphans are gone and what is held is protected within 10 s, and the books agree."""
    found = _still(entries, "orphans", SETTLED_SECONDS, "orphans")
    found += _still(entries, "naked", SETTLED_SECONDS, "naked positions")
    found += _still(entries, "differences", SETTLED_SECONDS, "differences between the engine's books and the broker's")
    return found + _still(entries, "foreign", FOREIGN_SECONDS, "positions of other people not accounted for")


def stuck(entries: Entries) -> list[str]:
    """L5: no task is stuck and no queue grows: in the end nothing waits."""
    _, checks = _checks(entries)
    return [f"in the end there waits: {each}" for each in (checks[-1]["waiting"] if checks else ())]


def _checks(entries: Entries) -> tuple[int, list[Mapping[str, Any]]]:
    healed = next((each["machine_time_ns"] for each in entries if each["kind"] == "healed"), 0)
    return healed, [each for each in entries if each["kind"] == "checked"]


def _still(entries: Entries, what: str, seconds: float, words: str) -> list[str]:
    """What was to be seen without interruption for longer than this while somebody led: without a leader nothing is sent."""
    _, checks = _checks(entries)
    since: int | None = None
    for each in checks:
        if not each[what] or not each["leader"]:
            since = None
            continue
        since = each["machine_time_ns"] if since is None else since
        if each["machine_time_ns"] - since > seconds * SECOND_NS:
            return [f"{words} for more than {seconds:g} s after a leader was there: {', '.join(each[what])}"]
    return []
