"""Deliberate misbehaviour, consulted at named points of the way of a request.

A fault says where it strikes (point, route, user, order tag), how often, and what happens. The points are few and
fixed; the code that meets one asks `strike` and does what it is told. Nothing here knows HTTP.
"""

import datetime as dt
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kitesim.clocks import since_midnight
from kitesim.errors import ConfigInvalid

FaultKind = Literal[
    "drop-before",
    "drop-after",
    "delay",
    "rate-limit",
    "bad-gateway",
    "timed-out",
    "late-book",
    "token-expired",
    "ip-refused",
    "black-hole",
    "heartbeats-only",
    "stream-reset",
    "updates-lost",
    "updates-doubled",
    "updates-reordered",
    "updates-replayed",
    "lpp-cancel",
    "frozen-prices",
    "exchange-halt",
    "tight-limits",
    "band-jump",
    "freeze-change",
]
# Where each kind strikes: before the request has any effect, after it had, at a step of the market, at an order update,
# at a trigger, once to the market; a standing fault lasts.
POINTS: dict[str, str] = {
    "drop-before": "before",
    "drop-after": "after",
    "delay": "before",
    "rate-limit": "before",
    "bad-gateway": "before",
    "timed-out": "after",
    "late-book": "after",
    "token-expired": "before",
    "ip-refused": "before",
    "black-hole": "standing",
    "heartbeats-only": "standing",
    "stream-reset": "frame",
    "updates-lost": "update",
    "updates-doubled": "update",
    "updates-reordered": "update",
    "updates-replayed": "update",
    "lpp-cancel": "trigger",
    "frozen-prices": "standing",
    "exchange-halt": "standing",
    "tight-limits": "standing",
    "band-jump": "market",
    "freeze-change": "market",
}


class FaultSpec(BaseModel):
    """One fault, as `POST /sim/faults` and a scenario file take it."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    kind: FaultKind
    method: Literal["GET", "POST", "PUT", "DELETE"] | None = None
    path: str = Field(".*", max_length=200, description="regular expression that the whole path must match")
    user_id: str | None = None
    tag: str | None = Field(None, description="only orders with this tag")
    instrument: str = Field(".*", max_length=200, description="regular expression for EXCHANGE:TRADINGSYMBOL")
    exchange: str | None = Field(None, description="exchange-halt: the exchange that halts; all when absent")
    probability: float = Field(1.0, gt=0, le=1)
    skip: int = Field(0, ge=0, description="occasions that it lets pass before its first strike")
    count: int | None = Field(None, ge=1, description="strikes after which it ends; without end when absent")
    for_seconds: float | None = Field(None, gt=0, le=366 * 86_400, description="machine seconds after which it ends")
    from_time: dt.time | None = Field(None, description="market time of day from which it strikes")
    until_time: dt.time | None = Field(None, description="market time of day from which it no longer strikes")
    delay_ms: float = Field(1000.0, ge=0, le=600_000, description="delay: how late request and reply are")
    hidden_ms: float = Field(
        0.0, ge=0, le=600_000, description="drop-after, timed-out, late-book: how long the order book hides the order"
    )
    status: Literal[500, 502, 503, 504] = Field(502, description="bad-gateway: the HTTP status")
    percent: float = Field(2.0, gt=0, le=90, description="band-jump: the new circuit limits around the last price")
    quantity: int = Field(0, ge=0, description="freeze-change: the new freeze quantity")
    per_second: int = Field(1, ge=1, description="tight-limits: requests a second of every class")


@dataclass(slots=True)
class Fault:
    """A fault at work."""

    fault_id: str
    spec: FaultSpec
    path: re.Pattern[str]
    instrument: re.Pattern[str]
    ends_ns: int | None
    strikes: int = 0
    passed: int = 0

    def row(self) -> dict[str, object]:
        """Return the fault as the control routes show it."""
        return {"id": self.fault_id, "strikes": self.strikes, **self.spec.model_dump(mode="json")}

    def is_at_work(self, machine_ns: int, market_ns: int) -> bool:
        """Tell whether this moment is in its windows."""
        if self.ends_ns is not None and machine_ns >= self.ends_ns:
            return False
        first, end = self.spec.from_time, self.spec.until_time
        if first is None and end is None:
            return True
        moment = since_midnight(market_ns)
        return (first is None or moment >= _nanoseconds(first)) and (end is None or moment < _nanoseconds(end))


class Faults:
    """The faults at work, oldest first; the first that fits strikes."""

    def __init__(self, generator: random.Random, market_ns: Callable[[], int] = lambda: 0) -> None:
        self._generator = generator
        self._market_ns = market_ns
        self._faults: dict[str, Fault] = {}
        self._number = 0
        self._hidden: dict[str, int] = {}

    def add(self, spec: FaultSpec, now_ns: int) -> Fault:
        """Put a fault to work.

        Raises:
            re.error: a pattern is no regular expression.
        """
        self._number += 1
        ends = None if spec.for_seconds is None else now_ns + int(spec.for_seconds * 1e9)
        patterns = re.compile(spec.path), re.compile(spec.instrument)
        fault = Fault(f"fault-{self._number}", spec, *patterns, ends)
        self._faults[fault.fault_id] = fault
        return fault

    def remove(self, fault_id: str) -> bool:
        """End a fault; tell whether it was at work."""
        return self._faults.pop(fault_id, None) is not None

    def rows(self) -> list[dict[str, object]]:
        """Return all faults, at work or waiting for their time."""
        return [fault.row() for fault in self._faults.values()]

    def any(self) -> bool:
        """Tell whether there is any fault."""
        return bool(self._faults)

    def stands(self, kind: FaultKind, user_id: str, now_ns: int) -> bool:
        """Tell whether a fault of a lasting kind is at work for this user; that counts no strike."""
        return bool(self._faults) and any(
            fault.spec.user_id in (None, user_id) for fault in self.standing(kind, now_ns)
        )

    def standing(self, kind: FaultKind, now_ns: int) -> list[Fault]:
        """Return the lasting faults of a kind that are at work."""
        market_ns = self._market_ns()
        return [
            fault for fault in self._faults.values() if fault.spec.kind == kind and fault.is_at_work(now_ns, market_ns)
        ]

    def strike(
        self,
        point: str,
        now_ns: int,
        user_id: str = "",
        *,
        method: str = "",
        path: str = "",
        tag: str | None = None,
        instrument: str = "",
    ) -> FaultSpec | None:
        """Return the fault that strikes here, if any, and count it."""
        if not self._faults:
            return None
        market_ns = self._market_ns()
        for fault in list(self._faults.values()):
            spec = fault.spec
            if fault.ends_ns is not None and now_ns >= fault.ends_ns:
                del self._faults[fault.fault_id]
                continue
            fits = (
                POINTS[spec.kind] == point
                and fault.is_at_work(now_ns, market_ns)
                and spec.method in (None, method or None)
                and spec.user_id in (None, user_id)
                and spec.tag in (None, tag)
                and fault.path.fullmatch(path) is not None
                and (not instrument or fault.instrument.fullmatch(instrument) is not None)
            )
            if not fits or (spec.probability < 1 and self._generator.random() >= spec.probability):
                continue
            fault.passed += 1
            if fault.passed <= spec.skip:
                continue
            fault.strikes += 1
            # What changes the market does so once; everything else strikes until its count is full.
            most = spec.count or (1 if point == "market" else None)
            if most is not None and fault.strikes >= most:
                del self._faults[fault.fault_id]
            return spec
        return None

    def hide(self, order_id: str, until_ns: int) -> None:
        """Keep an order out of the book until this machine time."""
        self._hidden[order_id] = until_ns

    def hides(self, order_id: str, now_ns: int) -> bool:
        """Tell whether the book must not show this order yet."""
        until = self._hidden.get(order_id) if self._hidden else None
        if until is None:
            return False
        if now_ns < until:
            return True
        del self._hidden[order_id]
        return False


class ScenarioFile(BaseModel):
    """A scenario file: `faults:` and a list of them."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    faults: list[FaultSpec]


def load_scenario(path: Path) -> list[FaultSpec]:
    """Read a scenario file.

    Raises:
        ConfigInvalid: the file cannot be read, or a fault in it is wrong.
    """
    try:
        specs = ScenarioFile.model_validate(yaml.safe_load(path.read_text())).faults
        for spec in specs:
            re.compile(spec.path), re.compile(spec.instrument)
    except (OSError, yaml.YAMLError, ValidationError, re.error) as error:
        reason = " ".join(str(error).split())
        raise ConfigInvalid(f"faults_file: {path} is no scenario of faults: {reason}") from error
    return specs


def _nanoseconds(moment: dt.time) -> int:
    seconds = moment.hour * 3600 + moment.minute * 60 + moment.second
    return seconds * 1_000_000_000 + moment.microsecond * 1000
