"""The Protocols through which the engine reaches the world. Adapters implement them; tests may too.

Every call has a deadline of its own inside the adapter; none blocks the event loop; each raises only what it documents.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from trader.domain.effects import CancelOrder, ModifyOrder, PlaceOrder
from trader.domain.events import BrokerOrder, BrokerPosition, Quote
from trader.domain.instruments import Instrument
from trader.domain.records import Record
from trader.domain.values import (
    AccountId,
    BrokerOrderId,
    Epoch,
    GuardCode,
    KillReason,
    MachineTime,
    MarketTime,
    Paise,
    Standing,
    Tag,
)


class Clock(Protocol):
    """Machine time (monotonic, counts suspended time) and market time."""

    def machine_time(self) -> MachineTime: ...

    def market_time(self) -> MarketTime: ...

    def wall_time(self, at: MarketTime) -> int:
        """When people's clocks showed (Unix ns) what the exchange's showed at `at`; the same but on a simulator."""
        ...


def _nobody() -> None:
    """Nobody wants to know."""


@dataclass(frozen=True, slots=True)
class Permit:
    """What the order gate checks right before the write, inside the HTTP transport."""

    tag: Tag
    adds_risk: bool
    epoch: Epoch
    risk_generation: int
    epoch_checked_at: MachineTime | None
    """Machine time from before the statement was sent that proved the epoch; None when only the Lease stands."""
    leaves: Callable[[], None] = field(default=_nobody, compare=False)
    """Told by the gate that it lets the request pass."""

    async def granted(self) -> "Permit":
        """This one: it was granted already."""
        return self


class Grant(Protocol):
    """A permit that may still be on its way, while the request that needs it is made ready."""

    async def granted(self) -> Permit:
        """Return the permit once the order is durable and its turn has come; to be asked once.

        Raises:
            GateClosed: it never will be.
        """
        ...


class Outcome(Exception):  # noqa: N818 - a tree of outcomes, not of errors
    """How a call to the broker ended when it did not succeed.

    * Outcome
      * Refused          certain: nothing happened
        * GateClosed     our own gate, before any byte left
        * TokenDead      403 TokenException: nothing will succeed until the token is new
        * RateLimited    429
      * Unknown          it may have happened: look in the book, never send again
    """


class Refused(Outcome):
    """Certain: the broker did nothing."""


class GateClosed(Refused):
    """Our own gate refused before any byte left."""


class TokenDead(Refused):
    """The access token is not accepted."""


class RateLimited(Refused):
    """The broker counted too many requests."""


class Unknown(Outcome):
    """Time-out, reset, 5xx, ambiguous text: only the book can tell."""


class Broker(Protocol):
    """The broker's REST interface. All raise `Outcome`s.

    Not a byte of an order leaves before its grant, and its deadline counts from there.
    """

    async def place(self, order: PlaceOrder, grant: Grant) -> BrokerOrderId: ...

    async def modify(self, change: ModifyOrder, grant: Grant) -> None: ...

    async def cancel(self, order: CancelOrder, grant: Grant) -> None: ...

    async def orders(self) -> tuple[BrokerOrder, ...]: ...

    async def positions(self) -> tuple[BrokerPosition, ...]: ...

    async def net_liquidation(self) -> Paise: ...

    async def instruments(self, underlyings: Sequence[str], kinds: Sequence[str]) -> tuple[Instrument, ...]: ...

    async def with_limits(self, instruments: Sequence[Instrument]) -> tuple[Instrument, ...]:
        """The same instruments with the circuit limits of this moment: the exchange moves them in the day."""
        ...


class BrokerLink(Protocol):
    """What only a leader holds open: a standby has no socket at the broker."""

    async def open(self) -> None:
        """Called when the Lease is won. Raises `Outcome`: this process cannot lead now."""
        ...

    async def close(self) -> None:
        """Called when leadership ends, if the process lives on."""
        ...


@dataclass(frozen=True, slots=True)
class FeedUp:
    """The stream is connected and subscribed."""


@dataclass(frozen=True, slots=True)
class FeedDown:
    """The stream is lost; the adapter reconnects by itself."""

    message: str


@dataclass(frozen=True, slots=True)
class FeedAlive:
    """Some frame came (heartbeats count)."""


FeedItem = Quote | BrokerOrder | FeedUp | FeedDown | FeedAlive


class Feed(Protocol):
    """Market data and order updates. One owner of reconnects; silence for 5 s is a dead socket."""

    def items(self, instruments: Sequence[Instrument]) -> AsyncIterator[FeedItem]: ...


class StoreAway(Exception):  # noqa: N818
    """The database did not answer in time: nothing is known to be written."""


class StoreRefused(Exception):  # noqa: N818
    """The database answered: the epoch, the holder or a standing kill forbids this. Carries which."""

    def __init__(self, why: str, tags: tuple[Tag, ...] = ()) -> None:
        super().__init__(why)
        self.why = why
        """`epoch`, `killed` or `duplicate`."""
        self.tags = tags
        """For `duplicate`: the placements that were there already, under whatever epoch."""


@dataclass(frozen=True, slots=True)
class KillRow:
    """A standing kill, as the database has it."""

    kill_id: str
    reason: KillReason
    note: str
    by: str
    market_time: MarketTime


class Store(Protocol):
    """Journal, outbox, leader epoch and kills of one account. All raise `StoreAway` when the database does not answer."""

    async def take_epoch(self, account: AccountId, holder: str, at_least: Epoch) -> Epoch:
        """The next epoch, above the database's and `at_least`, committed with this holder."""
        ...

    async def holds_epoch(self, account: AccountId, epoch: Epoch, holder: str) -> bool:
        """Whether the epoch is still ours."""
        ...

    async def commit(
        self,
        epoch: Epoch,
        holder: str,
        batch: int,
        records: Sequence[Record],
        orders: Sequence[PlaceOrder | ModifyOrder | CancelOrder],
    ) -> None:
        """Journal and outbox rows in one statement that also checks epoch, holder and (for added risk) kills.

        `batch` counts the commits of an epoch from 1: the same batch may be committed again after `StoreAway`, and stands once.

        Raises:
            StoreRefused: nothing was written.
        """
        ...

    async def mark(self, tag: Tag, state: str) -> None:
        """Note what became of an outbox row: `sent`, `answered`, `unknown`. Best effort, never awaited on the order path."""
        ...

    async def replay(self, account: AccountId) -> tuple[Record, ...]:
        """All journal records of the account since the last day that was opened, oldest first."""
        ...

    async def last_batch(self, account: AccountId) -> tuple[Epoch, int]:
        """The epoch and number of the newest batch in the journal; (0, 0) for an empty one."""
        ...

    async def engage_kill(self, account: AccountId, kill: KillRow) -> KillRow | None:
        """Write the kill unless one stands; returns the one that stands, None when this very kill was released before."""
        ...

    async def hear_kill_switch(self, account: AccountId, wish: "KillSwitch", kill: KillRow) -> KillRow | None:
        """Remember `engaged` of this generation, and write the kill when it turned true; returns the kill that stands."""
        ...

    async def release_kill(self, account: AccountId, kill_id: str) -> bool:
        """Release the kill with this id; False when no such kill stands."""
        ...

    async def standing_kill(self, account: AccountId) -> KillRow | None:
        """The kill that stands, if any."""
        ...


class LeaseAway(Exception):  # noqa: N818
    """The API server did not answer, or answered 403, 429 or 5xx: nothing is known; a write may have happened."""


class LeaseMissing(Exception):  # noqa: N818
    """404: the Lease does not exist; its owner creates it anew."""


class LeaseConflict(Exception):  # noqa: N818
    """409: somebody wrote in between."""


@dataclass(frozen=True, slots=True)
class LeaseRecord:
    """The Lease as read; compared for equality only, its times are never trusted."""

    uid: str
    version: str
    holder: str
    duration_seconds: int
    transitions: int
    renewed: str
    revoke: str = ""


@dataclass(frozen=True, slots=True)
class LeaseWrite:
    """What to write over the record that was read (compare and swap on its version)."""

    base: LeaseRecord
    holder: str
    duration_seconds: int
    annotations: Mapping[str, str]


class LeaseClient(Protocol):
    """The Lease of the account, through blocking calls with a deadline each; only the elector's threads call them."""

    def read(self) -> LeaseRecord:
        """Raises `LeaseAway`, `LeaseMissing`."""
        ...

    def write(self, write: LeaseWrite) -> LeaseRecord:
        """Raises `LeaseAway` (the write may stand), `LeaseMissing`, `LeaseConflict`."""
        ...

    def changes(self) -> Iterator[str]:
        """Yield the version of each change, for some seconds at most; raises `LeaseAway`. A hint to read, nothing more."""
        ...

    def close(self) -> None:
        """Free the connections; a call in flight fails."""
        ...


@dataclass(frozen=True, slots=True)
class KillSwitch:
    """`spec.killSwitch` of one generation of one TradingSession."""

    session_uid: str
    generation: int
    engaged: bool
    reason: str
    release: str


@dataclass(frozen=True, slots=True)
class Permission:
    """Who wants and lets new risk be taken: for the audit trail, nothing decides by it."""

    who: str = ""
    detail: str = ""
    """In words: what was set, by whom and when, as far as it can be known."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the desk asks for in the TradingSession, as far as a running trader is concerned."""

    live: bool
    suspended: bool
    kill_switch: KillSwitch
    deleting: bool = False
    """The resource is being deleted: reduce until flat."""
    permission: Permission = Permission()


class SessionWatch(Protocol):
    """The pod's own TradingSession."""

    def watch(self, heard: Callable[[Wishes], None], stopped: Callable[[], bool]) -> None:
        """Block, call `heard` with each change (first with what is), until `stopped`; reconnects by itself and never raises."""
        ...

    def close(self) -> None:
        """Make `watch` return soon."""
        ...


class Preflight(Protocol):
    """Gates new risk only: token, clock, tables of the day."""

    async def judge(self) -> tuple[bool, str]:
        """Whether new risk may be taken, and what is missing."""
        ...


class Telemetry(Protocol):
    """What the engine tells of itself; called from any thread, must not block nor raise."""

    def leader(self, is_leader: bool) -> None:
        """`trader_is_leader{instance_id}`."""
        ...

    def standing(self, standing: Standing, epoch: Epoch) -> None: ...

    def committed(self, outcome: str, seconds: float) -> None:
        """A commit ended: `written`, `epoch`, `killed`, `duplicate`, `away` or `emergency`."""
        ...

    def performed(self, operation: str, outcome: str, seconds: float) -> None:
        """A call to the broker ended: `place`, `modify`, `cancel`, `book`, `positions`, `funds` and how."""
        ...

    def denied(self, code: GuardCode) -> None: ...

    def killed(self, reason: KillReason) -> None:
        """`trader_kill_switch_total{reason}`."""
        ...

    def lagged(self, seconds: float, waiting: int) -> None:
        """How late the loop took an event, and how many wait."""
        ...

    def conflated(self, quotes: int) -> None:
        """Quotes replaced by newer ones before the loop saw them."""
        ...

    def failed(self, where: str, error: BaseException) -> None:
        """A task ended with an error that nobody expected; the process ends next."""
        ...
