"""What leaves a session besides its orders, on the real cluster: its way out, its token's source, and its messages."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from kiteconnect import KiteConnect

from ops.clients.exchange import Exchange
from ops.clients.kubectl import Kubectl
from ops.clients.session import Session, wait_for
from tests.cluster import outside
from tests.cluster.conftest import SAMPLE, new_account
from tests.cluster.desks import Desk
from tests.cluster.operator_desks import read_secret
from tests.cluster.planted import trader_image

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

OUTSIDE = "outside-of-a-test"
APP, DESK = "app-of-a-test", "desk-of-a-test"
SOON = 30.0
# A vault's client, as far as the trader is concerned: it prints the token.
CLIENT = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=5).read().decode())"


class Outside:
    """The pod outside, and what it saw."""

    def __init__(self, stand: Kubectl, address: str) -> None:
        self._stand = stand
        self.address = address

    @property
    def services(self) -> str:
        """Where it tells addresses and tokens, and takes messages."""
        return f"{self.address}:{outside.SERVICE_PORT}"

    def seen(self, at: str) -> list[dict[str, str]]:
        """The requests of a kind, first to last."""
        lines = self._stand.run("logs", OUTSIDE).splitlines()
        return [found for found in map(json.loads, lines) if found["at"] == at]

    def orders(self) -> Counter[str]:
        """Calls of orders that went through the proxy, by method."""
        asked = [each for each in self.seen("proxy") if "/orders/" in each["target"]]
        return Counter(each["method"] for each in asked if each["method"] in {"POST", "PUT", "DELETE"})

    def messages(self) -> str:
        """All that the desk was told."""
        told = [json.loads(each["body"]) for each in self.seen("/desk")]
        return "\n".join(f"{each['title']}\n{each['message']}" for each in told)


@pytest.fixture
def app(exchange: Exchange) -> tuple[str, str, str]:
    """A new account with an app of its own: account, api_key, and an access token that somebody got by logging in."""
    account = new_account()
    login = exchange.post("/sim/login", {"user_id": account})
    client = KiteConnect(login["api_key"], root=exchange.url, timeout=10)
    session: dict[str, str] = client.generate_session(login["request_token"], login["api_secret"])
    return account, login["api_key"], session["access_token"]


@pytest.fixture
def beyond(stand: Kubectl, app: tuple[str, str, str]) -> Iterator[Outside]:
    """The pod outside, Ready; gone afterwards."""
    _, _, token = app
    script = {"outside.py": Path(outside.__file__).read_text(encoding="utf-8")}
    container = {
        "name": "outside",
        "image": trader_image(stand),
        "command": ["python", "/outside/outside.py"],
        "env": [{"name": "ACCESS_TOKEN", "value": token}],
        "volumeMounts": [{"name": "script", "mountPath": "/outside"}],
        "readinessProbe": {"tcpSocket": {"port": outside.SERVICE_PORT}, "periodSeconds": 1},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    pod = {
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
        "volumes": [{"name": "script", "configMap": {"name": OUTSIDE}}],
        "terminationGracePeriodSeconds": 0,
    }
    try:
        for more in ({"kind": "ConfigMap", "data": script}, {"kind": "Pod", "spec": pod}):
            stand.apply(yaml.safe_dump({"apiVersion": "v1", "metadata": {"name": OUTSIDE}, **more}))
        stand.run("wait", f"pod/{OUTSIDE}", "--for=condition=Ready", "--timeout=60s", seconds=70)
        yield Outside(stand, stand.json("get", "pod", OUTSIDE)["status"]["podIP"])
    finally:
        stand.run("delete", "pod,configmap", OUTSIDE, "--ignore-not-found", "--wait=false")


@pytest.fixture
def desk(stand: Kubectl, exchange: Exchange, app: tuple[str, str, str], beyond: Outside) -> Iterator[Desk]:
    """A session that names all of them; gone afterwards."""
    account, api_key, _ = app
    clock = read_secret(stand, "kitesim-credentials", "control_token")
    secrets = {APP: {"api_key": api_key, "control_token": clock}, DESK: {"urls": f"json://{beyond.services}/desk"}}
    for name, data in secrets.items():
        document = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data}
        stand.apply(yaml.safe_dump(document))
    made = Desk(Session(stand, f"test-{account.lower()}"), account, exchange)
    try:
        stand.apply(yaml.safe_dump(manifest(made, beyond)))
        yield made
    finally:
        stand.run("delete", "tradingsession", made.session.name, "--wait=true", "--timeout=60s", seconds=70)
        stand.run("delete", "secret", *secrets)
        wait_for("the traders to be gone", lambda: made.session.pods() == [] or None, 90)


def manifest(desk: Desk, beyond: Outside) -> dict[str, Any]:
    """The sample, by way of what is outside; only the proxy's address is registered with the broker."""
    found: dict[str, Any] = yaml.safe_load(SAMPLE.read_text())
    found["metadata"]["name"] = desk.session.name
    found["spec"]["account"]["id"] = desk.account
    found["spec"]["account"]["broker"] |= {
        "credentialsSecretRef": {"name": APP},
        "tokenCommand": ["python", "-c", CLIENT, f"http://{beyond.services}/token"],
        "egress": {
            "registeredAddresses": [beyond.address],
            "checkURL": f"http://{beyond.services}/address",
            "proxyURL": f"http://{beyond.address}:{outside.PROXY_PORT}",
        },
    }
    found["spec"]["notifications"] = {"secretRef": {"name": DESK}}
    return found


def orders_that_arrived(desk: Desk) -> Counter[str]:
    """Calls of orders of this account that reached the exchange, by method."""
    asked = [each for each in desk.exchange.read_log() if each["kind"] == "request"]
    mine = [each for each in asked if each.get("user_id") == desk.account and str(each["path"]).startswith("/orders")]
    return Counter(each["method"] for each in mine if each["method"] in {"POST", "PUT", "DELETE"})


def test_orders_leave_by_the_proxy_the_token_comes_from_the_command_and_the_desk_is_told(
    desk: Desk, beyond: Outside
) -> None:
    """It arms under the proxy's address alone; no order takes another way; a fill and a kill are told while they are news."""
    leader = desk.leader()
    address = desk.session.kubectl.json("get", "pod", leader.pod)["status"]["podIP"]
    assert {each["caller"] for each in beyond.seen("/token")} == {address}, "a standby has no broker to be known to"
    assert {each["caller"] for each in beyond.seen("/address")} == {beyond.address}, "asked by way of the proxy"
    tunnels = [each["target"] for each in beyond.seen("proxy") if each["method"] == "CONNECT"]
    assert set(tunnels) == {"kitesim.trading:8080"}, "the stream"

    desk.wait_for_position()
    desk.session.patch({"killSwitch": {"engaged": True, "reason": "proof of the ways out"}})
    desk.session.wait_for_leader("HALTED", SOON, states=("HALTED",))
    kill = wait_for("a flat kill", lambda: flat_kill(desk), SOON)
    wait_for("the news of it", lambda: f"flat: kill {kill['id']}" in beyond.messages() or None, SOON)
    told = beyond.messages()
    for news in (f"new leader: epoch {leader.epoch} leads", "fill: ", f"KILL: {kill['id']}", "proof of the ways out"):
        assert news in told, told
    arrived = orders_that_arrived(desk)
    assert arrived["POST"] >= 3, "an entry, its stop and its target at the least"
    assert beyond.orders() == arrived
    desk.judge()


def flat_kill(desk: Desk) -> dict[str, str] | None:
    """The kill that stands, once it is flat."""
    found: dict[str, str] = desk.session.status().get("kill") or {}
    return found if found.get("flatAt") else None
