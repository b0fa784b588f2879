"""The world of one schedule: exchange, database, API server, pods, people and weather, all on one clock and from one seed."""

import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

from ops.simulating.dice import Dice
from ops.simulating.exchange import BookOrder, Exchange
from ops.simulating.happening import happen
from ops.simulating.lease import ApiServer
from ops.simulating.process import MORNING, Process
from ops.simulating.schedules import Schedule
from ops.simulating.scripted import Counted, Scripted
from ops.simulating.store import Database
from ops.simulating.troubles import CALL_KINDS, Trouble
from ops.simulating.virtual import SECOND, Scheduler
from ops.simulating.weather import CallTroubles
from trader.domain.brackets import held_quantity
from trader.domain.effects import Announce, CancelOrder, ModifyOrder, PlaceOrder
from trader.domain.opening_range import OpeningRangeBreakout
from trader.domain.strategies import Strategy
from trader.domain.values import InstrumentKey, Leg, OrderStatus, Standing, Tag
from trader.engine.leases import LeaseTimes
from trader.engine.ports import KillSwitch, Wishes


class World:
    """Runs one schedule."""

    def __init__(self, schedule: Schedule, directory: Path) -> None:
        self.schedule = schedule
        self.seed = schedule.seed
        self.directory = directory
        self.scheduler = Scheduler()
        self.history: list[dict[str, Any]] = []
        """The exchange's log and what the processes and the world did, in one order."""
        self.reached: Counter[str] = Counter()
        self.events = 0
        """Events that any domain took, clock ticks apart."""
        self.calendar = schedule.calendar
        self.profile = schedule.profile
        self.lease_times = LeaseTimes()
        self.exchange = Exchange(
            self.scheduler, self.history, schedule.instruments, Dice(self.seed, "exchange"), partial=schedule.partial
        )
        self.exchange.watchers.append(self._tell_order)
        self.database = Database(self)
        self.api: ApiServer = ApiServer(self)
        self.api.create()
        self.calls = CallTroubles(schedule.troubles)
        self.wishes: Wishes | None = None
        self._market = Dice(self.seed, "market")
        self._people = Dice(self.seed, "people")
        self._starts = 0
        self.pods: list[Process | None] = [None] * schedule.pods
        self.everybody: list[Process] = []
        self._restarting: set[int] = set()
        self.is_healed = False
        self.drift: dict[InstrumentKey, float] = {each.key: 0.0 for each in schedule.instruments}

    # --- the course ---

    def begin(self) -> None:
        """Open the market, start the pods, and let time bring what is planned."""
        schedule, dice = self.schedule, self._people
        self.wish(Wishes(live=True, suspended=False, kill_switch=KillSwitch("uid-session", 1, False, "", "")))
        for number, instrument in enumerate(schedule.instruments):
            self.exchange.last[instrument.key] = (instrument.lower_circuit + instrument.upper_circuit) // 2 // 10 * 10
            self.scheduler.after(int(number * 1e9 / 7) % schedule.quote_every, self._tick_market, instrument.key)
        for slot in range(schedule.pods):
            self.scheduler.after(dice.nanoseconds(0, 0.3), self._start, slot, f"uid{slot}")
        for trouble in schedule.troubles:
            if trouble.kind not in CALL_KINDS:
                self.scheduler.after(int(trouble.at * 1e9), self._happen, trouble)

    def run(self, seconds: float) -> None:
        """Let so much true time pass."""
        self.scheduler.run_until(self.scheduler.now + int(seconds * 1e9))

    def heal(self) -> None:
        """The storm is over: roads are clear, stopped processes go on, dead ones start again, the market trades."""
        self.is_healed = True
        self.calls.is_calm = True
        self.exchange.liquid, self.exchange.refuses = True, ""
        self.api.create()
        for process in self.everybody:
            process.weather.calm()
            process.loop.crash_after(0)
            if process.is_alive and process.loop.is_stopped:
                self.resume(process)
        self.note("healed")

    def end(self) -> None:
        """Close what is left of the processes, so that nothing of this world outlives it."""
        for process in self.everybody:
            process.close_for_ever()
        shutil.rmtree(self.directory, ignore_errors=True)

    # --- what everybody calls ---

    def note(self, kind: str, **fields: Any) -> None:
        """Add to the history."""
        self.history.append({"kind": kind, "machine_time_ns": self.scheduler.now, **fields})

    def reach(self, what: str) -> None:
        """`sometimes`: this happened."""
        self.reached[what] += 1

    def announced(self, process: Process, announcement: Announce) -> None:
        """A business fact of a domain."""
        self.reached[announcement.name] += 1
        if announcement.name == "standing_changed":
            self._reach_at_takeover(process)

    def _reach_at_takeover(self, process: Process) -> None:
        control = process.probe.state.control
        if control.epoch == 1 or control.standing is Standing.NONE:
            return
        for bracket in process.probe.state.durable.open.values():
            if held_quantity(bracket):
                self.reach("takeover with a position")
            if any(
                order.leg is Leg.ENTRY and order.status is OrderStatus.IN_DOUBT for order in bracket.orders.values()
            ):
                self.reach("takeover with entry in doubt")

    def excuse(
        self, since: int, operation: str, call: PlaceOrder | ModifyOrder | CancelOrder, trouble: Trouble
    ) -> None:
        """A fault on the order road: what it may cost is counted apart."""
        until = since + int(trouble.seconds * 1e9) + 8 * SECOND
        self.note("trouble", trouble=trouble.kind.value, operation=operation, tag=call.tag, until_ns=until)
        leg = f" {call.leg.name.lower()}" if isinstance(call, PlaceOrder) else ""
        self.reach(f"{operation}{leg} {trouble.kind.value}")

    @property
    def leader(self) -> Process | None:
        """Whoever believes to lead, the highest epoch first."""
        leading = [each for each in self.everybody if each.is_leading]
        return max(leading, key=lambda each: each.probe.state.control.epoch, default=None)

    def strategies_for(self, process: Process) -> tuple[Strategy, ...]:
        """Scripted signals, and in long schedules the real breakout."""

        def proposed(count: int) -> None:
            process.probe.proposed += count

        keys = dict.fromkeys(each.instrument for each in self.schedule.signals)
        signals = {key: tuple(each for each in self.schedule.signals if each.instrument == key) for key in keys}
        chosen = (Scripted(signals), OpeningRangeBreakout()) if self.schedule.has_breakout else (Scripted(signals),)
        return tuple(Counted(each, proposed) for each in chosen)

    # --- pods ---

    def _start(self, slot: int, uid: str) -> None:
        self._restarting.discard(slot)
        self._starts += 1
        process = Process(self, slot, uid, self._starts, self.directory / uid)
        self.pods[slot] = process
        self.everybody.append(process)
        self.note("started", process=process.name)

    def crash(self, process: Process) -> None:
        """SIGKILL."""
        if process.is_alive:
            self._reach_at_crash(process)
            self.note("crashed", process=process.name)
            process.loop.kill()
            process.died()

    def gone(self, process: Process) -> None:
        """A process ended, however: its container is started again."""
        if self.pods[process.slot] is process and process.slot not in self._restarting:
            self._restarting.add(process.slot)
            self.scheduler.after(self._people.nanoseconds(0.3, 2.0), self._start, process.slot, process.uid)

    def replace(self, process: Process) -> None:
        """The pod and its disk are gone; another comes."""
        self.crash(process)
        self._restarting.add(process.slot)
        self.pods[process.slot] = None
        self.scheduler.after(self._people.nanoseconds(0.3, 3.0), self._start, process.slot, f"{process.uid}x")

    def stop(self, process: Process, seconds: float) -> None:
        """SIGSTOP for a while."""
        if process.is_alive and not process.loop.is_stopped:
            self.note("stopped", process=process.name)
            process.loop.stop_running()
            self.scheduler.after(int(seconds * 1e9), self.resume, process)

    def resume(self, process: Process) -> None:
        """SIGCONT."""
        if process.loop.is_stopped:
            self.note("resumed", process=process.name)
            process.loop.go_on()

    def freeze(self, process: Process, seconds: float, tag: Tag) -> None:
        """SIGSTOP between the last look and the write."""
        self.note("frozen", process=process.name, tag=tag)
        self.stop(process, seconds)

    def _reach_at_crash(self, process: Process) -> None:
        for bracket in process.probe.state.durable.open.values():
            for order in bracket.orders.values():
                self.reach(f"crash with {order.leg.name.lower()} {order.status.value}")
                if order.filled_quantity and not order.status.is_terminal:
                    self.reach(f"crash with partial {order.leg.name.lower()}")

    # --- people ---

    def wish(self, wishes: Wishes) -> None:
        """The TradingSession is edited: every pod hears of it soon."""
        self.wishes = wishes
        for process in self.everybody:
            self.scheduler.after(self._people.nanoseconds(0.005, 0.1), process.hear, wishes)

    def edit_kill(self, *, engaged: bool, release: str = "") -> None:
        """`spec.killSwitch` in another generation."""
        assert self.wishes is not None
        before = self.wishes.kill_switch
        switch = KillSwitch(before.session_uid, before.generation + 1, engaged, "by the desk", release)
        self.wish(replace(self.wishes, kill_switch=switch))

    def _happen(self, trouble: Trouble) -> None:
        if not self.is_healed:
            self.note("trouble", trouble=trouble.kind.value, what=str(trouble), until_ns=self._over_at(trouble))
            happen(self, trouble)

    def _over_at(self, trouble: Trouble) -> int:
        return self.scheduler.now + int(trouble.seconds * 1e9) + 8 * SECOND

    # --- the market ---

    def _tick_market(self, key: InstrumentKey) -> None:
        exchange, dice, schedule = self.exchange, self._market, self.schedule
        instrument = exchange.instruments[key]
        last, tick = exchange.last[key], instrument.tick_size
        step = int((dice.chance() + dice.chance() + dice.chance() - 1.5) * schedule.volatility + self.drift[key])
        price = min(max(last + step * tick, instrument.lower_circuit), instrument.upper_circuit)
        exchange.move(key, price)
        half_spread = tick * (1 + dice.below(3))
        for process in self.pods:
            if process is not None and process.feed.is_up:
                process.feed.quote(key, price, half_spread)
        self.scheduler.after(schedule.quote_every, self._tick_market, key)

    def jump(self, key: InstrumentKey, ticks: int) -> None:
        """A gap."""
        instrument = self.exchange.instruments[key]
        price = self.exchange.last[key] + ticks * instrument.tick_size
        self.exchange.move(key, min(max(price, instrument.lower_circuit), instrument.upper_circuit))

    def _tell_order(self, order: BookOrder) -> None:
        for process in self.pods:
            if process is not None and process.feed.is_up:
                process.feed.update(order)

    @property
    def limits(self) -> dict[str, dict[str, int]]:
        """What the exchange accepts of each instrument."""
        names = ("tick_size", "lot_size", "freeze_quantity", "lower_circuit", "upper_circuit")
        return {each.key: {name: getattr(each, name) for name in names} for each in self.schedule.instruments}

    @property
    def market_time(self) -> int:
        """The exchange's clock."""
        return MORNING + self.scheduler.now
