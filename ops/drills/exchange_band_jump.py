"""exchange-band-jump: the exchange moves its circuit limits, its freeze quantity, or cancels a stop at its trigger."""

from typing import Any, Final

from ops.drills.framework import Drill, Findings, Variant
from ops.drills.processes import awaited, seconds_until
from ops.drills.stand import PROTECT_SECONDS, Stand, wait
from trader.domain.values import Leg

HEARD_SECONDS: Final = 15.0
"""Within this the traders must know of moved limits: they read them every five seconds."""
NARROW_PERCENT: Final = 0.2
"""Narrower than stop (0.4 %) and target of the drill's entries."""
ORDERS_FOR_ONE_SIGNAL: Final = 8
"""Entry, stop, target and a few corrections; a storm is dozens."""


def entry_outside_the_band(stand: Stand, findings: Findings) -> None:
    """The limits close in before a signal: its stop or target lies outside. FREEZE_BAND, once, and nothing is sent."""
    (trader,) = stand.traders
    name = stand.exchange.instrument("NIFTY")
    signal_price = stand.exchange.last_price(name) * 1.0015
    # The entry itself is inside, its stop, 0.4 % below, is not.
    stand.exchange.fault("band-jump", instrument=name, percent=0.2)
    wait(HEARD_SECONDS / 2)
    before = trader.metric("trader_guard_trips_total", guard="FREEZE_BAND")
    stand.exchange.force(name, signal_price)
    took = seconds_until(lambda: trader.metric("trader_guard_trips_total", guard="FREEZE_BAND") > before, HEARD_SECONDS)
    findings.at_most("FREEZE_BAND denies the entry", HEARD_SECONDS, took)
    wait(3)  # quotes go on coming: a signal that was denied is not asked for again and again
    trips = trader.metric("trader_guard_trips_total", guard="FREEZE_BAND") - before
    findings.expect("and denies it once", 1.0, trips)
    findings.expect("nothing was sent to the exchange", 0, len(sent(stand, "NIFTY")))
    # What is not concerned goes on trading.
    stand.break_out("BANKNIFTY")
    took = seconds_until(lambda: stand.is_protected(trader, "BANKNIFTY"), PROTECT_SECONDS)
    findings.at_most("another instrument trades on", PROTECT_SECONDS, took)
    stand.close_out(trader, findings, "BANKNIFTY")


def band_jumps_before_the_stop(stand: Stand, findings: Findings) -> None:
    """The limits close in between a fill and its stop: a stop is placed inside the band, or the position goes."""
    (trader,) = stand.traders
    name = stand.exchange.instrument("NIFTY")
    stand.exchange.fault("delay", method="POST", path="/orders/regular", skip=1, count=2, delay_ms=800)
    stand.break_out()
    stand.await_leg(Leg.ENTRY)
    stand.exchange.fault("band-jump", instrument=name, percent=NARROW_PERCENT)
    findings.at_least("the exchange refused the first stop", 1, refused_within(stand, 10))

    def is_safe() -> bool:
        shown = trader.state()
        brackets = shown.get("brackets", [None])
        return not brackets or (brackets[0] is not None and stand.has_stop(trader))

    findings.at_most("a stop stands inside the band, or the position is closed", 10, seconds_until(is_safe, 20))
    findings.expect("every order that was taken is inside the band", "all", outside(stand, name) or "all")
    calls = len(sent(stand, "NIFTY"))
    findings.expect(
        "without a storm of attempts", f"<= {ORDERS_FOR_ONE_SIGNAL}", calls, held=calls <= ORDERS_FOR_ONE_SIGNAL
    )
    stand.settle(trader, findings)


def stop_cancelled_at_its_trigger(stand: Stand, findings: Findings) -> None:
    """The exchange cancels the triggered stop (limit price protection): the next order closes the position, inside the range."""
    (trader,) = stand.traders
    stand.break_out()
    stand.await_protected(trader)
    name = stand.exchange.instrument("NIFTY")
    stand.exchange.fault("lpp-cancel", instrument=name, count=1)
    stand.exchange.force(name, stand.exchange.last_price(name) * 0.9955)
    awaited(lambda: stand.exchange.strikes("lpp-cancel"), 20, "the exchange cancels the stop at its trigger")
    took = seconds_until(lambda: trader.state().get("brackets", [None]) == [], 20)
    findings.at_most("the position is closed all the same", 5, took)
    calls = len(sent(stand, "NIFTY"))
    findings.expect(
        "without a storm of attempts", f"<= {ORDERS_FOR_ONE_SIGNAL}", calls, held=calls <= ORDERS_FOR_ONE_SIGNAL
    )
    stand.settle(trader, findings)


def freeze_quantity_falls(stand: Stand, findings: Findings) -> None:
    """The exchange freezes what our table still allows: the refusal is certain, is not repeated, and leaves nothing behind."""
    (trader,) = stand.traders
    name = stand.exchange.instrument("NIFTY")
    stand.exchange.fault("freeze-change", instrument=name, quantity=1)
    stand.break_out()
    findings.at_least("the exchange refused the entry", 1, refused_within(stand, 15))
    wait(3)
    findings.expect("no order of it exists", 0, len(stand.of_leg(Leg.ENTRY)))
    calls = len(sent(stand, "NIFTY"))
    findings.expect("it was asked once", 1, calls)
    stand.settle(trader, findings)
    stand.break_out("BANKNIFTY")
    took = seconds_until(lambda: stand.is_protected(trader, "BANKNIFTY"), PROTECT_SECONDS)
    findings.at_most("another instrument trades on", PROTECT_SECONDS, took)
    stand.close_out(trader, findings, "BANKNIFTY")


def sent(stand: Stand, underlying: str) -> list[dict[str, Any]]:
    """Placements in an underlying that reached the exchange, taken or refused."""
    name = stand.exchange.instrument(underlying)
    kinds = {"order_accepted", "order_rejected"}
    return [each for each in stand.exchange.log() if each["kind"] in kinds and each.get("instrument") == name]


def refused_within(stand: Stand, seconds: float) -> int:
    """How many placements were refused by then; returns at the first."""

    def refused() -> int:
        return sum(1 for each in stand.exchange.log() if each["kind"] == "order_rejected")

    seconds_until(refused, seconds)
    return refused()


def outside(stand: Stand, instrument: str) -> str:
    """Orders that were taken after the jump with a price outside the limits: the exchange itself should take none."""
    jumped = next(
        each["sequence"] for each in stand.exchange.log() if each["kind"] == "fault" and each["fault"] == "band-jump"
    )
    lower, upper = stand.exchange.band(instrument)
    found = [
        each["tag"]
        for each in stand.exchange.log()
        if each["kind"] == "order_accepted"
        and each["sequence"] > jumped
        and each["instrument"] == instrument
        and not lower <= float(each["price"]) <= upper
    ]
    return ", ".join(found)


DRILL = Drill(
    "exchange-band-jump",
    "whatever the exchange moves: FREEZE_BAND denies new risk once, and what is held keeps a stop or goes",
    (
        Variant("entry-outside", "the circuit limits close in before a signal", entry_outside_the_band),
        Variant("stop-outside", "the circuit limits close in between a fill and its stop", band_jumps_before_the_stop),
        Variant(
            "stop-cancelled", "a stop is cancelled at its trigger by price protection", stop_cancelled_at_its_trigger
        ),
        Variant("freeze-quantity-falls", "the freeze quantity falls below what is wanted", freeze_quantity_falls),
    ),
)
