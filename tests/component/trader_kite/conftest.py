"""What the adapter's tests share."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from trader.adapters.kite.credentials import Session, Token
from trader.adapters.kite.instruments import FreezeTable
from trader.adapters.kite.rest import KiteRest, RestOptions
from trader.adapters.system_clock import SystemClock
from trader.domain.effects import CancelOrder, ModifyOrder, PlaceOrder
from trader.domain.values import (
    BrokerOrderId,
    Epoch,
    InstrumentKey,
    IntentId,
    Leg,
    MachineTime,
    OrderType,
    Paise,
    Product,
    Quantity,
    Side,
    Tag,
)
from trader.engine.ports import GateClosed, Permit

TAG = Tag("T0001ABCDEFGHE011")
ORDER = PlaceOrder(
    tag=TAG,
    intent=IntentId("ABCDEFGH"),
    leg=Leg.ENTRY,
    attempt=1,
    adds_risk=True,
    instrument=InstrumentKey("NFO:NIFTY26DECFUT"),
    side=Side.BUY,
    order_type=OrderType.LIMIT,
    product=Product.MIS,
    quantity=Quantity(65),
    price=Paise(2400005),
    trigger_price=Paise(0),
    risk_generation=0,
)
PERMIT = Permit(TAG, adds_risk=True, epoch=Epoch(1), risk_generation=0, epoch_checked_at=MachineTime(0))
MODIFY = ModifyOrder(TAG, BrokerOrderId("1"), price=Paise(2400010))
CANCEL = CancelOrder(TAG, BrokerOrderId("1"))


@dataclass
class StubSource:
    """Hands out tokens in order."""

    tokens: list[str] = field(default_factory=lambda: ["token-1", "token-2", "token-3"])
    asked: int = 0

    async def current(self) -> Token:
        self.asked += 1
        return Token("key", self.tokens[self.asked - 1])

    async def renewed(self, dead: Token) -> Token:
        return await self.current()


@dataclass
class OpenGate:
    """A gate that a test can shut."""

    refuses: str = ""
    asked: int = 0
    before: Callable[[], object] = lambda: None

    def check(self, permit: Permit) -> None:
        self.asked += 1
        self.before()
        if self.refuses:
            raise GateClosed(self.refuses)


@dataclass
class Rig:
    """A broker with what stands behind it."""

    broker: KiteRest
    gate: OpenGate
    source: StubSource
    session: Session


@pytest.fixture
def rig_at() -> Iterator[Callable[..., Rig]]:
    """Make a broker for a server; short deadlines, so that a test waits for none."""
    made: list[KiteRest] = []

    def make(url: str, options: RestOptions | None = None) -> Rig:
        gate, source = OpenGate(), StubSource()
        session = Session(source)
        options = options or RestOptions(order_seconds=0.5, read_seconds=0.5)
        broker = KiteRest(session, gate, SystemClock(), freeze=FreezeTable([]), root=url, options=options)
        made.append(broker)
        return Rig(broker, gate, source, session)

    yield make
    for each in made:
        each.close()
