"""The account's Lease, through the API server: what the elector's thread reads and writes (docs/seams.md §3).

The object is kept as it came, as JSON: whatever a later API adds survives our writing. Every write is a PUT with the
resourceVersion that was read. No call is repeated here: the elector decides.
"""

import copy
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, NoReturn

from kubernetes.client import ApiClient, ApiException, CoordinationV1Api
from kubernetes.config import ConfigException
from urllib3.exceptions import HTTPError
from urllib3.response import HTTPResponse

from trader.engine.ports import LeaseAway, LeaseConflict, LeaseMissing, LeaseRecord, LeaseWrite

REVOKE = "tradeops.dev/revoke"
WATCH_SECONDS = 30


class KubernetesLease:
    """`LeaseClient` for one Lease. Reads and writes on one connection, the watch on another."""

    def __init__(self, new_client: Callable[[], ApiClient], namespace: str, name: str, request_seconds: float) -> None:
        """`request_seconds` bounds each call: the retry period, at most."""
        # Any: with `_preload_content=False` the client returns the response itself, which its annotations do not know.
        self._calls: Any = CoordinationV1Api(new_client())
        self._watches: Any = CoordinationV1Api(new_client())
        self._namespace = namespace
        self._name = name
        self._seconds = request_seconds
        self._object: dict[str, Any] | None = None
        self._watching: HTTPResponse | None = None

    def read(self) -> LeaseRecord:
        """GET."""
        try:
            response = self._calls.read_namespaced_lease(
                self._name, self._namespace, _preload_content=False, _request_timeout=self._seconds
            )
            return self._remember(response)
        except _FAILURES as failure:
            _translate(failure)

    def write(self, write: LeaseWrite) -> LeaseRecord:
        """PUT, compare and swap."""
        if self._object is None or self._object["metadata"]["resourceVersion"] != write.base.version:
            raise LeaseConflict("the base of the write is not what was read last")
        body = _written(self._object, write)
        try:
            response = self._calls.replace_namespaced_lease(
                self._name, self._namespace, body, _preload_content=False, _request_timeout=self._seconds
            )
            return self._remember(response)
        except _FAILURES as failure:
            _translate(failure)

    def changes(self) -> Iterator[str]:
        """One watch, from now on."""
        try:
            response = self._watches.list_namespaced_lease(
                self._namespace,
                field_selector=f"metadata.name={self._name}",
                watch=True,
                timeout_seconds=WATCH_SECONDS,
                _preload_content=False,
                _request_timeout=(self._seconds, WATCH_SECONDS + 5),
            )
            self._watching = response
            for line in _lines(response):
                event = json.loads(line)
                if event.get("type") == "ERROR":
                    raise LeaseAway(f"watch: {event.get('object', {}).get('message', 'error')}")
                yield str(event["object"]["metadata"]["resourceVersion"])
        except _FAILURES as failure:
            _translate(failure)
        finally:
            self._watching = None

    def close(self) -> None:
        """Free the connections; a watch in flight ends."""
        watching = self._watching
        if watching is not None:
            watching.shutdown()
        self._calls.api_client.rest_client.pool_manager.clear()

    def _remember(self, response: HTTPResponse) -> LeaseRecord:
        self._object = json.loads(response.data)
        return _record(self._object)


_FAILURES = (ApiException, HTTPError, OSError, ConfigException, ValueError, KeyError)
"""Whatever the client lets through: refusals, transport, a token file that is just being replaced, an answer cut short."""


def _translate(failure: Exception) -> NoReturn:
    status = failure.status if isinstance(failure, ApiException) else None
    if status == 404:
        raise LeaseMissing("the Lease does not exist") from failure
    if status == 409:
        raise LeaseConflict("the Lease was written in between") from failure
    raise LeaseAway(f"{type(failure).__name__} {status or ''}: {failure}".replace("\n", " ")[:300]) from failure


def _lines(response: HTTPResponse) -> Iterator[bytes]:
    rest = b""
    for chunk in response.stream(amt=None, decode_content=True):
        *lines, rest = (rest + chunk).split(b"\n")
        yield from (line for line in lines if line)


def _record(lease: Any) -> LeaseRecord:
    metadata, spec = lease["metadata"], lease.get("spec") or {}
    return LeaseRecord(
        uid=metadata["uid"],
        version=metadata["resourceVersion"],
        holder=spec.get("holderIdentity") or "",
        duration_seconds=spec.get("leaseDurationSeconds") or 0,
        transitions=spec.get("leaseTransitions") or 0,
        renewed=spec.get("renewTime") or "",
        revoke=(metadata.get("annotations") or {}).get(REVOKE, ""),
    )


def _written(lease: dict[str, Any], write: LeaseWrite) -> dict[str, Any]:
    body = copy.deepcopy(lease)
    spec = body.setdefault("spec", {}) or {}
    body["spec"] = spec
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"  # for people; nobody decides by it
    if write.holder and write.holder != write.base.holder:
        spec["acquireTime"] = now
        spec["leaseTransitions"] = write.base.transitions + 1
    spec["holderIdentity"] = write.holder
    spec["leaseDurationSeconds"] = write.duration_seconds
    spec["renewTime"] = now
    body["metadata"]["annotations"] = {**(body["metadata"].get("annotations") or {}), **write.annotations}
    return body
