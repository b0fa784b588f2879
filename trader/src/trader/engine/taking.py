"""Taking over: the road from a won Lease to a state that may lead. Nothing is sent on it.

The epoch commits first; then G passes, in which the predecessor's last request reaches the broker's door or dies at its gate;
only what is read after that counts. The journal is replayed meanwhile: nothing can be added to it under an older epoch.
"""

import asyncio
from dataclasses import dataclass
from typing import Generic

import structlog

from trader.domain.events import Event, KillEngaged, KillReleased
from trader.domain.tags import decode_tag
from trader.domain.values import SECOND, AccountId, Epoch, KillReason
from trader.domain.views import StateView
from trader.engine.committing import Term
from trader.engine.domains import Domain, State
from trader.engine.emergency import EmergencyJournal
from trader.engine.leases import SEND_LIMIT
from trader.engine.ports import Broker, Clock, KillRow, Outcome, Store

log = structlog.get_logger(__name__)

BOOK_SECONDS = 1.0
"""The longest that taking over waits for the broker's book, which only guards against a database from an old backup."""


@dataclass(frozen=True, slots=True)
class Take:
    """Who takes over what."""

    account: AccountId
    holder: str


@dataclass(frozen=True, slots=True)
class Taken(Generic[State]):
    """What was won."""

    term: Term
    state: State
    view: StateView
    records: int
    seconds: float

    def kill_events(self, standing: KillRow | None, clock: Clock) -> tuple[Event, ...]:
        """What makes the replayed state agree with the kill that stands in the database."""
        at, market_time = clock.machine_time(), clock.market_time()
        replayed = self.view.kill
        events: list[Event] = []
        if standing is not None:
            events.append(KillEngaged(at, market_time, standing.kill_id, standing.reason, standing.note, standing.by))
        is_over = replayed is not None and (standing is None or standing.kill_id != replayed.kill_id)
        if replayed is not None and is_over and replayed.reason is not KillReason.END_OF_DAY:
            events.insert(0, KillReleased(at, market_time, replayed.kill_id))
        return tuple(events)


async def take_over(
    take: Take, *, domain: Domain[State], broker: Broker, store: Store, emergency: EmergencyJournal, clock: Clock
) -> Taken[State]:
    """Win the next epoch and replay; returns when G has passed since the epoch stood.

    Raises:
        StoreAway: there is no epoch without the database.
    """
    began_at = clock.machine_time()
    epoch = await store.take_epoch(take.account, take.holder, await _epoch_in_book(broker))
    taken_at = clock.machine_time()
    first_batch = await _adopt(take, epoch, store, emergency)
    records = await store.replay(take.account)
    state = domain.initial()
    for number, record in enumerate(records):
        state = domain.apply(state, record)
        if number % 500 == 499:
            await asyncio.sleep(0)
    await asyncio.sleep(max(0.0, (taken_at + SEND_LIMIT - clock.machine_time()) / SECOND))
    term = Term(take.account, epoch, take.holder, first_batch)
    seconds = (clock.machine_time() - began_at) / SECOND
    return Taken(term, state, domain.view(state), len(records), seconds)


async def _epoch_in_book(broker: Broker) -> Epoch:
    """The newest epoch in today's tags; 0 when the book cannot be read now. Before any effect it is read again, and judged."""
    try:
        async with asyncio.timeout(BOOK_SECONDS):
            orders = await broker.orders()
    except (Outcome, TimeoutError) as failure:
        log.warning("book_unreadable", reason=str(failure) or "timed out")
        return Epoch(0)
    parts = (decode_tag(order.tag) for order in orders)
    return max((each.epoch for each in parts if each is not None), default=Epoch(0))


async def _adopt(take: Take, epoch: Epoch, store: Store, emergency: EmergencyJournal) -> int:
    """Append what a predecessor in this place did without the database, unless a leader after it wrote; the next batch's number."""
    batches = emergency.batches()
    if not batches:
        return 1
    last = await store.last_batch(take.account)
    if last[0] > batches[-1].epoch:
        log.warning(
            "emergency_journal_overtaken", written_by=batches[-1].epoch, overtaken_by=last[0], batches=len(batches)
        )
        emergency.set_batches_aside(epoch)
        return 1
    number = 1
    for batch in batches:
        if (batch.epoch, batch.number) > last:
            await store.commit(epoch, take.holder, number, batch.records, ())
            number += 1
    emergency.clear_batches()
    log.info("emergency_journal_adopted", batches=number - 1)
    return number
