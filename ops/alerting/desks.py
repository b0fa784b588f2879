"""The sessions of the proof: each on an account of its own, and what a person at the broker could do to it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import yaml
from kiteconnect import KiteConnect

from ops.clients.exchange import Exchange
from ops.clients.kubectl import ROOT, Kubectl
from ops.clients.session import Session, wait_for
from ops.clients.signals import Bracket, SignalDenied, Signals, signals
from trader.domain.calendars import MINUTE, AlwaysOpen
from trader.domain.values import MarketTime

SAMPLE = ROOT / "configs" / "samples" / "index-intraday.yaml"
UNDERLYINGS = ("NIFTY", "BANKNIFTY")
# Far enough that the position outlives its fault in real time, near enough that one lot fits the profile's risk a trade.
AWAY = 0.008
ENTERS_WITHIN_SECONDS = 90.0
# So far beyond the touch may an entry pay: what it meets a second later, behind a slow broker, fills it still. With the strategy's
# own few ticks it is the market's luck whether there is a position at all.
SLIPPAGE_TICKS = 500
# A trader's master holds the nearest expiry only; the stand's market walks through a day in 24 minutes, and past expiries too.
NOT_ALLOWED = "INSTRUMENT_NOT_ALLOWED"
# A session's last two minutes take no entries; at real speed they would outlast an entry's patience.
ROOM_MINUTES = 25
# At this speed a session of half an hour begins every 30 s.
QUICK = 60.0
BEGINS_WITHIN_SECONDS = 90.0
_WORKING = ("OPEN", "TRIGGER PENDING")
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Desk:
    """One session, and its account at the exchange."""

    session: Session
    account: str
    exchange: Exchange
    signals: Signals

    @property
    def name(self) -> str:
        """The session's name, as alerts tell it."""
        return self.session.name

    def book(self) -> Row:
        """The account as the exchange knows it: orders, positions, margins."""
        found: Row = self.exchange.get(f"/sim/state?user_id={self.account}")
        return found

    def working(self) -> list[Row]:
        """Orders that work."""
        return [order for order in self.book()["orders"] if order["status"] in _WORKING]

    def positions(self) -> list[Row]:
        """What is held."""
        return [each for each in self.book()["positions"]["net"] if each["quantity"]]

    def is_protected(self) -> bool:
        """Whether something is held and a stop works for it."""
        stops = {order["tradingsymbol"] for order in self.working() if order["status"] == "TRIGGER PENDING"}
        held = {each["tradingsymbol"] for each in self.positions()}
        return bool(held) and held <= stops

    def enter(self) -> None:
        """Bring it to hold a protected position in each underlying's nearest future.

        Raises:
            Waited: it does not hold them in time; the message says what was seen last.
        """
        for underlying in UNDERLYINGS:
            self._enter(underlying)
        wait_for("a protected position", lambda: self.is_protected() or None, ENTERS_WITHIN_SECONDS)

    def _enter(self, underlying: str) -> None:
        key = f"proof-{time.time_ns()}"

        def bring() -> str:
            state = self.exchange.get("/sim/state")
            today = datetime.fromisoformat(state["clock"]["market_time"])
            this, following = nearest_futures(state["last_prices"], underlying, today)
            try:
                return self._bring(key, *this)
            except SignalDenied as denied:
                if denied.code != NOT_ALLOWED:
                    raise
                return self._bring(key, *following)

        wait_for(f"an entry in {underlying}", bring, ENTERS_WITHIN_SECONDS)

    def _bring(self, key: str, instrument: str, last: float) -> str:
        wanted = Bracket(instrument, round(last * (1 - AWAY)) * 100, round(last * (1 + AWAY)) * 100)
        return self.signals.bring(self.session, key, wanted)

    def second_client(self) -> KiteConnect:
        """An official client of the same user: what a person, or a second program, trades with."""
        login = self.exchange.post("/sim/login", {"user_id": self.account})
        client = KiteConnect(login["api_key"], root=self.exchange.url, timeout=10)
        session = client.generate_session(login["request_token"], login["api_secret"])
        client.set_access_token(session["access_token"])
        return client

    def strikes(self, kind: str) -> int:
        """How often the faults of a kind that are at work have struck this account."""
        faults: list[Row] = self.exchange.get("/sim/faults")["faults"]
        return sum(each["strikes"] for each in faults if (each["user_id"], each["kind"]) == (self.account, kind))

    @contextmanager
    def fault(self, **spec: object) -> Iterator[None]:
        """Let the exchange misbehave towards this account, as long as the block."""
        made = self.exchange.post("/sim/faults", {**spec, "user_id": self.account})
        try:
            yield
        finally:
            self.exchange.delete(f"/sim/faults/{made['id']}")


def nearest_futures(
    prices: dict[str, float], underlying: str, today: datetime
) -> tuple[tuple[str, float], tuple[str, float]]:
    """Name and last price of an underlying's futures of today's month and of the month after.

    A trader takes the first until it has expired, and the second from the day after.
    """
    following = today.replace(day=1) + timedelta(days=31)
    names = [f"NFO:{underlying}{month:%y%b}FUT".upper() for month in (today, following)]
    this, that = ((name, prices.get(name, prices[names[1]])) for name in names)
    return this, that


@contextmanager
def desks(kubectl: Kubectl, exchange: Exchange, names: dict[str, str]) -> Iterator[dict[str, Desk]]:
    """Sessions by name, each on the account given, which trade by signals alone; LIVE at the start of the block, gone after it."""
    with signals(kubectl, "alert-proof") as bringing:
        made = {name: Desk(Session(kubectl, name), account, exchange, bringing) for name, account in names.items()}
        with _applied(kubectl, made):
            yield made


@contextmanager
def _applied(kubectl: Kubectl, made: dict[str, Desk]) -> Iterator[None]:
    sample = yaml.safe_load(SAMPLE.read_text())
    sample["spec"]["strategies"] = [{"name": "signal-intake", "parameters": {"entry_slippage_ticks": SLIPPAGE_TICKS}}]
    try:
        for name, desk in made.items():
            sample["metadata"]["name"] = name
            sample["spec"]["account"]["id"] = desk.account
            kubectl.apply(yaml.safe_dump(sample))
        for desk in made.values():
            desk.session.becomes_live(240)
        yield
    finally:
        kubectl.run(
            "delete", "tradingsession", *made, "--ignore-not-found", "--wait=true", "--timeout=90s", seconds=100
        )
        pods = [desk.session.pods for desk in made.values()]
        wait_for("the traders to be gone", lambda: all(each() == [] for each in pods) or None, 90)


@contextmanager
def market_at(exchange: Exchange, speed: float) -> Iterator[None]:
    """Market time at another speed from a market session's beginning on, as long as the block.

    Raises:
        Waited: no session began in time.
    """
    before = float(exchange.get("/sim/clock")["speed"])
    exchange.post("/sim/clock", {"speed": max(before, QUICK)})
    try:
        wait_for("a market session's beginning", lambda: _has_begun(exchange), BEGINS_WITHIN_SECONDS)
        exchange.post("/sim/clock", {"speed": speed})
        yield
    finally:
        exchange.post("/sim/clock", {"speed": before})


def _has_begun(exchange: Exchange) -> bool | None:
    return leaves_time(MarketTime(exchange.get("/sim/clock")["market_time_ns"])) or None


def leaves_time(now: MarketTime) -> bool:
    """Whether the session of this moment takes entries for long enough that a whole proof finds room in it in real time."""
    return AlwaysOpen().session_at(now).square_off - now >= ROOM_MINUTES * MINUTE
