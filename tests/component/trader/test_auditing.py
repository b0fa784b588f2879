"""Who let a trader take new risk stands in the audit trail: by whom, when, with which configuration; on both databases."""

import asyncio
import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from sqlalchemy import select

from tests.unit.trader.app.pictures import SNAPSHOT, VIEW
from trader.adapters.sql.connecting import make_engine
from trader.adapters.sql.store import SqlStore
from trader.adapters.sql.tables import audit
from trader.app.auditing import Audit, HeardWatch, LiveTrail
from trader.app.desk import LocalDesk
from trader.domain.values import AccountId, Epoch, TradingState
from trader.engine.ports import Permission, Wishes
from trader.engine.settings import Snapshot

pytestmark = pytest.mark.component

Open = Callable[[], SqlStore]
RECOVERING = replace(SNAPSHOT, view=replace(VIEW, trading_state=TradingState.RECOVERING))
STANDBY = replace(SNAPSHOT, is_leader=False, epoch=Epoch(0), view=None)
KUBECTL = Permission("kubectl-edit", "spec.mode Live set by kubectl-edit")


@dataclass
class Process:
    """What the trail looks at, changed by a test."""

    store: SqlStore | None
    snapshot: Snapshot | None = RECOVERING
    permission: Permission = KUBECTL

    def trail(self) -> LiveTrail:
        return LiveTrail(Audit(self), "index-trader-0", lambda: self.snapshot, lambda: self.permission)


async def rows(url: str, account: AccountId, count: int) -> list[tuple[str, ...]]:
    """The account's audit rows, once there are so many; each was written within the last minute."""
    engine = make_engine(url)
    try:
        async with asyncio.timeout(10):
            while True:
                with engine.connect() as connection:
                    found = connection.execute(select(audit).where(audit.c.account == account)).all()
                if len(found) >= count:
                    break
                await asyncio.sleep(0.05)
    finally:
        engine.dispose()
    for row in found:
        at = row.at if row.at.tzinfo else row.at.replace(tzinfo=dt.UTC)
        assert abs((dt.datetime.now(dt.UTC) - at).total_seconds()) < 60
    return [(row.who, row.action, row.outcome, row.detail, row.pod) for row in found]


async def test_each_beginning_of_new_risk_is_a_row(url: str, open_store: Open, account: AccountId) -> None:
    """Once while it lasts; again after it ended, under another configuration, another epoch, or by another hand."""
    process = Process(open_store())
    trail = process.trail()
    for snapshot in (None, STANDBY, RECOVERING, SNAPSHOT, SNAPSHOT, RECOVERING, SNAPSHOT):
        process.snapshot = snapshot
        trail.look()
    process.snapshot = replace(SNAPSHOT, view=replace(VIEW, config_hash="4a00", stage="full"))
    trail.look()
    process.permission = Permission("argocd", "spec.mode Live set by argocd")
    trail.look()
    process.snapshot = replace(SNAPSHOT, epoch=Epoch(8), view=replace(VIEW, config_hash="4a00", stage="full"))
    trail.look()

    told = await rows(url, account, 5)
    first = ("kubectl-edit", "live", "taken")
    detail = "configuration 3f00, stage none, epoch 7; spec.mode Live set by kubectl-edit"
    assert told == [
        (*first, detail, "index-trader-0"),
        (*first, detail, "index-trader-0"),
        (*first, detail.replace("3f00, stage none", "4a00, stage full"), "index-trader-0"),
        (
            "argocd",
            "live",
            "taken",
            "configuration 4a00, stage full, epoch 7; spec.mode Live set by argocd",
            "index-trader-0",
        ),
        (
            "argocd",
            "live",
            "taken",
            "configuration 4a00, stage full, epoch 8; spec.mode Live set by argocd",
            "index-trader-0",
        ),
    ]


async def test_the_row_waits_for_a_database_that_is_not_there_yet(
    url: str, open_store: Open, account: AccountId, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not lost, and nothing waits for it."""
    monkeypatch.setattr("trader.app.auditing.RETRY_SECONDS", 0.05)
    process = Process(None, SNAPSHOT)
    process.trail().look()
    await asyncio.sleep(0.2)
    process.store = open_store()
    ((who, *_),) = await rows(url, account, 1)
    assert who == "kubectl-edit"


async def test_a_planned_stop_waits_for_the_last_row_and_for_no_database_that_is_away(
    url: str, open_store: Open, account: AccountId, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What began a moment before it is written when the stop goes on."""
    trail = Process(open_store(), SNAPSHOT).trail()
    trail.look()
    await trail.settle()
    ((who, *_),) = await rows(url, account, 1)
    assert who == "kubectl-edit"

    monkeypatch.setattr("trader.app.auditing.SETTLE_SECONDS", 0.05)
    away = Process(None, SNAPSHOT).trail()
    away.look()
    async with asyncio.timeout(1):
        await away.settle()


async def test_by_hand_it_is_the_person_who_runs_it() -> None:
    """The watch that remembers hands every wish on, and knows whose it is."""
    watch, heard = HeardWatch(LocalDesk()), list[Wishes]()

    def hear(wishes: Wishes) -> None:
        heard.append(wishes)
        watch.close()

    await asyncio.to_thread(watch.watch, hear, lambda: False)
    assert [wishes.live for wishes in heard] == [True]
    assert "@" in watch.permission.who
    assert watch.permission.detail == "trader run, by hand"
