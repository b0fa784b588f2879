"""The elector's threads: `leading.py` with a clock, a client and a watch.

Its own thread and its own connections, so that a busy event loop or a strategy cannot starve the renewal. What must not
wait for anybody happens right here: the gate is cut, renewed and begun from this thread.
"""

import secrets
import threading
from collections.abc import Callable, Mapping
from typing import assert_never

import structlog

from trader.domain.values import SECOND, MachineTime
from trader.engine.gate import OrderGate
from trader.engine.leading import (
    Conflicted,
    Elector,
    Found,
    Hinted,
    Identity,
    News,
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
from trader.engine.ports import LeaseAway, LeaseClient, LeaseConflict, LeaseMissing, LeaseWrite, Telemetry

log = structlog.get_logger(__name__)


def new_identity(pod: str, pod_uid: str) -> Identity:
    """An identity for this start of the process."""
    return Identity(pod, pod_uid, secrets.token_hex(4))


class ElectorThread:
    """Runs the machine until `stop`; tells through `heard`, called from its thread."""

    def __init__(
        self,
        identity: Identity,
        times: LeaseTimes,
        *,
        client: LeaseClient,
        gate: OrderGate,
        machine_time: Callable[[], MachineTime],
        telemetry: Telemetry,
        heard: Callable[[Signal], None],
        annotations: Callable[[], Mapping[str, str]],
    ) -> None:
        self._client = client
        self._gate = gate
        self._machine_time = machine_time
        self._telemetry = telemetry
        self._heard = heard
        self._annotations = annotations
        self._elector = Elector(identity, times)
        self._waking = threading.Condition()
        self._hints: list[Observation] = []
        self._is_stopping = False
        self._threads: list[threading.Thread] = []
        self.term: object = None
        """The gate's token of the last win."""
        self.turned_at = machine_time()
        """When the thread last began a turn; liveness is judged by it."""

    @property
    def deadline(self) -> MachineTime:
        """Until when the Lease proves us; 0 when it does not."""
        return self._elector.deadline

    @property
    def holder(self) -> str:
        """The holder as last seen; empty when there is none."""
        record = self._elector.record
        return record.holder if record is not None else ""

    def start(self) -> None:
        """Begin to stand for election. Both threads are daemons: neither may keep a process alive that wants to end."""
        for name, target in (("elector", self._run), ("elector-watch", self._watch)):
            thread = threading.Thread(target=target, name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def tell(self) -> None:
        """Write the annotations soon."""
        self._tell(News())

    def release(self, pause_seconds: float) -> None:
        """Give the Lease back and stay out for so long; the signal RELEASED follows. Cut the gate before."""
        self._tell(ReleaseAsked(round(pause_seconds * SECOND)))

    def stop(self, timeout_seconds: float) -> None:
        """End the threads; the Lease stays as it is."""
        with self._waking:
            self._is_stopping = True
            self._waking.notify_all()
        self._client.close()
        for thread in self._threads:
            thread.join(timeout_seconds)

    def _tell(self, hint: Observation) -> None:
        with self._waking:
            self._hints.append(hint)
            self._waking.notify_all()

    def _run(self) -> None:
        try:
            while not self._is_stopping:
                self._turn()
        except Exception as error:  # the top frame of a thread: fail closed, the process ends
            self._gate.cut()
            self._telemetry.failed("elector", error)
            log.exception("elector_failed")
            self._heard(Signal.LOST)

    def _turn(self) -> None:
        self.turned_at = self._machine_time()
        action = decide(self._elector, self.turned_at)
        match action:
            case Rest(until):
                self._rest(until)
            case Read():
                self._observe(self._read())
            case Write():
                self._observe(self._refresh_leader_lock(action))
            case _:
                assert_never(action)

    def _rest(self, until: MachineTime) -> None:
        with self._waking:
            seconds = min(
                (until - self._machine_time()) / SECOND, 1.0
            )  # the condition's clock stops in a suspend, ours does not
            if not self._hints and not self._is_stopping and seconds > 0:
                self._waking.wait(seconds)
            hints, self._hints = self._hints, []
        for hint in hints:
            self._observe(hint)

    def _read(self) -> Observation:
        try:
            return Found(self._client.read())
        except (LeaseAway, LeaseMissing) as failure:
            log.warning("lease_unreadable", reason=str(failure), phase=self._elector.phase)
            return Silent()

    def _refresh_leader_lock(self, write: Write) -> Observation:
        """One renewal (or taking, or release) of the Lease; sets `trader_is_leader{instance_id}`."""
        sent_at = self._machine_time()
        annotations = self._annotations() if write.holder else {}
        try:
            record = self._client.write(LeaseWrite(write.base, write.holder, write.duration_seconds, annotations))
        except LeaseConflict:
            return Conflicted()
        except (LeaseAway, LeaseMissing) as failure:
            log.warning("lease_unwritable", reason=str(failure), phase=self._elector.phase)
            return Silent()
        self._telemetry.leader(is_leader=record.holder != "")
        return Wrote(record, sent_at)

    def _observe(self, seen: Observation) -> None:
        now = self._machine_time()
        self._elector, signals = observe(self._elector, seen, now)
        if isinstance(seen, Silent):  # nobody has to answer for the deadline to pass
            self._telemetry.leader(is_leader=now < self._elector.deadline)
        for signal in signals:
            match signal:
                case Signal.LOST:
                    self._gate.cut()  # before anything else, and from whatever thread notices
                    self._telemetry.leader(is_leader=False)
                case Signal.RELEASED:
                    self._telemetry.leader(is_leader=False)
                case Signal.WON:
                    self.term = self._gate.begin()
                case Signal.RENEWED:
                    self._gate.renewed(self._elector.deadline)
                case Signal.REVOKED:
                    pass
                case _:
                    assert_never(signal)
            self._heard(signal)

    def _watch(self) -> None:
        """Hints only: whatever goes wrong here costs speed, never safety."""
        while not self._is_stopping:
            try:
                for version in self._client.changes():
                    self._tell(Hinted(version))
            except (LeaseAway, LeaseMissing, LeaseConflict):
                # Without a watch (not allowed, or broken) a candidate looks more often: a released Lease is not left lying.
                threading.Event().wait(self._elector.times.retry_period_seconds / 4)
                if self._elector.phase is Phase.WAITING:
                    self._tell(Hinted(""))
