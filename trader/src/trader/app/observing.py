"""What the process watches about itself from outside the engine: how fresh the stream is, and how long a kill takes."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

from trader.app.telemetry import TraderTelemetry
from trader.domain.events import Quote
from trader.domain.instruments import Instrument
from trader.domain.values import SECOND, MachineTime
from trader.engine.ports import Clock, Feed, FeedAlive, FeedItem
from trader.engine.settings import Snapshot

FLATTEN_LOOK_SECONDS = 0.02


class ObservedFeed:
    """A feed that notes when its frames and ticks came, and passes everything on as it is."""

    def __init__(self, feed: Feed, clock: Clock, telemetry: TraderTelemetry) -> None:
        self._feed = feed
        self._clock = clock
        self._telemetry = telemetry
        self._stream_at: MachineTime | None = None
        self._ticked_at: dict[str, MachineTime] = {}

    @property
    def stream_at(self) -> MachineTime | None:
        """When the last frame came; None when nobody listens."""
        return self._stream_at

    @property
    def ticked_at(self) -> dict[str, MachineTime]:
        """When each instrument class ticked last; only classes that are subscribed."""
        return dict(self._ticked_at)

    async def items(self, instruments: Sequence[Instrument]) -> AsyncIterator[FeedItem]:
        """What the feed says."""
        bucket_of = {each.key: each.bucket for each in instruments}
        # Counted from the subscription on: a class that never ticks grows stale instead of staying unseen.
        started = self._clock.machine_time()
        self._stream_at = started
        self._ticked_at = dict.fromkeys(bucket_of.values(), started)
        stream = self._feed.items(instruments)
        try:
            async for item in stream:
                if isinstance(item, Quote):
                    self._ticked_at[bucket_of[item.instrument]] = item.at
                elif isinstance(
                    item, FeedAlive
                ):  # alone: a stream that connects again and again, and stays mute, is silent
                    self._frame()
                yield item
        finally:
            self._stream_at, self._ticked_at = None, {}
            close = getattr(stream, "aclose", None)
            if close is not None:
                await close()

    def _frame(self) -> None:
        now = self._clock.machine_time()
        if self._stream_at is not None:
            self._telemetry.stream_gap((now - self._stream_at) / SECOND)
        self._stream_at = now


async def time_flattening(snapshot: Callable[[], Snapshot], clock: Clock, telemetry: TraderTelemetry) -> None:
    """Time each kill from its arrival until flat is proved; a leader only, for it does the flattening.

    A kill that stood already when this process began to lead began elsewhere: its duration is not observed, but while it is
    not flat it is pending all the same.
    """
    timed: dict[str, MachineTime] = {}
    ended: set[str] = set()
    led = False
    while True:
        now = snapshot()
        kill, view = now.kill, now.view
        if not now.is_leader or view is None:
            led, timed = False, {}
        elif kill is not None and not led:
            ended.add(kill.kill_id)
        elif kill is not None and kill.kill_id not in ended:
            started = timed.setdefault(kill.kill_id, clock.machine_time())
            if view.kill is not None and view.flat_at is not None:
                ended.add(kill.kill_id)
                telemetry.flattened(kill.reason, (clock.machine_time() - started) / SECOND)
        telemetry.flattening(is_pending=kill is not None and now.is_leader and (view is None or view.flat_at is None))
        led = led or (now.is_leader and view is not None)
        await asyncio.sleep(FLATTEN_LOOK_SECONDS)
