"""What the store promises, on real PostgreSQL and on SQLite alike."""

import asyncio
from collections.abc import Callable

import pytest

from tests.component.trader.orders import INTENT, bracket, cancel, closed, day, place, planned
from trader.adapters.sql.store import SqlStore
from trader.domain.values import AccountId, Epoch, IntentId, KillReason, Leg, MarketTime
from trader.engine.ports import KillRow, KillSwitch, StoreRefused

pytestmark = pytest.mark.component

Open = Callable[[], SqlStore]
NONE = Epoch(0)
KILL = KillRow("kill-1", KillReason.MANUAL, "enough", "tester", MarketTime(7))


async def test_epochs_only_rise_above_the_database_s_and_the_book_s(open_store: Open, account: AccountId) -> None:
    """Each taker gets a higher epoch, above any that the broker's book has shown; only the last one holds."""
    store = open_store()

    assert await store.take_epoch(account, "a", NONE) == 1
    assert await store.take_epoch(account, "b", NONE) == 2
    assert await store.take_epoch(account, "c", Epoch(40)) == 41
    assert await store.take_epoch(account, "d", Epoch(7)) == 42
    assert await store.holds_epoch(account, Epoch(42), "d")
    assert not await store.holds_epoch(account, Epoch(42), "c")
    assert not await store.holds_epoch(account, Epoch(41), "c")


async def test_what_is_committed_is_replayed_in_order(open_store: Open, account: AccountId) -> None:
    """Another process reads the facts of all batches in the order in which they were decided."""
    store = open_store()
    epoch = await store.take_epoch(account, "a", NONE)
    entry, stop = place(epoch), place(epoch, leg=Leg.STOP)
    await store.commit(epoch, "a", 1, [day("2026-11-23"), bracket(), planned(entry, epoch)], [entry])
    await store.commit(epoch, "a", 2, [planned(stop, epoch)], [stop, cancel(entry)])

    assert await open_store().replay(account) == (
        day("2026-11-23"),
        bracket(),
        planned(entry, epoch),
        planned(stop, epoch),
    )
    assert await store.last_batch(account) == (epoch, 2)


async def test_replay_begins_with_the_day_unless_a_bracket_is_still_open(open_store: Open, account: AccountId) -> None:
    """Yesterday's closed brackets are left out; one that never closed keeps everything since it was planned."""
    store = open_store()
    epoch = await store.take_epoch(account, "a", NONE)
    other = IntentId("0000000B")
    await store.commit(epoch, "a", 1, [day("2026-11-20"), bracket(), closed()], [])
    await store.commit(epoch, "a", 2, [day("2026-11-23")], [])
    assert await store.replay(account) == (day("2026-11-23"),)

    await store.commit(epoch, "a", 3, [bracket(other)], [])
    await store.commit(epoch, "a", 4, [day("2026-11-24")], [])
    assert await store.replay(account) == (bracket(other), day("2026-11-24"))


async def test_a_stale_epoch_or_another_holder_writes_nothing(open_store: Open, account: AccountId) -> None:
    """Whoever lost the epoch learns it from its own commit, and nothing of it stays."""
    store, late = open_store(), open_store()
    first = await late.take_epoch(account, "late", NONE)
    second = await store.take_epoch(account, "new", NONE)

    for epoch, holder in ((first, "late"), (second, "late"), (first, "new")):
        with pytest.raises(StoreRefused, match="epoch"):
            await late.commit(epoch, holder, 1, [day("2026-11-23")], [place(epoch)])
    assert await store.replay(account) == ()
    await store.commit(second, "new", 1, [], [place(second)])


async def test_a_stale_commit_never_lands_after_a_newer_epoch(open_store: Open, account: AccountId) -> None:
    """Takers and committers race; in the journal's own order no epoch ever writes after a later one stands."""
    pods = [open_store() for _ in range(3)]
    stood: list[int] = []
    """Epochs in the order in which their takers learned that they stand."""
    late: list[tuple[int, int]] = []

    async def lead(store: SqlStore, holder: str) -> None:
        for _ in range(4):
            epoch = await store.take_epoch(account, holder, NONE)
            stood.append(epoch)
            for batch in range(1, 30):
                newest = max(stood)
                try:
                    await store.commit(epoch, holder, batch, [day(f"{epoch}-{batch}")], [])
                except StoreRefused:
                    break
                if newest > epoch:
                    late.append((epoch, newest))

    await asyncio.gather(*(lead(pod, f"pod-{number}") for number, pod in enumerate(pods)))

    assert late == []
    assert sorted(stood) == list(range(1, 13))


async def test_the_same_batch_may_be_committed_twice_and_stands_once(open_store: Open, account: AccountId) -> None:
    """A commit whose answer was lost is repeated without harm, with or without orders."""
    store = open_store()
    epoch = await store.take_epoch(account, "a", NONE)
    for orders in ([place(epoch)], []):
        for _ in range(2):
            await store.commit(epoch, "a", 1 + len(orders), [bracket()], orders)

    assert await store.replay(account) == (bracket(), bracket())


async def test_a_placement_stands_once_whatever_the_epoch(open_store: Open, account: AccountId) -> None:
    """Neither the same tag nor the same intent, leg and attempt can be written twice; the refusal names it, the rest may go."""
    store = open_store()
    first = await store.take_epoch(account, "a", NONE)
    stop = place(first, leg=Leg.STOP)
    await store.commit(first, "a", 1, [], [stop])
    with pytest.raises(StoreRefused, match="duplicate") as refusal:
        await store.commit(first, "a", 2, [bracket()], [stop, place(first, leg=Leg.EXIT)])
    assert refusal.value.tags == (stop.tag,)

    second = await store.take_epoch(account, "b", NONE)
    again = place(second, leg=Leg.STOP)
    with pytest.raises(StoreRefused, match="duplicate") as refusal:
        await store.commit(second, "b", 1, [], [again])
    assert refusal.value.tags == (again.tag,)
    assert await store.replay(account) == ()


async def test_a_successor_cannot_send_an_older_epoch_s_entry(open_store: Open, account: AccountId) -> None:
    """The signal is burned: not even another attempt of the entry passes, while its stop does (rule 7)."""
    store = open_store()
    first = await store.take_epoch(account, "a", NONE)
    await store.commit(first, "a", 1, [], [place(first)])
    await store.commit(first, "a", 2, [], [place(first, attempt=2)])
    second = await store.take_epoch(account, "b", NONE)

    with pytest.raises(StoreRefused, match="duplicate") as refusal:
        await store.commit(second, "b", 1, [], [place(second, attempt=3)])
    assert refusal.value.tags == (place(second, attempt=3).tag,)
    await store.commit(second, "b", 1, [], [place(second, leg=Leg.STOP), place(second, intent=IntentId("0000000C"))])


async def test_a_standing_kill_refuses_added_risk_and_nothing_else(open_store: Open, account: AccountId) -> None:
    """Entries are refused until that very kill is released; stops, exits and cancels pass."""
    store, other = open_store(), open_store()
    epoch = await store.take_epoch(account, "a", NONE)
    assert await other.engage_kill(account, KILL) == KILL

    with pytest.raises(StoreRefused, match="killed"):
        await store.commit(epoch, "a", 1, [bracket()], [place(epoch)])
    await store.commit(epoch, "a", 1, [bracket()], [place(epoch, leg=Leg.EXIT), cancel(place(epoch))])
    assert not await other.release_kill(account, "kill-0")
    assert await other.release_kill(account, KILL.kill_id)
    assert not await other.release_kill(account, KILL.kill_id)
    await store.commit(epoch, "a", 2, [], [place(epoch)])


async def test_one_kill_stands_at_a_time_and_a_released_one_stays_released(
    open_store: Open, account: AccountId
) -> None:
    """A second kill finds the first; a late repetition of a released one engages nothing."""
    store = open_store()
    second = KillRow("kill-2", KillReason.RISK, "loss", "engine", MarketTime(8))

    assert await store.standing_kill(account) is None
    assert await store.engage_kill(account, KILL) == KILL
    assert await store.engage_kill(account, second) == KILL
    assert await store.release_kill(account, KILL.kill_id)
    assert await store.engage_kill(account, KILL) is None
    assert await store.engage_kill(account, second) == second
    assert await store.standing_kill(account) == second


async def test_an_engagement_in_the_manifest_makes_one_kill(open_store: Open, account: AccountId) -> None:
    """Two pods that hear it, and any later edit that leaves it engaged, add none; only off and on again does."""
    pods = open_store(), open_store()

    async def hear(generation: int, engaged: bool) -> list[KillRow | None]:
        wish = KillSwitch("uid", generation, engaged, "stop", "")
        kill = KillRow(f"spec-{generation}", KillReason.MANUAL, "stop", "spec", MarketTime(generation))
        return list(await asyncio.gather(*(pod.hear_kill_switch(account, wish, kill) for pod in pods)))

    assert await hear(1, engaged=False) == [None, None]
    first = await hear(2, engaged=True)
    assert [each.kill_id for each in first if each] == ["spec-2", "spec-2"]
    await pods[0].release_kill(account, "spec-2")
    assert await hear(3, engaged=True) == [None, None]
    assert await hear(2, engaged=True) == [None, None]
    assert await hear(4, engaged=False) == [None, None]
    again = await hear(5, engaged=True)
    assert [each.kill_id for each in again if each] == ["spec-5", "spec-5"]


async def test_marks_change_the_state_of_a_placement_only(open_store: Open, account: AccountId) -> None:
    """A mark is a note: of an unknown tag it is nothing, and repeating it changes nothing."""
    store = open_store()
    epoch = await store.take_epoch(account, "a", NONE)
    await store.commit(epoch, "a", 1, [], [place(epoch)])

    for tag in (place(epoch).tag, place(epoch, intent=IntentId("0000000Z")).tag):
        await store.mark(tag, "answered")
        await store.mark(tag, "answered")
    assert place(epoch).intent == INTENT


async def test_an_account_on_paper_has_its_own_journal_under_the_same_leader_and_kill(
    url: str, open_store: Open, account: AccountId
) -> None:
    """The same intent and tag may stand in both; the epoch fences both, and one kill stops both."""
    real, paper = open_store(), SqlStore(url, account, journal_of=AccountId(f"{account}paper"))
    try:
        first = await paper.take_epoch(account, "a", NONE)
        entry = place(first)
        await paper.commit(first, "a", 1, [day("2026-11-23"), bracket(), planned(entry, first)], [entry])
        assert await real.replay(account) == ()
        assert await real.last_batch(account) == (0, 0)
        assert len(await paper.replay(account)) == 3

        second = await real.take_epoch(account, "b", NONE)
        assert second > first
        with pytest.raises(StoreRefused, match="epoch"):
            await paper.commit(first, "a", 2, [closed()], [])
        await real.commit(second, "b", 1, [day("2026-11-23"), bracket(), planned(entry, first)], [entry])

        await real.engage_kill(account, KILL)
        assert await paper.standing_kill(account) == KILL
        with pytest.raises(StoreRefused, match="killed"):
            await paper.commit(second, "b", 2, [], [place(second, intent=IntentId("0000000C"))])
        await paper.mark(entry.tag, "sent")
        assert len(await paper.replay(account)) == 3
    finally:
        paper.close()
