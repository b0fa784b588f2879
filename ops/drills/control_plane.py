"""The few routes of an API server that two traders ask, on loopback: one Lease, one TradingSession, the two reviews.

So that a drill needs no cluster and no permission, and the traders run through the very code that elects them in one: compare and
swap by resourceVersion, watches, 409. It keeps each version of the Lease: the history of who led.
"""

import json
import queue
import sys
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

NAMESPACE: Final = "drill"
SESSION: Final = "drill"
LEASE: Final = "account-dr1234"
_LEASES = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases"
_SESSIONS = f"/apis/tradeops.dev/v1alpha1/namespaces/{NAMESPACE}/tradingsessions"
LEASE_PATH: Final = f"{_LEASES}/{LEASE}"
SESSION_PATH: Final = f"{_SESSIONS}/{SESSION}"


@dataclass(frozen=True, slots=True)
class LeaseVersion:
    """Who held the Lease from a moment on, in Unix nanoseconds of this machine."""

    at_ns: int
    holder: str


class ControlPlane:
    """Objects by path; each write makes a version and reaches the open watches."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._objects: dict[str, dict[str, Any]] = {}
        self._version = 100
        self._watches: list[tuple[str, queue.Queue[dict[str, Any] | None]]] = []
        self.users: dict[str, dict[str, Any]] = {}
        """Who a bearer token belongs to."""
        self.allowed: set[tuple[str, str, str]] = set()
        """User, verb and subresource of `tradingsessions` that RBAC grants."""
        self.leases: list[LeaseVersion] = []
        self._put(LEASE_PATH, {"metadata": {"name": LEASE, "uid": "lease-1"}, "spec": {"holderIdentity": ""}})
        self._put(SESSION_PATH, {"metadata": {"name": SESSION, "uid": "session-1"}, "spec": {"mode": "Live"}})
        handler = type("Handler", (_Handler,), {"plane": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """Where it listens, on loopback."""
        return int(self._server.server_address[1])

    def kubeconfig(self) -> str:
        """What leads a client here."""
        return json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "drill",
                "clusters": [{"name": "drill", "cluster": {"server": f"http://127.0.0.1:{self.port}"}}],
                "contexts": [{"name": "drill", "context": {"cluster": "drill", "user": "drill"}}],
                "users": [{"name": "drill", "user": {}}],
            }
        )

    def get(self, path: str) -> dict[str, Any] | None:
        """A copy of an object."""
        with self._lock:
            found = self._objects.get(path)
            copy: dict[str, Any] | None = json.loads(json.dumps(found)) if found is not None else None
            return copy

    def holder(self) -> str:
        """Who holds the Lease now."""
        lease = self.get(LEASE_PATH)
        return str((lease or {}).get("spec", {}).get("holderIdentity") or "")

    def steal(self, holder: str, seconds: int) -> None:
        """Write a stranger into the Lease, as somebody with the right to write it could."""
        with self._lock:
            lease = self.get(LEASE_PATH) or {}
            lease["spec"] |= {
                "holderIdentity": holder,
                "leaseDurationSeconds": seconds,
                "leaseTransitions": lease["spec"].get("leaseTransitions", 0) + 1,
                "renewTime": f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime())}.000000Z",
            }
            self._put(LEASE_PATH, lease)

    def patch_session(self, spec: dict[str, Any]) -> None:
        """Change fields of the session's spec, as `kubectl apply` does; every apply that changes one raises the generation."""
        with self._lock:
            session = self.get(SESSION_PATH) or {}
            session["spec"] |= spec
            self._put(SESSION_PATH, session)

    def close(self) -> None:
        """End watches and server."""
        with self._lock:
            watches = list(self._watches)
        for _, events in watches:
            events.put(None)
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(2)

    # --- for the handler ---

    def replace(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """PUT: compare and swap."""
        with self._lock:
            known = self._objects.get(path)
            if known is None:
                return 404, {"message": "not found"}
            if body["metadata"]["resourceVersion"] != known["metadata"]["resourceVersion"]:
                return 409, {"message": "conflict"}
            return 200, self._put(path, body)

    def listed(self, prefix: str) -> dict[str, Any]:
        """Every object below a collection."""
        with self._lock:
            items = [each for path, each in self._objects.items() if path.startswith(prefix)]
            return {"metadata": {"resourceVersion": str(self._version)}, "items": items}

    def open_watch(self, prefix: str) -> queue.Queue[dict[str, Any] | None]:
        """Events of a collection from now on; None ends it."""
        events: queue.Queue[dict[str, Any] | None] = queue.Queue()
        with self._lock:
            self._watches.append((prefix, events))
        return events

    def close_watch(self, events: queue.Queue[dict[str, Any] | None]) -> None:
        """Forget a watch."""
        with self._lock:
            self._watches = [each for each in self._watches if each[1] is not events]

    def review(self, path: str, spec: dict[str, Any]) -> dict[str, Any] | None:
        """The answer to a TokenReview or a LocalSubjectAccessReview; None for another path."""
        if path.endswith("/tokenreviews"):
            user = self.users.get(spec["token"])
            return {"authenticated": user is not None, "user": user or {}, "audiences": spec.get("audiences", [])}
        if path.endswith("/localsubjectaccessreviews"):
            asked = spec["resourceAttributes"]
            return {"allowed": (spec["user"], asked["verb"], asked["subresource"]) in self.allowed}
        return None

    def _put(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        self._version += 1
        stored: dict[str, Any] = json.loads(json.dumps(body))
        before = self._objects.get(path)
        is_changed = before is not None and before.get("spec") != stored.get("spec")
        generation = before["metadata"].get("generation", 1) + is_changed if before is not None else 1
        stored["metadata"] |= {"resourceVersion": str(self._version), "generation": generation}
        self._objects[path] = stored
        if path == LEASE_PATH:
            self.leases.append(LeaseVersion(time.time_ns(), stored["spec"].get("holderIdentity") or ""))
        for prefix, events in self._watches:
            if path.startswith(prefix):
                events.put({"type": "MODIFIED", "object": stored})
        return stored


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A trader that was killed in the middle of a request is what drills are for; everything else is shown."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    plane: ControlPlane
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path, query = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
        if "watch" in query:
            self._watch(path)
        elif path in (_LEASES, _SESSIONS):
            self._answer(200, self.plane.listed(path))
        elif (found := self.plane.get(path)) is not None:
            self._answer(200, found)
        else:
            self._answer(404, {"message": "not found"})

    def do_POST(self) -> None:
        body = self._body()
        status = self.plane.review(self.path, body.get("spec", {}))
        if status is None:
            self._answer(404, {"message": "not found"})
        else:
            self._answer(201, body | {"status": status})

    def do_PUT(self) -> None:
        self._answer(*self.plane.replace(urlsplit(self.path).path, self._body()))

    def _body(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        return found

    def _watch(self, path: str) -> None:
        events = self.plane.open_watch(path)
        try:
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            while (event := events.get()) is not None:
                line = json.dumps(event).encode() + b"\n"
                self.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
            self.wfile.write(b"0\r\n\r\n")
        except OSError:  # the trader is gone, or was killed: that is what drills are for
            self.close_connection = True
        finally:
            self.plane.close_watch(events)

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Quiet."""
