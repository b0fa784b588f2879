"""A Prometheus of our own on loopback, which scrapes one trader, and what it answers to the dashboard's questions."""

import json
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from ops.clients.session import wait_for
from ops.cluster import binaries, pins

START_SECONDS: Final = 60.0
ANSWER_SECONDS: Final = 10.0
NAMESPACE: Final = "desk"
POD: Final = "index-intraday-trader-0"


@dataclass(frozen=True, slots=True)
class Tsdb:
    """A Prometheus that answers."""

    url: str

    def vector(self, expression: str, at: float) -> list[dict[str, Any]]:
        """What an expression was worth at a moment (Unix seconds)."""
        return self._ask("query", query=expression, time=str(at))

    def series(self, expression: str, since: float, until: float, step: float) -> list[dict[str, Any]]:
        """What it was worth all along."""
        return self._ask("query_range", query=expression, start=str(since), end=str(until), step=str(step))

    def version(self) -> str:
        """As it says itself."""
        with urllib.request.urlopen(f"{self.url}/api/v1/status/buildinfo", timeout=ANSWER_SECONDS) as answer:
            return str(json.load(answer)["data"]["version"])

    def _ask(self, what: str, **parameters: str) -> list[dict[str, Any]]:
        url = f"{self.url}/api/v1/{what}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=ANSWER_SECONDS) as answer:
            found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
        return found


@contextmanager
def scraping(url: str, session: str, rules: Sequence[Path], folder: Path) -> Iterator[Tsdb]:
    """A Prometheus while the block runs, with the labels that the chart's PodMonitor gives and the alerts that it ships.

    Raises:
        ops.clients.session.Waited: it did not come up.
    """
    labels = {"namespace": NAMESPACE, "session": session, "pod": POD}
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(each) for each in rules],
        "scrape_configs": [
            {"job_name": "traders", "static_configs": [{"targets": [urlsplit(url).netloc], "labels": labels}]}
        ],
    }
    file = folder / "prometheus.yml"
    file.write_text(json.dumps(config), encoding="utf-8")
    address = f"127.0.0.1:{_free_port()}"
    program = binaries.ensure([pins.PROMETHEUS])[pins.PROMETHEUS.name]
    command = [str(program), f"--config.file={file}", f"--web.listen-address={address}"]
    command += [f"--storage.tsdb.path={folder / 'tsdb'}", "--log.level=warn"]
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        try:
            made = Tsdb(f"http://{address}")
            wait_for("Prometheus", lambda: _answers(made), START_SECONDS)
            yield made
        finally:
            process.terminate()
            process.wait(30)


def _answers(tsdb: Tsdb) -> bool | None:
    try:
        return bool(tsdb.vector("up == 1", time.time())) or None
    except OSError:
        return None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
