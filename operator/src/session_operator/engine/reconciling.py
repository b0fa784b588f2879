"""Look at a session, decide, do; then look again when woken or when the time has come.

Several workers, one session at a time each. What fails fails for that session alone: it is logged, counted, shown in
its Ready condition where the API server refused something, and tried again later and later (1 s to 5 minutes).
"""

import asyncio
from dataclasses import replace

import structlog

from session_operator.domain.actions import Apply, Configure, Delete, Emit, WriteStatus
from session_operator.domain.decide import Decision, Terms, decide, is_steering
from session_operator.domain.observed import Observed
from session_operator.domain.statuses import read_status
from session_operator.engine.hearing import Hearing
from session_operator.engine.ports import Clock, Cluster, Measures, Recorder, Traders
from session_operator.engine.queueing import WorkQueue
from session_operator.engine.worlds import Key, Reference, World
from session_operator.errors import ApiConflictError, ApiError, ApiNotFoundError, OperatorError

FIRST_RETRY_SECONDS = 1.0
LAST_RETRY_SECONDS = 300.0
RECONCILE_SECONDS = 60.0
DISCOVERIES = 3
# Less than one, so that each look at the pace asks anew.
FRESH_ENOUGH = 0.8

log = structlog.get_logger()


class Reconciler:
    """Brings sessions from what is to what is wanted."""

    def __init__(
        self,
        world: World,
        terms: Terms,
        *,
        cluster: Cluster,
        traders: Traders,
        recorder: Recorder,
        clock: Clock,
        measures: Measures,
    ) -> None:
        self.queue: WorkQueue[Key] = WorkQueue()
        self._cluster = cluster
        self._recorder = recorder
        self._world = world
        self._clock = clock
        self._measures = measures
        self._terms = terms
        self._hearing = Hearing(traders, clock)
        self._faults: dict[Key, str] = {}
        self._failures: dict[Key, int] = {}
        self._told_at: dict[Key, float] = {}

    async def work(self) -> None:
        """Look at one session after the other, for ever."""
        while True:
            key = await self.queue.get()
            try:
                await self._attempt(key)
            finally:
                self.queue.done(key)

    async def _attempt(self, key: Key) -> None:
        started = self._clock.monotonic()
        try:
            async with asyncio.timeout(RECONCILE_SECONDS):
                again = await self.reconcile(key)
            self._failures.pop(key, None)
        except Exception as error:  # the top frame of one session: no error of it may stop the others
            count = self._failures.get(key, 0)
            self._failures[key] = count + 1
            again = min(LAST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2 ** min(count, 16))
            self._measures.failed(type(error).__name__)
            told = {"session": f"{key.namespace}/{key.name}", "retry_seconds": again}
            if isinstance(error, OperatorError | TimeoutError):
                log.warning("reconcile_failed", error=f"{type(error).__name__}: {error}", **told)
            else:
                log.exception("reconcile_failed", **told)
        self._measures.reconciled(self._clock.monotonic() - started)
        if again is not None:
            self.queue.add_after(key, again)

    async def reconcile(self, key: Key) -> float | None:
        """Do what one session needs now.

        Safe to cancel and to repeat at any point. Returns the seconds after which to look again, None if it is gone.

        Raises:
            OperatorError: the API server refused or did not answer; the session's status says so if it can.
        """
        observed = self._observe(key)
        if observed is None:
            self._forget(key)
            return None
        await self._hearing.ask(key, observed.pods, self._pace(observed))
        observed, decision = await self._discover(key, self._observe(key) or observed)
        fault = await self._change(observed, decision)
        if fault is not None:
            self._faults[key] = str(fault)
        elif self._faults.pop(key, None) is None and not _changes(decision):
            await self._tell(observed, decision)
            return self._when(key, decision)
        current = self._observe(key)
        if current is not None:
            await self._hearing.ask(key, current.pods, self._pace(current))
            current = self._observe(key) or current
            decision = self._decide(current)
            await self._tell(current, decision)
        if fault is not None:
            raise fault
        return self._when(key, decision)

    def _when(self, key: Key, decision: Decision) -> float:
        """Look again at once when the status that was just written lets something be done that waited for it."""
        if any(isinstance(action, WriteStatus) for action in decision.actions):
            current = self._observe(key)
            if current is not None and _changes(self._decide(current)):
                return 0.0
        return decision.look_again_seconds

    async def _discover(self, key: Key, observed: Observed) -> tuple[Observed, Decision]:
        """Look by name at what seems new: an object without our labels is invisible to our watches."""
        decision = self._decide(observed)
        for _ in range(DISCOVERIES):
            found = [
                await self._cluster.find(action.manifest["kind"], key.namespace, action.manifest["metadata"]["name"])
                for action in decision.actions
                if isinstance(action, Apply) and action.is_new
            ]
            existing = [body for body in found if body is not None]
            if not existing:
                break
            for body in existing:
                self._world.put(body, self._clock.monotonic())
            observed = self._observe(key) or observed
            decision = self._decide(observed)
        return observed, decision

    async def _change(self, observed: Observed, decision: Decision) -> ApiError | None:
        """Apply and delete; what is refused does not keep the rest from being done. Returns the first refusal."""
        first: ApiError | None = None
        namespace = observed.session.namespace
        for action in decision.actions:
            try:
                if isinstance(action, Apply):
                    body = await self._cluster.apply(action.manifest)
                    self._world.put(body, self._clock.monotonic())
                    log.info(
                        "child_applied",
                        session=f"{namespace}/{observed.session.name}",
                        kind=body["kind"],
                        name=body["metadata"]["name"],
                    )
                elif isinstance(action, Configure):
                    await self._configure(Key(namespace, observed.session.name), action)
                elif isinstance(action, Delete):
                    await self._cluster.delete(action.kind, namespace, action.name, action.uid)
                    reference = Reference(action.kind, namespace, action.name)
                    self._world.remove(reference, self._world.version(reference))
            except ApiError as error:
                first = first or error
        return first

    async def _configure(self, key: Key, order: Configure) -> None:
        """Tell a trader; what it refuses is shown in a condition, and tried again with the next look."""
        why = await self._hearing.tell(key, order)
        told = {"session": f"{key.namespace}/{key.name}", "pod": order.pod, "config": order.hash, "run": order.run}
        if why:
            log.warning("trader_refused_config", why=why, **told)
        else:
            log.info("trader_configured", epoch=order.epoch, **told)

    async def _tell(self, observed: Observed, decision: Decision) -> None:
        """Write events, then the status: if the second fails, the first are counted again and not lost."""
        session = observed.session
        key = Key(session.namespace, session.name)
        for action in decision.actions:
            if isinstance(action, Emit):
                log.info("told", session=f"{key.namespace}/{key.name}", reason=action.reason, message=action.message)
                await self._recorder.emit(session, action)
            elif isinstance(action, WriteStatus):
                try:
                    body = await self._cluster.apply_status(key.namespace, key.name, session.uid, action.body)
                except (ApiNotFoundError, ApiConflictError):
                    log.info("session_gone", session=f"{key.namespace}/{key.name}")
                    return
                self._told_at[key] = self._clock.monotonic()
                self._world.put(body, self._clock.monotonic())
        self._measures.phase(key.namespace, key.name, decision.phase)
        if decision.status is not None:
            self._measures.proofs(key.namespace, key.name, decision.status)

    def _decide(self, observed: Observed) -> Decision:
        return decide(observed, self._terms, self._clock.now())

    def _observe(self, key: Key) -> Observed | None:
        now = self._clock.monotonic()
        age = now - self._told_at[key] if key in self._told_at else float("inf")
        seen = self._world.observe(key, now, status_age_seconds=age, fault=self._faults.get(key, ""))
        if seen is None:
            return None
        heard = self._hearing.reports(key, seen.pods), self._hearing.refusals(key, seen.pods)
        return replace(seen, reports=heard[0], refusals=heard[1])

    def _pace(self, observed: Observed) -> float:
        """How old an answer of a trader may be."""
        is_fast = is_steering(read_status(observed.session.status))
        return (self._terms.rollout_seconds if is_fast else self._terms.resync_seconds) * FRESH_ENOUGH

    def _forget(self, key: Key) -> None:
        self._hearing.forget(key)
        for memory in (self._faults, self._failures, self._told_at):
            memory.pop(key, None)
        self.queue.forget(key)
        self._measures.gone(key.namespace, key.name)


def _changes(decision: Decision) -> bool:
    return any(isinstance(action, Apply | Delete | Configure) for action in decision.actions)
