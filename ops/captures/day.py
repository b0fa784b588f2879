"""A trading day by hand: a trader on an exchange simulator, a market minute a second, scraped and sealed."""

import contextlib
import datetime as dt
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from ops.captures.tsdb import NAMESPACE, Tsdb, scraping
from ops.clients.kubectl import ROOT
from ops.clients.session import wait_for
from ops.dashboards import first_hour
from ops.postclose.report import INDIA
from ops.preflight.stack import Trader

PROFILE: Final = ROOT / "configs" / "paper.yaml"
SESSION: Final = "paper"
"""As a run by hand calls itself: by its profile."""
SEED: Final = 3
SPEED: Final = 60
DAY_SECONDS: Final = 375.0
"""09:15 to 15:30 at that pace."""
WINDOW_SECONDS: Final = 150.0
STEP_SECONDS: Final = 1.0
MORNING_SECONDS: Final = 150.0
"""After them the dashboard is asked, once something is open: a picture of a desk at work."""
POLL_SECONDS: Final = 0.5
START_SECONDS: Final = 60.0
SEAL_SECONDS: Final = 120.0


class DayError(RuntimeError):
    """The day could not be run or sealed; the message has the last words."""


def run(folder: Path, seconds: float = DAY_SECONDS) -> tuple[Path, dict[str, Any]]:
    """Trade and seal a day; the sealed folder, and what Prometheus answered to each panel of the dashboard.

    Raises:
        DayError: something did not come about.
        ops.clients.session.Waited: a process did not come up.
    """
    state = folder / "state"
    state.mkdir(parents=True)
    command = [str(Path(sys.executable).parent / "trader"), "run", "--config", str(PROFILE), "--seed", str(SEED)]
    command += ["--speed", str(SPEED), "--state-directory", str(state)]
    with (folder / "trader.output").open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, text=True)
        try:
            url = wait_for("the trader's address", lambda: _address(state), START_SECONDS)
            with scraping(url, SESSION, [ROOT / "ops" / "slo_alerts.yml"], folder) as tsdb:
                trader = Trader(process, state)
                until = time.monotonic() + seconds
                _lived(trader, min(seconds, MORNING_SECONDS), folder)
                while not trader.state()["positions"] and time.monotonic() < until:
                    time.sleep(POLL_SECONDS)
                answers = asked(tsdb, time.time())
                _lived(trader, max(until - time.monotonic(), 0.0), folder)
            date = _trading_date(trader)
            # What the guards denied is told by the process alone, and it is gone when its positions are closed.
            with urllib.request.urlopen(f"{url}/metrics", timeout=10) as page:
                (folder / "metrics").write_bytes(page.read())
            process.send_signal(signal.SIGINT)
            process.wait(START_SECONDS)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    return _sealed(folder, date), answers


def _address(state: Path) -> str | None:
    file = state / "http.url"
    return file.read_text(encoding="utf-8").strip() if file.exists() else None


def _lived(trader: Trader, seconds: float, folder: Path) -> None:
    with contextlib.suppress(subprocess.TimeoutExpired):
        trader.process.wait(seconds)
        raise DayError(f"the trader ended before its day: {(folder / 'trader.output').read_text()[-400:]}")


def _trading_date(trader: Trader) -> str:
    """By the market's clock."""
    moment = trader.state()["marketTime"]
    return dt.datetime.fromtimestamp(moment / 1e9, INDIA).date().isoformat()


def _sealed(folder: Path, date: str) -> Path:
    """The day's folder, as `make post-close` seals it."""
    state, archive = folder / "state", folder / "archive"
    command = [sys.executable, "-m", "ops.postclose", "run", "--profile", str(PROFILE), "--name", SESSION]
    command += ["--date", date, "--database", f"sqlite:///{state / 'journal.db'}", "--archive", str(archive)]
    command += ["--credentials", str(state / "credentials"), "--logs", str(state)]
    with _served(folder) as address:
        command += ["--metrics", f"{address}/metrics"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SEAL_SECONDS, check=False)
    if done.returncode != 0:
        raise DayError(f"the day was not sealed: {done.stderr.strip() or done.stdout.strip()}")
    return archive / SESSION / date


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    """A folder over HTTP: the trader's last page of metrics, after the trader."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Nobody reads it."""


def asked(tsdb: Tsdb, now: float) -> dict[str, Any]:
    """The answer to each panel of the dashboard, by the panel's id, as Prometheus gave it."""
    panels = []
    for panel in first_hour.dashboard()["panels"]:
        answers = []
        for target in panel.get("targets", ()):
            expression = _filled(target["expr"])
            is_instant = target["instant"]
            found = (
                tsdb.vector(expression, now)
                if is_instant
                else tsdb.series(expression, now - WINDOW_SECONDS, now, STEP_SECONDS)
            )
            answers.append({"legend": target["legendFormat"], "expr": expression, "result": found})
        panels.append(answers)
    return {"at": now, "window": WINDOW_SECONDS, "prometheus": tsdb.version(), "panels": panels}


def _filled(expression: str) -> str:
    return expression.replace("$namespace", NAMESPACE).replace("$session", SESSION)
