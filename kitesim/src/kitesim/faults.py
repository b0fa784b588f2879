"""Deliberate misbehaviour, consulted at named points of the way of a request.

A fault says where it strikes (point, route, user, order tag), how often, and what happens. The points are few and
fixed; the code that meets one asks `strike` and does what it is told. Nothing here knows HTTP.
"""

import random
import re
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

FaultKind = Literal[
    "drop-before",
    "drop-after",
    "delay",
    "rate-limit",
    "bad-gateway",
    "timed-out",
    "black-hole",
    "stream-reset",
    "updates-lost",
    "updates-doubled",
]
# Where each kind strikes: before the request has any effect, after it had, at a step of the market, at an order update;
# a standing fault lasts.
POINTS: dict[str, str] = {
    "drop-before": "before",
    "drop-after": "after",
    "delay": "before",
    "rate-limit": "before",
    "bad-gateway": "before",
    "timed-out": "after",
    "black-hole": "standing",
    "stream-reset": "frame",
    "updates-lost": "update",
    "updates-doubled": "update",
}


class FaultSpec(BaseModel):
    """One fault, as `POST /sim/faults` takes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    kind: FaultKind
    method: Literal["GET", "POST", "PUT", "DELETE"] | None = None
    path: str = Field(".*", max_length=200, description="regular expression that the whole path must match")
    user_id: str | None = None
    tag: str | None = Field(None, description="only orders with this tag")
    probability: float = Field(1.0, gt=0, le=1)
    count: int | None = Field(None, ge=1, description="strikes after which it ends; without end when absent")
    for_seconds: float | None = Field(None, gt=0, description="machine seconds after which it ends")
    delay_ms: float = Field(1000.0, ge=0, le=600_000)


@dataclass(slots=True)
class Fault:
    """A fault at work."""

    fault_id: str
    spec: FaultSpec
    path: re.Pattern[str]
    ends_ns: int | None
    strikes: int = 0

    def row(self) -> dict[str, object]:
        """Return the fault as the control routes show it."""
        return {"id": self.fault_id, "strikes": self.strikes, **self.spec.model_dump()}


class Faults:
    """The faults at work, oldest first; the first that fits strikes."""

    def __init__(self, generator: random.Random) -> None:
        self._generator = generator
        self._faults: dict[str, Fault] = {}
        self._number = 0

    def add(self, spec: FaultSpec, now_ns: int) -> Fault:
        """Put a fault to work.

        Raises:
            re.error: the path is no regular expression.
        """
        self._number += 1
        ends = None if spec.for_seconds is None else now_ns + int(spec.for_seconds * 1e9)
        fault = Fault(f"fault-{self._number}", spec, re.compile(spec.path), ends)
        self._faults[fault.fault_id] = fault
        return fault

    def remove(self, fault_id: str) -> bool:
        """End a fault; tell whether it was at work."""
        return self._faults.pop(fault_id, None) is not None

    def rows(self) -> list[dict[str, object]]:
        """Return all faults at work."""
        return [fault.row() for fault in self._faults.values()]

    def stands(self, kind: FaultKind, user_id: str, now_ns: int) -> bool:
        """Tell whether a fault of a lasting kind is at work for this user; that counts no strike."""
        return any(
            fault.spec.kind == kind
            and fault.spec.user_id in (None, user_id)
            and (fault.ends_ns is None or now_ns < fault.ends_ns)
            for fault in self._faults.values()
        )

    def strike(
        self, point: str, now_ns: int, user_id: str, *, method: str = "", path: str = "", tag: str | None = None
    ) -> FaultSpec | None:
        """Return the fault that strikes here, if any, and count it."""
        if not self._faults:
            return None
        for fault in list(self._faults.values()):
            spec = fault.spec
            if fault.ends_ns is not None and now_ns >= fault.ends_ns:
                del self._faults[fault.fault_id]
                continue
            fits = (
                POINTS[spec.kind] == point
                and spec.method in (None, method or None)
                and spec.user_id in (None, user_id)
                and spec.tag in (None, tag)
                and fault.path.fullmatch(path) is not None
            )
            if not fits or (spec.probability < 1 and self._generator.random() >= spec.probability):
                continue
            fault.strikes += 1
            if spec.count is not None and fault.strikes >= spec.count:
                del self._faults[fault.fault_id]
            return spec
        return None
