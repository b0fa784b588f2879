"""What people do to a cluster on an ordinary day, with a position open: a node is drained, a Lease is deleted."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from ops.clients.kubectl import Kubectl
from ops.clients.session import wait_for
from ops.judging.checkers import Interval
from tests.cluster.desks import Desk

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

LEASE_SECONDS = 15
"""Whatever takes much less did not wait for it to expire; test_hand_over holds the exact limits, without kubectl's own time."""


@pytest.fixture
def drain(stand: Kubectl, desk: Desk) -> Iterator[Callable[..., str]]:
    """Drains a node of this session's pods, as `kubectl drain` does; afterwards each node takes pods again."""
    drained: list[str] = []
    selector = f"--pod-selector=tradeops.dev/session={desk.session.name}"

    def run(node: str, *options: str) -> str:
        drained.append(node)
        command = ("drain", node, "--ignore-daemonsets", "--delete-emptydir-data", selector, *options)
        return stand.run(*command, seconds=90, check=False)

    yield run
    for node in drained:
        stand.run("uncordon", node)


def test_a_drained_node_hands_over_and_the_last_trader_is_kept(
    desk: Desk, stand: Kubectl, drain: Callable[..., str]
) -> None:
    """The leader's node is drained: a planned hand-over. The other node is not: its trader is the last that can lead."""
    old = desk.leader()
    wait_for("both traders to be ready", lambda: desk.session.warm_traders() == 2 or None, 60)
    desk.wait_for_position()
    first = desk.session.node_of(old.pod)

    with ThreadPoolExecutor(1) as pool:
        begin_ns = time.time_ns()
        draining = pool.submit(drain, first, "--timeout=60s")
        new, seen_ns = desk.successor(old.epoch, seconds=30)
        assert f"pod/{old.pod} evicted" in draining.result()
    assert new.pod != old.pod
    assert (seen_ns - begin_ns) / 1e9 < LEASE_SECONDS / 2

    refused = drain(desk.session.node_of(new.pod), "--timeout=8s")
    assert "violate the pod's disruption budget" in refused
    assert desk.leader().epoch == new.epoch

    stand.run("uncordon", first)
    wait_for("both traders to be ready again", lambda: desk.session.warm_traders() == 2 or None, 90)
    assert desk.leader().identity == new.identity
    desk.judge(Interval(begin_ns, seen_ns))


def test_a_deleted_lease_is_made_anew_and_nothing_is_sent_under_an_old_epoch(desk: Desk) -> None:
    """Whoever led has no proof of it any more; the next leadership has a higher epoch, for the database counts them."""
    old = desk.leader()
    desk.wait_for_position()
    begin_ns = time.time_ns()
    desk.session.kubectl.run("delete", "lease", f"account-{desk.account.lower()}")
    new, seen_ns = desk.successor(old.epoch, seconds=60)
    desk.leader(old.epoch)
    desk.wait_for_orders_of(new.epoch)
    desk.judge(Interval(begin_ns, seen_ns))
