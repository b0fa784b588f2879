"""The few routes of a Kubernetes API server that a trader uses, over real sockets, with the faults that a test asks for."""

import json
import queue
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from kubernetes import client

LEASE = "/apis/coordination.k8s.io/v1/namespaces/desk/leases"
PODS = "/api/v1/namespaces/desk/pods"
SESSIONS = "/apis/tradeops.dev/v1alpha1/namespaces/desk/tradingsessions"


class Watch(queue.Queue[dict[str, Any] | None]):
    """The events of one open watch."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path


class ApiServer:
    """Objects by path; every write makes a version and reaches the open watches."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.version = 100
        self.users: dict[tuple[str, str], dict[str, Any]] = {}
        """Who a token belongs to, by token and audience (empty: the API server's own)."""
        self.allowed: set[tuple[str, str, str]] = set()
        """User, verb and subresource of `tradingsessions` that RBAC grants."""
        self.statuses: list[int | None] = []
        """Answers to give instead of the real ones, in order; 0 hangs, None is the real one."""
        self.requests: list[str] = []
        self.watches: list[Watch] = []
        self.logs: dict[tuple[str, bool], bytes] = {}
        """What a pod's container wrote; with True, what the one before it had."""
        self._hanging = threading.Event()
        handler = type("Handler", (_Handler,), {"api": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def port(self) -> int:
        """Where it listens, on loopback."""
        return int(self._server.server_address[1])

    def new_client(self) -> client.ApiClient:
        """As `kubernetes_api.new_client` would make it."""
        configuration = client.Configuration()
        configuration.host = f"http://127.0.0.1:{self.port}"
        configuration.retries = False
        return client.ApiClient(configuration)

    def put(self, path: str, body: dict[str, Any], kind: str = "MODIFIED") -> dict[str, Any]:
        """Store a new version and tell the watches."""
        self.version += 1
        stored: dict[str, Any] = json.loads(json.dumps(body))
        stored["metadata"]["resourceVersion"] = str(self.version)
        self.objects[path] = stored
        self.tell({"type": kind, "object": stored}, path)
        return stored

    def tell(self, event: dict[str, Any] | None, path: str = "") -> None:
        """Send an event to each watch, or to those that see this path; None ends them."""
        for each in self.watches:
            if not path or path.startswith(each.path):
                each.put(event)

    def hang(self) -> None:
        self._hanging.wait(10)

    def close(self) -> None:
        self._hanging.set()
        self.tell(None)
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    api: ApiServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path, query = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
        if self._is_disturbed():
            return
        if "watch" in query:
            self._watch(path)
        elif path in (LEASE, SESSIONS):
            items = [each for key, each in self.api.objects.items() if key.startswith(path)]
            self._answer(200, {"metadata": {"resourceVersion": str(self.api.version)}, "items": items})
        elif path in self.api.objects:
            self._answer(200, self.api.objects[path])
        elif path.startswith(PODS) and path.endswith("/log"):
            self._log(path.removeprefix(f"{PODS}/").removesuffix("/log"), is_previous=query.get("previous") == ["true"])
        else:
            self._answer(404, {"message": "not found"})

    def do_POST(self) -> None:
        """The two reviews."""
        spec = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["spec"]
        if self._is_disturbed():
            return
        if self.path == "/apis/authentication.k8s.io/v1/tokenreviews":
            (audience,) = spec.get("audiences", [""])
            user = self.api.users.get((spec["token"], audience))
            status = {"authenticated": True, "user": user, "audiences": [audience]} if user else {}
            self._answer(201, {"kind": "TokenReview", "spec": spec, "status": status})
        elif self.path == "/apis/authorization.k8s.io/v1/namespaces/desk/localsubjectaccessreviews":
            asked = spec["resourceAttributes"]
            assert (asked["group"], asked["resource"]) == ("tradeops.dev", "tradingsessions")
            assert (asked["namespace"], asked["name"]) == ("desk", "index-intraday")
            allowed = (spec["user"], asked["verb"], asked["subresource"]) in self.api.allowed
            self._answer(201, {"kind": "LocalSubjectAccessReview", "spec": spec, "status": {"allowed": allowed}})
        else:
            self._answer(404, {"message": "not found"})

    def do_PUT(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        path = urlsplit(self.path).path
        if self._is_disturbed():
            return
        if path not in self.api.objects:
            self._answer(404, {"message": "not found"})
        elif body["metadata"]["resourceVersion"] != self.api.objects[path]["metadata"]["resourceVersion"]:
            self._answer(409, {"message": "conflict"})
        else:
            self._answer(200, self.api.put(path, body))

    def _is_disturbed(self) -> bool:
        self.api.requests.append(f"{self.command} {self.path}")
        if not self.api.statuses:
            return False
        status = self.api.statuses.pop(0)
        if status is None:
            return False
        if status == 0:
            self.api.hang()
            self.close_connection = True
        else:
            self._answer(status, {"message": "as the test wishes"})
        return True

    def _watch(self, path: str) -> None:
        events = Watch(path)
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.api.watches.append(events)
        while (event := events.get()) is not None:
            line = json.dumps(event).encode() + b"\n"
            self.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
        self.api.watches.remove(events)
        self.wfile.write(b"0\r\n\r\n")

    def _log(self, pod: str, *, is_previous: bool) -> None:
        """As kube-apiserver does: text, and JSON where there is none."""
        content = self.api.logs.get((pod, is_previous))
        if content is None and (pod, False) in self.api.logs:
            self._answer(400, {"message": f'previous terminated container "trader" in pod "{pod}" not found'})
        elif content is None:
            self._answer(404, {"message": f'pods "{pod}" not found'})
        else:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Quiet."""
