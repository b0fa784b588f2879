"""The README's own lines run as they stand."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from kitesim.config import SimulatorConfig
from kitesim.faults import ScenarioFile
from kitesim.market.feeding import inspect

from .conftest import Exchange

pytestmark = pytest.mark.component
README = (Path(__file__).parents[3] / "kitesim" / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_five_minutes_in_python(make_exchange: Callable[..., Exchange]) -> None:
    """Login, quotes, an order, its history, a position; then the stream, ticks, and the order's own update."""
    exchange = make_exchange()
    rest, stream, _ = blocks("python")
    buy = "kite.place_order('regular', 'NSE', 'INFY', 'BUY', 1, 'CNC', 'MARKET', market_protection=-1, tag='SECOND')\n"
    program = (rest + stream).replace(
        "ticker.connect()", f"ticker.connect(threaded=True)\n{buy}import time\ntime.sleep(60)"
    )
    program = program.replace("http://127.0.0.1:8080", exchange.url).replace("ws://127.0.0.1:8080", exchange.stream_url)
    process = subprocess.Popen(
        [sys.executable, "-u", "-W", "ignore", "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        lines = []
        wanted = {"'NSE:INFY'", "PUT ORDER REQ RECEIVED", "'instrument_token': 256265", "COMPLETE SECOND"}
        for line in process.stdout:
            lines.append(line)
            wanted = {text for text in wanted if text not in line}
            if not wanted:
                break
        assert not wanted, ("".join(lines), process.stderr.read())
    finally:
        process.kill()
        process.wait(5)
        process.stdout.close()
        process.stderr.close()


def test_in_process(tmp_path: Path) -> None:
    """The lines of `In process` start a simulator and stop it."""
    lines = "\n    ".join(blocks("python")[2].splitlines())
    program = f"import asyncio\n\nasync def main():\n    {lines}\n\nasyncio.run(main())\n"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60, cwd=tmp_path)


def test_files_are_what_they_say(tmp_path: Path) -> None:
    """The scenario, the configuration and the recording of the README are accepted."""
    scenario, configuration = blocks("yaml")
    assert len(ScenarioFile.model_validate(yaml.safe_load(scenario)).faults) == 2
    assert SimulatorConfig.model_validate(yaml.safe_load(configuration)).market == "nse"
    (recording,) = blocks("csv")
    (tmp_path / "ticks.csv").write_text(recording)
    assert inspect(tmp_path / "ticks.csv").instruments == {"NSE:INFY"}


def test_every_fault_and_control_route_stands_there() -> None:
    """What can be asked for is told."""
    from typing import get_args

    from kitesim.faults import FaultKind
    from kitesim.web.control import CONTROL_ROUTES

    for kind in get_args(FaultKind):
        assert f"`{kind}`" in README, kind
    table = [line for line in README.splitlines() if line.startswith("| `")]
    for method, path, _, _ in CONTROL_ROUTES:
        assert any(method in line and path.replace("fault_id", "id") in line for line in table), f"{method} {path}"
