"""How a process wins, keeps and gives back the Lease: a pure state machine. `decide` says what to ask of the API server now,
`observe` folds the answer in and says what it means. No clock, no thread, no client: `elector.py` has those.

The Lease gives liveness, never safety: that is the epoch's, at the database, and the gate's. What this machine keeps:

* A deadline counts from before the last successful renewal was *sent*: the server may have stored it at any time after.
* A candidate waits the record's own duration since it *itself* saw the record change; times in the record are never read.
* Each write is a compare and swap on the record that was read; one whose answer is missing is looked up, not assumed.
* Another holder means lost, at once. Silence means nothing until the deadline, and then only that the Lease proves nothing.

Source: client-go's leader election and its issues, Patroni, CloudNativePG; research of 2026-11-22, protocol of section 3.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from trader.domain.evolving import evolve
from trader.domain.values import SECOND, MachineTime
from trader.engine.holders import holder_of, is_of_pod
from trader.engine.leases import LeaseTimes
from trader.engine.ports import LeaseRecord

RELEASED_DURATION_SECONDS = 1
NEWS_PAUSE = SECOND // 4
"""Between two writes at least, however much there is to tell."""


class Phase(StrEnum):
    """Where this process stands with the Lease."""

    WAITING = "WAITING"
    LEADING = "LEADING"
    RELEASING = "RELEASING"
    LOST = "LOST"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks: new at every process start, so that a restarted container is never taken for its predecessor."""

    pod: str
    pod_uid: str
    nonce: str

    @property
    def holder(self) -> str:
        """What stands in `spec.holderIdentity`."""
        return holder_of(self.pod, self.pod_uid, self.nonce)

    def is_predecessor(self, holder: str) -> bool:
        """Whether a process of this very container, dead by now, holds the Lease."""
        return holder != self.holder and is_of_pod(holder, self.pod_uid)


@dataclass(frozen=True, slots=True)
class Elector:
    """All that the machine remembers."""

    identity: Identity
    times: LeaseTimes
    phase: Phase = Phase.WAITING
    record: LeaseRecord | None = None
    is_fresh: bool = False
    """Whether `record` may serve as the base of a write; not after a conflict or a missing answer."""
    changed_at: int = 0
    """When this process first saw the record as it is."""
    strangers_until: int = 0
    """Until when the holder of a Lease that was deleted since may believe in it."""
    confirmed_at: int = 0
    next_at: int = 0
    """When to look again."""
    paused_until: int = 0
    """No candidacy before: the last leadership failed for want of an epoch, or was given back."""
    release_by: int = 0
    is_revoked: bool = False

    @property
    def deadline(self) -> MachineTime:
        """Until when the Lease proves our leadership; 0 for anybody but a leader, and once it is being given back."""
        return MachineTime(self.confirmed_at + self.times.renew_deadline if self.phase is Phase.LEADING else 0)


# --- what to do ---


@dataclass(frozen=True, slots=True)
class Rest:
    """Wait until this time, or for a hint."""

    until: MachineTime


@dataclass(frozen=True, slots=True)
class Read:
    """Read the Lease."""


@dataclass(frozen=True, slots=True)
class Write:
    """Write over the record that was read: take or renew with our name, or release with an empty one."""

    base: LeaseRecord
    holder: str
    duration_seconds: int


# --- what was seen ---


@dataclass(frozen=True, slots=True)
class Found:
    """The answer to a read."""

    record: LeaseRecord


@dataclass(frozen=True, slots=True)
class Wrote:
    """The answer to a write, and when the write was sent."""

    record: LeaseRecord
    sent_at: MachineTime


@dataclass(frozen=True, slots=True)
class Conflicted:
    """409."""


@dataclass(frozen=True, slots=True)
class Silent:
    """No answer, an answer that means nothing, or 404: the operator makes a deleted Lease anew."""


@dataclass(frozen=True, slots=True)
class Hinted:
    """The watch says that the record has another version."""

    version: str


@dataclass(frozen=True, slots=True)
class ReleaseAsked:
    """Give the Lease back, and stay out for so long (nanoseconds)."""

    pause: int


@dataclass(frozen=True, slots=True)
class News:
    """A leader has something to say beside its name: renew soon."""


Observation = Found | Wrote | Conflicted | Silent | Hinted | ReleaseAsked | News


class Signal(StrEnum):
    """What an observation means to the rest of the process."""

    WON = "won"
    RENEWED = "renewed"
    LOST = "lost"
    REVOKED = "revoked"
    RELEASED = "released"


def decide(elector: Elector, now: MachineTime) -> Rest | Read | Write:
    """What to do now."""
    if elector.phase is Phase.LOST:
        return Rest(MachineTime(now + 3600 * SECOND))
    record, may_take_at = elector.record, _may_take_at(elector, now)
    if now < min(elector.next_at, may_take_at):
        return Rest(MachineTime(min(elector.next_at, may_take_at)))
    if record is None or not elector.is_fresh:
        return Read()
    if elector.phase is Phase.RELEASING:
        return Write(record, "", RELEASED_DURATION_SECONDS)
    if elector.phase is Phase.LEADING or may_take_at <= now:
        return Write(record, elector.identity.holder, elector.times.duration_seconds)
    return Read()


def observe(elector: Elector, seen: Observation, now: MachineTime) -> tuple[Elector, tuple[Signal, ...]]:
    """Fold one observation in; `now` is when it was made."""
    match seen:
        case Found(record):
            folded = _found(elector, record, now)
        case Wrote(record, sent_at):
            folded = _wrote(elector, record, sent_at, now)
        case Hinted(version) if elector.record is not None and elector.record.version == version:
            folded = elector, ()
        case Conflicted() | Hinted():
            folded = evolve(elector, is_fresh=False, next_at=now), ()
        case ReleaseAsked(pause):
            folded = _asked(elector, pause, now)
        case News():
            folded = _hurried(elector, now), ()
        case Silent():
            folded = _silent(elector, now)
        case _:
            assert_never(seen)
    return folded


def _hurried(elector: Elector, now: MachineTime) -> Elector:
    if elector.phase is not Phase.LEADING:
        return elector
    return evolve(elector, next_at=min(elector.next_at, max(now, elector.confirmed_at + NEWS_PAUSE)))


def _may_take_at(elector: Elector, now: MachineTime) -> int:
    """When the record as it stands may be taken; `now` or earlier means at once."""
    record, never = elector.record, now + 3600 * SECOND
    if elector.phase is not Phase.WAITING or record is None or not elector.is_fresh:
        return never
    if record.revoke == elector.identity.holder:
        return never
    if record.holder == elector.identity.holder or elector.identity.is_predecessor(record.holder):
        return max(0, elector.paused_until)
    if record.holder == "":
        return max(elector.paused_until, elector.strangers_until)
    return max(elector.paused_until, elector.changed_at + record.duration_seconds * SECOND)


def _saw(elector: Elector, record: LeaseRecord, now: MachineTime) -> Elector:
    """Remember a record, and since when it is unchanged."""
    before = elector.record
    if before is not None and _pulse(before) == _pulse(record):
        return evolve(elector, record=record, is_fresh=True)
    strangers_until = elector.strangers_until
    if before is not None and before.uid != record.uid and before.holder not in {"", elector.identity.holder}:
        strangers_until = elector.changed_at + before.duration_seconds * SECOND
    return evolve(elector, record=record, is_fresh=True, changed_at=now, strangers_until=strangers_until)


def _pulse(record: LeaseRecord) -> tuple[str, str, str, int, int]:
    """What only a holder changes: an annotation by the operator is no sign of life."""
    return record.uid, record.holder, record.renewed, record.transitions, record.duration_seconds


def _found(elector: Elector, record: LeaseRecord, now: MachineTime) -> tuple[Elector, tuple[Signal, ...]]:
    ours = record.holder == elector.identity.holder
    elector = _saw(elector, record, now)
    if elector.phase is Phase.WAITING:
        may_take = _may_take_at(elector, now) <= now
        return evolve(elector, next_at=now if may_take else now + elector.times.retry_period), ()
    if not ours and elector.phase is Phase.RELEASING:  # our release stands, and its answer was lost
        return evolve(elector, phase=Phase.WAITING, next_at=now), (Signal.RELEASED,)
    if not ours:
        return evolve(elector, phase=Phase.LOST), (Signal.LOST,)
    due = now if elector.phase is Phase.RELEASING else elector.confirmed_at + elector.times.retry_period
    return _notice_revoke(evolve(elector, next_at=due), ())


def _wrote(
    elector: Elector, record: LeaseRecord, sent_at: MachineTime, now: MachineTime
) -> tuple[Elector, tuple[Signal, ...]]:
    elector = _saw(elector, record, now)
    if record.holder == "":
        return evolve(elector, phase=Phase.WAITING, next_at=now + elector.times.retry_period), (Signal.RELEASED,)
    next_at = sent_at + elector.times.retry_period
    if elector.phase is Phase.WAITING and now >= sent_at + elector.times.renew_deadline:
        # Stopped meanwhile: somebody may lead since, whose epoch a late taker must not outdo. Look first.
        return evolve(elector, is_fresh=False, next_at=now), ()
    if elector.phase is Phase.WAITING:
        won = evolve(elector, phase=Phase.LEADING, confirmed_at=sent_at, next_at=next_at, is_revoked=False)
        return won, (Signal.WON,)
    return _notice_revoke(evolve(elector, confirmed_at=sent_at, next_at=next_at), (Signal.RENEWED,))


def _notice_revoke(elector: Elector, signals: tuple[Signal, ...]) -> tuple[Elector, tuple[Signal, ...]]:
    record = elector.record
    if record is None or elector.is_revoked or record.revoke != elector.identity.holder:
        return elector, signals
    return evolve(elector, is_revoked=True), (*signals, Signal.REVOKED)


def _silent(elector: Elector, now: MachineTime) -> tuple[Elector, tuple[Signal, ...]]:
    if elector.phase is Phase.RELEASING and now >= elector.release_by:
        return evolve(elector, phase=Phase.WAITING, is_fresh=False, next_at=now), (Signal.RELEASED,)
    return evolve(elector, is_fresh=False, next_at=now + elector.times.retry_period // 4), ()


def _asked(elector: Elector, pause: int, now: MachineTime) -> tuple[Elector, tuple[Signal, ...]]:
    elector = evolve(elector, paused_until=now + pause)
    if elector.phase is Phase.LEADING:
        return evolve(elector, phase=Phase.RELEASING, next_at=now, release_by=now + elector.times.retry_period), ()
    return elector, ((Signal.RELEASED,) if elector.phase is Phase.WAITING else ())
