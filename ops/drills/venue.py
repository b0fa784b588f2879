"""The drill's exchange: a kitesim in a process of its own, its log as the only witness."""

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from ops.clients.exchange import Exchange
from ops.clients.kubectl import KubectlError
from ops.drills.framework import NotSteadyError
from ops.drills.processes import Program, awaited, program
from ops.judging.history import Accepted, ours

ACCOUNT: Final = "DR1234"
FUNDS_RUPEES: Final = 20_000_000
DAY: Final = "2026-11-23"
"""One fixed trading day: its instruments are known, and a drill means the same tomorrow."""
START_SECONDS: Final = 90.0
_LISTENING = re.compile(r"kitesim listening on (http://\S+)")
Entry = Mapping[str, Any]


class Venue:
    """A running kitesim and what a drill asks of it."""

    def __init__(self, folder: Path, seed: int) -> None:
        config = {
            "seed": seed,
            "date": DAY,
            "start": "09:20:00",
            "port": 0,
            "strikes": 0,
            "funds": FUNDS_RUPEES,
            "stream": {"tick_interval_ms": 200},
            # A real broker answers after 50 ms or so: the windows between two child orders are as wide as in life.
            "latencies": {"reply_ms": 30},
        }
        file = folder / "kitesim.yaml"
        file.write_text(yaml.safe_dump(config), encoding="utf-8")
        self._process = Program(
            [program("kitesim"), "serve", "--config", str(file)], folder / "kitesim.log", os.environ
        )
        self._folder = folder
        found = awaited(self._listening, START_SECONDS, "kitesim listens")
        self.url = found.group(1)
        self._control = Exchange(self.url, "")

    def _listening(self) -> re.Match[str] | None:
        if self._process.exit_code is not None:
            raise NotSteadyError(f"kitesim ended with {self._process.exit_code}: {self._process.said()[-300:]}")
        return _LISTENING.search(self._process.said())

    def close(self) -> None:
        """Keep its log beside the others, and end it."""
        try:
            entries = self.log()
        except KubectlError:
            entries = []
        lines = "".join(json.dumps(each) + "\n" for each in entries)
        (self._folder / "exchange.jsonl").write_text(lines, encoding="utf-8")
        self._process.end()

    # --- the witness ---

    def log(self) -> list[dict[str, Any]]:
        """Everything the exchange ever wrote down."""
        return self._control.read_log()

    def accepted(self) -> list[Accepted]:
        """Orders of ours that it took, oldest first."""
        return ours(self.log())

    def now_ns(self) -> int:
        """Its machine time: of a request that was just made."""
        return self._control.now_ns()

    def state(self) -> dict[str, Any]:
        """The account's book, positions and margins."""
        found: dict[str, Any] = self._control.get(f"/sim/state?user_id={ACCOUNT}")
        return found

    def orders(self) -> list[dict[str, Any]]:
        """The account's orders as rows, empty before the account exists."""
        users = self.state()
        rows: list[dict[str, Any]] = users.get("orders") or []
        return rows

    # --- the market ---

    def market_ns(self) -> int:
        """Market time."""
        return int(self._control.get("/sim/clock")["market_time_ns"])

    def set_clock(self, *, speed: float, advance_seconds: float = 0.0) -> None:
        """Another speed, and a leap."""
        self._control.post("/sim/clock", {"speed": speed, "advance_seconds": advance_seconds})

    def last_price(self, instrument: str) -> float:
        """In rupees."""
        return float(self._control.get("/sim/state")["last_prices"][instrument])

    def band(self, instrument: str) -> tuple[float, float]:
        """The circuit limits of now, in rupees."""
        quote = self._control.get(f"/sim/state?instrument={instrument}")["quote"]
        return float(quote["lower_circuit_limit"]), float(quote["upper_circuit_limit"])

    def instrument(self, underlying: str) -> str:
        """The nearest future of an underlying: what the traders' strategy trades."""
        names = [each for each in self._control.get("/sim/state")["last_prices"] if each.endswith("FUT")]
        return str(next(each for each in names if re.fullmatch(rf"NFO:{underlying}\d.*", each)))

    def force(self, instrument: str, price: float) -> None:
        """Put an instrument at a price on its tick, and keep it there."""
        on_tick = round(round(price * 10) / 10, 2)
        self._control.post("/sim/price", {"instrument": instrument, "price": on_tick, "hold_seconds": 900})

    def fund(self, rupees: float) -> None:
        """Pay in, or out."""
        self._control.post("/sim/funds", {"user_id": ACCOUNT, "amount": rupees})

    def login(self) -> dict[str, str]:
        """What a login page would give: `api_key`, `api_secret`, `request_token`."""
        found: dict[str, str] = self._control.post("/sim/login", {"user_id": ACCOUNT})
        return found

    # --- misbehaviour ---

    def fault(self, kind: str, **fields: Any) -> str:
        """Put a fault to work; its id."""
        made = self._control.post("/sim/faults", {"kind": kind, **fields})
        return str(made["id"])

    def end_fault(self, fault: str) -> None:
        """End one that is at work."""
        self._control.delete(f"/sim/faults/{fault}")

    def clear_faults(self) -> None:
        """End every fault that is still at work."""
        for each in self._control.get("/sim/faults")["faults"]:
            self._control.delete(f"/sim/faults/{each['id']}")

    def strikes(self, kind: str) -> int:
        """How often faults of a kind struck."""
        return sum(1 for each in self.log() if each["kind"] == "fault" and each["fault"] == kind)
