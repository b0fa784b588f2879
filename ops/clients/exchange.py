"""kitesim's control side, as a witness: its truth log, its state, its clock."""

import base64
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any

from ops.clients.kubectl import Kubectl, KubectlError


class Exchange:
    """A running kitesim. The log is read incrementally and kept, so that a judge sees all of it."""

    def __init__(self, url: str, token: str, renew: Callable[[str], str] | None = None) -> None:
        self.url = url
        self._token = token
        self._renew = renew
        self._next = 0
        self.log: list[dict[str, Any]] = []

    def get(self, path: str, seconds: float = 10) -> Any:
        """GET a control route.

        Raises:
            KubectlError: it did not answer, or answered with an error.
        """
        return self._ask(urllib.request.Request(f"{self.url}{path}", headers=self._headers()), seconds)

    def post(self, path: str, body: dict[str, Any], seconds: float = 10) -> Any:
        """POST to a control route; raises as `get` does."""
        headers = {**self._headers(), "Content-Type": "application/json"}
        return self._ask(
            urllib.request.Request(f"{self.url}{path}", json.dumps(body).encode(), headers, method="POST"), seconds
        )

    def delete(self, path: str, seconds: float = 10) -> Any:
        """DELETE on a control route; raises as `get` does."""
        return self._ask(urllib.request.Request(f"{self.url}{path}", headers=self._headers(), method="DELETE"), seconds)

    def read_log(self) -> list[dict[str, Any]]:
        """Everything the exchange ever logged, up to now."""
        while True:
            page = self.get(f"/sim/log?since={self._next}&limit=5000")
            self.log.extend(page["entries"])
            self._next = page["next"]
            if len(page["entries"]) < 5000:
                return self.log

    def now_ns(self) -> int:
        """Machine time on the exchange's own clock, as its log counts it: of the newest entry."""
        self.get("/sim/clock")
        log = self.read_log()
        return int(log[-1]["machine_time_ns"]) if log else 0

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}"} if self._token else {}

    def _ask(self, request: urllib.request.Request, seconds: float) -> Any:
        last: Exception | None = None
        for _ in range(3):
            url = self.url
            request.full_url = f"{url}{request.selector}"
            try:
                with urllib.request.urlopen(request, timeout=seconds) as answer:
                    return json.load(answer)
            except urllib.error.HTTPError as error:
                raise KubectlError(f"{request.selector} answered {error.code}: {error.read()[:300]!r}") from None
            except (OSError, ValueError) as error:
                last = error
                if self._renew is not None:
                    self.url = self._renew(url)
        raise KubectlError(f"kitesim did not answer {request.selector}: {last}")


class _Tunnel:
    """A port-forward that is made anew when it has gone silent, as one of kubectl's may for good."""

    def __init__(self, kubectl: Kubectl, target: str) -> None:
        self._kubectl = kubectl
        self._target = target
        self._lock = threading.Lock()
        self._open = ExitStack()
        self.url = self._begin()

    def renew(self, broken: str) -> str:
        """The address to use instead of this one; several threads that found the same one broken share the new one."""
        with self._lock:
            if broken == self.url:
                self._open.close()
                self.url = self._begin()
            return self.url

    def close(self) -> None:
        """End it."""
        self._open.close()

    def _begin(self) -> str:
        return self._open.enter_context(self._kubectl.port_forward(self._target, 8080))


@contextmanager
def exchange_in(kubectl: Kubectl, service: str = "kitesim", secret: str = "kitesim-credentials") -> Iterator[Exchange]:  # noqa: S107
    """The kitesim of a namespace, through a port-forward that lives as long as the block."""
    data = kubectl.json("get", "secret", secret)["data"]
    token = base64.b64decode(data["control_token"]).decode().strip()
    with closing(_Tunnel(kubectl, f"service/{service}")) as tunnel:
        yield Exchange(tunnel.url, token, tunnel.renew)
