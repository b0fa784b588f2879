"""Mode Paper on the cluster: the same pods trade another account of the exchange; the session's own account sees no order."""

from collections.abc import Iterator

import pytest
import yaml

from ops.clients.exchange import Exchange
from ops.clients.kubectl import Kubectl
from ops.clients.session import Leadership, Session, wait_for
from ops.faulting import kill_trader
from ops.judging.checkers import Interval
from tests.cluster.conftest import SAMPLE, new_account
from tests.cluster.desks import Desk
from trader.app.paper import paper_account

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]


@pytest.fixture
def desks(stand: Kubectl, exchange: Exchange) -> Iterator[tuple[Desk, Desk]]:
    """A session in mode Paper, seen as its own account and as its paper account."""
    account = new_account()
    name = f"test-{account.lower()}"
    manifest = yaml.safe_load(SAMPLE.read_text())
    manifest["metadata"]["name"] = name
    manifest["spec"]["account"]["id"] = account
    manifest["spec"]["mode"] = "Paper"
    stand.apply(yaml.safe_dump(manifest))
    session = Session(stand, name)
    try:
        yield Desk(session, account, exchange), Desk(session, paper_account(account), exchange)
    finally:
        stand.run("delete", "tradingsession", name, "--wait=true", "--timeout=60s", seconds=70)
        wait_for("the traders to be gone", lambda: session.pods() == [] or None, 90)


def trades_on_paper(desk: Desk, above_epoch: int = 0) -> Leadership:
    """Wait for a leader that trades on paper, as the session's status says it."""

    def look() -> Leadership | None:
        found = desk.session.leads(above_epoch, states=("PAPER",))
        status = desk.session.status()
        is_so = (status.get("report") or {}).get("onPaper") is True and status.get("phase") == "Paper"
        return found if is_so else None

    return wait_for("a leader on paper", look, 180)


def orders_of(desk: Desk) -> list[dict[str, object]]:
    """Whatever this account asked to be ordered, changed or cancelled, and what came of it."""
    asked = [each for each in desk.exchange.read_log() if each["kind"] == "request" and each["method"] != "GET"]
    mine = [each for each in asked if each.get("user_id") == desk.account and str(each["path"]).startswith("/orders")]
    return [*(dict(each) for each in mine), *desk.log]


def test_a_session_on_paper_sends_nothing_to_its_account_until_it_is_live(desks: tuple[Desk, Desk]) -> None:
    """It trades, its leader dies and is succeeded, all on paper; Live is then another epoch, with nothing carried over."""
    real, paper = desks
    old = trades_on_paper(paper)
    paper.wait_for_position()
    began_ns = kill_trader(paper.session, old.pod)
    new, seen_ns = paper.successor(old.epoch, seconds=60)
    paper.wait_for_orders_of(new.epoch)
    assert orders_of(real) == []
    paper.session.patch({"mode": "Live"})
    live = real.leader(new.epoch, seconds=180)
    assert live.epoch > new.epoch
    real.wait_for_orders_of(live.epoch)
    assert paper.session.status()["report"].get("onPaper", False) is False
    paper.judge(Interval(began_ns, seen_ns))
    real.judge()
