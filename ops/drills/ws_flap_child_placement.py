"""ws-flap-child-placement: the stream breaks, falls silent, or lies, exactly while stop and target are being placed.

Each variant strikes at three moments, on three instruments: before the stop reached the exchange, between stop and target, and
after both. The window is held open by delaying the very request that closes it.
"""

from collections.abc import Callable
from typing import Final

from ops.drills.framework import Drill, Findings, Variant
from ops.drills.processes import awaited, seconds_until
from ops.drills.stand import START_SECONDS, Stand
from ops.drills.traders import UNDERLYINGS
from ops.judging import checkers
from trader.domain.values import Leg

WINDOW_MS: Final = 800.0
MOMENTS: Final = ("before the stop", "between stop and target", "after both")
NAKED_SECONDS: Final = 5.0


def flapping(strike: Callable[[Stand], None], kind: str) -> Callable[[Stand, Findings], None]:
    """A variant that strikes at each moment and then asks for exactly one stop and one target."""

    def run(stand: Stand, findings: Findings) -> None:
        (trader,) = stand.traders
        for moment, underlying in zip(MOMENTS, UNDERLYINGS, strict=True):
            _hold_window_open(stand, moment)
            stand.break_out(underlying)
            _await_moment(stand, moment, underlying)
            strike(stand)
            took = seconds_until(lambda u=underlying: stand.is_protected(trader, u), 30)  # type: ignore[misc]
            findings.at_most(f"{moment}: stop and target stand", 15, took)
            legs = tuple(len(stand.of_leg(each, underlying)) for each in (Leg.ENTRY, Leg.STOP, Leg.TARGET))
            findings.expect(f"{moment}: one entry, one stop, one target at the exchange", (1, 1, 1), legs)
            stand.exchange.clear_faults()
            stand.settle(trader, findings)
            if moment == MOMENTS[-1]:
                stand.close_out(trader, findings, underlying, Leg.TARGET)
            else:
                # A range that was not seen whole is not traded: the next signal belongs to the next session.
                stand.open_session(trader)
        findings.at_least(f"{kind} struck", 1, _struck(stand, kind))
        _naked(stand, findings)

    return run


def _hold_window_open(stand: Stand, moment: str) -> None:
    skip = {"before the stop": 1, "between stop and target": 2}.get(moment)
    if skip is not None:
        fields = {"method": "POST", "path": "/orders/regular", "skip": skip, "count": 3 - skip}
        stand.exchange.fault("delay", delay_ms=WINDOW_MS, **fields)


def _await_moment(stand: Stand, moment: str, underlying: str) -> None:
    match moment:
        case "before the stop":
            stand.await_leg(Leg.ENTRY, underlying=underlying)
            awaited(lambda: _filled(stand, underlying), 20, "the entry is filled")
        case "between stop and target":
            stand.await_leg(Leg.STOP, underlying=underlying)
        case _:
            stand.await_leg(Leg.TARGET, underlying=underlying)


def _filled(stand: Stand, underlying: str) -> bool:
    entry = stand.of_leg(Leg.ENTRY, underlying)[0]
    return any(each["kind"] == "trade" and each["order_id"] == entry.order_id for each in stand.exchange.log())


def _naked(stand: Stand, findings: Findings) -> None:
    longest = checkers.longest_unprotected_seconds(stand.exchange.log(), stand.exchange.now_ns())
    findings.at_most("the longest without a stop", NAKED_SECONDS, longest)


def _struck(stand: Stand, kind: str) -> int:
    """How often it struck; a standing fault counts no strikes, so it counts that it was put to work."""
    log = stand.exchange.log()
    return sum(1 for each in log if each["kind"] in {"fault", "fault_added"} and each["fault"] == kind)


def reset(stand: Stand) -> None:
    """The connection breaks."""
    stand.exchange.fault("stream-reset", count=1)


def black_hole(stand: Stand) -> None:
    """Open, and silent; the watchdog must notice."""
    stand.exchange.fault("black-hole", for_seconds=7)


def crash_between(stand: Stand, findings: Findings) -> None:
    """SIGKILL between stop and target, while the target's request is under way; the next process finds its children.

    What else the entry still fills while no process is there stands without a stop until one is: the shared judge counts that
    time apart, for a slow machine's start is no broken promise, and what follows by the limit of every drill.
    """
    (first,) = stand.traders
    stand.exchange.fault("delay", method="POST", path="/orders/regular", skip=2, count=1, delay_ms=WINDOW_MS)
    stand.break_out()
    stand.await_leg(Leg.STOP)
    ended = stand.nobody_leads()
    first.program.kill()
    second = stand.start_trader(0)
    stand.await_leader([second], START_SECONDS)
    ended()
    stand.settle(second, findings)
    # A target whose answer nobody heard is looked for in the book, and placed anew only when it is proved absent.
    findings.expect("one entry, one stop", (1, 1), tuple(len(stand.of_leg(each)) for each in (Leg.ENTRY, Leg.STOP)))
    findings.expect("at most one target", True, len(stand.of_leg(Leg.TARGET)) <= 1)
    stand.close_out(second, findings)


def lying(kind: str) -> Callable[[Stand, Findings], None]:
    """Updates come wrongly all the time while children are placed; what the stream says twice is placed once."""

    def before(stand: Stand, findings: Findings) -> None:
        (trader,) = stand.traders
        stand.exchange.fault(kind)
        for underlying in UNDERLYINGS:
            stand.break_out(underlying)
            took = seconds_until(lambda u=underlying: stand.is_protected(trader, u), 30)  # type: ignore[misc]
            findings.at_most(f"{underlying}: stop and target stand", 15, took)
            legs = tuple(len(stand.of_leg(each, underlying)) for each in (Leg.ENTRY, Leg.STOP, Leg.TARGET))
            findings.expect(f"{underlying}: one entry, one stop, one target at the exchange", (1, 1, 1), legs)
        findings.at_least(f"{kind} struck", 3, _struck(stand, kind))
        _naked(stand, findings)
        for underlying in UNDERLYINGS:
            stand.close_out(trader, findings, underlying, Leg.TARGET)
        stand.exchange.clear_faults()
        stand.settle(trader, findings)

    return before


DRILL = Drill(
    "ws-flap-child-placement",
    "whatever the stream does while children are placed: each exists once, and nothing stands without its stop",
    (
        Variant("stream-reset", "the stream breaks, at three moments", flapping(reset, "stream-reset")),
        Variant("black-hole", "the stream stays open and silent, at three moments", flapping(black_hole, "black-hole")),
        Variant("updates-replayed", "older updates come again after each update", lying("updates-replayed")),
        Variant("updates-doubled", "each update comes twice", lying("updates-doubled")),
        Variant("updates-reordered", "an update comes after the next one", lying("updates-reordered")),
        Variant("updates-lost", "no update comes at all", lying("updates-lost")),
        Variant("crash-between-children", "kill -9 between stop and target, and a restart", crash_between),
    ),
)
