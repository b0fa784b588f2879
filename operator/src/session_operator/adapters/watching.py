"""kopf carries the watches: each event goes into the world and wakes whom it concerns. Nothing is decided here.

Only low-level event handlers are used. They add no finalizer and no annotation to anything, so that a session can be
deleted while the operator is down, and they are told about the state, not about a change: a missed event costs nothing
once the next one comes.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import kopf

from session_operator.adapters.credentials import find_connection
from session_operator.domain.names import FIELD_MANAGER, GROUP
from session_operator.engine.ports import Clock
from session_operator.engine.watchfulness import Watchfulness
from session_operator.engine.worlds import Key, World, reference_of, version_of
from session_operator.kinds import WATCHED, Kind

Wake = Callable[[Key], None]


class Watcher:
    """Feeds the world from kopf's watches."""

    def __init__(
        self, world: World, watchfulness: Watchfulness, *, wake: Wake, clock: Clock, namespaces: Sequence[str]
    ) -> None:
        self._world = world
        self._clock = clock
        self._watchfulness = watchfulness
        self._wake = wake
        self._namespaces = list(namespaces)

    async def run(self) -> None:
        """Watch until a signal ends the process."""
        # kopf's logger tells of each event that it handled; the operator has words of its own.
        logging.getLogger("kopf").setLevel(logging.WARNING)
        await kopf.operator(
            registry=self._registry(),
            settings=_settings(),
            standalone=True,
            clusterwide=not self._namespaces,
            namespaces=self._namespaces,
        )

    def _registry(self) -> kopf.OperatorRegistry:
        registry = kopf.OperatorRegistry()

        @kopf.on.login(registry=registry)
        def login(**_: Any) -> kopf.ConnectionInfo:
            return find_connection()

        for kind in WATCHED:
            kopf.on.event(kind.group, kind.version, kind.plural, registry=registry, id=kind.plural)(self._handler(kind))
        return registry

    def _handler(self, kind: Kind) -> Callable[..., Any]:
        async def saw(event: Mapping[str, Any], **_: Any) -> None:
            body = {"apiVersion": kind.api_version, "kind": kind.name, **event["object"]}
            now = self._clock.monotonic()
            if event["type"] == "DELETED":
                self._watchfulness.saw_gone(reference_of(body))
                woken = self._world.remove(reference_of(body), version_of(body))
            else:
                self._watchfulness.saw(body)
                woken = self._world.put(body, now)
            for key in woken:
                self._wake(key)

        return saw


def _settings() -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.networking.request_timeout = 10
    settings.networking.connect_timeout = 5
    settings.watching.server_timeout = 300
    settings.watching.client_timeout = 330
    settings.posting.enabled = False
    # No custom resource or namespace appears while the operator runs: it reads neither.
    settings.scanning.disabled = True
    settings.persistence.finalizer = f"{GROUP}/{FIELD_MANAGER}"
    settings.persistence.progress_storage = kopf.AnnotationsProgressStorage(prefix=GROUP)
    settings.persistence.diffbase_storage = kopf.AnnotationsDiffBaseStorage(prefix=GROUP)
    for kind in WATCHED:
        if kind.label_selector:
            settings.watching.label_selectors[kind.group, kind.version, kind.plural] = kind.label_selector
        if kind.field_selector:
            settings.watching.field_selectors[kind.group, kind.version, kind.plural] = kind.field_selector
    return settings
