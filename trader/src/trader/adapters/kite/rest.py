"""The broker's REST interface: the engine's `Broker` port on the official client.

Nothing is retried here. A placement that may have happened is `Unknown`, and only the order book resolves it.
"""

import asyncio
import datetime as dt
import functools
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import structlog

from trader.adapters.kite import instruments as master
from trader.adapters.kite.client import Lane
from trader.adapters.kite.credentials import CredentialsMissing, Session, Token
from trader.adapters.kite.instruments import FreezeTable, MasterRow
from trader.adapters.kite.money import paise, rupees
from trader.adapters.kite.official import KiteConnect
from trader.adapters.kite.rows import Row, broker_order, broker_position
from trader.adapters.kite.transport import Gate, Wire
from trader.domain.effects import CancelOrder, ModifyOrder, PlaceOrder
from trader.domain.events import BrokerOrder, BrokerPosition
from trader.domain.instruments import Instrument
from trader.domain.values import BrokerOrderId, OrderType, Paise
from trader.engine.ports import Clock, Grant, Outcome, Refused, TokenDead, Unknown

T = TypeVar("T")

VARIETY: Final = "regular"
TAG_WIDTH: Final = 20
# -1 lets the broker set the band; without it MARKET and SL-M are refused since 2026-04-01 (kite.trade/forum/discussion/15912).
AUTOMATIC_PROTECTION: Final = -1
# kite.trade/docs/connect/v3/market-quotes: 500 instruments a call; …/exceptions: one quote call a second.
QUOTES_A_CALL: Final = 500
QUOTE_INTERVAL_SECONDS: Final = 1.05
MASTER_SECONDS: Final = 60.0
INDIA: Final = dt.timezone(dt.timedelta(hours=5, minutes=30), "IST")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RestOptions:
    """Deadlines and worker threads. Orders: one attempt within 2 s is what the kill's SLO leaves room for."""

    order_seconds: float = 2.0
    read_seconds: float = 3.0
    order_workers: int = 8
    read_workers: int = 4


class KiteRest:
    """One account at Kite, or at a simulator that speaks the same protocol."""

    def __init__(
        self,
        session: Session,
        gate: Gate,
        clock: Clock,
        *,
        freeze: FreezeTable,
        root: str | None = None,
        proxy: str | None = None,
        options: RestOptions | None = None,
    ) -> None:
        options = options or RestOptions()
        self._session = session
        self._gate = gate
        self._clock = clock
        self._freeze = freeze
        self._orders = Lane("orders", root, options.order_workers, options.order_seconds, proxy)
        self._reads = Lane("reads", root, options.read_workers, options.read_seconds, proxy)
        self._quote_turn = asyncio.Lock()
        self._quote_free_at = 0.0
        self._renewing: set[asyncio.Task[None]] = set()
        self.instruments_on: dt.date | None = None
        """The trading date whose instruments were loaded last."""
        session.on_token(self._use)

    async def place(self, order: PlaceOrder, grant: Grant) -> BrokerOrderId:
        """Send one order, once, with its tag; the gate is asked right before the write.

        Raises:
            Outcome: see `Broker`.
        """
        assert len(order.tag) <= TAG_WIDTH, f"a tag has at most {TAG_WIDTH} characters, was {order.tag!r}"
        assert order.tag.isalnum(), f"a tag has letters and digits only, was {order.tag!r}"
        exchange, symbol = order.instrument.split(":", 1)
        fields: dict[str, Any] = {
            "variety": VARIETY,
            "exchange": exchange,
            "tradingsymbol": symbol,
            "transaction_type": order.side.value,
            "quantity": order.quantity,
            "product": order.product.value,
            "order_type": order.order_type.value,
            "validity": "DAY",
            "tag": order.tag,
        } | _prices(order.order_type, order.price, order.trigger_price)
        order_id = await self._send(lambda kite: kite.place_order(**fields), grant)
        return BrokerOrderId(str(order_id))

    async def modify(self, change: ModifyOrder, grant: Grant) -> None:
        """Change a working order; fields that are None stay as they are.

        Raises:
            Outcome: see `Broker`.
        """
        fields: dict[str, Any] = {"variety": VARIETY, "order_id": change.order_id}
        if change.order_type is not None:
            fields["order_type"] = change.order_type.value
            if change.order_type in {OrderType.MARKET, OrderType.STOP_MARKET}:
                fields["market_protection"] = AUTOMATIC_PROTECTION
        if change.quantity is not None:
            fields["quantity"] = change.quantity
        if change.price is not None:
            fields["price"] = rupees(change.price)
        if change.trigger_price is not None:
            fields["trigger_price"] = rupees(change.trigger_price)
        await self._send(lambda kite: kite.modify_order(**fields), grant)

    async def cancel(self, order: CancelOrder, grant: Grant) -> None:
        """Cancel a working order.

        Raises:
            Outcome: see `Broker`.
        """
        await self._send(lambda kite: kite.cancel_order(VARIETY, order.order_id), grant)

    async def orders(self) -> tuple[BrokerOrder, ...]:
        """The whole order book of the day."""
        return await self._read(lambda kite: _rows(kite.orders(), broker_order))

    async def positions(self) -> tuple[BrokerPosition, ...]:
        """Net positions, closed ones included."""
        return await self._read(lambda kite: _rows(kite.positions()["net"], broker_position))

    async def net_liquidation(self) -> Paise:
        """Opening cash, what was paid in and out today and collateral, plus the day's realised and unrealised profit.

        The profit is summed over the positions: the margin reply nets it into `utilised` together with blocked margin.
        """
        cash, profit = await asyncio.gather(self._read(_cash), self._read(_profit))
        return Paise(cash + profit)

    async def instruments(self, underlyings: Sequence[str], kinds: Sequence[str]) -> tuple[Instrument, ...]:
        """The day's instruments of the profile, with circuit limits and freeze quantities.

        Raises:
            Outcome: see `Broker`; `Unknown` also when the master cannot be understood.
        """
        on = dt.datetime.fromtimestamp(self._clock.market_time() / 1e9, INDIA).date()
        rows: list[MasterRow] = []
        for exchange in master.exchanges_of(underlyings, kinds):
            # The official parser would run on all 90,000 rows; `_get` is its own route to the same bytes.
            text = await self._read(functools.partial(_master_text, exchange=exchange), deadline_seconds=MASTER_SECONDS)
            try:
                rows.extend(await asyncio.to_thread(master.select, text, underlyings, kinds, on))
            except (KeyError, ValueError) as error:
                raise Unknown(f"the instrument master of {exchange} cannot be understood: {error!r}") from error
        quotes: dict[str, Any] = {}
        for start in range(0, len(rows), QUOTES_A_CALL):
            keys = [row.key for row in rows[start : start + QUOTES_A_CALL]]
            quotes |= await self._quotes(keys)
        found = []
        for row in rows:
            try:
                found.append(master.complete(row, quotes.get(row.key), self._freeze, on))
            except ValueError as error:
                log.warning("instrument_left_out", instrument=row.key, reason=str(error))
        self.instruments_on = on
        return tuple(found)

    def clock_skew(self) -> float | None:
        """Seconds that our wall clock is ahead of the broker's; None before its first answer."""
        return self._orders.clock_skew

    async def with_limits(self, instruments: Sequence[Instrument]) -> tuple[Instrument, ...]:
        """The circuit limits of this moment; one that the answer lacks keeps what was known.

        Raises:
            Outcome: see `Broker`.
        """
        quotes: dict[str, Any] = {}
        for start in range(0, len(instruments), QUOTES_A_CALL):
            quotes |= await self._quotes([each.key for each in instruments[start : start + QUOTES_A_CALL]])
        return tuple(master.limited(each, quotes[each.key]) if each.key in quotes else each for each in instruments)

    async def whose(self) -> str:
        """The user id that the token is of, as the broker says.

        Raises:
            Outcome: see `Broker`.
        """
        return await self._read(lambda kite: str(kite.profile()["user_id"]))

    async def warm(self) -> None:
        """Open a connection for orders and prove the token before the first order needs them.

        Raises:
            Outcome: see `Broker`.
        """
        await self._with_token(lambda: self._orders.call(lambda kite: kite.profile()))

    def let_go(self) -> None:
        """Close the connections that nobody uses."""
        self._orders.let_go()
        self._reads.let_go()

    def close(self) -> None:
        """Take no more calls."""
        self._orders.close()
        self._reads.close()

    async def _quotes(self, keys: Sequence[str]) -> dict[str, Any]:
        """One quote call, and no other for a second after it."""
        async with self._quote_turn:
            wait = self._quote_free_at - asyncio.get_running_loop().time()
            if wait > 0:
                await asyncio.sleep(wait)
            try:
                return await self._read(lambda kite: dict(kite.quote(*keys)))
            finally:
                self._quote_free_at = asyncio.get_running_loop().time() + QUOTE_INTERVAL_SECONDS

    async def _send(self, work: Callable[[KiteConnect], T], grant: Grant) -> T:
        return await self._with_token(lambda: self._orders.send(work, Wire(self._gate), grant))

    async def _read(self, work: Callable[[KiteConnect], T], deadline_seconds: float | None = None) -> T:
        return await self._with_token(lambda: self._reads.call(work, deadline_seconds))

    async def _with_token(self, call: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Call with the token in use; a dead one is replaced in the background, and the call is not repeated.

        The first call of a process waits for the login. One that finds no token has certainly done nothing.
        """
        try:
            token = await self._session.token()
        except CredentialsMissing as error:
            raise TokenDead(str(error)) from error
        except Outcome as error:
            raise Refused(f"not sent, no token: {error}") from error
        try:
            return await call()
        except TokenDead:
            self._renew_in_background(token)
            raise

    def _renew_in_background(self, dead: Token) -> None:
        task = asyncio.create_task(self._renew(dead), name="token renewal")
        self._renewing.add(task)
        task.add_done_callback(self._renewing.discard)

    async def _renew(self, dead: Token) -> None:
        try:
            await self._session.renew(dead)
        except (CredentialsMissing, Outcome) as error:
            log.warning("token_not_renewed", reason=str(error))

    def _use(self, token: Token) -> None:
        for lane in (self._orders, self._reads):
            lane.use(token.api_key, token.access_token)


def _prices(order_type: OrderType, price: Paise, trigger_price: Paise) -> dict[str, Any]:
    """The fields that an order type needs, and no others (kite.trade/docs/connect/v3/orders)."""
    fields: dict[str, Any] = {}
    if order_type in {OrderType.LIMIT, OrderType.STOP_LIMIT}:
        fields["price"] = rupees(price)
    else:
        fields["market_protection"] = AUTOMATIC_PROTECTION
    if order_type in {OrderType.STOP_LIMIT, OrderType.STOP_MARKET}:
        fields["trigger_price"] = rupees(trigger_price)
    return fields


def _rows(rows: Any, understand: Callable[[Row], T]) -> tuple[T, ...]:
    """All rows, or Unknown: half a book is no book.

    Raises:
        Unknown: a row that cannot be understood, or no list at all.
    """
    try:
        return tuple(understand(row) for row in rows)
    except (KeyError, TypeError, ValueError) as error:
        raise Unknown(f"a row of the reply cannot be understood: {type(error).__name__} {error}") from error


def _cash(kite: KiteConnect) -> int:
    """What the day began with, and what came in since, less what was withdrawn.

    Kite's documentation gives no sign for `payout`; either way it is money that is gone.
    """
    equity = kite.margins("equity")
    came = sum(
        paise(equity["available"].get(name))
        for name in ("opening_balance", "intraday_payin", "collateral", "adhoc_margin")
    )
    return came - abs(paise(equity.get("utilised", {}).get("payout")))


def _profit(kite: KiteConnect) -> int:
    """The day's profit over all positions: mark to market against the last close, realised part included."""
    return sum(paise(row.get("m2m")) for row in kite.positions()["net"])


def _master_text(kite: KiteConnect, exchange: str) -> bytes:
    """The instrument master of one exchange, as CSV."""
    return bytes(kite._get("market.instruments", url_args={"exchange": exchange}))
