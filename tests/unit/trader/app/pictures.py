"""A leader's picture, as the engine would show it."""

from trader.domain.values import (
    BrokerOrderId,
    Epoch,
    InstrumentKey,
    IntentId,
    MarketTime,
    OrderStatus,
    Paise,
    Side,
    Standing,
    Tag,
    TradingState,
)
from trader.domain.views import BracketView, OrderView, PositionView, StateView
from trader.engine.settings import Snapshot

NIFTY = InstrumentKey("NFO:NIFTY26DECFUT")
STOP = OrderView(
    tag=Tag("T0001ABCDEFGHS011"),
    order_id=BrokerOrderId("19"),
    status=OrderStatus.WORKING,
    attempt=1,
    quantity=65,
    filled_quantity=0,
    price=Paise(2390000),
    trigger_price=Paise(2395000),
    average_price=Paise(0),
    message="",
)
BRACKET = BracketView(
    intent=IntentId("ABCDEFGH"),
    instrument=NIFTY,
    side=Side.BUY,
    quantity=65,
    held=65,
    state="protected",
    exiting="",
    entry=None,
    stop=STOP,
    target=None,
    exit=None,
)
VIEW = StateView(
    trading_state=TradingState.LIVE,
    message="",
    standing=Standing.LEADER,
    epoch=Epoch(7),
    risk_generation=0,
    config_hash="3f00",
    market_time=MarketTime(1_795_405_500_000_000_000),
    trading_date="2026-11-23",
    kill=None,
    flat_at=None,
    is_flat=False,
    is_provisional=False,
    positions=(PositionView(NIFTY, 65, Paise(2400000), Paise(2401000), Paise(65000)),),
    brackets=(BRACKET,),
    orders_placed=2,
    working_orders=1,
    in_doubt_orders=0,
    duplicates=0,
    orphans=0,
    naked=0,
    heat=Paise(25000),
    day_profit=Paise(-1250),
    net_liquidation=Paise(500_000_000),
)
SNAPSHOT = Snapshot(is_leader=True, epoch=Epoch(7), standing=Standing.LEADER, view=VIEW, kill=None, message="")
