"""dual-runner: two real processes on one account. Whatever happens to the one that leads, nothing is ordered twice."""

from ops.drills.framework import Drill, Findings, Variant
from ops.drills.processes import awaited, seconds_until
from ops.drills.stand import TAKE_OVER_SECONDS, Stand, wait
from ops.drills.traders import LEASE_SECONDS, Trader
from trader.domain.values import Leg

LOST_EXIT = 75
"""`Ending.LOST.exit_code`: it saw that somebody else leads, cut, and ended."""
FENCED_SECONDS = 10.0


def second_runner(stand: Stand, findings: Findings) -> None:
    """Both run through a whole trade; the second is ready all the time, and never acts."""
    leader, standby = stand.traders
    stand.break_out()
    claims = 0

    def look() -> bool:
        nonlocal claims
        claims += standby.is_leader
        return stand.is_protected(leader)

    awaited(look, 20, "the bracket has stop and target")
    findings.expect("the second never said that it leads", 0, claims)
    stand.close_out(leader, findings)
    stand.settle(leader, findings)
    findings.expect("all orders carry the first epoch", {1}, epochs(stand))
    findings.expect("the second is ready to take over", 200, standby.ask("/readyz")[0])


def leader_killed(stand: Stand, findings: Findings) -> None:
    """SIGKILL with a protected position: the successor adopts it, and the exchange never sees a second stop."""
    leader, standby = stand.traders
    stand.break_out()
    stand.await_protected(leader)
    ended = stand.nobody_leads()
    leader.program.kill()
    taken_over(stand, findings, standby)
    ended()
    findings.expect(
        "stop and target are still the first ones", (1, 1), (count(stand, Leg.STOP), count(stand, Leg.TARGET))
    )
    stand.close_out(standby, findings)


def leader_killed_before_its_stop(stand: Stand, findings: Findings) -> None:
    """SIGKILL when the entry is filled and its stop never arrived: the successor's first act is to protect."""
    leader, standby = stand.traders
    # The entry passes; what comes after it never reaches the exchange.
    fault = stand.exchange.fault("drop-before", method="POST", path="/orders/regular", skip=1)
    stand.break_out()
    stand.await_leg(Leg.ENTRY)
    awaited(lambda: stand.exchange.strikes("drop-before"), 20, "the stop is sent and lost")
    ended = stand.nobody_leads()
    leader.program.kill()
    stand.exchange.end_fault(fault)
    taken_over(stand, findings, standby)
    ended()
    took = seconds_until(lambda: stand.has_stop(standby), 20)
    findings.at_most("the successor protects what it found", 10, took)
    findings.expect("the entry was never sent again", 1, count(stand, Leg.ENTRY))


def leader_frozen(stand: Stand, findings: Findings) -> None:
    """SIGSTOP for longer than the Lease, then SIGCONT: it wakes, believes that it leads, and must touch nothing."""
    leader, standby = stand.traders
    stand.break_out()
    stand.await_protected(leader)
    ended = stand.nobody_leads()
    stand.freeze(leader)
    taken_over(stand, findings, standby)
    ended()
    woken(stand, findings, leader, standby)


def leader_frozen_while_protecting(stand: Stand, findings: Findings) -> None:
    """SIGSTOP between the fill and its stop; the successor protects; the sleeper wakes with the stop still in its hands."""
    leader, standby = stand.traders
    fault = stand.exchange.fault("drop-before", method="POST", path="/orders/regular", skip=1)
    stand.break_out()
    stand.await_leg(Leg.ENTRY)
    awaited(lambda: stand.exchange.strikes("drop-before"), 20, "the stop is sent and lost")
    ended = stand.nobody_leads()
    stand.freeze(leader)
    stand.exchange.end_fault(fault)
    taken_over(stand, findings, standby)
    ended()
    findings.at_most("the successor protects what it found", 10, seconds_until(lambda: stand.has_stop(standby), 20))
    woken(stand, findings, leader, standby, doubts=2)  # the lost stop and the lost target


def same_identity_twice(stand: Stand, findings: Findings) -> None:
    """Two processes of one pod, as after a container's restart that left the old one alive: the newer leads, the older ends."""
    (older,) = stand.traders
    stand.break_out()
    stand.await_protected(older)
    newer = stand.start_trader(0)
    taken_over(stand, findings, newer, seconds=60)
    fenced(findings, older)
    stand.settle(newer, findings)
    findings.expect("the entry was never sent again", 1, count(stand, Leg.ENTRY))
    stand.close_out(newer, findings)


def taken_over(stand: Stand, findings: Findings, successor: Trader, seconds: float = TAKE_OVER_SECONDS) -> None:
    """The successor leads LIVE, in time, under a newer epoch."""
    took = seconds_until(lambda: successor.is_leader and successor.state().get("tradingState") == "LIVE", seconds + 10)
    findings.at_most("the successor leads", seconds, took)
    findings.at_least("under a newer epoch", 2, float(successor.state().get("epoch") or 0))


def woken(stand: Stand, findings: Findings, sleeper: Trader, successor: Trader, doubts: int = 0) -> None:
    """SIGCONT, and a signal at once: only the successor may answer it."""
    # A successor trades no range that it knows half of: the next session is the first with a signal for it.
    stand.open_session(successor)
    before = len(stand.exchange.accepted())
    sleeper.program.thaw()
    stand.break_out("BANKNIFTY")
    stand.await_protected(successor, underlying="BANKNIFTY")
    fenced(findings, sleeper)
    wait(1.0)  # a call that the sleeper still had in its hands would have arrived by now
    newer = stand.exchange.accepted()[before:]
    findings.expect(
        "every order since carries the successor's epoch",
        {successor.state()["epoch"]},
        {each.parts.epoch for each in newer},
    )
    stand.settle(successor, findings, doubts=doubts)
    stand.close_out(successor, findings, "BANKNIFTY")


def fenced(findings: Findings, loser: Trader) -> None:
    """It noticed, cut itself off, and ended."""
    took = seconds_until(lambda: loser.program.exit_code is not None, FENCED_SECONDS + 5)
    findings.at_most("the loser ended by itself", FENCED_SECONDS, took)
    findings.expect("with the exit code for lost leadership", LOST_EXIT, loser.program.exit_code)


def epochs(stand: Stand) -> set[int]:
    """Of all our orders."""
    return {int(each.parts.epoch) for each in stand.exchange.accepted()}


def count(stand: Stand, leg: Leg) -> int:
    """How many orders of a leg the exchange ever took."""
    return len(stand.of_leg(leg))


DRILL = Drill(
    "dual-runner",
    "two processes on one account: exactly one acts, and nothing is ordered twice",
    (
        Variant("second-runner", "a second process runs beside the leader through a whole trade", second_runner, 2),
        Variant("leader-killed", "kill -9 with a protected position", leader_killed, 2),
        Variant(
            "leader-killed-before-its-stop", "kill -9 between a fill and its stop", leader_killed_before_its_stop, 2
        ),
        Variant("leader-frozen", f"SIGSTOP beyond the Lease of {LEASE_SECONDS} s, then SIGCONT", leader_frozen, 2),
        Variant(
            "leader-frozen-while-protecting", "the same between a fill and its stop", leader_frozen_while_protecting, 2
        ),
        Variant("same-identity-twice", "two live processes of one and the same pod", same_identity_twice, 1),
    ),
)
