"""The kill switch from every side, with and without a database."""

from pathlib import Path

from tests.unit.trader.engine.fakes import ACCOUNT, MemoryStore
from tests.unit.trader.engine.virtual_time import VirtualClock, run_virtually
from trader.domain.values import KillReason
from trader.engine.emergency import EmergencyJournal
from trader.engine.kills import KillDesk
from trader.engine.ports import KillRow, KillSwitch, Wishes


class Ears:
    """Whoever acts on kills."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def kill_engaged(self, kill: KillRow) -> None:
        self.heard.append(f"engaged {kill.kill_id}")

    def kill_released(self, kill_id: str) -> None:
        self.heard.append(f"released {kill_id}")


def pod(name: str, store: MemoryStore, clock: VirtualClock, directory: Path) -> tuple[KillDesk, Ears]:
    """A pod's desk; ids are `<name>-1`, `<name>-2`, …"""
    ears = Ears()
    numbers = iter(range(1, 100))
    desk = KillDesk(
        ACCOUNT,
        ears,
        store=store,
        emergency=EmergencyJournal(directory / name),
        clock=clock,
        new_id=lambda: f"{name}-{next(numbers)}",
    )
    return desk, ears


def wish(generation: int, *, engaged: bool, release: str = "") -> Wishes:
    switch = KillSwitch("0123456789", generation, engaged, "stop it", release)
    return Wishes(live=True, suspended=False, kill_switch=switch)


def test_a_kill_is_heard_by_the_other_pod_and_released_by_its_id_only(tmp_path: Path) -> None:
    """Asking twice gives the same kill; the leader hears a standby's through the database, and its release."""

    async def main(clock: VirtualClock) -> None:
        store = MemoryStore()
        leader, leader_ears = pod("leader", store, clock, tmp_path)
        standby, _ = pod("standby", store, clock, tmp_path)
        first = await standby.request(KillReason.MANUAL, "enough", "desk")
        assert await standby.request(KillReason.MANUAL, "again", "desk") == first
        await leader.poll()
        assert await leader.request(KillReason.RISK, "loss", "engine") == first
        assert leader_ears.heard == [f"engaged {first}"]
        assert not await leader.release("standby-9")
        assert leader_ears.heard == [f"engaged {first}"]
        assert await standby.release(first)
        await leader.poll()
        assert leader_ears.heard == [f"engaged {first}", f"released {first}"]
        assert leader.standing is None

    run_virtually(main)


def test_a_kill_works_while_the_database_is_away_and_survives_the_process(tmp_path: Path) -> None:
    """Heard at once, kept on the disk, written when the database is back, by this process or the next."""

    async def main(clock: VirtualClock) -> None:
        store = MemoryStore()
        store.is_away = True
        desk, ears = pod("leader", store, clock, tmp_path)
        kill_id = await desk.request(KillReason.MANUAL, "enough", "desk")
        await desk.poll()
        assert ears.heard == [f"engaged {kill_id}"]
        assert not await desk.release(kill_id)

        after, _ = pod("leader", store, clock, tmp_path)
        assert after.standing is not None
        assert after.standing.kill_id == kill_id
        store.is_away = False
        await after.poll()
        assert store.kills[kill_id][1]
        assert EmergencyJournal(tmp_path / "leader").kills() == ()
        assert await after.release(kill_id)
        await desk.poll()
        assert ears.heard == [f"engaged {kill_id}", f"released {kill_id}"]

    run_virtually(main)


def test_two_kills_made_apart_become_one(tmp_path: Path) -> None:
    """The database's word decides: the other's takes the place of ours, and nobody hears of a release, for one stands."""

    async def main(clock: VirtualClock) -> None:
        store = MemoryStore()
        desk, ears = pod("leader", store, clock, tmp_path)
        other, _ = pod("standby", store, clock, tmp_path)
        await other.request(KillReason.RISK, "loss", "engine")
        await desk.request(KillReason.MANUAL, "enough", "desk")
        assert ears.heard == ["engaged leader-1", "engaged standby-1"]
        assert desk.standing is not None
        assert desk.standing.kill_id == "standby-1"

    run_virtually(main)


def test_the_end_of_the_day_leaves_no_latch(tmp_path: Path) -> None:
    """It flattens, and the next morning has nothing to release."""

    async def main(clock: VirtualClock) -> None:
        store = MemoryStore()
        desk, ears = pod("leader", store, clock, tmp_path)
        await desk.request(KillReason.END_OF_DAY, "15:25", "engine")
        await desk.poll()
        assert (ears.heard, desk.standing, store.kills) == (["engaged leader-1"], None, {})

    run_virtually(main)


def test_engaged_true_in_the_manifest_kills_once_and_false_does_nothing(tmp_path: Path) -> None:
    """Re-applying, editing and restarting pods make no second kill and release none; `release` does, by id."""

    async def main(clock: VirtualClock) -> None:
        store = MemoryStore()
        desk, ears = pod("leader", store, clock, tmp_path)
        other, _ = pod("standby", store, clock, tmp_path)
        kill_id = "spec-01234567-2"
        for generation, engaged in ((1, False), (2, True), (2, True), (3, True), (4, False), (3, True)):
            for each in (desk, other):
                await each.hear(wish(generation, engaged=engaged))
        assert ears.heard == [f"engaged {kill_id}"]
        assert list(store.kills) == [kill_id]

        again = "spec-01234567-5"
        await desk.hear(wish(5, engaged=True, release=kill_id))
        assert ears.heard == [f"engaged {kill_id}", f"engaged {again}"]
        restarted, restarted_ears = pod("leader", store, clock, tmp_path)
        await restarted.hear(wish(5, engaged=True, release=kill_id))
        assert restarted_ears.heard == [f"engaged {again}"]

    run_virtually(main)


def test_a_release_beside_engaged_true_releases_and_stays_released(tmp_path: Path) -> None:
    """The usual edit: `release` is added while `engaged: true` is still there."""

    async def main(clock: VirtualClock) -> None:
        store = MemoryStore()
        desk, ears = pod("leader", store, clock, tmp_path)
        await desk.hear(wish(1, engaged=False))
        await desk.hear(wish(2, engaged=True))
        await desk.hear(wish(3, engaged=True, release="spec-01234567-2"))
        await desk.hear(wish(4, engaged=True, release="spec-01234567-2"))
        assert ears.heard == ["engaged spec-01234567-2", "released spec-01234567-2"]

    run_virtually(main)


def test_the_manifest_kills_without_the_database_when_it_is_seen_to_turn(tmp_path: Path) -> None:
    """A leader that saw `false` and now sees `true` acts at once; the row follows when the database is back."""

    async def main(clock: VirtualClock) -> None:
        store = MemoryStore()
        desk, ears = pod("leader", store, clock, tmp_path)
        await desk.hear(wish(1, engaged=False))
        store.is_away = True
        before = clock.machine_time()
        hearing = desk.hear(wish(2, engaged=True))
        hearing.send(None)
        assert ears.heard == ["engaged spec-01234567-2"]
        assert clock.machine_time() == before
        hearing.close()
        store.is_away = False
        await desk.poll()
        assert store.kills["spec-01234567-2"][1]
        assert ears.heard == ["engaged spec-01234567-2"]

    run_virtually(main)
