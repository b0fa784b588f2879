"""Builders of what the operator reads: sessions, Secrets, pods, Leases, and a small API server in memory."""

import base64
import copy
import itertools
import json
from collections.abc import Mapping
from typing import Any

from session_operator.app.schemas import profile_validator
from session_operator.domain.actions import Configure, Emit
from session_operator.domain.decide import Terms
from session_operator.domain.names import FIELD_MANAGER, LABEL_MANAGED_BY, LABEL_NAME, LABEL_SESSION
from session_operator.domain.observed import Observed, SecretFacts
from session_operator.domain.profiles import ProfileSource
from session_operator.domain.reports import TraderReport
from session_operator.domain.sessions import Session, read_session
from session_operator.engine.worlds import Key, Reference, World, reference_of
from session_operator.errors import ApiError, ApiNotFoundError
from session_operator.status import Status

NOW = "2026-11-23T09:15:00Z"
PROFILE = """
name: paper
per_trade_risk: 0.005
max_heat: 0.02
max_daily_loss: 0.02
instruments: {underlyings: [NIFTY], kinds: [FUT]}
order_rate: {per_second: 5, per_minute: 200, per_day: 3000}
heartbeats: {market_data_seconds: 5, order_stream_seconds: 30}
"""
PROFILES = {"paper.yaml": PROFILE, "canary_live.yaml": PROFILE.replace("name: paper", "name: canary-live")}
SECRETS = {
    "kitesim-credentials": {"control_token": "x"},
    "trading-db": {"url": "postgresql://database/trading"},
    "trading-redis": {"url": "redis://redis"},
}
TERMS = Terms(trader_image="trader:1", profile_source=ProfileSource("desk/profiles", profile_validator()))
FACTS = {
    "kitesim-credentials": SecretFacts(frozenset({"control_token"})),
    "trading-db": SecretFacts(frozenset({"url"}), "postgresql"),
    "trading-redis": SecretFacts(frozenset({"url"}), "redis"),
}


def spec(**changes: Any) -> dict[str, Any]:
    """A spec that is valid, with some top-level parts changed."""
    return {
        "mode": "Live",
        "account": {
            "id": "AB1234",
            "broker": {
                "type": "Kitesim",
                "url": "http://kitesim:8080",
                "streamURL": "ws://kitesim:8080",
                "credentialsSecretRef": {"name": "kitesim-credentials"},
            },
        },
        "storage": {"databaseSecretRef": {"name": "trading-db"}, "redisSecretRef": {"name": "trading-redis"}},
        "calendar": {"exchange": "AlwaysOpen"},
        "strategies": [{"name": "opening-range-breakout"}],
        "config": {"stages": [{"name": "full", "profile": "paper"}]},
        **changes,
    }


def session_body(name: str = "index", namespace: str = "desk", **fields: Any) -> dict[str, Any]:
    """A TradingSession as the API server returns it."""
    metadata = {
        "name": name,
        "namespace": namespace,
        "uid": fields.get("uid", f"uid-{namespace}-{name}"),
        "generation": fields.get("generation", 1),
        "creationTimestamp": fields.get("created", "2026-11-23T09:00:00Z"),
        "resourceVersion": "1",
    }
    return {
        "apiVersion": "tradeops.dev/v1alpha1",
        "kind": "TradingSession",
        "metadata": metadata,
        "spec": fields.get("spec", spec()),
        "status": fields.get("status", {}),
    }


def session(**fields: Any) -> Session:
    """A TradingSession as the operator reads it."""
    return read_session(session_body(**fields))


def observed(**fields: Any) -> Observed:
    """A world with everything that a session refers to, and none of its children."""
    given: dict[str, Any] = {"session": session(), "secrets": FACTS, "profiles": PROFILES, **fields}
    return Observed(**given)


def report(**fields: Any) -> str:
    """A leader's report."""
    numbers = {"openPositions": 1, "workingOrders": 2, "heatPaise": 1_234_500, "dayProfitPaise": -5_050}
    return json.dumps(
        {"config": "", "kill": None, **numbers, "netLiquidationPaise": 100_000_000, "message": ""} | fields
    )


def secret_body(name: str, values: Mapping[str, str], namespace: str = "desk") -> dict[str, Any]:
    """A Secret as the API server returns it."""
    data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": namespace}, "data": data}


def pod_body(
    name: str, *, session_file: str = "", is_ready: bool = True, session_name: str = "index", address: str = ""
) -> dict[str, Any]:
    """A trader pod as the API server returns it; one with an address runs."""
    labels = {LABEL_SESSION: session_name}
    conditions = [{"type": "Ready", "status": "True" if is_ready else "False"}]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": "desk",
            "labels": labels,
            "annotations": {"tradeops.dev/session-file": session_file},
        },
        "status": {"conditions": conditions}
        | ({"podIP": address, "containerStatuses": [{"state": {"running": {}}}]} if address else {}),
    }


def _merge(into: dict[str, Any], given: Mapping[str, Any]) -> None:
    for key, value in given.items():
        if isinstance(value, Mapping) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = copy.deepcopy(value)


class MemoryCluster:
    """An API server in memory: names, versions, apply by merging. No schema, no defaults, no garbage collection."""

    def __init__(self) -> None:
        self.objects: dict[Reference, dict[str, Any]] = {}
        self.events: list[Emit] = []
        self.writes = 0
        self.refusals: dict[str, ApiError] = {}
        self._counter = itertools.count(2)

    def put(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Store an object as if somebody else had written it."""
        stored: dict[str, Any] = copy.deepcopy(dict(body))
        metadata = stored["metadata"]
        metadata["resourceVersion"] = str(next(self._counter))
        metadata.setdefault("uid", f"uid-{metadata['resourceVersion']}")
        metadata.setdefault("creationTimestamp", f"2026-11-23T09:00:{int(metadata['resourceVersion']) % 60:02d}Z")
        self.objects[reference_of(stored)] = stored
        return copy.deepcopy(stored)

    async def find(self, kind_name: str, namespace: str, name: str) -> dict[str, Any] | None:
        """Get one object."""
        return copy.deepcopy(self.objects.get(Reference(kind_name, namespace, name)))

    async def apply(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """Merge a manifest into what stands."""
        if manifest["kind"] in self.refusals:
            raise self.refusals[manifest["kind"]]
        self.writes += 1
        current = copy.deepcopy(self.objects.get(reference_of(manifest), {"metadata": {}}))
        _merge(current, manifest)
        return self.put(current)

    async def apply_status(self, namespace: str, name: str, uid: str, status: Mapping[str, Any]) -> dict[str, Any]:
        """Replace a session's status."""
        self.writes += 1
        current = self.objects.get(Reference("TradingSession", namespace, name))
        if current is None or current["metadata"]["uid"] != uid:
            raise ApiNotFoundError(404, "PATCH", "not found")
        return self.put({**current, "status": dict(status)})

    async def delete(self, kind_name: str, namespace: str, name: str, uid: str) -> None:
        """Delete an object if it still has that UID."""
        self.writes += 1
        current = self.objects.get(Reference(kind_name, namespace, name))
        if current is not None and current["metadata"]["uid"] == uid:
            del self.objects[Reference(kind_name, namespace, name)]

    async def emit(self, _: Session, event: Emit) -> None:
        """Take an event."""
        self.events.append(event)


class StillClock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def monotonic(self) -> float:
        """Seconds, as the test has them."""
        return self.seconds

    def now(self) -> str:
        """A moment that does not move."""
        return NOW

    def now_precise(self) -> str:
        """The same moment."""
        return NOW


class SilentTraders:
    """Traders that answer nothing."""

    async def report(self, address: str) -> TraderReport | None:
        """Nothing."""

    async def configure(self, order: Configure) -> str:
        """No answer."""
        return "no answer"


class NoMeasures:
    """Measures nothing."""

    def reconciled(self, seconds: float) -> None:
        """Nothing."""

    def failed(self, error: str) -> None:
        """Nothing."""

    def phase(self, namespace: str, name: str, phase: str) -> None:
        """Nothing."""

    def proofs(self, namespace: str, name: str, status: Status) -> None:
        """Nothing."""

    def gone(self, namespace: str, name: str) -> None:
        """Nothing."""


def show(world: World, cluster: MemoryCluster, now: float = 1000.0) -> None:
    """Let the world see, as watches would, what carries our label, the sessions and the Secrets."""
    seen = [
        body
        for body in cluster.objects.values()
        if body["kind"] in {"TradingSession", "Secret", "Pod"} or LABEL_NAME in (body["metadata"].get("labels") or {})
    ]
    for body in seen:
        world.put(copy.deepcopy(body), now)


def foreign(kind: str, name: str) -> dict[str, Any]:
    """An object that somebody else made."""
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": "desk"}}


def orphan(kind: str, name: str) -> dict[str, Any]:
    """An object that a session of the same name left behind."""
    owner = {"kind": "TradingSession", "name": "index", "uid": "uid-of-before", "controller": True}
    labels = {LABEL_SESSION: "index", LABEL_MANAGED_BY: FIELD_MANAGER, LABEL_NAME: "trading-session"}
    metadata = {"name": name, "namespace": "desk", "labels": labels, "ownerReferences": [owner]}
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata}


KEY = Key("desk", "index")
