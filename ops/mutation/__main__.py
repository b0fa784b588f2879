"""Runs mutmut over the domain's most promising modules and writes `docs/reference/mutation.md`.

`python -m ops.mutation [--minutes N] [--children N] [--report]`: goes on where the last run stopped, asks again whatever
survived when a test has changed, and stops after so many minutes. `--report` only writes the page. The exit code is 1 while a
survivor is neither killed nor explained in `survivors.yaml`, or a mutant is not judged.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from ops.mutation.reporting import write_report
from ops.mutation.verdicts import undecided
from ops.mutation.workspace import MODULES, WORKSPACE, prepare

_NICE = 15
_STOP_SECONDS = 30


def main() -> int:
    """Run as asked, then report."""
    parser = argparse.ArgumentParser(prog="python -m ops.mutation", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=60, help="stop after so long; the next run goes on")
    parser.add_argument("--children", type=int, default=os.cpu_count() or 1, help="mutants judged at a time")
    parser.add_argument("--report", action="store_true", help="only write the page")
    asked = parser.parse_args()
    if not asked.report:
        deadline = time.monotonic() + asked.minutes * 60
        tests_differ = prepare()
        if tests_differ:
            (WORKSPACE / "mutants" / "mutmut-stats.json").unlink(missing_ok=True)
        _run(["run", "--max-children", str(asked.children)], deadline)
        if tests_differ and (names := [name for module in MODULES for name in undecided(module)]):
            _run(["run", "--max-children", str(asked.children), *names], deadline)
    open_questions = write_report()
    for question in open_questions:
        print(f"mutation: {question}", file=sys.stderr)
    return 1 if open_questions else 0


def _run(arguments: list[str], deadline: float) -> None:
    """mutmut, politely, until then at most; it keeps each verdict as it comes."""
    mutmut = str(Path(sys.executable).with_name("mutmut"))
    process = subprocess.Popen(["nice", "-n", str(_NICE), mutmut, *arguments], cwd=WORKSPACE, start_new_session=True)
    try:
        process.wait(max(deadline - time.monotonic(), 1))
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
