"""The judge of the journal holds for an honest one, and fails for one that repeats itself."""

from ops.judging.journals import repeated_records
from tests.unit.trader.domain.building import order
from trader.domain.orders import changed
from trader.domain.values import Leg, MarketTime, OrderStatus


def test_no_order_is_written_down_again_and_again() -> None:
    """Twice alike may follow a refused commit; a third one says that reconciling does not settle. Time makes no difference."""
    same = [changed(order(Leg.STOP), MarketTime(at)) for at in range(3)]
    other = changed(order(Leg.STOP), MarketTime(9), status=OrderStatus.COMPLETE)

    assert repeated_records(same[:2]) == []
    assert repeated_records([*same[:2], other, same[2]]) == []
    assert len(repeated_records(same)) == 1
