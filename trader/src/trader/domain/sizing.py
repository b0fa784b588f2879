"""How many units an entry may be: the smallest of what risk, heat and the exchange allow, in whole lots.

`per_trade_risk` is a fraction of net liquidation. One order may not exceed the exchange's freeze quantity (NSE circulars, monthly);
an entry that does is cut into slices, as many as the profile and the flatten's budget allow. A slice is a bracket of its own, with
its own intent, tags, stop and target: so the sum is protected as each part fills, and whatever holds for a bracket holds for it.
"""

from dataclasses import dataclass

from trader.domain.evolving import quick
from trader.domain.instruments import Instrument
from trader.domain.profiles import PARTS_PER_UNIT, RiskProfile
from trader.domain.values import Paise, Quantity

_NOTHING = Quantity(0)


@quick
@dataclass(frozen=True, slots=True)
class Sizing:
    """What each bound allows, in units, each already a multiple of the lot."""

    by_risk: int
    by_freeze: int
    """Of one order."""
    by_heat: int
    slices: int = 1
    """How many orders there may be."""
    quantity: Quantity = _NOTHING
    """The smallest of them, of all slices together."""

    @property
    def orders(self) -> int:
        """How many orders the quantity takes."""
        if self.quantity <= self.by_freeze:
            return 1 if self.quantity else 0
        return -(-self.quantity // self.by_freeze)

    def cut(self) -> tuple[Quantity, ...]:
        """The quantity of each slice, the largest first."""
        if self.quantity <= self.by_freeze:
            return (self.quantity,) if self.quantity else ()
        whole, rest = divmod(self.quantity, self.by_freeze)
        return (Quantity(self.by_freeze),) * whole + ((Quantity(rest),) if rest else ())


def bounded(by_risk: int, by_freeze: int, by_heat: int, slices: int = 1) -> Sizing:
    """What these bounds allow together."""
    return Sizing(by_risk, by_freeze, by_heat, slices, Quantity(min(by_risk, by_freeze * slices, by_heat)))


def share_of(net_liquidation: Paise, ppm: int) -> int:
    """A fraction of net liquidation, rounded down."""
    return max(0, net_liquidation) * ppm // PARTS_PER_UNIT


def size_entry(
    profile: RiskProfile,
    net_liquidation: Paise,
    heat: Paise,
    stop_distance: int,
    instrument: Instrument,
    *,
    slices: int = 1,
) -> Sizing:
    """Bound an entry that loses `stop_distance` paise per unit at its stop.

    Raises:
        ValueError: the distance or the lot is not positive.
    """
    lot = instrument.lot_size
    if stop_distance <= 0 or lot <= 0:
        raise ValueError(f"stop distance and lot must be positive, were {stop_distance} and {lot}")
    at_risk = share_of(net_liquidation, profile.per_trade_risk_ppm) // stop_distance // lot * lot
    room = max(0, share_of(net_liquidation, profile.max_heat_ppm) - heat)
    by_heat = room // stop_distance // lot * lot
    frozen = instrument.freeze_quantity // lot * lot if instrument.freeze_quantity else at_risk
    return bounded(at_risk, frozen, by_heat, slices)
