"""Lists beside the watches: once before anything is decided, then now and then to find what a watch has missed.

The profiles ConfigMap is read by name at a short pace instead of being watched: it is one object, it stands in the
operator's own namespace, and reading it by name needs the smallest of permissions.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from session_operator.engine.ports import Clock, Lister
from session_operator.engine.watchfulness import Watchfulness
from session_operator.engine.worlds import Key, World
from session_operator.errors import OperatorError
from session_operator.kinds import WATCHED

log = structlog.get_logger()


class Relister:
    """Keeps the world complete."""

    def __init__(
        self,
        world: World,
        watchfulness: Watchfulness,
        *,
        cluster: Lister,
        clock: Clock,
        wake: Callable[[Key], None],
        namespaces: Sequence[str],
        profiles: tuple[str, str],
    ) -> None:
        self._world = world
        self._watchfulness = watchfulness
        self._cluster = cluster
        self._clock = clock
        self._wake = wake
        self._namespaces: Sequence[str | None] = list(namespaces) or [None]
        self._profiles = profiles

    async def fill(self) -> None:
        """List everything once.

        Raises:
            OperatorError: the API server refused, did not answer, or lacks the CRD.
        """
        await self._list_all()
        await self._read_profiles()

    async def keep_lists(self, seconds: float) -> None:
        """List everything anew at that pace, for ever."""
        await self._forever(seconds, self._list_all, "list_failed")

    async def keep_profiles(self, seconds: float) -> None:
        """Read the profiles anew at that pace, for ever."""
        await self._forever(seconds, self._read_profiles, "profiles_unreadable")

    async def _forever(self, seconds: float, action: Callable[[], Awaitable[None]], complaint: str) -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                await action()
            except OperatorError as error:
                log.warning(complaint, error=str(error))

    async def _list_all(self) -> None:
        for kind in WATCHED:
            for namespace in self._namespaces:
                bodies, version = await self._cluster.list(kind, namespace)
                now = self._clock.monotonic()
                self._watchfulness.listed(kind.name, namespace, bodies, now)
                for key in self._world.replace(kind.name, namespace, bodies, version=version, now=now):
                    self._wake(key)

    async def _read_profiles(self) -> None:
        namespace, name = self._profiles
        body = await self._cluster.find("ConfigMap", namespace, name)
        found = None if body is None else dict(body.get("data") or {})
        if found != self._world.profiles:
            self._world.profiles = found
            log.info("profiles_read", config_map=f"{namespace}/{name}", keys=sorted(found or ()))
            for key in self._world.session_keys():
                self._wake(key)
