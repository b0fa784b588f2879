"""The pod's own TradingSession, watched by name: a kill, a suspension or another mode needs no operator to be heard.

List, then watch from there; whatever ends the watch (its time, 410 Gone, a cut network, a restarting API server) begins it
anew. What is heard twice is harmless: the kill desk goes by generation.
"""

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import structlog
from kubernetes.client import ApiClient, ApiException, CustomObjectsApi
from kubernetes.config import ConfigException
from urllib3.exceptions import HTTPError
from urllib3.response import HTTPResponse

from trader.engine.ports import KillSwitch, Permission, Wishes

log = structlog.get_logger(__name__)

GROUP, VERSION, PLURAL = "tradeops.dev", "v1alpha1", "tradingsessions"
LIVE_ALLOWED = "LiveAllowed"
REQUEST_SECONDS = 5.0
WATCH_SECONDS = 60
RETRY_SECONDS = 1.0

_FAILURES = (ApiException, HTTPError, OSError, ConfigException, ValueError, KeyError)


class _Ended(Exception):  # noqa: N818
    """The watch told that it is of no more use: list again."""


class KubernetesSession:
    """`SessionWatch` of one TradingSession."""

    def __init__(
        self, new_client: Callable[[], ApiClient], namespace: str, name: str, *, needs_permission: bool = False
    ) -> None:
        """`needs_permission`: mode Live counts only while an operator's condition `LiveAllowed` is True."""
        # Any: with `_preload_content=False` the client returns the response itself, which its annotations do not know.
        self._api: Any = CustomObjectsApi(new_client())
        self._namespace = namespace
        self._name = name
        self._needs_permission = needs_permission
        self._closed = threading.Event()
        self._watching: HTTPResponse | None = None

    def watch(self, heard: Callable[[Wishes], None], stopped: Callable[[], bool]) -> None:
        """Block until stopped or closed; call `heard` with what is, and with each change."""
        while not (stopped() or self._closed.is_set()):
            try:
                version = self._list(heard)
                while not (stopped() or self._closed.is_set()):
                    version = self._follow(version, heard)
            except (_Ended, *_FAILURES) as failure:
                if not self._closed.is_set():
                    reason = str(failure).replace("\n", " ")[:200]
                    log.warning("session_watch_interrupted", reason=reason, retry_seconds=RETRY_SECONDS)
                self._closed.wait(RETRY_SECONDS)

    def close(self) -> None:
        """Make `watch` return."""
        self._closed.set()
        watching = self._watching
        if watching is not None:
            watching.shutdown()

    def _list(self, heard: Callable[[Wishes], None]) -> str:
        response = self._call(_request_timeout=REQUEST_SECONDS)
        content = json.loads(response.data)
        for session in content["items"]:
            heard(wishes(session, needs_permission=self._needs_permission))
        return str(content["metadata"]["resourceVersion"])

    def _follow(self, version: str, heard: Callable[[Wishes], None]) -> str:
        """One watch, until its time is over; the version to go on from."""
        response = self._call(
            watch=True,
            resource_version=version,
            allow_watch_bookmarks=True,
            timeout_seconds=WATCH_SECONDS,
            _request_timeout=(REQUEST_SECONDS, WATCH_SECONDS + REQUEST_SECONDS),
        )
        self._watching = response
        try:
            for line in _lines(response):
                event = json.loads(line)
                session = event["object"]
                if event["type"] == "ERROR":  # 410 Gone, most often
                    raise _Ended(session.get("message", "the watch failed"))
                version = session["metadata"]["resourceVersion"]
                if event["type"] in {"ADDED", "MODIFIED", "DELETED"}:
                    is_deleted = event["type"] == "DELETED"
                    heard(wishes(session, is_deleted=is_deleted, needs_permission=self._needs_permission))
        finally:
            self._watching = None
            response.release_conn()
        return version

    def _call(self, **options: Any) -> HTTPResponse:
        response: HTTPResponse = self._api.list_namespaced_custom_object(
            GROUP,
            VERSION,
            self._namespace,
            PLURAL,
            field_selector=f"metadata.name={self._name}",
            _preload_content=False,
            **options,
        )
        return response


def wishes(session: dict[str, Any], *, is_deleted: bool = False, needs_permission: bool = False) -> Wishes:
    """What a TradingSession asks of a running trader."""
    metadata, spec = session["metadata"], session.get("spec") or {}
    switch = spec.get("killSwitch") or {}
    return Wishes(
        live=spec.get("mode") == "Live" and (not needs_permission or _is_allowed(session.get("status") or {})),
        suspended=bool(spec.get("suspend", False)),
        kill_switch=KillSwitch(
            session_uid=metadata["uid"],
            generation=int(metadata.get("generation", 1)),
            engaged=bool(switch.get("engaged", False)),
            reason=str(switch.get("reason") or ""),
            release=str(switch.get("release") or ""),
        ),
        deleting=is_deleted or "deletionTimestamp" in metadata,
        permission=permission(session, needs_permission=needs_permission),
    )


def permission(session: dict[str, Any], *, needs_permission: bool) -> Permission:
    """Who set mode Live, and who allowed it: the API server tells the writer of a field and when it last wrote, no user."""
    wanted = _writer(session, ("f:spec", "f:mode"))
    who = wanted[0] or "a writer that the API server does not name"
    detail = f"spec.mode Live set by {who}" + (f", whose last write was at {wanted[1]}" if wanted[1] else "")
    if needs_permission:
        allowed = _live_allowed(session.get("status") or {})
        writer, _ = _writer(session, ("f:status", "f:conditions", f'k:{{"type":"{LIVE_ALLOWED}"}}'))
        detail += (
            f"; {LIVE_ALLOWED} {allowed.get('status', 'unknown')} ({allowed.get('reason', 'no reason')}) "
            f"since {allowed.get('lastTransitionTime', 'an unknown time')}, set by {writer or 'an unknown writer'}"
        )
    return Permission(who, detail)


def _writer(session: dict[str, Any], path: tuple[str, ...]) -> tuple[str, str]:
    """The field manager that owns a field, and when it last wrote; of several the last one. Empty when none does."""
    found = ("", "")
    for entry in session["metadata"].get("managedFields") or ():
        fields = entry.get("fieldsV1") or {}
        for step in path:
            fields = fields.get(step) if isinstance(fields, dict) else None
        if fields is not None and str(entry.get("time", "")) >= found[1]:
            found = (str(entry.get("manager", "")), str(entry.get("time", "")))
    return found


def _is_allowed(status: dict[str, Any]) -> bool:
    """Whether the operator lets new risk be taken; as long as it has not said so, it does not."""
    return bool(_live_allowed(status).get("status") == "True")


def _live_allowed(status: dict[str, Any]) -> dict[str, Any]:
    """The operator's condition; empty when it has not spoken."""
    return next((each for each in status.get("conditions") or () if each.get("type") == LIVE_ALLOWED), {})


def _lines(response: HTTPResponse) -> Iterator[bytes]:
    rest = b""
    for chunk in response.stream(amt=None, decode_content=True):
        *lines, rest = (rest + chunk).split(b"\n")
        yield from (line for line in lines if line)
