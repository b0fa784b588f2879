"""The stand that the cluster tests share: kind, images, chart; and a session of its own for each test.

Nothing here skips: without a cluster the tests fail, and the message says what is missing.
"""

import datetime as dt
import secrets
import string
from collections.abc import Iterator

import pytest
import yaml

from ops.clients.exchange import Exchange, exchange_in
from ops.clients.kubectl import ROOT, Kubectl
from ops.clients.session import Session, wait_for
from ops.deploying import deploy, kubectl
from tests.cluster.desks import Desk

SAMPLE = ROOT / "configs" / "samples" / "index-intraday.yaml"


@pytest.fixture(scope="session")
def stand() -> Kubectl:
    """The stand, brought up if it is not."""
    deploy()
    return kubectl()


@pytest.fixture(scope="session")
def exchange(stand: Kubectl) -> Iterator[Exchange]:
    """The stand's kitesim."""
    with exchange_in(stand) as found:
        yield found


def new_account() -> str:
    """A client id that no run before has used: the exchange and the journal of a stand that stays up remember them all."""
    letters = "".join(secrets.choice(string.ascii_uppercase) for _ in range(2))
    return f"{letters}{secrets.randbelow(10_000):04d}"


def ensure_market_day_lasts(exchange: Exchange, minutes: float) -> None:
    """Jump over the market's next midnight, if it is nearer than so many real minutes.

    The stand's market has one every 24 minutes. A new trading day runs failed drills again, and opens what a day's loss had
    closed: what a test says of one day is not true of the next.
    """
    clock = exchange.get("/sim/clock")
    now = dt.datetime.fromisoformat(clock["market_time"])
    midnight = dt.datetime.combine(now.date() + dt.timedelta(days=1), dt.time(0, 1), now.tzinfo)
    left = (midnight - now).total_seconds()
    if left < minutes * 60 * float(clock["speed"]):
        exchange.post("/sim/clock", {"advance_seconds": left}, seconds=60)


@pytest.fixture
def desk(stand: Kubectl, exchange: Exchange) -> Iterator[Desk]:
    """A session of this test's own, on an account of its own, LIVE; gone afterwards."""
    account = new_account()
    name = f"test-{account.lower()}"
    manifest = yaml.safe_load(SAMPLE.read_text())
    manifest["metadata"]["name"] = name
    manifest["spec"]["account"]["id"] = account
    stand.apply(yaml.safe_dump(manifest))
    made = Desk(Session(stand, name), account, exchange)
    try:
        made.leader()
        yield made
    finally:
        stand.run("delete", "tradingsession", name, "--wait=true", "--timeout=60s", seconds=70)
        wait_for("the traders to be gone", lambda: made.session.pods() == [] or None, 90)
