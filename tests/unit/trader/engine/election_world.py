"""Electors against an API server that answers late, never, twice or not at all; clocks that disagree; pauses; deletions.

One heap of true time. Each elector has a clock of its own (offset and rate) which runs through its pauses, as CLOCK_BOOTTIME
does. A request takes effect at some moment between its sending and long after its sender gave up on it.
"""

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random

from trader.domain.values import SECOND, MachineTime
from trader.engine.leading import (
    Conflicted,
    Elector,
    Found,
    Hinted,
    Identity,
    Observation,
    Phase,
    Read,
    ReleaseAsked,
    Rest,
    Signal,
    Silent,
    Write,
    Wrote,
    decide,
    observe,
)
from trader.engine.leases import LeaseTimes
from trader.engine.ports import LeaseConflict, LeaseMissing, LeaseRecord

REQUEST_SECONDS = 2.0


@dataclass
class Api:
    """The record behind the API server: compare and swap, nothing else."""

    record: LeaseRecord | None = None
    versions: "itertools.count[int]" = field(default_factory=itertools.count)

    def create(self) -> None:
        number = str(next(self.versions))
        self.record = LeaseRecord(f"uid-{number}", number, "", 0, 0, "")

    def create_unless_there(self) -> None:
        if self.record is None:
            self.create()

    def read(self) -> LeaseRecord:
        if self.record is None:
            raise LeaseMissing
        return self.record

    def write(self, write: Write) -> LeaseRecord:
        current = self.read()
        if current.version != write.base.version or current.uid != write.base.uid:
            raise LeaseConflict
        number = str(next(self.versions))
        self.record = replace(
            current,
            version=number,
            holder=write.holder,
            duration_seconds=write.duration_seconds,
            transitions=current.transitions + (current.holder != write.holder),
            renewed=number,
        )
        return self.record

    def annotate(self, revoke: str) -> None:
        if self.record is not None:
            self.record = replace(self.record, version=str(next(self.versions)), revoke=revoke)


@dataclass
class Pod:
    """One process: a machine, a clock, and the network between it and the API server."""

    name: str
    machine: Elector
    offset: float
    rate: float
    is_cut: bool = False
    paused_until: float = 0.0
    is_alive: bool = True
    signals: list[tuple[float, Signal]] = field(default_factory=list)

    def local(self, true_time: float) -> MachineTime:
        return MachineTime(round((self.offset + self.rate * true_time) * SECOND))

    def proves_lease(self, true_time: float) -> bool:
        """What the order gate would say of the Lease."""
        return self.is_alive and self.local(true_time) < self.machine.deadline - 1 * SECOND


class World:
    """Runs pods and faults, by one seed."""

    def __init__(
        self, seed: int, pods: int, *, rates: tuple[float, float], faults: bool = True, deletions: bool = True
    ) -> None:
        self.random = Random(seed)
        self.api = Api()
        self.api.create()
        self.now = 0.0
        self._order = itertools.count()
        self._heap: list[tuple[float, int, Callable[[], object]]] = []
        self._rates = rates
        self._boots = itertools.count()
        self.pods = [self.boot(f"trader-{number}", f"uid{number}") for number in range(pods)]
        self.on_signal: Callable[[Pod, Signal], None] = lambda _pod, _signal: None
        self._faults = faults
        self._deletions = deletions
        if faults:
            self.after(self.random.uniform(0, 5), self._break_something)

    def boot(self, name: str, uid: str) -> Pod:
        rate = self.random.uniform(*self._rates)
        machine = Elector(Identity(name, uid, f"boot{next(self._boots)}"), LeaseTimes())
        pod = Pod(name, machine, self.random.uniform(0, 1e6), rate)
        self.after(self.random.uniform(0, 1), lambda: self._turn(pod))
        return pod

    def after(self, seconds: float, action: Callable[[], object]) -> None:
        heapq.heappush(self._heap, (self.now + seconds, next(self._order), action))

    def run(self, seconds: float) -> None:
        while self._heap and self._heap[0][0] <= seconds:
            self.now, _, action = heapq.heappop(self._heap)
            action()
        self.now = seconds

    def observe(self, pod: Pod, seen: Observation) -> None:
        pod.machine, signals = observe(pod.machine, seen, pod.local(self.now))
        for signal in signals:
            pod.signals.append((self.now, signal))
            self.on_signal(pod, signal)

    def _turn(self, pod: Pod) -> None:
        if not pod.is_alive:
            return
        if self.now < pod.paused_until:
            self.after(pod.paused_until - self.now, lambda: self._turn(pod))
            return
        action = decide(pod.machine, pod.local(self.now))
        if isinstance(action, Rest):
            wait = (action.until - pod.local(self.now)) / SECOND / pod.rate
            self.after(min(max(wait, 1e-6), 1.0), lambda: self._turn(pod))
            return
        sent_at = pod.local(self.now)
        # The process may be stopped between deciding and sending.
        stall = self.random.uniform(0, 20) if self._faults and self.random.random() < 0.01 else 0.0
        self.after(stall, lambda: self._send(pod, action, sent_at))

    def _send(self, pod: Pod, action: Read | Write, sent_at: MachineTime) -> None:
        if not pod.is_alive:
            return
        fate = self.random.random() if self._faults else 1.0
        if pod.is_cut or fate < 0.03:
            self.after(REQUEST_SECONDS, lambda: self._answer(pod, Silent()))
            return
        trip = self.random.uniform(0.001, 0.3)
        if fate < 0.08:  # no answer in time, and yet it takes effect, perhaps much later
            self.after(self.random.uniform(0, 12), lambda: self._apply(action, sent_at))
            self.after(REQUEST_SECONDS, lambda: self._answer(pod, Silent()))
            return

        def arrive() -> None:
            seen = self._apply(action, sent_at)
            self.after(self.random.uniform(0.001, 0.3), lambda: self._answer(pod, seen))

        self.after(trip, arrive)

    def _apply(self, action: Read | Write, sent_at: MachineTime) -> Observation:
        try:
            return Found(self.api.read()) if isinstance(action, Read) else Wrote(self.api.write(action), sent_at)
        except LeaseMissing:
            return Silent()
        except LeaseConflict:
            return Conflicted()

    def _answer(self, pod: Pod, seen: Observation) -> None:
        if not pod.is_alive:
            return
        if self.now < pod.paused_until:
            self.after(pod.paused_until - self.now, lambda: self._answer(pod, seen))
            return
        self.observe(pod, seen)
        self._turn(pod)

    def _break_something(self) -> None:
        pod = self.random.choice(self.pods)
        match self.random.choice(("cut", "pause", "delete", "kill", "restart", "release", "revoke", "hint")):
            case "cut":
                pod.is_cut = True
                self.after(self.random.uniform(0, 30), lambda: setattr(pod, "is_cut", False))
            case "pause":
                pod.paused_until = self.now + self.random.uniform(0, 40)
            case "delete" if self._deletions and self.random.random() < 0.3:
                self.api.record = None
                self.after(self.random.uniform(0, 10), self.api.create_unless_there)
            case "kill" | "restart" as how:
                pod.is_alive = False
                uid = pod.machine.identity.pod_uid if how == "restart" else f"{pod.machine.identity.pod_uid}x"
                self.pods.remove(pod)
                self.pods.append(self.boot(pod.name, uid))
            case "release":
                if pod.machine.phase is Phase.LEADING:
                    self.observe(pod, ReleaseAsked(15 * SECOND))
            case "revoke":
                self.api.annotate(self.api.record.holder if self.api.record else "")
            case _:
                self.observe(pod, Hinted(""))
        self.after(self.random.expovariate(1 / 6), self._break_something)
