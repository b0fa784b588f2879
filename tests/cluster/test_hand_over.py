"""Somebody always leads, with a higher epoch, and the promises hold while leadership changes hands.

The witness is the exchange's log. Each test waits until a position stands with its stop, breaks something, and waits
until the successor itself has traded.
"""

import time
from collections.abc import Sequence

import pytest

from ops.cluster import faults
from ops.faulting import kill_container, kill_trader
from ops.judging.checkers import Interval
from tests.cluster.desks import Desk

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

LEASE_SECONDS = 15
RENEW_DEADLINE_SECONDS = 8


def _seconds_since(begin_ns: int, moments: Sequence[int]) -> list[float]:
    return [round((moment - begin_ns) / 1e9, 1) for moment in moments if moment > begin_ns]


def test_a_deleted_leader_pod_hands_over_within_three_seconds(desk: Desk) -> None:
    """A planned end releases the Lease; the standby's watch takes it."""
    old = desk.leader()
    desk.wait_for_position()

    begin_ns = time.time_ns()
    desk.session.kubectl.run("delete", "pod", old.pod, "--wait=false")
    new, seen_ns = desk.successor(old.epoch, seconds=LEASE_SECONDS + 30)

    assert new.pod != old.pod
    assert (seen_ns - begin_ns) / 1e9 <= 3.0
    desk.leader(old.epoch)
    desk.wait_for_orders_of(new.epoch)
    desk.judge(Interval(begin_ns, seen_ns))


def test_a_leader_killed_by_sigkill_hands_over_within_four_seconds(desk: Desk) -> None:
    """What supervises the engine sees it die, and gives its Lease back; it need not wait to expire."""
    old = desk.leader()
    desk.wait_for_position()

    begin_ns = kill_trader(desk.session, old.pod)
    new, seen_ns = desk.successor(old.epoch, seconds=LEASE_SECONDS + 30)

    assert new.pod != old.pod
    assert (seen_ns - begin_ns) / 1e9 <= 4.0
    desk.leader(old.epoch)
    desk.wait_for_orders_of(new.epoch)
    desk.judge(Interval(begin_ns, seen_ns))


def test_a_leader_whose_whole_container_is_killed_is_succeeded(desk: Desk) -> None:
    """Nobody released anything: the same pod's next process takes over at once, or the standby after expiry."""
    old = desk.leader()
    desk.wait_for_position()

    begin_ns = kill_container(desk.session, old.pod)
    new, seen_ns = desk.successor(old.epoch, seconds=LEASE_SECONDS + 30)

    assert new.identity != old.identity
    desk.leader(old.epoch)
    desk.wait_for_orders_of(new.epoch)
    desk.judge(Interval(begin_ns, seen_ns))


def test_a_leader_cut_from_the_api_server_only_is_fenced_by_the_epoch(desk: Desk) -> None:
    """It still reaches database and broker, and so could trade: the epoch, not the network, is what stops it."""
    old = desk.leader()
    old_address = desk.session.kubectl.json("get", "pod", old.pod)["status"]["podIP"]
    desk.wait_for_position()
    node = desk.session.node_of(old.pod)

    begin_ns = time.time_ns()
    with faults.cut(node, from_="api"):
        new, seen_ns = desk.successor(old.epoch, seconds=LEASE_SECONDS + 30)
        assert new.pod != old.pod
        desk.leader(old.epoch)
        desk.wait_for_orders_of(new.epoch)

    asked = [
        entry["machine_time_ns"]
        for entry in desk.exchange.read_log()
        if entry["kind"] == "request" and entry.get("remote") == old_address and entry.get("user_id") == desk.account
    ]
    # Until its deadline it leads by right; from the successor's epoch on the fence holds it. Between the two it must
    # have been alive and able to reach the broker, or the network has done what the epoch is there for.
    deadline_ns = begin_ns + RENEW_DEADLINE_SECONDS * 10**9
    assert any(deadline_ns < moment < seen_ns for moment in asked), (
        "the cut leader did not speak to the broker between its deadline and its successor's epoch: "
        f"the fence was not tried; its requests, in seconds since the cut: {_seconds_since(begin_ns, asked)}"
    )
    desk.judge(Interval(begin_ns, seen_ns))


def test_a_leader_on_a_node_cut_from_everything_is_succeeded(desk: Desk) -> None:
    """The Lease expires; the standby leads. The old one comes back to a newer epoch and touches nothing."""
    old = desk.leader()
    desk.wait_for_position()
    node = desk.session.node_of(old.pod)

    begin_ns = time.time_ns()
    with faults.cut(node, from_="all"):
        new, seen_ns = desk.successor(old.epoch, seconds=LEASE_SECONDS + 30)
        assert new.pod != old.pod
        desk.leader(old.epoch)
        desk.wait_for_orders_of(new.epoch)

    desk.judge(Interval(begin_ns, seen_ns))
