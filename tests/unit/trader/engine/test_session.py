"""A whole process in virtual time: the real domain, everything around it in memory."""

import asyncio
import json
from collections.abc import Coroutine, Sequence
from pathlib import Path

from tests.component.trader.orders import bracket, day, place, planned
from tests.unit.trader.engine.fakes import ACCOUNT
from tests.unit.trader.engine.process import PROFILE, Process, row, virtually
from tests.unit.trader.engine.virtual_time import VirtualClock, run_virtually
from trader.domain.effects import ConfigJudged
from trader.domain.evolving import evolve
from trader.domain.instruments import Instrument
from trader.domain.profiles import Config
from trader.domain.values import (
    ConfigRefusal,
    ConfigVerdict,
    Epoch,
    IntentId,
    KillReason,
    Leg,
    OrderStatus,
    Paise,
    Standing,
    TradingState,
)
from trader.engine.emergency import Batch, EmergencyJournal
from trader.engine.ports import FeedUp, Unknown
from trader.engine.settings import Ending


def test_a_standby_touches_nothing_at_the_broker(tmp_path: Path) -> None:
    """No read, no stream, gate shut; it is ready all the same, and stops at once when told."""

    async def story(process: Process) -> None:
        running = asyncio.ensure_future(process.engine.run())
        await asyncio.sleep(30)
        assert (process.broker.reads, process.feed.queue.qsize()) == ([], 0)
        assert process.engine.readiness() == (True, "")
        assert not process.engine.is_leader
        process.engine.stop()
        assert await running is Ending.STOPPED
        assert process.elector.is_stopped

    virtually(tmp_path, story)


class LoadedOnly:
    """A preflight whose one line is the instruments of the day; it counts its looks."""

    is_loaded, looks = False, 0

    async def judge(self) -> tuple[bool, str]:
        self.looks += 1
        return self.is_loaded, "" if self.is_loaded else "no instruments yet"


def test_preflight_looks_again_as_soon_as_the_instruments_are_loaded(tmp_path: Path) -> None:
    """The first look finds none, and nothing new waits a whole second for the next."""

    async def main(clock: VirtualClock) -> None:
        preflight = LoadedOnly()
        process = Process(clock, tmp_path, preflight=preflight)
        load = process.broker.instruments

        async def slowly(underlyings: Sequence[str], kinds: Sequence[str]) -> tuple[Instrument, ...]:
            found = await load(underlyings, kinds)
            preflight.is_loaded = True
            return found

        process.broker.instruments = slowly  # type: ignore[method-assign]
        running = await process.lead()  # 0.8 s after the engine began to lead
        assert preflight.looks == 2
        await asyncio.sleep(1)
        view = process.engine.snapshot().view
        assert (view and view.trading_state, preflight.looks) == (TradingState.LIVE, 2)
        process.engine.stop()
        assert await running is Ending.STOPPED

    run_virtually(main)


def test_a_winner_takes_a_higher_epoch_waits_and_only_then_reads_for_itself(tmp_path: Path) -> None:
    """Above the database's and the book's; the first read that counts comes G after the epoch stood; then it trades."""

    async def story(process: Process) -> None:
        process.broker.book = (row(place(41).tag, "COMPLETE"), row(None), row("foreign"))
        running = asyncio.ensure_future(process.engine.run())
        await asyncio.sleep(0.5)
        process.elector.win()
        process.feed.queue.put_nowait(FeedUp())
        await asyncio.sleep(0.3)
        assert (process.store.epoch, process.store.holder) == (42, process.holder)
        assert process.broker.reads == ["book"]
        await asyncio.sleep(0.85)
        assert process.broker.reads == ["book"]
        assert process.gate.proofs.epoch == 0
        await asyncio.sleep(3)
        assert process.broker.reads[1:4].count("book") == 1
        snapshot = process.engine.snapshot()
        assert (snapshot.standing, snapshot.epoch) == (Standing.LEADER, 42)
        assert process.elector.annotations()["tradeops.dev/epoch"] == "42"
        assert "tradeops.dev/report" in process.elector.annotations()
        running.cancel()
        await asyncio.wait({running})
        assert process.gate.proofs.epoch == 0

    virtually(tmp_path, story)


def test_a_leader_recovers_to_live(tmp_path: Path) -> None:
    """With a book that agrees, a stream that is up and nothing missing, the domain reports LIVE within seconds."""

    async def story(process: Process) -> None:
        running = await process.lead()
        await asyncio.sleep(8)
        view = process.engine.snapshot().view
        assert view is not None
        assert (view.trading_state, view.message) == (TradingState.LIVE, "")
        running.cancel()

    virtually(tmp_path, story)


def test_an_unreadable_book_delays_no_epoch(tmp_path: Path) -> None:
    """The epoch comes from the database; a book that shows a newer one later ends the process before any effect."""

    async def story(process: Process) -> None:
        process.broker.failures["book"] = Unknown("timed out")
        running = await process.lead()
        assert process.store.epoch == 1
        assert process.engine.snapshot().standing is Standing.LEADER
        process.broker.book = (row(place(7).tag),)
        del process.broker.failures["book"]
        assert await running is Ending.LOST
        assert (process.exits, process.broker.sent, process.gate.proofs.epoch) == ([75], [], 0)

    virtually(tmp_path, story)


def test_without_an_epoch_the_lease_is_given_back(tmp_path: Path) -> None:
    """It does not lead without a token, leaves the Lease to others for a while, and stands by."""

    async def story(process: Process) -> None:
        process.store.is_away = True
        running = await process.lead()
        await asyncio.sleep(3)
        assert (process.elector.released, process.engine.is_leader) == ([5.0], False)
        assert process.engine.readiness() == (False, "the database does not answer")
        assert "no epoch" in process.engine.snapshot().message
        process.store.is_away = False
        process.elector.win()
        await asyncio.sleep(2)
        assert process.engine.is_leader
        running.cancel()

    virtually(tmp_path, story)


def test_another_holder_ends_the_process_at_once(tmp_path: Path) -> None:
    """Gate first, exit next; nothing more is sent, asked or released."""

    async def story(process: Process) -> None:
        running = await process.lead()
        reads = len(process.broker.reads)
        process.elector.lose()
        assert (process.exits, process.gate.proofs.epoch) == ([75], 0)
        assert await running is Ending.LOST
        assert process.elector.released == []
        assert len(process.broker.reads) <= reads + 1

    virtually(tmp_path, story)


def test_a_lapsed_lease_leaves_the_epoch_and_returns_with_a_renewal(tmp_path: Path) -> None:
    """Transport errors only: REDUCING, alive, proving the epoch; LEADER again when the API server answers."""

    async def story(process: Process) -> None:
        running = await process.lead()
        assert process.elector.deadline > 0
        process.elector.is_renewing = False
        await asyncio.sleep(10)
        assert process.engine.snapshot().standing is Standing.EPOCH_ONLY
        view = process.engine.snapshot().view
        assert view is not None
        assert view.trading_state is not TradingState.LIVE
        process.elector.is_renewing = True
        await asyncio.sleep(1)
        assert process.engine.snapshot().standing is Standing.LEADER
        assert process.tally.standings == [Standing.LEADER, Standing.EPOCH_ONLY, Standing.LEADER]
        running.cancel()

    virtually(tmp_path, story)


def test_a_successor_s_epoch_ends_a_leader_that_only_has_its_epoch_left(tmp_path: Path) -> None:
    """The database says so within a second, without any order."""

    async def story(process: Process) -> None:
        running = await process.lead()
        assert process.elector.deadline > 0
        process.elector.is_renewing = False
        await asyncio.sleep(10)
        await process.store.take_epoch(ACCOUNT, "successor", Epoch(0))
        began = asyncio.get_running_loop().time()
        assert await running is Ending.LOST
        assert asyncio.get_running_loop().time() - began < 1.1
        assert process.exits == [75]

    virtually(tmp_path, story)


def test_a_database_that_is_away_leaves_the_lease_until_that_ends_too(tmp_path: Path) -> None:
    """LEASE_ONLY while the Lease is renewed; with neither the process ends."""

    async def story(process: Process) -> None:
        running = await process.lead()
        process.store.is_away = True
        await asyncio.sleep(3)
        assert process.engine.snapshot().standing is Standing.LEASE_ONLY
        assert process.elector.deadline > 0
        process.elector.is_renewing = False
        assert await running is Ending.LOST
        assert process.exits == [75]

    virtually(tmp_path, story)


def test_a_planned_stop_drains_releases_and_ends_well(tmp_path: Path) -> None:
    """The Lease is given back after the gate was cut; the exit code is 0."""

    async def story(process: Process) -> None:
        running = await process.lead()
        process.engine.stop()
        assert await running is Ending.STOPPED
        assert process.gate.proofs.epoch == 0
        assert len(process.elector.released) == 1
        assert process.exits == []

    virtually(tmp_path, story)


def test_a_revoked_leader_stands_by_again_and_may_lead_again(tmp_path: Path) -> None:
    """The process stays; its next leadership has a new epoch."""

    async def story(process: Process) -> None:
        running = await process.lead()
        process.elector.revoke()
        await asyncio.sleep(1)
        assert (process.engine.is_leader, len(process.elector.released)) == (False, 1)
        process.elector.win()
        await asyncio.sleep(2)
        assert (process.engine.is_leader, process.engine.snapshot().epoch) == (True, 2)
        running.cancel()

    virtually(tmp_path, story)


def test_a_kill_halts_the_leader_and_the_next_leader(tmp_path: Path) -> None:
    """HALTED at once; a successor begins HALTED, until that kill is released."""

    async def story(process: Process) -> None:
        running = await process.lead()
        await asyncio.sleep(6)
        kill_id = await process.engine.request_kill(KillReason.MANUAL, "enough", "desk")
        await asyncio.sleep(1)
        view = process.engine.snapshot().view
        assert view is not None
        assert (view.trading_state, process.gate.proofs.killed) == (TradingState.HALTED, True)
        process.engine.stop()
        await running

        after = Process(process.clock, tmp_path, store=process.store, nonce="b")
        running = await after.lead()
        view = after.engine.snapshot().view
        assert view is not None
        assert (view.trading_state, after.gate.proofs.killed) == (TradingState.HALTED, True)
        assert await after.engine.release_kill(kill_id)
        await asyncio.sleep(6)
        view = after.engine.snapshot().view
        assert view is not None
        assert view.trading_state is TradingState.LIVE
        assert process.tally.kills == [KillReason.MANUAL]
        running.cancel()

    virtually(tmp_path, story)


def test_a_kill_released_while_nobody_led_is_over_for_the_next_leader(tmp_path: Path) -> None:
    """The journal says that it stands, the database that it is over: the database's word counts."""

    async def story(process: Process) -> None:
        running = await process.lead()
        kill_id = await process.engine.request_kill(KillReason.MANUAL, "enough", "desk")
        await asyncio.sleep(0.5)
        process.engine.stop()
        await running
        assert await process.store.release_kill(ACCOUNT, kill_id)

        after = Process(process.clock, tmp_path, store=process.store, nonce="b")
        running = await after.lead()
        view = after.engine.snapshot().view
        assert view is not None
        assert view.kill is None
        running.cancel()

    virtually(tmp_path, story)


def test_an_emergency_journal_is_adopted_unless_somebody_led_in_between(tmp_path: Path) -> None:
    """Its facts come before what the next process decides; overtaken ones are set aside."""

    async def story(process: Process) -> None:
        other = IntentId("0000000B")
        process.store.epoch = 3
        process.store.journal[3, 1] = (day("2026-11-23"), bracket())
        emergency = EmergencyJournal(tmp_path)
        stop = place(3, leg=Leg.STOP)
        emergency.write(Batch(Epoch(3), 1, (bracket(),), ()))
        emergency.write(Batch(Epoch(3), 2, (planned(stop, 3),), (stop,)))
        running = await process.lead()
        assert process.store.journal[4, 1] == (planned(stop, 3),)
        view = process.engine.snapshot().view
        assert view is not None
        assert [each.stop.status for each in view.brackets if each.stop] == [OrderStatus.IN_DOUBT]
        assert emergency.batches() == ()
        process.engine.stop()
        await running

        emergency.write(Batch(Epoch(3), 9, (bracket(other),), ()))
        after = Process(process.clock, tmp_path, store=process.store, nonce="b")
        running = await after.lead()
        assert emergency.batches() == ()
        assert bracket(other) not in await process.store.replay(ACCOUNT)
        running.cancel()

    virtually(tmp_path, story)


def test_an_unexpected_error_cuts_and_ends(tmp_path: Path) -> None:
    """Fail closed: counted, gate cut, exit code for a restart; the Lease is left to run out or to the next boot."""

    async def story(process: Process) -> None:
        running = await process.lead()

        async def broken() -> Paise:
            raise ZeroDivisionError("a bug")

        process.broker.net_liquidation = broken  # type: ignore[method-assign]
        ending = await running
        assert (ending, ending.exit_code) == (Ending.FAILED, 70)
        assert process.gate.proofs.epoch == 0
        assert process.elector.released == []
        assert len(process.tally.failures) == 1

    virtually(tmp_path, story)


def test_the_leader_answers_an_offered_configuration_and_a_standby_refuses_it(tmp_path: Path) -> None:
    """The domain's verdict comes back to the caller, the limits of the offer hold from then on, the report names its hash."""

    async def story(process: Process) -> None:
        def offer(name: str, *, is_promoted: bool = False, **limits: object) -> Coroutine[None, None, ConfigJudged]:
            config = Config(name, "canary", evolve(PROFILE, **limits))
            view = process.engine.snapshot().view
            return process.engine.offer_config(
                config, view.config_hash if view else "", process.engine.snapshot().epoch, is_promoted=is_promoted
            )

        running = asyncio.ensure_future(process.engine.run())
        await asyncio.sleep(0.5)
        assert (await offer("next")).refusal is ConfigRefusal.NOT_LEADER
        process.elector.win()
        process.feed.queue.put_nowait(FeedUp())
        await asyncio.sleep(4)
        more = ("NIFTY", "SENSEX")
        assert (await offer("wide", underlyings=more)).refusal is ConfigRefusal.LOOSENS_WITHOUT_STAGE
        assert (await offer("next", max_heat_ppm=5_000)).verdict is ConfigVerdict.APPLIED
        await asyncio.sleep(1)
        assert json.loads(process.elector.annotations()["tradeops.dev/report"])["config"] == "next"
        assert process.broker.reads.count("instruments") == 1
        assert (await offer("wide", underlyings=more, is_promoted=True)).verdict is ConfigVerdict.APPLIED
        await asyncio.sleep(1)
        assert process.broker.reads.count("instruments") == 2
        process.engine.stop()
        assert await running is Ending.STOPPED

    virtually(tmp_path, story)
