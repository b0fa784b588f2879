"""One replica works; another takes over when it ends, falls silent, or loses the Lease."""

import asyncio
import copy
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any

import pytest

from session_operator.domain.election import DURATION_SECONDS, Sight, look, may_take, written
from session_operator.engine.electing import Election
from session_operator.errors import ApiConflictError, ApiUnreachableError, LeadershipLostError
from tests.unit.operator.virtual_time import run_virtually


def virtually(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Run a test on virtual time."""

    @wraps(test)
    def run() -> None:
        run_virtually(test())

    return run


class Store:
    """An API server with one Lease, in memory."""

    def __init__(self) -> None:
        self.lease: dict[str, Any] | None = None
        self.is_away = False
        self.version = 0

    async def find(self, kind_name: str, namespace: str, name: str) -> dict[str, Any] | None:
        """Get it."""
        assert (kind_name, namespace, name) == ("Lease", "trading", "operator")
        self._answer()
        return copy.deepcopy(self.lease)

    async def create(self, body: dict[str, Any]) -> dict[str, Any]:
        """Create it."""
        self._answer()
        if self.lease is not None:
            raise ApiConflictError(409, "POST", "exists")
        return self._store(body)

    async def replace(self, body: dict[str, Any]) -> dict[str, Any]:
        """Compare and swap."""
        self._answer()
        if self.lease is None or body["metadata"]["resourceVersion"] != self.lease["metadata"]["resourceVersion"]:
            raise ApiConflictError(409, "PUT", "changed")
        return self._store(body)

    def hold(self, holder: str) -> None:
        """Somebody else writes himself in."""
        assert self.lease is not None
        self._store(written(self.lease, holder, "by force"))

    @property
    def holder(self) -> str:
        """Who holds it."""
        return "" if self.lease is None else self.lease["spec"]["holderIdentity"]

    def _answer(self) -> None:
        if self.is_away:
            raise ApiUnreachableError("nobody answers")

    def _store(self, body: dict[str, Any]) -> dict[str, Any]:
        self.version += 1
        metadata = body["metadata"] | {"resourceVersion": str(self.version)}
        self.lease = copy.deepcopy(body | {"metadata": metadata})
        return copy.deepcopy(self.lease)


class LoopClock:
    """The loop's own clock, which a test may be running fast."""

    def monotonic(self) -> float:
        """Seconds."""
        return asyncio.get_running_loop().time()

    def now(self) -> str:
        """Never asked for."""
        raise AssertionError

    def now_precise(self) -> str:
        """A moment that differs from call to call."""
        return f"{self.monotonic():.6f}"


def candidate(store: Store, identity: str) -> Election:
    """A replica."""
    return Election(store, LoopClock(), namespace="trading", name="operator", identity=identity)


@virtually
async def test_one_is_elected_and_the_other_waits_for_its_end() -> None:
    """A release is taken at the next look."""
    store = Store()
    first, second = candidate(store, "a"), candidate(store, "b")
    await first.win()
    waiting = asyncio.create_task(second.win())
    keeping = asyncio.create_task(first.keep())
    await asyncio.sleep(60)
    assert (store.holder, waiting.done()) == ("a", False)
    keeping.cancel()
    await first.release()
    began = asyncio.get_running_loop().time()
    await waiting
    assert store.holder == "b"
    assert asyncio.get_running_loop().time() - began <= 2.1


@virtually
async def test_a_silent_leader_is_succeeded_after_its_lease() -> None:
    """Not before: it may only be slow."""
    store = Store()
    first, second = candidate(store, "a"), candidate(store, "b")
    await first.win()
    began = asyncio.get_running_loop().time()
    await second.win()
    assert DURATION_SECONDS <= asyncio.get_running_loop().time() - began <= DURATION_SECONDS + 4
    assert store.holder == "b"


@virtually
async def test_a_leader_that_cannot_renew_gives_up_before_another_may_take() -> None:
    """Its deadline is shorter than the Lease."""
    store = Store()
    leader = candidate(store, "a")
    await leader.win()
    store.is_away = True
    began = asyncio.get_running_loop().time()
    with pytest.raises(LeadershipLostError, match="could not be renewed"):
        await leader.keep()
    assert asyncio.get_running_loop().time() - began < DURATION_SECONDS
    await leader.release()  # nobody answers: no error


@virtually
async def test_a_leader_that_finds_another_holder_gives_up() -> None:
    """At its next renewal, and without taking the Lease back."""
    store = Store()
    leader = candidate(store, "a")
    await leader.win()
    store.hold("b")
    with pytest.raises(LeadershipLostError, match="b holds the Lease"):
        await leader.keep()
    await leader.release()
    assert store.holder == "b"


@virtually
async def test_a_change_by_others_that_leaves_the_holder_costs_nothing() -> None:
    """Somebody adds a label."""
    store = Store()
    leader = candidate(store, "a")
    await leader.win()
    keeping = asyncio.create_task(leader.keep())
    store.hold("a")
    await asyncio.sleep(30)
    assert not keeping.done()
    assert store.holder == "a"
    keeping.cancel()


def test_expiry_is_counted_from_when_the_change_was_seen() -> None:
    """Clocks of other hosts are not trusted."""
    lease = written({"metadata": {}}, "other", "1970-01-01T00:00:00.000000Z")
    sight = look(Sight(), lease, 100.0)
    assert not may_take(sight, "me", 100.0 + DURATION_SECONDS - 0.1)
    assert may_take(look(sight, lease, 110.0), "me", 100.0 + DURATION_SECONDS)
