"""The sessions of the proof: each on an account of its own, and what a person at the broker could do to it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import yaml
from kiteconnect import KiteConnect

from ops.clients.exchange import Exchange
from ops.clients.kubectl import ROOT, Kubectl
from ops.clients.session import Session, wait_for

SAMPLE = ROOT / "configs" / "samples" / "index-intraday.yaml"
_WORKING = ("OPEN", "TRIGGER PENDING")
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Desk:
    """One session, and its account at the exchange."""

    session: Session
    account: str
    exchange: Exchange

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

    def second_client(self) -> KiteConnect:
        """An official client of the same user: what a person, or a second program, trades with."""
        login = self.exchange.post("/sim/login", {"user_id": self.account})
        client = KiteConnect(login["api_key"], root=self.exchange.url, timeout=10)
        session = client.generate_session(login["request_token"], login["api_secret"])
        client.set_access_token(session["access_token"])
        return client

    @contextmanager
    def fault(self, **spec: object) -> Iterator[None]:
        """Let the exchange misbehave towards this account, as long as the block."""
        made = self.exchange.post("/sim/faults", {**spec, "user_id": self.account})
        try:
            yield
        finally:
            self.exchange.delete(f"/sim/faults/{made['id']}")


@contextmanager
def desks(kubectl: Kubectl, exchange: Exchange, names: dict[str, str]) -> Iterator[dict[str, Desk]]:
    """Sessions by name, each on the account given; LIVE at the start of the block, gone after it."""
    made = {name: Desk(Session(kubectl, name), account, exchange) for name, account in names.items()}
    sample = yaml.safe_load(SAMPLE.read_text())
    try:
        for name, account in names.items():
            sample["metadata"]["name"] = name
            sample["spec"]["account"]["id"] = account
            kubectl.apply(yaml.safe_dump(sample))
            wait_for(f"a LIVE leader of {name}", made[name].session.leads, 240)
        yield made
    finally:
        kubectl.run(
            "delete", "tradingsession", *names, "--ignore-not-found", "--wait=true", "--timeout=90s", seconds=100
        )
        pods = [desk.session.pods for desk in made.values()]
        wait_for("the traders to be gone", lambda: all(each() == [] for each in pods) or None, 90)


def slow_market(exchange: Exchange, speed: float) -> float:
    """Let market time run at another speed; returns the one before."""
    before = float(exchange.get("/sim/clock")["speed"])
    exchange.post("/sim/clock", {"speed": speed})
    # Traders hear the simulator's clock once a second.
    time.sleep(1.5)
    return before
