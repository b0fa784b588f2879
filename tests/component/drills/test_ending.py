"""Whatever ends a drill, nothing of it is left running."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.component, pytest.mark.timeout(120)]


def members(group: int) -> list[str]:
    """Names of the live processes of a process group."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = entry.read_text().partition(") ")
        except (FileNotFoundError, ProcessLookupError):
            continue
        state, _, process_group, *_ = rest.split()
        if int(process_group) == group and state != "Z":
            found.append(name.partition("(")[2])
    return found


def test_a_deadline_takes_the_exchange_and_the_traders_down(tmp_path: Path) -> None:
    """SIGTERM in the middle: exit code 2, for nothing was shown, and no process stays behind."""
    command = [sys.executable, "-m", "ops.drills", "run", "dual-runner", "--keep", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True) as drill:
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob("*/*/process-1/trader.log")) and time.monotonic() < deadline:
            time.sleep(0.1)  # the drill tells nobody that its trader runs
        assert len(members(drill.pid)) >= 3
        os.kill(drill.pid, signal.SIGTERM)
        assert drill.wait(40) == 2
        assert members(drill.pid) == []
