"""Market time of a simulator: what `GET /sim/clock` shows, carried forward between polls at the speed that it tells.

It never runs backwards. With Kite itself market time is the wall clock (`adapters.system_clock`).
"""

import asyncio
import contextlib
import time
from pathlib import Path
from typing import Final

import httpx
import structlog

from trader.adapters.kite.credentials import CredentialsMissing, control_headers
from trader.adapters.system_clock import machine_time
from trader.domain.values import MachineTime, MarketTime

log = structlog.get_logger(__name__)

POLL_SECONDS: Final = 1.0
ANSWER_SECONDS: Final = 2.0
REMEMBERED: Final = 16
"""Moments whose wall time is kept: of a kill there are two."""


class KitesimClock:
    """Follows a simulator's clock: `start()` before anything decides by it, `follow()` as a task beside.

    Before that it says what it was told (`estimate`), or else the wall clock's time: good enough for a standby, which asks the
    simulator nothing and decides nothing by market time.
    """

    def __init__(self, url: str, control_token_file: Path | None = None) -> None:
        self._url = f"{url.rstrip('/')}/sim/clock"
        self._control_token_file = control_token_file
        self._reference: tuple[int, int, float] | None = None
        self._latest = 0
        self._estimate: int | None = None
        self._heard_at: int | None = None
        self._wall_times: dict[MarketTime, int] = {}

    def machine_time(self) -> MachineTime:
        """Nanoseconds since boot."""
        return machine_time()

    def market_time(self) -> MarketTime:
        """What the simulator's clock shows now, estimated since the last poll."""
        if self._reference is None:
            return MarketTime(self._estimate if self._estimate is not None else time.time_ns())
        machine, market, speed = self._reference
        self._latest = max(self._latest, market + int((machine_time() - machine) * speed))
        return MarketTime(self._latest)

    def wall_time(self, at: MarketTime) -> int:
        """Unix nanoseconds, by the simulator's speed when this moment was first asked for; from then on the same.

        Estimated anew each time it would wander by milliseconds, and each report of a kill that stands would be another one.
        """
        if self._reference is None:
            return time.time_ns()
        told = self._wall_times.pop(at, None)
        if told is None:
            speed = self._reference[2]
            told = time.time_ns() - round((self.market_time() - at) / speed if speed else 0)
        self._wall_times[at] = told  # at the end: what was not asked for longest is forgotten first
        if len(self._wall_times) > REMEMBERED:
            del self._wall_times[next(iter(self._wall_times))]
        return told

    @property
    def age_seconds(self) -> float:
        """How long ago the simulator last answered."""
        return float("inf") if self._heard_at is None else (machine_time() - self._heard_at) / 1e9

    def estimate(self, market_time: MarketTime) -> None:
        """What somebody else, who follows the simulator, says it shows."""
        self._estimate = market_time

    async def start(self) -> None:
        """Hear the simulator once.

        Raises:
            OSError: it does not answer; the message says where it was looked for.
        """
        self._latest = 0
        async with self._http() as http:
            await self._hear(http)

    async def follow(self) -> None:
        """Hear it again and again, until cancelled; while it is away the last speed carries on."""
        try:
            await self._follow()
        finally:
            self._estimate, self._reference, self._heard_at = self.market_time(), None, None

    async def _follow(self) -> None:
        async with self._http() as http:
            silent = False
            while True:
                await asyncio.sleep(POLL_SECONDS)
                try:
                    await self._hear(http)
                    silent = False
                except OSError as error:
                    if not silent:
                        log.warning("market_clock_silent", reason=str(error))
                    silent = True

    def _http(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(timeout=ANSWER_SECONDS, trust_env=False)

    async def _hear(self, http: httpx.AsyncClient) -> None:
        """One exchange; the reading belongs to the middle of its round trip."""
        headers: dict[str, str] = {}
        with contextlib.suppress(CredentialsMissing):
            headers = control_headers(self._control_token_file)
        asked = machine_time()
        try:
            reply = await http.get(self._url, headers=headers)
        except httpx.HTTPError as error:
            raise OSError(f"no market time from {self._url}: {error or type(error).__name__}") from error
        if reply.status_code != httpx.codes.OK:
            raise OSError(f"no market time from {self._url}: {self._refusal(reply.status_code)}")
        try:
            shown = reply.json()
            market, speed = int(shown["market_time_ns"]), float(shown["speed"])
        except (ValueError, KeyError) as error:
            raise OSError(f"no market time from {self._url}: its answer is none: {error!r}") from error
        heard = machine_time()
        self._reference = (asked + (heard - asked) // 2, market, speed)
        self._heard_at = heard

    def _refusal(self, code: int) -> str:
        if code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
            return f"it does not accept the control token of {self._control_token_file or 'nowhere'} (HTTP {code})"
        return f"it answered with HTTP {code}"
