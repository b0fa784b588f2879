"""One test's session, its account, and the exchange as witness."""

import time
from dataclasses import dataclass

from ops.clients.exchange import Exchange
from ops.clients.session import Leadership, Session, wait_for
from ops.judging.checkers import Interval, judge
from ops.judging.history import changes, of_account, ours


@dataclass(slots=True)
class Desk:
    """One test's session, its account, and the exchange as witness."""

    session: Session
    account: str
    exchange: Exchange

    @property
    def log(self) -> list[dict[str, object]]:
        """What the exchange logged of this account, up to now."""
        return [dict(entry) for entry in of_account(self.exchange.read_log(), self.account)]

    def leader(self, above_epoch: int = 0, seconds: float = 120) -> Leadership:
        """Wait for a leader that is LIVE, of a higher epoch than this."""
        return self.session.wait_for_leader(f"a LIVE leader above epoch {above_epoch}", seconds, above_epoch)

    def successor(self, above_epoch: int, seconds: float) -> tuple[Leadership, int]:
        """Wait for the next epoch's leader, whatever it may do yet; and when it was first seen (Unix ns)."""
        found = self.session.wait_for_leader(
            f"a leader above epoch {above_epoch}",
            seconds,
            above_epoch,
            states=("PAPER", "RECOVERING", "LIVE", "REDUCING", "HALTED"),
        )
        return found, time.time_ns()

    def wait_for_position(self, seconds: float = 180) -> None:
        """Wait until an entry has filled and its stop works, so that a fault has something to break."""
        wait_for("an open position with its stop", self._has_protected_position, seconds)

    def _has_protected_position(self) -> bool | None:
        return (
            any(
                0 < last.filled_entry - last.filled_exit <= sum(last.working_exits.values())
                for last in (course[-1] for course in changes(self.log).values())
            )
            or None
        )

    def wait_for_orders_of(self, epoch: int, seconds: float = 180) -> None:
        """Wait until the exchange accepted an order of this epoch."""
        wait_for(
            f"an order of epoch {epoch}",
            lambda: any(order.parts.epoch == epoch for order in ours(self.log)) or None,
            seconds,
        )

    def judge(self, leaderless: Interval | None = None) -> None:
        """Every promise held, by the exchange's log."""
        violations = judge(self.log, self.exchange.now_ns(), [leaderless] if leaderless else [])

        broken = {promise: found for promise, found in violations.items() if found}
        assert not broken, f"account {self.account}: {broken}"
