"""Shows a live market to a kitesim that mirrors it: contracts once, then quotes as they come, the newest of each instrument.

Beside everything else: whoever hears a frame leaves its packets here and goes on; a task of its own pushes them. A push that is
late costs older quotes, never memory, and never a step of the engine.
"""

import asyncio
import struct
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import structlog

from trader.adapters.kite.credentials import CredentialsMissing, control_headers
from trader.adapters.kite.packets import Level, Packet, packets
from trader.domain.instruments import Instrument

log = structlog.get_logger(__name__)

PUSH_SECONDS: Final = 2.0
"""A push that takes longer failed: prices of two seconds ago are nobody's market."""
PAUSE_SECONDS: Final = 0.05
RETRY_SECONDS: Final = 1.0
QUOTES_A_CALL: Final = 1_000
_DATE_WIDTH: Final = 5
"""Of an option's symbol: `26DEC` of a month, `26D08` of a week."""


class MirrorAway(Exception):  # noqa: N818
    """The mirror does not take what it is shown; the message says why."""


@dataclass(frozen=True, slots=True)
class MirrorFigures:
    """What became of the quotes."""

    pushed: int
    overtaken: int
    """Replaced by newer ones before they were pushed."""
    unknown: int
    """Of instruments that the mirror does not list."""
    lag_seconds: float
    """How old the oldest quote is that waits now; 0 when none does."""


class QuoteMirror:
    """One mirror, followed by one leader."""

    def __init__(
        self, url: str, control_token_file: Path | None, changed: Callable[[str], None] = lambda problem: None
    ) -> None:
        """`changed` hears what keeps the mirror from following, and the empty string when nothing does."""
        self._url = url.rstrip("/")
        self._control_token_file = control_token_file
        self.changed = changed
        self._names: dict[int, str] = {}
        self._waiting: dict[int, Packet] = {}
        self._latest: dict[int, Packet] = {}
        """The last packet of each instrument: a mirror that comes back empty is shown all of them."""
        self._oldest: float | None = None
        self._arrived = asyncio.Event()
        self._problem: str | None = None
        self._pushed = self._overtaken = self._unknown = 0
        self._strangers: frozenset[str] = frozenset()

    def figures(self) -> MirrorFigures:
        """What became of the quotes so far."""
        oldest = self._oldest
        lag = 0.0 if oldest is None else time.monotonic() - oldest
        return MirrorFigures(self._pushed, self._overtaken, self._unknown, lag)

    def hear(self, frame: bytes) -> None:
        """Keep the packets of a frame until they are pushed; never waits, never raises."""
        try:
            found = packets(frame)
        except struct.error:  # the stream has noted it
            return
        for packet in found:
            if packet.token in self._names:
                self._overtaken += packet.token in self._waiting
                self._waiting[packet.token] = self._latest[packet.token] = packet
        if self._waiting:
            self._oldest = self._oldest or time.monotonic()
            self._arrived.set()

    async def run(self, instruments: Sequence[Instrument]) -> None:
        """List these and push what is heard of them, until cancelled; says when the mirror stops following, and when it goes on."""
        self._names = {each.token: each.key for each in instruments}
        self._waiting, self._latest, self._problem = {}, {}, None
        async with httpx.AsyncClient(base_url=self._url, timeout=PUSH_SECONDS, trust_env=False) as http:
            is_listed = False
            while True:
                try:
                    if not is_listed:
                        await self._list(http, instruments)
                        is_listed = True
                    await self._push(http)
                except MirrorAway as away:
                    self._tell(str(away))
                    is_listed = False  # it may be another one when it is back, and empty
                    await asyncio.sleep(RETRY_SECONDS)
                else:
                    self._tell("")
                    await asyncio.sleep(PAUSE_SECONDS)

    def _tell(self, problem: str) -> None:
        if problem == self._problem:
            return
        self._problem = problem
        if problem:
            log.warning("mirror_lost", reason=problem)
        self.changed(problem)

    async def _list(self, http: httpx.AsyncClient, instruments: Sequence[Instrument]) -> None:
        self._strangers = frozenset()
        self._waiting = {**self._latest, **self._waiting}
        rows = [row for each in instruments if (row := contract(each)) is not None]
        answer = await self._post(http, "/sim/instruments", {"instruments": rows})
        if answer["unknown"]:
            log.warning("mirror_does_not_know", instruments=answer["unknown"][:20], count=len(answer["unknown"]))

    async def _push(self, http: httpx.AsyncClient) -> None:
        """Everything that waits; without anything for a while, an empty push that shows that the mirror is there."""
        if not self._waiting:
            self._arrived.clear()
            try:
                async with asyncio.timeout(RETRY_SECONDS):
                    await self._arrived.wait()
            except TimeoutError:
                pass
        waiting, self._waiting, self._oldest = self._waiting, {}, None
        tokens = list(waiting)
        for start in range(0, max(len(tokens), 1), QUOTES_A_CALL):
            batch = {token: waiting[token] for token in tokens[start : start + QUOTES_A_CALL]}
            rows = [quote(self._names[token], packet) for token, packet in batch.items()]
            known = [row for row in rows if row["instrument"] not in self._strangers]
            self._unknown += len(rows) - len(known)
            answer = await self._post(http, "/sim/quotes", {"quotes": known})
            self._pushed += answer["taken"]
            self._unknown += len(answer["unknown"])
            self._strangers |= frozenset(answer["unknown"])

    async def _post(self, http: httpx.AsyncClient, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        try:
            reply = await http.post(path, json=body, headers=control_headers(self._control_token_file))
        except CredentialsMissing as missing:
            raise MirrorAway(str(missing)) from missing
        except httpx.HTTPError as error:
            raise MirrorAway(f"the mirror at {self._url} does not answer: {error or type(error).__name__}") from error
        if reply.status_code == httpx.codes.NOT_FOUND and path == "/sim/quotes":  # none of them is listed there
            return {"taken": 0, "unknown": [each["instrument"] for each in body["quotes"]]}
        if reply.status_code != httpx.codes.OK:
            raise MirrorAway(f"the mirror at {self._url} refuses {path} with HTTP {reply.status_code}")
        try:
            answer: dict[str, Any] = reply.json()
        except ValueError as error:
            raise MirrorAway(f"the mirror at {self._url} answers {path} with no JSON") from error
        return answer


def contract(instrument: Instrument) -> dict[str, Any] | None:
    """What a mirror must know to list it; None for what is no contract."""
    if instrument.kind not in {"FUT", "CE", "PE"}:
        return None
    symbol = instrument.key.split(":", 1)[1]
    strike = 0.0
    if instrument.kind != "FUT":
        strike = float(symbol[len(instrument.underlying) + _DATE_WIDTH : -len(instrument.kind)])
    return {
        "instrument": instrument.key,
        "name": instrument.underlying,
        "instrument_type": instrument.kind,
        "expiry": instrument.expiry,
        "strike": strike,
        "tick_size": instrument.tick_size / 100,
        "lot_size": instrument.lot_size,
        "freeze_quantity": instrument.freeze_quantity,
    }


def quote(name: str, packet: Packet) -> dict[str, Any]:
    """A packet in rupees, as `POST /sim/quotes` takes it; the depth is in full packets only."""
    row: dict[str, Any] = {"instrument": name, "last_price": packet.last_price / 100}
    if packet.is_index or len(packet) < 11:
        return row
    row["volume"] = packet.volume
    row["ohlc"] = {
        key: price / 100
        for key, price in (
            ("open", packet.open),
            ("high", packet.high),
            ("low", packet.low),
            ("close", packet.close),
        )
    }
    if len(packet) > 16:
        row["oi"] = packet.open_interest
        row["depth"] = {"buy": _side(packet.bids), "sell": _side(packet.asks)}
    return row


def _side(levels: Sequence[Level]) -> list[dict[str, Any]]:
    return [{"price": each.price / 100, "quantity": each.quantity, "orders": each.orders} for each in levels]
