"""One order budget for all of an account's processes, in a real Redis; exits wait for nobody, Redis alive or not."""

import asyncio
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest
from redis.asyncio import Redis as Client

from tests.component.trader_kite.conftest import CANCEL, MODIFY, ORDER, PERMIT
from trader.adapters.budgeted_broker import BudgetedBroker
from trader.adapters.order_budget import ANSWER_SECONDS, BudgetSpent, Limits, OrderBudget
from trader.domain.effects import CancelOrder, ModifyOrder, PlaceOrder
from trader.domain.values import BrokerOrderId
from trader.engine.ports import GateClosed, Grant, Permit, RateLimited, Unknown

pytestmark = [pytest.mark.component, pytest.mark.timeout(60)]

Redis = tuple[subprocess.Popen[bytes], str]
Open = Callable[..., OrderBudget]
SIX = Limits(per_second=1000, per_minute=6)
"""Within the minute: a second may pass on a busy machine before a test has sent so many."""
EXIT = Permit(PERMIT.tag, adds_risk=False, epoch=PERMIT.epoch, risk_generation=0, epoch_checked_at=None)


@pytest.fixture
async def open_budget(redis: Redis) -> AsyncIterator[Open]:
    """Opens budgets of one account, as its pods and Jobs would."""
    opened: list[OrderBudget] = []

    def open_one(limits: Limits = SIX, account: str = "AB1234", answer_seconds: float = 5.0) -> OrderBudget:
        opened.append(OrderBudget(redis[1], account, lambda: "2026-11-23", limits, answer_seconds=answer_seconds))
        return opened[-1]

    yield open_one
    for each in opened:
        await each.close()


async def taken(budget: OrderBudget, attempts: int) -> int:
    """How many of so many entries are let out."""
    found = 0
    for _ in range(attempts):
        try:
            await budget.take()
            found += 1
        except BudgetSpent:
            pass
    return found


async def until_redis_knows(redis: Redis, calls: int, account: str = "AB1234") -> None:
    """Wait until that many attempts of the minute are counted for all."""
    async with asyncio.timeout(10), Client.from_url(redis[1]) as client:
        while await client.zcard(f"tradeops:{{{account}}}:orders:sent") != calls:  # noqa: ASYNC110 - Redis tells nobody
            await asyncio.sleep(0.01)


async def test_two_processes_have_one_budget(open_budget: Open) -> None:
    """Together they send what one may, at the same moment; another account has its own."""
    pods = [open_budget(), open_budget()]
    assert sum(await asyncio.gather(*(taken(each, 10) for each in pods))) == 6
    assert await taken(open_budget(account="ZZ9999"), 1) == 1


async def test_the_next_second_is_new(open_budget: Open) -> None:
    """What the last second took is given back, to whoever asks first."""
    mine, theirs = open_budget(Limits(per_second=2)), open_budget(Limits(per_second=2))
    assert await taken(mine, 3) == 2
    async with asyncio.timeout(5):
        while not await taken(theirs, 1):  # noqa: ASYNC110 - the second itself is what is waited for
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("limits", "words"),
    [(Limits(per_minute=3), "this minute: 3 calls of at most 3"), (Limits(per_day=2), "today: 2 orders of at most 2")],
)
async def test_the_minute_and_the_day_are_limits_too(open_budget: Open, limits: Limits, words: str) -> None:
    """What one process used is gone for the other; the message says which limit it was."""
    allowed = min(limits.per_minute, limits.per_day)
    assert await taken(open_budget(limits), 5) == allowed
    with pytest.raises(BudgetSpent, match=words):
        await open_budget(limits).take()


async def test_modifies_and_cancels_count_and_are_never_refused(redis: Redis, open_budget: Open) -> None:
    """Twenty at once leave at once, and leave no room for another process's entries; only placements count for the day."""
    exits, entries = open_budget(), open_budget(Limits(per_second=100, per_minute=20, per_day=1))
    for _ in range(20):
        exits.note(is_placement=False)
    assert exits.sent_within(60.0) == 20
    await until_redis_knows(redis, 20)
    with pytest.raises(BudgetSpent, match="for this minute: 20 calls of at most 20"):
        await entries.take()
    assert await taken(open_budget(Limits(per_second=100, per_day=1)), 2) == 1


async def test_the_first_429_closes_entries_in_every_process(redis: Redis, open_budget: Open) -> None:
    """At once here, and in the others as soon as Redis has heard it."""
    mine, theirs = open_budget(), open_budget()
    mine.limited()
    with pytest.raises(BudgetSpent, match="closed for 60 s more"):
        await mine.take()
    mine.note(is_placement=True)
    await until_redis_knows(redis, 1)
    with pytest.raises(BudgetSpent, match="after a 429"):
        await theirs.take()


async def test_a_redis_that_does_not_answer_costs_50_ms_once(redis: Redis, open_budget: Open) -> None:
    """A black hole: entries fall back to the local share, exits are not slowed; when it is back it learns what left."""
    process, _ = redis
    mine = open_budget(Limits(per_second=5, per_minute=10), answer_seconds=ANSWER_SECONDS)
    process.send_signal(signal.SIGSTOP)
    began = time.perf_counter()
    await mine.take()
    first = time.perf_counter() - began
    with pytest.raises(BudgetSpent, match=r"Redis is away; 1 calls in 1 s|Redis is away; 2 calls in 60 s"):
        await mine.take()
    for _ in range(50):
        mine.note(is_placement=True)
    rest = time.perf_counter() - began - first
    assert first < 0.2, "50 ms, and what a busy machine adds"
    assert rest < 0.05, "nobody asks Redis again for a while, and exits never do"
    process.send_signal(signal.SIGCONT)
    await until_redis_knows(redis, 51)
    with pytest.raises(BudgetSpent, match="this minute: 51 calls"):
        await open_budget(Limits(per_second=1000, per_minute=51)).take()


async def test_without_any_redis_the_budget_is_our_own() -> None:
    """A run by hand: nobody to share with."""
    budget = OrderBudget(None, "AB1234", lambda: "2026-11-23", SIX)
    assert await taken(budget, 10) == 6
    budget.note(is_placement=True)
    await budget.follow()
    assert (budget.depth(1.0), budget.depth(60.0)) == (7, 7)
    await budget.close()


def look_seconds(budget: OrderBudget) -> float:
    """How long it takes to look once."""
    began = time.perf_counter()
    budget.depth(60.0)
    return time.perf_counter() - began


async def until_depth(budget: OrderBudget, minute: int) -> None:
    """Wait until a process shows so many requests of the last minute."""
    async with asyncio.timeout(10):
        while budget.depth(60.0) != minute:  # noqa: ASYNC110 - it looks by itself, and tells nobody
            await asyncio.sleep(0.02)


async def test_every_process_shows_what_the_account_has_sent(redis: Redis, open_budget: Open) -> None:
    """Also who sent nothing; while Redis is away each shows its own, and looking never waits for Redis."""
    process, _ = redis
    mine, theirs, watcher = open_budget(), open_budget(), open_budget(answer_seconds=ANSWER_SECONDS)
    looking = [asyncio.create_task(each.follow()) for each in (mine, watcher)]
    assert await taken(mine, 3) == 3
    theirs.note(is_placement=False)
    await asyncio.gather(until_depth(mine, 4), until_depth(watcher, 4))
    process.send_signal(signal.SIGSTOP)
    await until_depth(watcher, 0)
    watcher.note(is_placement=True)
    assert (watcher.depth(60.0), mine.depth(60.0) >= 3) == (1, True)
    assert min(look_seconds(watcher) for _ in range(10)) < ANSWER_SECONDS / 5, "any wait would be in every one of them"
    process.send_signal(signal.SIGCONT)
    await until_depth(watcher, 5)
    assert watcher.depth(1.0) <= 5
    for each in looking:
        each.cancel()
    await asyncio.gather(*looking, return_exceptions=True)


@dataclass
class CountingBroker:
    """Takes orders; answers 429 or doubt when told to."""

    failure: Exception | None = None
    calls: list[str] = field(default_factory=list)

    async def place(self, order: PlaceOrder, grant: Grant) -> BrokerOrderId:
        await self._called("place", grant)
        return BrokerOrderId("1")

    async def modify(self, change: ModifyOrder, grant: Grant) -> None:
        await self._called("modify", grant)

    async def cancel(self, order: CancelOrder, grant: Grant) -> None:
        await self._called("cancel", grant)

    async def _called(self, operation: str, grant: Grant) -> None:
        await grant.granted()
        self.calls.append(operation)
        if self.failure is not None:
            raise self.failure


async def test_attempts_count_whatever_becomes_of_them(open_budget: Open) -> None:
    """A lost reply has used its call; an entry beyond the budget is refused by our own gate before any byte."""
    inner = CountingBroker(failure=Unknown("no reply"))
    broker = BudgetedBroker(inner, open_budget())  # type: ignore[arg-type]
    for _ in range(6):
        with pytest.raises(Unknown):
            await broker.place(ORDER, PERMIT)
    with pytest.raises(GateClosed, match="budget for entries is used up for this minute"):
        await broker.place(ORDER, PERMIT)
    assert inner.calls == ["place"] * 6


async def test_after_a_429_only_exits_leave(open_budget: Open) -> None:
    """Whatever call hears it closes entries; the stop, its modify and its cancel go on."""
    inner = CountingBroker(failure=RateLimited("429: Too many requests"))
    broker = BudgetedBroker(inner, open_budget())  # type: ignore[arg-type]
    with pytest.raises(RateLimited):
        await broker.modify(MODIFY, EXIT)
    inner.failure = None
    with pytest.raises(GateClosed, match="closed for 60 s more"):
        await broker.place(ORDER, PERMIT)
    await broker.place(ORDER, EXIT)
    await broker.modify(MODIFY, EXIT)
    await broker.cancel(CANCEL, EXIT)
    assert inner.calls == ["modify", "place", "modify", "cancel"]
