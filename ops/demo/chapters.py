"""The chapters of the demo. Each reads what it tells from the product's own surfaces, and judges by the exchange's log."""

import time
from collections.abc import Mapping
from typing import Any

from ops.clients.exchange import Exchange
from ops.clients.kubectl import ROOT, Kubectl
from ops.clients.session import Leadership, Session, wait_for
from ops.demo import tables
from ops.demo.story import Story
from ops.judging.checkers import flat_since, judge, longest_unprotected_seconds
from ops.judging.history import of_account, ours

SAMPLE = ROOT / "configs" / "samples" / "index-intraday.yaml"
NAME = "index-intraday"
ACCOUNT = "AB1234"
LEASE_SECONDS = 15
HAND_OVER_LIMIT = 3.0
KILL_LIMIT = 2.0


def apply_session(story: Story, kubectl: Kubectl) -> tuple[Session, Leadership]:
    """A manifest becomes a leader."""
    session = Session(kubectl, NAME)
    with story.step(f"kubectl apply -f {SAMPLE.relative_to(ROOT)}"):
        kubectl.apply(SAMPLE)
    # A session that stood killed: its file still says so, and a kill in the spec is not lifted by applying it again.
    session.patch({"killSwitch": {"engaged": False, "reason": "", "release": ""}})
    with story.step("two traders start, one leads, and is LIVE"):
        leader = session.becomes_live(150)
    story.tell(f"[bold]{leader.pod}[/bold] leads with epoch {leader.epoch}")
    return session, leader


def watch_trading(story: Story, session: Session, leader: Leadership) -> None:
    """Orders, fills, brackets, profit and heat, as the leader tells them."""
    with story.step("a signal becomes a position with its stop and its target"):
        state = wait_for("a protected position", lambda: _protected(session, leader.pod), 180)
    story.show(tables.brackets(state))
    story.tell(tables.account(state))


def _protected(session: Session, pod: str) -> dict[str, object] | None:
    state = session.state(pod)
    for each in state["brackets"]:
        entry, stop, target = each.get("entry"), each.get("stop"), each.get("target")
        if entry and stop and target and entry["filledQuantity"] and stop["status"] == target["status"] == "WORKING":
            return state
    return None


def hand_over(story: Story, session: Session, leader: Leadership, exchange: Exchange) -> Leadership:
    """The leader's pod is deleted; the standby takes the Lease."""
    begin = time.monotonic()
    session.kubectl.run("delete", "pod", leader.pod, "--wait=false")
    successor = session.wait_for_leader(
        "a successor with a higher epoch",
        LEASE_SECONDS + 30,
        leader.epoch,
        states=("RECOVERING", "LIVE", "REDUCING"),
    )
    story.within(
        f"{successor.pod} holds the Lease with epoch {successor.epoch}", time.monotonic() - begin, HAND_OVER_LIMIT
    )
    session.wait_for_leader("the successor to be LIVE", 60, leader.epoch)
    story.tell(f"reconciled twice with the broker's book and LIVE after {time.monotonic() - begin:.2f} s")
    with story.step("the successor trades"):
        wait_for("an order of the new epoch", lambda: _orders_of(exchange, successor.epoch), 180)
    return successor


def _orders_of(exchange: Exchange, epoch: int) -> int | None:
    return sum(order.parts.epoch == epoch for order in ours(_log(exchange))) or None


def _log(exchange: Exchange) -> list[Mapping[str, Any]]:
    return of_account(exchange.read_log(), ACCOUNT)


def judge_log(story: Story, exchange: Exchange, first_epoch: int) -> None:
    """The exchange's log is the only witness."""
    until = exchange.now_ns()
    log = _log(exchange)
    orders = [order for order in ours(log) if order.parts.epoch >= first_epoch]
    story.tell(f"{len(orders)} orders of ours stand in the exchange's log")
    if not orders:
        story.verdict("the exchange saw our orders", ["its log has none"], "")
    held = {
        "no position without its stop": f"longest without {longest_unprotected_seconds(log, until):.2f} s (limit 5 s)",
        "no order twice": f"{len({(o.parts.intent, o.parts.leg, o.parts.attempt) for o in orders})} distinct",
    }
    for promise, violations in judge(log, until).items():
        story.verdict(promise, violations, held.get(promise, ""))


def kill(story: Story, session: Session, exchange: Exchange) -> None:
    """The kill switch, through the resource; flat by the exchange's log."""
    leader = session.wait_for_leader("a leader", 60)
    with story.step("wait for an open position, so that there is something to cut"):
        wait_for("an open position", lambda: _protected(session, leader.pod), 180)
    asked_ns = time.time_ns()
    session.patch({"killSwitch": {"engaged": True, "reason": "demo", "release": ""}})
    flat_ns = wait_for("the account to be flat", lambda: flat_since(_log(exchange), asked_ns), 30)
    story.within("flat by the exchange's log after the kill was asked for", (flat_ns - asked_ns) / 1e9, KILL_LIMIT)
    with story.step("the session is HALTED and says so"):
        session.wait_for_leader("HALTED in status", 15, states=("HALTED",))
        standing = wait_for("the kill in status, flat", lambda: _flat_kill(session), 30)
    story.tell(
        f"kill {standing['id']}: {standing['reason']} ({standing.get('by', '')}), flat at {standing.get('flatAt')}"
    )


def _flat_kill(session: Session) -> dict[str, str] | None:
    standing: dict[str, str] = session.status().get("kill") or {}
    return standing if standing.get("flatAt") else None


def what_next(story: Story, session: Session) -> None:
    """The commands to try."""
    story.tell(f"export KUBECONFIG={session.kubectl.kubeconfig.relative_to(ROOT)} PATH=$PWD/.venv/bin:$PATH")
    for line in (
        f"kubectl -n {session.kubectl.namespace} get tsn",
        f"kubectl -n {session.kubectl.namespace} describe tsn {NAME}",
        f"kubectl tsn status {NAME} -n {session.kubectl.namespace}",
        f"kubectl tsn release {NAME} -n {session.kubectl.namespace}     # lift the kill; it trades again",
        f"kubectl -n {session.kubectl.namespace} logs -l tradeops.dev/session={NAME} -f",
        "kubectl explain tradingsession.spec",
        "make demo-down                               # remove everything",
    ):
        story.tell(f"[cyan]{line}[/cyan]")
