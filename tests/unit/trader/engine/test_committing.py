"""From steps to rows to the wire: what is durable before what is sent, and what happens when the database is not there."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.component.trader.orders import bracket, cancel, day, place
from tests.unit.trader.engine.fakes import ACCOUNT, MemoryStore, Tally
from tests.unit.trader.engine.virtual_time import VirtualClock, run_virtually
from trader.domain.events import CommitRefused, Committed, Event, MutationReply
from trader.domain.values import Epoch, IntentId, KillReason, Leg, MachineTime, MarketTime
from trader.engine.committing import Committer, Doors, Term
from trader.engine.emergency import EmergencyJournal
from trader.engine.ports import KillRow
from trader.engine.records import Order
from trader.engine.standing import Proof

KILL = KillRow("kill-1", KillReason.MANUAL, "", "tester", MarketTime(1))


class Desk:
    """A committer and everything around it."""

    def __init__(self, clock: VirtualClock, directory: Path) -> None:
        self.clock = clock
        self.store = MemoryStore()
        self.store.epoch, self.store.holder = 1, "me"
        self.emergency = EmergencyJournal(directory)
        self.sent: list[tuple[Order, MachineTime | None]] = []
        self.ready: list[tuple[Order, ...]] = []
        """What was made ready, and an empty one whenever what is left of it was forgotten."""
        self.events: list[Event] = []
        self.has_lease = True
        self.kills_seen = 0
        self.losses = 0
        self.tally = Tally()
        self.committer = Committer(
            Term(ACCOUNT, Epoch(1), "me"),
            Doors(
                perform=self._perform,
                make_ready=lambda orders: self.ready.append(tuple(orders)),
                forget_ready=lambda: self.ready.append(()),
                post=self.events.append,
                may_use_lease=lambda: self.has_lease,
                kill_stands=lambda: setattr(self, "kills_seen", self.kills_seen + 1),
                epoch_lost=lambda: setattr(self, "losses", self.losses + 1),
            ),
            store=self.store,
            emergency=self.emergency,
            clock=clock,
            telemetry=self.tally,
        )

    def _perform(self, orders: Sequence[Order], epoch_checked_at: MachineTime | None) -> None:
        self.sent.extend((order, epoch_checked_at) for order in orders)

    async def settle(self, seconds: float = 5.0) -> None:
        """Let the committer work until there is nothing left."""
        running = asyncio.ensure_future(self.committer.run())
        await asyncio.sleep(seconds)
        running.cancel()
        await asyncio.wait({running})


ENTRY, STOP = place(1), place(1, leg=Leg.STOP)


def test_nothing_is_sent_before_it_stands(tmp_path: Path) -> None:
    """The proof that goes with an order is from before its commit was sent; what waits meanwhile goes as one next batch."""

    async def main(clock: VirtualClock) -> None:
        desk = Desk(clock, tmp_path)
        desk.store.seconds = 0.05
        running = asyncio.ensure_future(desk.committer.run())
        began = clock.machine_time()
        desk.committer.add([bracket()], [ENTRY])
        await asyncio.sleep(0.02)
        for order in (STOP, cancel(ENTRY)):
            desk.committer.add([], [order])
        assert (desk.sent, desk.committer.is_idle) == ([], False)
        await asyncio.sleep(0.04)
        assert desk.sent == [(ENTRY, began)]
        await asyncio.sleep(0.06)
        assert [order for order, _ in desk.sent] == [ENTRY, STOP, cancel(ENTRY)]
        assert desk.store.commits_started == [1, 2]
        assert [each.tags for each in desk.events if isinstance(each, Committed)] == [(ENTRY.tag,), (STOP.tag,)]
        assert desk.committer.is_idle
        running.cancel()

    run_virtually(main)


@pytest.mark.parametrize("ends", ["written", "killed", "epoch", "away"])
def test_what_is_made_ready_is_forgotten_however_its_commit_ends(tmp_path: Path, ends: str) -> None:
    """Once, after everything that may be sent was."""

    async def main(clock: VirtualClock) -> None:
        desk = Desk(clock, tmp_path)
        if ends == "killed":
            desk.store.kills[KILL.kill_id] = (KILL, True)
        elif ends == "epoch":
            desk.store.epoch = 2
        elif ends == "away":
            desk.store.is_away = True
        desk.committer.add((), (ENTRY, STOP))
        await desk.settle()
        assert desk.ready == [(ENTRY, STOP), ()]
        sent = {"written": [ENTRY, STOP], "killed": [STOP], "epoch": [], "away": [STOP]}[ends]
        assert [order for order, _ in desk.sent] == sent

    run_virtually(main)


def test_a_kill_takes_the_risk_out_of_a_batch_and_leaves_the_rest(tmp_path: Path) -> None:
    """Facts, stops and cancels are committed and sent; the entry is refused, and the desk learns of the kill."""

    async def main(clock: VirtualClock) -> None:
        desk = Desk(clock, tmp_path)
        desk.store.kills[KILL.kill_id] = (KILL, True)
        desk.committer.add([bracket()], [ENTRY, STOP, cancel(STOP)])
        await desk.settle()
        assert [order for order, _ in desk.sent] == [STOP, cancel(STOP)]
        assert desk.store.journal[1, 1] == (bracket(),)
        assert [(each.tags, each.message) for each in desk.events if isinstance(each, CommitRefused)] == [
            ((ENTRY.tag,), "killed")
        ]
        assert desk.kills_seen == 1

    run_virtually(main)


def test_a_placement_that_is_there_already_is_left_out(tmp_path: Path) -> None:
    """Only the repeated one: what was decided beside it goes."""

    async def main(clock: VirtualClock) -> None:
        desk = Desk(clock, tmp_path)
        desk.store.outbox[0, 1] = (STOP,)
        target = place(1, leg=Leg.TARGET)
        desk.committer.add([bracket()], [STOP, target])
        await desk.settle()
        assert [order for order, _ in desk.sent] == [target]
        assert desk.store.journal[1, 1] == (bracket(),)

    run_virtually(main)


def test_a_newer_epoch_ends_everything(tmp_path: Path) -> None:
    """Nothing of the batch is sent, not even a cancel, and nothing after it is asked."""

    async def main(clock: VirtualClock) -> None:
        desk = Desk(clock, tmp_path)
        desk.store.epoch, desk.store.holder = 2, "other"
        desk.committer.add([bracket()], [STOP, cancel(ENTRY)])
        await desk.settle()
        desk.committer.add([], [STOP])
        assert (desk.sent, desk.losses, desk.committer.proof) == ([], 1, Proof.LOST)
        assert desk.store.commits_started == [1]
        assert [each.message for each in desk.events if isinstance(each, CommitRefused)] == ["epoch"]
        assert [each.outcome for each in desk.events if isinstance(each, MutationReply)] == ["refused"]

    run_virtually(main)


def test_without_the_database_protection_goes_by_the_emergency_journal(tmp_path: Path) -> None:
    """Synced before it is sent, without a proof of the epoch; entries are refused; later batches do not wait for time-outs."""

    async def main(clock: VirtualClock) -> None:
        desk = Desk(clock, tmp_path)
        desk.store.is_away = True
        desk.committer.add([bracket()], [ENTRY, STOP])
        await desk.settle(1.5)
        assert desk.sent == [(STOP, None)]
        assert desk.committer.proof is Proof.AWAY
        desk.committer.add([day("2026-11-23")], [cancel(STOP)])
        await desk.settle(0.001)
        assert desk.sent[1:] == [(cancel(STOP), None)]
        written = desk.emergency.batches()
        assert [(each.number, each.records, each.orders) for each in written] == [
            (1, (bracket(),), (STOP,)),
            (2, (day("2026-11-23"),), (cancel(STOP),)),
        ]

    run_virtually(main)


def test_the_database_gets_what_it_is_owed_before_anything_else(tmp_path: Path) -> None:
    """In order, once, even when the commit whose answer was lost had been written; then the emergency journal is empty."""

    async def main(clock: VirtualClock) -> None:
        desk = Desk(clock, tmp_path)
        desk.store.loses_answers = True
        desk.committer.add([bracket()], [STOP])
        await desk.settle(0.1)
        desk.committer.add([day("2026-11-23")], [])
        await desk.settle(0.1)
        assert (1, 1) in desk.store.journal
        assert (1, 2) not in desk.store.journal
        desk.store.loses_answers = False
        await desk.committer.prove()
        desk.committer.add([day("2026-11-24")], [ENTRY])
        await desk.settle(0.1)
        assert await desk.store.replay(ACCOUNT) == (bracket(), day("2026-11-23"), day("2026-11-24"))
        assert desk.emergency.batches() == ()
        assert [order for order, _ in desk.sent] == [STOP, ENTRY]
        assert desk.committer.proof is Proof.OURS

    run_virtually(main)


def test_what_is_owed_is_not_forced_on_a_successor(tmp_path: Path) -> None:
    """The database comes back with a newer epoch: lost, and the facts stay in the file for people."""

    async def main(clock: VirtualClock) -> None:
        desk = Desk(clock, tmp_path)
        desk.store.is_away = True
        desk.committer.add([bracket()], [STOP])
        await desk.settle(1.5)
        desk.store.is_away, desk.store.epoch = False, 2
        await desk.committer.prove()
        assert (desk.losses, desk.store.journal) == (1, {})
        assert len(desk.emergency.batches()) == 1

    run_virtually(main)


def test_with_neither_proof_nothing_is_sent_nor_written(tmp_path: Path) -> None:
    """Database and Lease both gone: everything is refused."""

    async def main(clock: VirtualClock) -> None:
        desk = Desk(clock, tmp_path)
        desk.store.is_away, desk.has_lease = True, False
        desk.committer.add([bracket()], [STOP, place(1, intent=IntentId("0000000B"))])
        await desk.settle(1.5)
        assert (desk.sent, desk.emergency.batches()) == ([], ())
        refused = [each for each in desk.events if isinstance(each, CommitRefused)]
        assert [len(each.tags) for each in refused] == [2]

    run_virtually(main)
