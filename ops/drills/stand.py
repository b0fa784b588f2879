"""All that one variant of a drill needs, from nothing to steady state and back to nothing."""

import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from ops.drills.control_plane import ControlPlane
from ops.drills.framework import Findings, NotSteadyError
from ops.drills.processes import awaited, seconds_until
from ops.drills.traders import LEASE_SECONDS, UNDERLYINGS, Desk, Trader, identity
from ops.drills.venue import Venue
from ops.judging import checkers
from ops.judging.checkers import Interval
from ops.judging.history import Accepted
from trader.domain.values import Leg

MINUTE_NS: Final = 60 * 1_000_000_000
SESSION_NS: Final = 30 * MINUTE_NS
INDIA_NS: Final = 330 * MINUTE_NS
"""Sessions of the always-open calendar are counted from midnight in India; Unix time is half an hour off them."""
START_SECONDS: Final = 120.0
"""Until a steady state: generous, for a slow machine makes a drill longer, not red."""
PROTECT_SECONDS: Final = 20.0


class Stand:
    """kitesim, control plane and traders of one variant."""

    def __init__(self, folder: Path, profile: dict[str, Any], seed: int, traders: int) -> None:
        self.folder = folder
        self.traders: list[Trader] = []
        self._leaderless: list[Interval] = []
        self.plane = ControlPlane()
        try:
            self.exchange = Venue(folder, seed)
        except BaseException:
            self.plane.close()
            raise
        try:
            self.desk = Desk(folder, self.exchange, self.plane, profile)
            # One after the other: who leads first is part of the story.
            self.start_trader()
            if traders > 1:
                self.await_leader()
            for _ in range(1, traders):
                self.start_trader()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End everything, in whatever state it is."""
        for each in self.traders:
            with suppress(OSError):
                each.program.end()
        self.exchange.close()
        self.plane.close()

    # --- processes ---

    def start_trader(self, number: int | None = None) -> Trader:
        """One more process; by default the next pod of the StatefulSet."""
        trader = self.desk.start(identity(len(self.traders) if number is None else number))
        self.traders.append(trader)
        return trader

    def await_leader(self, among: list[Trader] | None = None, seconds: float = START_SECONDS) -> Trader:
        """The trader that leads LIVE.

        Raises:
            NotSteadyError: none did, in time.
        """

        def find() -> Trader | None:
            for each in among or self.traders:
                shown = each.state()
                if shown.get("isLeader") and shown.get("tradingState") == "LIVE":
                    return each
            return None

        try:
            return awaited(find, seconds, "a trader leads and is LIVE")
        except NotSteadyError as error:
            raise NotSteadyError(f"{error}; it says {[each.state().get('message') for each in self.traders]}") from None

    def nobody_leads(self) -> Callable[[], None]:
        """Note a stretch in which nobody could lead, from now until the answer is called: rule 1 sends nothing then."""
        began = self.exchange.now_ns()

        def ended() -> None:
            self._leaderless.append(Interval(began, self.exchange.now_ns()))

        return ended

    # --- steady state ---

    def await_steady(self) -> None:
        """One leader is LIVE, all are ready, a session's range is known, nothing is open: ready for a signal.

        Raises:
            NotSteadyError: it did not come to this.
        """
        leader = self.await_leader()
        for each in self.traders:
            awaited(lambda each=each: each.ask("/readyz")[0] == 200, START_SECONDS, f"{each.who.name} is ready")  # type: ignore[misc]
        self.open_session(leader)
        if self.exchange.accepted():
            raise NotSteadyError("something was ordered before the drill began")

    def open_session(self, leader: Trader) -> None:
        """Walk the market through the first minute of the next session and hold every price, until the leader knows the range."""
        venue = self.exchange
        now = venue.market_ns()
        start = ((now + INDIA_NS) // SESSION_NS + 1) * SESSION_NS - INDIA_NS
        # The traders hear the clock once a second: they know it before the session begins. A range counts only when it was seen
        # without a gap of a fifth of it: two seconds of machine time at this speed, which a busy machine can keep.
        venue.set_clock(speed=6, advance_seconds=(start - now) / 1e9 - 15)
        awaited(lambda: venue.market_ns() > start + MINUTE_NS - 10_000_000_000, START_SECONDS, "the session opens")
        for each in UNDERLYINGS:
            name = venue.instrument(each)
            venue.force(name, venue.last_price(name))
        awaited(lambda: venue.market_ns() > start + MINUTE_NS, START_SECONDS, "the range is over")
        venue.set_clock(speed=1)
        awaited(
            lambda: int(leader.state().get("marketTime") or 0) > start + MINUTE_NS, START_SECONDS, "the range is known"
        )

    # --- what a drill does to the market ---

    def break_out(self, underlying: str = "NIFTY", permille: float = 4.0) -> str:
        """Lift a future out of its range, which is the strategy's signal to buy; returns its name."""
        name = self.exchange.instrument(underlying)
        wait(1.0)  # the calls of a signal before this one are counted in another second
        self.exchange.force(name, self.exchange.last_price(name) * (1 + permille / 1000))
        return name

    def of_leg(self, leg: Leg, underlying: str = "NIFTY") -> list[Accepted]:
        """Accepted orders of one leg, oldest first."""
        prefix = self.exchange.instrument(underlying)
        return [each for each in self.exchange.accepted() if each.parts.leg is leg and each.instrument == prefix]

    def await_leg(self, leg: Leg, seconds: float = PROTECT_SECONDS, underlying: str = "NIFTY") -> Accepted:
        """The first accepted order of a leg.

        Raises:
            NotSteadyError: there was none in time.
        """
        return awaited(lambda: next(iter(self.of_leg(leg, underlying)), None), seconds, f"a {leg.name} is accepted")

    def await_protected(self, trader: Trader, seconds: float = PROTECT_SECONDS, underlying: str = "NIFTY") -> None:
        """Until this trader holds a bracket with stop and target at work.

        Raises:
            NotSteadyError: it did not, in time.
        """
        awaited(lambda: self.is_protected(trader, underlying), seconds, "the bracket has stop and target")

    def is_protected(self, trader: Trader, underlying: str = "NIFTY") -> bool:
        """Whether something is held in this underlying, with stop and target working for all of it."""
        for bracket in trader.state().get("brackets", []):
            legs = (bracket["stop"], bracket["target"])
            works = all(each is not None and each["status"] == "WORKING" for each in legs)
            whole = works and all(each["quantity"] - each["filledQuantity"] == bracket["held"] for each in legs)
            if whole and bracket["held"] and bracket["instrument"] == self.exchange.instrument(underlying):
                return True
        return False

    def has_stop(self, trader: Trader, underlying: str = "NIFTY") -> bool:
        """Whether what is held in this underlying has a working stop, or nothing is held."""
        name = self.exchange.instrument(underlying)
        found = [each for each in trader.state().get("brackets", [None]) if each is None or each["instrument"] == name]
        return all(
            each is not None
            and (not each["held"] or (each["stop"] is not None and each["stop"]["status"] == "WORKING"))
            for each in found
        )

    def freeze(self, trader: Trader) -> None:
        """SIGSTOP, but not inside a transaction: SQLite's lock would stay with the sleeper, as PostgreSQL's cannot (ADR of the
        one-statement commit), and the successor would wait for a database instead of for the Lease.
        """

        def is_frozen_well() -> bool:
            trader.program.freeze()
            try:
                with sqlite3.connect(self.folder / "journal.db", timeout=0.2) as connection:
                    connection.execute("BEGIN IMMEDIATE")
                    connection.rollback()
            except sqlite3.OperationalError:
                trader.program.thaw()
                return False
            finally:
                connection.close()
            return True

        awaited(is_frozen_well, 10, "the leader is frozen between two commits")

    def settle(self, trader: Trader, findings: Findings, seconds: float = PROTECT_SECONDS, doubts: int = 0) -> None:
        """Steady state again: LIVE, nothing naked, no orphan, no duplicate, and no more orders in doubt than these.

        An order whose answer was lost, and which no book shows, is in doubt for 95 s by rule: longer than a drill waits.
        """

        def is_steady() -> bool:
            shown = trader.state()
            clean = all(shown.get(name) == 0 for name in ("naked", "orphans", "duplicates"))
            return clean and shown.get("tradingState") == "LIVE" and shown["orders"]["inDoubt"] <= doubts

        took = seconds_until(is_steady, seconds)
        findings.at_most("steady again: LIVE, nothing naked, orphaned, doubled or newly in doubt", seconds, took)

    def close_out(self, trader: Trader, findings: Findings, underlying: str = "NIFTY", leg: Leg = Leg.STOP) -> None:
        """Let the market reach stop or target; the bracket must end flat, its other leg gone."""
        name = self.exchange.instrument(underlying)
        factor = 0.9955 if leg is Leg.STOP else 1.009
        self.exchange.force(name, self.exchange.last_price(name) * factor)

        def is_gone() -> bool:
            return all(each["instrument"] != name for each in trader.state().get("brackets", [{"instrument": name}]))

        took = seconds_until(is_gone, PROTECT_SECONDS)
        findings.at_most(
            f"{underlying}: the {leg.name.lower()} closes the position and nothing is left", PROTECT_SECONDS, took
        )

    # --- verdict ---

    def judge(self, findings: Findings) -> None:
        """The shared checkers over the exchange's whole log."""
        until = self.exchange.now_ns()
        entries = self.exchange.log()
        for promise, violations in checkers.judge(entries, until, self._leaderless).items():
            findings.expect(promise, "no violation", "; ".join(violations) or "no violation")
        findings.at_least("the exchange took orders of ours", 1, len(self.exchange.accepted()))


def wait(seconds: float) -> None:
    """Let the fault last: the time itself is what is injected."""
    time.sleep(seconds)


TAKE_OVER_SECONDS: Final = LEASE_SECONDS + 4.0
"""The Lease runs out, then as the bench asks: epoch, the longest send waited out, the book read."""
