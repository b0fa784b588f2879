"""What may go wrong, as data: a schedule is a list of troubles, so that one can be left out to see whether it was needed."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """Every trouble that the world knows."""

    # Of the processes, at a time.
    CRASH = "crash"
    """SIGKILL; the container is started again in its place."""
    REPLACE = "replace"
    """The pod is gone with its disk, another takes its place."""
    CRASH_AT_TURN = "crash at turn"
    """SIGKILL at the n-th resumption of a task."""
    PAUSE = "pause"
    """SIGSTOP, and SIGCONT after some seconds."""
    STOP = "stop"
    """SIGTERM: a planned stop."""
    # Of leadership.
    LEASE_AWAY = "lease away"
    """The API server answers this process not at all."""
    LEASE_AMBIGUOUS = "lease ambiguous"
    """Its writes happen and their answers are lost."""
    LEASE_DELETED = "lease deleted"
    REVOKE = "revoke"
    # Of the database.
    STORE_AWAY = "store away"
    STORE_AMBIGUOUS = "store ambiguous"
    """Statements stand, and their answers are lost."""
    STORE_LATE = "store late"
    """Statements stand long after their senders gave up on them."""
    STORE_SLOW = "store slow"
    # Of the stream.
    FEED_DOWN = "feed down"
    FEED_SILENT = "feed silent"
    """Quotes stop; updates go on."""
    UPDATES_LOST = "updates lost"
    UPDATES_DOUBLED = "updates doubled"
    UPDATES_LATE = "updates late"
    # Of single order calls, by their number.
    LOST = "lost"
    """The request never arrives, and nobody knows."""
    UNANSWERED = "unanswered"
    """The request arrives, and nobody knows."""
    REFUSED = "refused"
    LIMITED = "limited"
    """429, out of turn."""
    REJECTED = "rejected"
    """Accepted, and then rejected by the exchange."""
    SLOW = "slow"
    """The request travels for most of a second."""
    SLOW_CONNECTION = "slow connection"
    """The connection takes its time, before the gate is asked."""
    HIDDEN = "hidden"
    """Accepted, and invisible for so many seconds."""
    FROZEN = "frozen"
    """SIGSTOP between the gate's last look and the write."""
    CRASH_AFTER_SEND = "crash after send"
    # Of the broker, for some seconds.
    BROKER_AWAY = "broker away"
    READS_FAIL = "reads fail"
    READS_SLOW = "reads slow"
    POSITIONS_LAG = "positions lag"
    RISK_REFUSES = "risk refuses"
    """Every new order is rejected."""
    # Of the market.
    JUMP = "jump"
    THIN = "thin"
    """Nothing trades, whatever the price."""
    EXCHANGE_CANCELS = "exchange cancels"
    # Of people.
    KILL = "kill"
    KILL_BY_SPEC = "kill by spec"
    RELEASE = "release"
    SUSPEND = "suspend"
    TIGHTEN = "tighten"
    HUMAN_CLOSES = "human closes"
    HUMAN_TRADES = "human trades"


CALL_KINDS = frozenset(
    {
        Kind.LOST,
        Kind.UNANSWERED,
        Kind.REFUSED,
        Kind.LIMITED,
        Kind.REJECTED,
        Kind.SLOW,
        Kind.SLOW_CONNECTION,
        Kind.HIDDEN,
        Kind.FROZEN,
        Kind.CRASH_AFTER_SEND,
    }
)


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that goes wrong."""

    kind: Kind
    at: float = 0.0
    """Seconds of true time; unused for those of a numbered call."""
    pod: int = -1
    """Which process; -1: whoever leads, or all."""
    number: int = -1
    """Of the order call, or of the turn."""
    seconds: float = 0.0
    amount: int = 0

    def __str__(self) -> str:
        words = [self.kind.value]
        words.append(f"at call {self.number}" if self.kind in CALL_KINDS else f"at {self.at:.3f} s")
        if self.kind is Kind.CRASH_AT_TURN:
            words.append(f"turn {self.number}")
        if self.pod >= 0:
            words.append(f"of pod {self.pod}")
        if self.seconds:
            words.append(f"for {self.seconds:.3f} s")
        if self.amount:
            words.append(f"by {self.amount}")
        return " ".join(words)
