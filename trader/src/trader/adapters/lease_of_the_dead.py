"""Gives back the Lease of a process that is known to be dead: one GET, one PUT, nothing of the engine's libraries.

It runs in the supervising process, which must not load what the engine loads. The write is a compare and swap on what
was read: a Lease that anybody else has written since is left alone.
"""

import http.client
import json
import os
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trader.engine.holders import is_of_pod

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
REQUEST_SECONDS = 2.0
RELEASED_SECONDS = 1
"""`leaseDurationSeconds` of a Lease that nobody holds, as client-go writes it."""


@dataclass(frozen=True, slots=True)
class ApiServer:
    """Where the API server is, and with what to show who asks."""

    host: str
    port: int
    token_file: Path
    authority_file: Path | None
    """The certificate authority; None speaks plain HTTP (tests)."""

    def connect(self) -> http.client.HTTPConnection:
        """A connection, not yet opened."""
        if self.authority_file is None:
            return http.client.HTTPConnection(self.host, self.port, timeout=REQUEST_SECONDS)
        context = ssl.create_default_context(cafile=str(self.authority_file))
        return http.client.HTTPSConnection(self.host, self.port, timeout=REQUEST_SECONDS, context=context)


def api_server_of_the_pod() -> ApiServer | None:
    """The API server as every container is told of it; None outside a pod."""
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT_HTTPS", "443")
    if not host:
        return None
    return ApiServer(host, int(port), ACCOUNT / "token", ACCOUNT / "ca.crt")


def release_lease_of(pod_uid: str, namespace: str, name: str, server: ApiServer) -> str:
    """Release the Lease if a process of this pod holds it; says what came of it, and never raises."""
    path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{name}"
    try:
        lease = _ask(server, "GET", path)
        holder = (lease.get("spec") or {}).get("holderIdentity") or ""
        if not is_of_pod(holder, pod_uid):
            return f"held by {holder or 'nobody'}"
        lease["spec"] |= {"holderIdentity": "", "leaseDurationSeconds": RELEASED_SECONDS}
        _ask(server, "PUT", path, lease)
    except (OSError, http.client.HTTPException, ValueError, KeyError) as failure:
        return f"not released: {type(failure).__name__}: {failure}"[:300]
    return "released"


def _ask(server: ApiServer, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    connection = server.connect()
    try:
        headers = {
            "Accept": "application/json",
            "Content-Type": "application/json",
            "Authorization": f"Bearer {server.token_file.read_text(encoding='utf-8').strip()}",
        }
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = connection.getresponse()
        text = response.read()
        if response.status != http.client.OK:
            raise OSError(f"{method} answered {response.status} {response.reason}")
        found: dict[str, Any] = json.loads(text)
        return found
    finally:
        connection.close()
