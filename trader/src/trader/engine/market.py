"""The leader's ears at the market: instruments of the day, then the stream; both again when the market's day changes."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence

import structlog

from trader.domain.events import BrokerOrder, Event, FeedChanged, InstrumentsLoaded, OrderUpdated, Quote
from trader.domain.instruments import Instrument
from trader.domain.profiles import RiskProfile
from trader.domain.values import SECOND
from trader.engine.ports import Broker, Clock, Feed, FeedAlive, FeedDown, FeedItem, FeedUp, Outcome

log = structlog.get_logger(__name__)

RETRY_SECONDS = 2.0
DAY_CHECK_SECONDS = 1.0
LIMITS_SECONDS = 5.0
"""How old the circuit limits may be: exchanges widen and narrow them in the day, and no stream tells."""
_DAY = 86_400 * SECOND
_INDIA = (5 * 3600 + 1800) * SECOND


class MarketTask:
    """Runs as one task of a leadership."""

    def __init__(
        self,
        broker: Broker,
        feed: Feed,
        clock: Clock,
        profile: Callable[[], RiskProfile],
        post: Callable[[Event], None],
    ) -> None:
        self._broker = broker
        self._feed = feed
        self._clock = clock
        self._profile = profile
        self._post = post
        self._reload = asyncio.Event()
        self._loaded = asyncio.Event()

    def reload(self) -> None:
        """Load the instruments anew: another profile allows others."""
        self._reload.set()

    async def run(self) -> None:
        """Load, listen, until cancelled."""
        while True:
            self._reload.clear()
            day, profile = self._day(), self._profile()
            instruments = await self._load(profile)
            self._post(InstrumentsLoaded(self._clock.machine_time(), self._clock.market_time(), tuple(instruments)))
            self._loaded.set()
            listening = asyncio.ensure_future(self._listen(instruments))
            following = asyncio.ensure_future(self._follow_limits(instruments))
            try:
                while self._day() == day and not self._reload.is_set():
                    done, _ = await asyncio.wait(
                        {listening, following}, timeout=DAY_CHECK_SECONDS, return_when=asyncio.FIRST_COMPLETED
                    )
                    if done:
                        done.pop().result()  # raises what broke it; neither ends by itself
                        raise RuntimeError("the feed ended, expected it to reconnect for ever")
            finally:
                listening.cancel()
                following.cancel()
                await asyncio.wait({listening, following})

    async def until_loaded(self, seconds: float) -> None:
        """Return as soon as the instruments were loaded once more, or after so long; for one who waits."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._loaded.wait()
        self._loaded.clear()

    async def _follow_limits(self, instruments: Sequence[Instrument]) -> None:
        """Read the circuit limits again and again; what cannot be read leaves the last ones, and the broker refuses."""
        known = tuple(instruments)
        while True:
            await asyncio.sleep(LIMITS_SECONDS)
            try:
                now = await self._broker.with_limits(known)
            except Outcome as failure:
                log.warning("limits_unreadable", reason=str(failure), retry_seconds=LIMITS_SECONDS)
                continue
            if now != known:
                known = now
                self._post(InstrumentsLoaded(self._clock.machine_time(), self._clock.market_time(), known))

    async def _load(self, profile: RiskProfile) -> Sequence[Instrument]:
        while True:
            try:
                return await self._broker.instruments(profile.underlyings, profile.kinds)
            except Outcome as failure:
                log.warning("instruments_unreadable", reason=str(failure), retry_seconds=RETRY_SECONDS)
                await asyncio.sleep(RETRY_SECONDS)

    async def _listen(self, instruments: Sequence[Instrument]) -> None:
        async for item in self._feed.items(instruments):
            event = self._event(item)
            if event is not None:
                self._post(event)

    def _event(self, item: FeedItem) -> Event | None:
        match item:
            case Quote():
                return item
            case BrokerOrder():
                return OrderUpdated(self._clock.machine_time(), self._clock.market_time(), item)
            case FeedUp():
                return FeedChanged(self._clock.machine_time(), self._clock.market_time(), up=True)
            case FeedDown(message):
                log.warning("feed_down", reason=message)
                return FeedChanged(self._clock.machine_time(), self._clock.market_time(), up=False)
            case FeedAlive():
                return None

    def _day(self) -> int:
        """The exchange's calendar day; the master is the day's."""
        return (self._clock.market_time() + _INDIA) // _DAY
