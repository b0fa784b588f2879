"""The operator, wired: fill the world, then watch, reconcile, list anew and answer probes until a signal comes.

If any part ends, the process ends: the kubelet starts it anew with an empty memory, which is all that it needs, since
everything it knows stands in the API server. Of several replicas one works; the others wait for its Lease.
"""

import asyncio
import secrets
import signal
import socket
from contextlib import AsyncExitStack

import structlog

from session_operator.adapters.api import KubernetesApi, connect
from session_operator.adapters.clocks import MachineClock
from session_operator.adapters.measures import PrometheusMeasures
from session_operator.adapters.readiness import asking
from session_operator.adapters.recording import EventRecorder
from session_operator.adapters.traders import TraderApi, reaching
from session_operator.adapters.watching import Watcher
from session_operator.app.http import health_application, metrics_application, serve
from session_operator.app.schemas import profile_validator
from session_operator.app.settings import Settings
from session_operator.domain.decide import Terms
from session_operator.domain.profiles import ProfileSource
from session_operator.engine.asking import Asker
from session_operator.engine.electing import Election
from session_operator.engine.reconciling import Reconciler
from session_operator.engine.relisting import Relister
from session_operator.engine.watchfulness import Watchfulness
from session_operator.engine.worlds import World
from session_operator.errors import LeadershipLostError

LONGEST_WAIT_SECONDS = 120.0
OVERDUE_LISTS = 4

log = structlog.get_logger()


def build_terms(settings: Settings) -> Terms:
    """Say what holds for all sessions."""
    where = f"{settings.own_namespace}/{settings.profiles_configmap}"
    return Terms(
        trader_image=settings.trader_image,
        profile_source=ProfileSource(where, profile_validator()),
        resync_seconds=settings.resync_seconds,
        report_seconds=settings.report_seconds,
        rollout_seconds=settings.rollout_seconds,
    )


class Operator:
    """The operator's parts; lives inside one event loop."""

    def __init__(self, settings: Settings, api: KubernetesApi, traders: TraderApi) -> None:
        clock = MachineClock()
        self.settings = settings
        self.world = World()
        self.watchfulness = Watchfulness()
        self.measures = PrometheusMeasures()
        self.reconciler = Reconciler(
            self.world,
            build_terms(settings),
            cluster=api,
            traders=traders,
            recorder=EventRecorder(api, clock),
            clock=clock,
            measures=self.measures,
        )
        wake = self.reconciler.queue.add
        self.relister = Relister(
            self.world,
            self.watchfulness,
            cluster=api,
            clock=clock,
            wake=wake,
            namespaces=settings.namespaces,
            profiles=(settings.own_namespace, settings.profiles_configmap),
        )
        self.watcher = Watcher(self.world, self.watchfulness, wake=wake, clock=clock, namespaces=settings.namespaces)
        self.is_ready = False
        self._election = Election(
            api,
            clock,
            namespace=settings.own_namespace,
            name=settings.lease,
            identity=f"{settings.identity or socket.gethostname()}_{secrets.token_hex(4)}",
        )
        self._clock = clock

    def complaints(self) -> tuple[str, ...]:
        """Say why the process should be started anew, if it should."""
        limit = OVERDUE_LISTS * self.settings.relist_seconds
        found = self.watchfulness.complaints(self._clock.monotonic(), limit)
        waited = self.reconciler.queue.longest_wait_seconds()
        return (*found, f"a session waits for {waited:.0f} s") if waited > LONGEST_WAIT_SECONDS else found

    async def run(self) -> None:
        """Work until a signal ends the process."""
        settings = self.settings
        async with AsyncExitStack() as stack:
            health = health_application(self.complaints, lambda: self.is_ready)
            await stack.enter_async_context(serve(health, settings.host, settings.health_port))
            metrics = metrics_application(self.measures.exposition)
            await stack.enter_async_context(serve(metrics, settings.host, settings.metrics_port))
            self.is_ready = True  # to stand by is what a replica that is not elected is for
            await self._election.win()
            stack.push_async_callback(self._election.release)
            asker = Asker(self.world, await stack.enter_async_context(asking()), self.reconciler.queue.add)
            await self.relister.fill()
            log.info("operator_ready", namespaces=settings.namespaces or "all", sessions=len(self.world.session_keys()))
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self.reconciler.work()) for _ in range(settings.workers)]
                tasks.append(group.create_task(self.relister.keep_lists(settings.relist_seconds)))
                tasks.append(group.create_task(self.relister.keep_profiles(settings.profiles_seconds)))
                tasks.append(group.create_task(asker.keep_asking()))
                tasks.append(group.create_task(self._election.keep()))
                await self.watcher.run()
                for task in tasks:
                    task.cancel()
        log.info("operator_stopped")


async def run(settings: Settings) -> None:
    """Run the operator.

    Raises:
        OperatorError: the API server cannot be reached, refuses, or lacks the CRD.
    """
    main = asyncio.current_task()
    assert main is not None
    stopping = asyncio.Event()

    def stop() -> None:
        stopping.set()
        main.cancel()

    # Until the watches stand, which answer signals by themselves, this does: a container's first process ignores them else.
    for each in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(each, stop)
    try:
        async with connect(settings.request_seconds) as api, reaching(settings.trader_token_file) as traders:
            await Operator(settings, api, traders).run()
    except asyncio.CancelledError:
        if not stopping.is_set():
            raise
        log.info("operator_stopped")
    except ExceptionGroup as group:
        lost, rest = group.split(LeadershipLostError)
        if lost is None or rest is not None:
            raise
        raise LeadershipLostError(str(lost.exceptions[0])) from None
