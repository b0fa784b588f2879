"""How many units an entry may be: the smallest of what risk, heat and the exchange allow, in whole lots.

`per_trade_risk` is a fraction of net liquidation; one order may not exceed the exchange's freeze quantity
(NSE circulars, monthly), so the quantity is bounded by it rather than sliced.
"""

from dataclasses import dataclass

from trader.domain.instruments import Instrument
from trader.domain.profiles import PARTS_PER_UNIT, RiskProfile
from trader.domain.values import Paise, Quantity


@dataclass(frozen=True, slots=True)
class Sizing:
    """What each bound allows, in units, each already a multiple of the lot."""

    by_risk: int
    by_freeze: int
    by_heat: int

    @property
    def quantity(self) -> Quantity:
        """The smallest of them."""
        return Quantity(min(self.by_risk, self.by_freeze, self.by_heat))


def share_of(net_liquidation: Paise, ppm: int) -> int:
    """A fraction of net liquidation, rounded down."""
    return max(0, net_liquidation) * ppm // PARTS_PER_UNIT


def size_entry(
    profile: RiskProfile, net_liquidation: Paise, heat: Paise, stop_distance: int, instrument: Instrument
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
    return Sizing(by_risk=at_risk, by_freeze=frozen, by_heat=by_heat)
