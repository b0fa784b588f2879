"""Positions on demand: signals to a session's leader, as a desk's own program brings them.

What has to be proved of a position must not wait until a market of random prices happens to bring one.
"""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ops.clients.kubectl import Kubectl, KubectlError
from ops.clients.session import Session

AUDIENCE = "trader.tradeops.dev"
_TAKEN = ("ENTERED", "KNOWN")


class SignalDenied(ValueError):  # noqa: N818 - what happened, not an error of the program
    """A guard of the engine denied the entry; the message is the guard's."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code


@dataclass(frozen=True, slots=True)
class Bracket:
    """Where to be wrong and where to be done, in paise; the session's profile says how much."""

    instrument: str
    stop_price: int
    target_price: int

    @property
    def side(self) -> str:
        """BUY with the target above the stop."""
        return "BUY" if self.target_price > self.stop_price else "SELL"


@dataclass(frozen=True, slots=True)
class Signals:
    """A ServiceAccount that may bring signals."""

    kubectl: Kubectl
    account: str

    def bring(self, session: Session, key: str, wanted: Bracket) -> str:
        """Enter, or find that this key has entered before; returns the verdict.

        Raises:
            SignalDenied: a guard denied it. The key is not burned: it may be asked again.
            KubectlError: nobody leads, or the leader refused the request; the message says what it answered.
        """
        leader = session.leadership()
        if leader is None:
            raise KubectlError(f"nobody leads {session.name}")
        body = {
            "key": key,
            "instrument": wanted.instrument,
            "side": wanted.side,
            "stopPricePaise": wanted.stop_price,
            "targetPricePaise": wanted.target_price,
        }
        token = self.kubectl.run("create", "token", self.account, "--audience", AUDIENCE, "--duration", "10m").strip()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        with self.kubectl.port_forward(f"pod/{leader.pod}", 8080) as url:
            asked = urllib.request.Request(f"{url}/v1/signals", json.dumps(body).encode(), headers, method="POST")
            answer = _answer(asked)
        if answer["verdict"] not in _TAKEN:
            raise SignalDenied(str(answer["code"]), str(answer["detail"]))
        return str(answer["verdict"])


def _answer(asked: urllib.request.Request) -> dict[str, Any]:
    try:
        with urllib.request.urlopen(asked, timeout=10) as reply:
            found: dict[str, Any] = json.load(reply)
    except urllib.error.HTTPError as error:
        text = error.read().decode(errors="replace")
        if error.code != 409:
            raise KubectlError(f"/v1/signals answered {error.code}: {text[:300]}") from None
        found = json.loads(text)
    except OSError as error:
        raise KubectlError(f"/v1/signals did not answer: {error}") from error
    return found


@contextmanager
def signals(kubectl: Kubectl, account: str) -> Iterator[Signals]:
    """A ServiceAccount of this name with the namespace's `edit` role, as long as the block."""
    kubectl.apply(
        f"apiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: {account}}}\n---\n"
        f"apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {{name: {account}}}\n"
        "roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: edit}\n"
        f"subjects: [{{kind: ServiceAccount, name: {account}, namespace: {kubectl.namespace}}}]\n"
    )
    try:
        yield Signals(kubectl, account)
    finally:
        kubectl.run("delete", "rolebinding,serviceaccount", account, "--ignore-not-found", seconds=30)
