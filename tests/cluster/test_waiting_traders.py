"""What a trader waits for is said on its session: to the kubelet it is just a pod that runs and is not ready."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from ops.clients.kubectl import Kubectl
from ops.clients.session import wait_for
from tests.cluster.operator_desks import Desk, desks_in, read_secret, secret, without_sessions

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def desks(stand: Kubectl) -> Iterator[tuple[Desk, ...]]:
    """A namespace of this module's own."""
    yield from desks_in(stand, "waiting-traders")


@pytest.fixture
def desk(desks: tuple[Desk]) -> Iterator[Desk]:
    """The namespace; its sessions are deleted after each test."""
    yield desks[0]
    without_sessions(*desks)


@pytest.fixture(scope="module")
def trader_image(stand: Kubectl) -> str:
    """The stand's own trader image, which the operator runs where a session names none."""
    (container,) = stand.json("get", "deployment", "-l", "app.kubernetes.io/component=operator")["items"][0]["spec"][
        "template"
    ]["spec"]["containers"]
    return str(next(each["value"] for each in container["env"] if each["name"] == "OPERATOR_TRADER_IMAGE"))


WAITING = 90.0


def wait_for_words(desk: Desk, name: str, words: str) -> str:
    """Wait until the Ready condition says this."""

    def look() -> str | None:
        message = desk.condition(name, "Ready").get("message", "")
        return message if words in message else None

    return wait_for(f"{words!r} on the session", look, WAITING)


def test_a_database_that_cannot_be_reached_is_said_on_the_session(desk: Desk, trader_image: str) -> None:
    """By both traders, with the Secret that holds its address, and without its password."""
    desk.kubectl.apply(secret("far-db", "url=postgresql://trader:hunter2@no-such-database.invalid:5432/trading"))
    desk.apply(
        "faraway",
        "DB1234",
        lambda body: body["spec"].update(
            trader={"image": trader_image}, storage={"databaseSecretRef": {"name": "far-db"}}
        ),
    )
    message = wait_for_words(desk, "faraway", "the database of key url of Secret far-db does not answer")
    assert "no-such-database.invalid" in message
    assert "hunter2" not in json.dumps(desk.get("tradingsession", "faraway")["status"])


def test_a_control_token_that_is_refused_is_said_on_the_session(desk: Desk, stand: Kubectl, trader_image: str) -> None:
    """With the Secret that it stands in, and without the token; a token mended in place is taken without a restart."""
    desk.kubectl.apply(secret("wrong-token", "control_token=not-the-one"))
    desk.kubectl.apply(secret("real-db", f"url={read_secret(stand, 'trading-db', 'url')}"))

    def edit(body: dict[str, Any]) -> None:
        body["spec"].update(trader={"image": trader_image}, storage={"databaseSecretRef": {"name": "real-db"}})
        body["spec"]["account"]["broker"].update(credentialsSecretRef={"name": "wrong-token"})

    desk.apply("refused-token", "WT1234", edit)
    message = wait_for_words(desk, "refused-token", "does not accept the control token of key control_token")
    assert "Secret wrong-token" in message
    assert "not-the-one" not in json.dumps(desk.get("tradingsession", "refused-token")["status"])
    desk.kubectl.apply(
        secret("wrong-token", f"control_token={read_secret(stand, 'kitesim-credentials', 'control_token')}")
    )
    # The kubelet refreshes mounted Secrets at its own pace, about a minute.
    wait_for("Ready", lambda: desk.condition("refused-token", "Ready").get("status") == "True" or None, 180)
