"""The traders of a drill: `trader run --session`, as the operator starts it, with its mounts in a folder."""

import json
import os
import re
import socket
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from ops.drills.control_plane import LEASE, NAMESPACE, SESSION, ControlPlane
from ops.drills.processes import Program, program
from ops.drills.venue import ACCOUNT, Venue
from trader.adapters.sql.migrating import upgrade

UNDERLYINGS: Final = ("NIFTY", "BANKNIFTY", "FINNIFTY")
LEASE_SECONDS: Final = 8
"""Short, for a drill waits it out; long enough that a busy machine does not miss a renewal by itself."""
API_TOKEN: Final = "drill-break-glass"  # noqa: S105 - worth nothing outside a drill
STRATEGY: Final = {
    "range_minutes": 1,
    "buffer_ticks": 20,
    "stop_ticks": 5000,
    "max_stop_ppm": 4000,
    "reward_ratio": 2,
}
"""Every entry has its stop 0.4 % away and its target 0.8 %: more ticks than that are cut by `max_stop_ppm`."""
SILENCE: Final = 2.0


@dataclass(frozen=True, slots=True)
class Identity:
    """What the downward API tells a pod."""

    name: str
    uid: str


def identity(number: int) -> Identity:
    """Of the StatefulSet's pod with this number."""
    return Identity(f"{SESSION}-trader-{number}", f"uid-{number}")


class Trader:
    """One trader process and its HTTP API."""

    patience: float = SILENCE
    """Seconds after which an answer counts as none."""

    def __init__(self, who: Identity, folder: Path, environment: dict[str, str], files: tuple[Path, Path]) -> None:
        self.who = who
        session, profile = files
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = int(free.getsockname()[1])
        command = [program("trader"), "run", "--session", str(session), "--config", str(profile)]
        self.program = Program([*command, "--http", f"127.0.0.1:{self.port}"], folder / "trader.log", environment)

    def ask(self, path: str, *, body: bytes | None = None, headers: dict[str, str] | None = None) -> tuple[int, str]:
        """Status and text of a request; (0, why) when nothing answers."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", body, headers or {})
        try:
            with urllib.request.urlopen(request, timeout=self.patience) as answer:
                return int(answer.status), answer.read().decode(errors="replace")
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(errors="replace")
        except OSError as error:
            return 0, str(error)

    def state(self) -> dict[str, Any]:
        """`/v1/state`; empty while it shows none."""
        status, text = self.ask("/v1/state", headers={"Authorization": f"Bearer {API_TOKEN}"})
        found: dict[str, Any] = json.loads(text) if status == 200 else {}
        return found

    def kill_switch(self, reason: str) -> str:
        """`POST /v1/kill`; the id of the kill that stands."""
        headers = {"Authorization": f"Bearer {API_TOKEN}", "Content-Type": "application/json"}
        status, text = self.ask("/v1/kill", body=json.dumps({"reason": reason}).encode(), headers=headers)
        return str(json.loads(text)["id"]) if status == 202 else ""

    def metric(self, name: str, **labels: str) -> float:
        """One sample of `/metrics`; 0 when it is not there."""
        _, page = self.ask("/metrics")
        total = 0.0
        for line in page.splitlines():
            found = re.fullmatch(rf"{name}(?:\{{(.*)\}})? (\S+)", line)
            if found and all(f'{key}="{value}"' in (found.group(1) or "") for key, value in labels.items()):
                total += float(found.group(2))
        return total

    @property
    def is_leader(self) -> bool:
        """Whether it says so itself."""
        return bool(self.state().get("isLeader"))


class Desk:
    """What the traders of one drill share: session, profile, database, control plane."""

    def __init__(self, folder: Path, venue: Venue, plane: ControlPlane, profile: dict[str, Any]) -> None:
        self._folder = folder
        self._plane = plane
        self.database = f"sqlite:///{folder / 'journal.db'}"
        upgrade(self.database)
        session = {
            "session": {"name": SESSION, "namespace": NAMESPACE, "uid": "session-1"},
            "account": {"id": ACCOUNT, "foreign": "Refuse"},
            "broker": {"type": "Kitesim", "url": venue.url, "streamURL": "ws" + venue.url.removeprefix("http")},
            "lease": {
                "name": LEASE,
                "durationSeconds": LEASE_SECONDS,
                "renewDeadlineSeconds": 5,
                "retryPeriodSeconds": 1,
            },
            "calendar": {"exchange": "AlwaysOpen", "timezone": "Asia/Kolkata"},
            "strategies": [{"name": "opening-range-breakout", "parameters": STRATEGY}],
            "config": {"stage": "drill", "profile": profile["name"], "hash": "d" * 64},
        }
        allowed = {"underlyings": list(UNDERLYINGS), "kinds": ["FUT"]}
        self._session, self._profile = folder / "session.yaml", folder / "profile.yaml"
        self._session.write_text(yaml.safe_dump(session), encoding="utf-8")
        self._profile.write_text(
            yaml.safe_dump({**profile, "instruments": allowed, "strategies": {}}), encoding="utf-8"
        )
        (folder / "kubeconfig").write_text(plane.kubeconfig(), encoding="utf-8")
        self._started = 0

    def start(self, who: Identity) -> Trader:
        """A new process with this identity."""
        self._started += 1
        folder = self._folder / f"process-{self._started}"
        credentials, database = folder / "credentials", folder / "database"
        for each in (credentials, database):
            each.mkdir(parents=True)
        (credentials / "api_token").write_text(API_TOKEN, encoding="utf-8")
        (database / "url").write_text(self.database, encoding="utf-8")
        environment = {
            # Nothing of a real cluster may reach a drill's trader: not its API server, not its Secrets.
            **{name: value for name, value in os.environ.items() if not name.startswith(("KUBERNETES_", "TRADER_"))},
            "KUBECONFIG": str(self._folder / "kubeconfig"),
            "TRADER_CREDENTIALS": str(credentials),
            "TRADER_DATABASE": str(database),
            "TRADER_REDIS": str(folder / "redis"),
            "TRADER_EMERGENCY": str(folder / "emergency"),
            "POD_NAME": who.name,
            "POD_UID": who.uid,
            "POD_NAMESPACE": NAMESPACE,
            "NODE_NAME": "drill",
            "NO_PROXY": "127.0.0.1",
        }
        return Trader(who, folder, environment, (self._session, self._profile))
