"""One replica of the operator works, the others stand by; one that loses its Lease ends, and stands by anew."""

import asyncio
from contextlib import suppress
from typing import Any, Protocol

import structlog

from session_operator.domain.election import RENEW_DEADLINE_SECONDS, RETRY_SECONDS, Sight, look, may_take, written
from session_operator.engine.ports import Clock
from session_operator.errors import ApiConflictError, ApiError, ApiUnreachableError, LeadershipLostError

log = structlog.get_logger()

RELEASE_SECONDS = 3.0


class LeaseStore(Protocol):
    """Reads and writes the operator's own Lease."""

    async def find(self, kind_name: str, namespace: str, name: str) -> dict[str, Any] | None:
        """Get it, or None."""

    async def create(self, body: dict[str, Any]) -> dict[str, Any]:
        """Create it; `ApiConflictError` if somebody was faster."""

    async def replace(self, body: dict[str, Any]) -> dict[str, Any]:
        """Write it over the version that was read; `ApiConflictError` if somebody was faster."""


class Election:
    """This process's part in the election."""

    def __init__(self, store: LeaseStore, clock: Clock, *, namespace: str, name: str, identity: str) -> None:
        self._store = store
        self._clock = clock
        self._namespace = namespace
        self._name = name
        self._identity = identity
        self._sight = Sight()
        self._lease: dict[str, Any] = {}

    async def win(self) -> None:
        """Stand by until elected."""
        log.info("standing_by", identity=self._identity, lease=f"{self._namespace}/{self._name}")
        while True:
            if await self._try():
                break
            await asyncio.sleep(RETRY_SECONDS)
        log.info("elected", identity=self._identity)

    async def _try(self) -> bool:
        try:
            lease = await self._store.find("Lease", self._namespace, self._name)
            self._sight = look(self._sight, lease, self._clock.monotonic())
            if not may_take(self._sight, self._identity, self._clock.monotonic()):
                return False
            await self._write(lease, self._identity)
        except (ApiConflictError, ApiUnreachableError):
            return False
        return True

    async def keep(self) -> None:
        """Renew, for ever.

        Raises:
            LeadershipLostError: it could not be renewed in time, or another holds it.
        """
        renewed_at = self._clock.monotonic()
        while True:
            await asyncio.sleep(RETRY_SECONDS)
            sent_at = self._clock.monotonic()
            try:
                async with asyncio.timeout(max(0.1, renewed_at + RENEW_DEADLINE_SECONDS - sent_at)):
                    await self._renew()
                renewed_at = sent_at
            except (ApiError, ApiUnreachableError, TimeoutError) as error:
                if self._clock.monotonic() - renewed_at >= RENEW_DEADLINE_SECONDS:
                    raise LeadershipLostError(f"the Lease could not be renewed: {error or 'timed out'}") from error
                log.warning("lease_not_renewed", error=str(error) or "timed out")

    async def _renew(self) -> None:
        try:
            await self._write(self._lease, self._identity)
        except ApiConflictError:
            lease = await self._store.find("Lease", self._namespace, self._name)
            holder = ((lease or {}).get("spec") or {}).get("holderIdentity")
            if lease is not None and holder != self._identity:
                raise LeadershipLostError(f"{holder or 'nobody'} holds the Lease") from None
            await self._write(lease, self._identity)  # somebody changed a label: it is still ours

    async def _write(self, lease: dict[str, Any] | None, holder: str) -> None:
        if lease is None:
            metadata = {"namespace": self._namespace, "name": self._name}
            blank = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata}
            self._lease = await self._store.create(written(blank, holder, self._clock.now_precise()))
        else:
            self._lease = await self._store.replace(written(lease, holder, self._clock.now_precise()))

    async def release(self) -> None:
        """Give the Lease back if it is still as we wrote it; who cannot is waited for by the others."""
        with suppress(ApiError, ApiUnreachableError, TimeoutError):
            async with asyncio.timeout(RELEASE_SECONDS):
                await self._write(self._lease, "")
                log.info("lease_released", identity=self._identity)
