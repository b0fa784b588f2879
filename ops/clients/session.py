"""A TradingSession as its user sees it: the resource's status and the leader's own `/v1/state`."""

import json
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from ops.clients.kubectl import Kubectl, KubectlError

Seen = TypeVar("Seen")
POLL_SECONDS = 0.25
DAYS_LOSS = "risk: the loss of the day reached its limit"
"""The reason of the kill that the market alone may bring about."""


class Waited(RuntimeError):  # noqa: N818 - what happened, not an error of the program
    """What was waited for did not come in time; the message says what was seen last."""


def wait_for(what: str, look: Callable[[], Seen | None], seconds: float) -> Seen:
    """Look until there is something to return.

    Raises:
        Waited: nothing came within `seconds`.
    """
    deadline = time.monotonic() + seconds
    last = "nothing"
    while time.monotonic() < deadline:
        try:
            if (seen := look()) is not None:
                return seen
            last = "not yet"
        except (KubectlError, KeyError, ValueError) as error:
            last = str(error)
        time.sleep(POLL_SECONDS)
    raise Waited(f"{what} did not happen within {seconds:.0f} s (last seen: {last})")


@dataclass(frozen=True, slots=True)
class Leadership:
    """Who leads, as the account's Lease says."""

    pod: str
    identity: str
    epoch: int
    trading_state: str
    kill_reason: str = ""
    """Of the kill that stands, in the leader's own words."""

    @property
    def has_lost_the_day(self) -> bool:
        """Whether it is halted by the limit of the day's loss: the market may do that to a session, and no other kill may stand."""
        return self.trading_state == "HALTED" and self.kill_reason == DAYS_LOSS


class Session:
    """One TradingSession, by name."""

    def __init__(self, kubectl: Kubectl, name: str) -> None:
        self.kubectl = kubectl
        self.name = name

    def resource(self) -> dict[str, Any]:
        """The whole object."""
        found: dict[str, Any] = self.kubectl.json("get", "tradingsession", self.name)
        return found

    def status(self) -> dict[str, Any]:
        """Its status; empty before the operator saw it."""
        status: dict[str, Any] = self.resource().get("status", {})
        return status

    def condition(self, kind: str) -> dict[str, Any]:
        """One condition; empty when it was not written yet."""
        found: dict[str, Any] = next((each for each in self.status().get("conditions", []) if each["type"] == kind), {})
        return found

    def lease(self) -> dict[str, Any]:
        """The account's Lease."""
        account = self.resource()["spec"]["account"]["id"].lower()
        found: dict[str, Any] = self.kubectl.json("get", "lease", f"account-{account}")
        return found

    def leadership(self) -> Leadership | None:
        """Who leads now; None while nobody holds the Lease with an epoch."""
        lease = self.lease()
        identity = lease["spec"].get("holderIdentity") or ""
        notes = lease["metadata"].get("annotations", {})
        if not identity or not notes.get("tradeops.dev/epoch"):
            return None
        return Leadership(
            pod=identity.split("_")[0],
            identity=identity,
            epoch=int(notes["tradeops.dev/epoch"]),
            trading_state=notes.get("tradeops.dev/trading-state", ""),
            kill_reason=(json.loads(notes.get("tradeops.dev/report", "{}")).get("kill") or {}).get("reason", ""),
        )

    def leads(self, above_epoch: int = 0, states: tuple[str, ...] = ("LIVE",)) -> Leadership | None:
        """The leader, if it has an epoch above this and is in one of these states."""
        found = self.leadership()
        return found if found and found.epoch > above_epoch and found.trading_state in states else None

    def wait_for_leader(
        self,
        what: str,
        seconds: float,
        above_epoch: int = 0,
        states: tuple[str, ...] = ("LIVE",),
        *,
        may_lose_the_day: bool = False,
    ) -> Leadership:
        """Wait for a leader of a higher epoch than this, in one of these states, or halted by the day's loss where it may be.

        Raises:
            Waited: there is none in time; the message says who leads instead, in which state, and which kill stands.
        """

        def look() -> Leadership:
            found = self.leadership()
            if found is None:
                raise ValueError("nobody leads")
            is_so = found.trading_state in states or (may_lose_the_day and found.has_lost_the_day)
            if found.epoch > above_epoch and is_so:
                return found
            told = f"{found.pod} leads with epoch {found.epoch}, {found.trading_state}"
            raise ValueError(f"{told}: {self.status().get('kill')}" if found.trading_state == "HALTED" else told)

        return wait_for(what, look, seconds)

    def state(self, pod: str) -> dict[str, Any]:
        """`/v1/state` of one pod, asked as the traders' own ServiceAccount.

        Through a port-forward: the API server's proxy keeps the Authorization header for itself.
        """
        with self.kubectl.port_forward(f"pod/{pod}", 8080) as url:
            asked = urllib.request.Request(f"{url}/v1/state", headers={"Authorization": f"Bearer {self.token()}"})
            try:
                with urllib.request.urlopen(asked, timeout=5) as answer:
                    found: dict[str, Any] = json.load(answer)
            except OSError as error:
                raise KubectlError(f"no /v1/state from {pod}: {error}") from error
        return found

    def token(self) -> str:
        """A short-lived token of the traders' own ServiceAccount, worth something to traders alone."""
        command = ("create", "token", f"{self.name}-trader", "--audience", "trader.tradeops.dev", "--duration", "10m")
        return self.kubectl.run(*command).strip()

    def metrics(self, pod: str) -> str:
        """`/metrics` of one pod."""
        return self.kubectl.pod_http(pod, "/metrics")

    def warm_traders(self) -> int:
        """How many traders answer by themselves, now, that they are ready."""
        return sum(self._is_warm(pod["metadata"]["name"]) for pod in self.pods())

    def _is_warm(self, pod: str) -> bool:
        try:
            self.kubectl.pod_http(pod, "/readyz")
        except KubectlError:
            return False
        return True

    def pods(self) -> list[dict[str, Any]]:
        """The traders' pods."""
        return self._pods("trader")

    def job_pods(self, component: str) -> list[dict[str, Any]]:
        """The pods of the session's Jobs: of component `drill` or `post-close`."""
        return self._pods(component)

    def _pods(self, component: str) -> list[dict[str, Any]]:
        selector = f"tradeops.dev/session={self.name},app.kubernetes.io/component={component}"
        found: list[dict[str, Any]] = self.kubectl.json("get", "pods", "-l", selector)["items"]
        return found

    def node_of(self, pod: str) -> str:
        """The node that runs a pod."""
        return str(self.kubectl.json("get", "pod", pod)["spec"]["nodeName"])

    def patch(self, spec: dict[str, Any]) -> None:
        """Merge into the spec."""
        self.kubectl.run("patch", "tradingsession", self.name, "--type", "merge", "-p", json.dumps({"spec": spec}))

    def becomes_live(self, seconds: float, *, lifts_any_kill: bool = True) -> Leadership:
        """Wait for a leader that may trade, and lift the kill of an earlier run, or the day's loss alone.

        A latch is the account's, and outlives its session.

        Raises:
            Waited: nobody leads, or the leader is not LIVE, in time; or a kill stands that is not to be lifted.
        """
        states = ("LIVE", "HALTED") if lifts_any_kill else ("LIVE",)
        leader = self.wait_for_leader(f"a leader of {self.name}", seconds, states=states, may_lose_the_day=True)
        if leader.trading_state == "HALTED":
            kill = wait_for("the kill in the session's status", lambda: self.status().get("kill"), 30)
            self.patch({"killSwitch": {"engaged": False, "reason": "", "release": kill["id"]}})
        leader = self.wait_for_leader(f"a LIVE leader of {self.name}", 60)
        if self.resource()["spec"].get("killSwitch", {}).get("release"):
            self.patch({"killSwitch": {"release": ""}})  # beside it, no further kill is accepted
        return leader
