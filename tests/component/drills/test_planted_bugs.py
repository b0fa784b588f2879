"""Tests of the drills: each known bug, planted into real traders, turns the drill that is meant for it red."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.component, pytest.mark.timeout(300)]
PLANTED = Path(__file__).with_name("planted")


def run(tmp_path: Path, drill: str, variant: str, bug: str = "") -> tuple[int, dict[str, Any], str]:
    """Exit code, verdict and output of one variant, with a bug or without."""
    verdict = tmp_path / "verdict.json"
    command = [sys.executable, "-m", "ops.drills", "run", drill, "--variant", variant, "--json", str(verdict)]
    environment = {**os.environ, "PYTHONPATH": str(PLANTED), "DRILL_PLANTED_BUG": bug}
    ran = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False, env=environment)
    assert verdict.exists(), ran.stdout + ran.stderr
    return ran.returncode, json.loads(verdict.read_text()), ran.stdout + ran.stderr


@pytest.mark.parametrize(
    ("bug", "drill", "variant", "broken"),
    [
        ("epoch_check_off", "dual-runner", "leader-frozen", "the loser ended by itself"),
        (
            "replay_guard_off",
            "ws-flap-child-placement",
            "updates-replayed",
            "NIFTY: one entry, one stop, one target at the exchange",
        ),
        ("band_check_off", "exchange-band-jump", "entry-outside", "FREEZE_BAND denies the entry"),
    ],
)
def test_a_planted_bug_turns_the_right_drill_red(
    tmp_path: Path, bug: str, drill: str, variant: str, broken: str
) -> None:
    """Exit code 1, and the broken promise by name."""
    code, verdict, said = run(tmp_path, drill, variant, bug)
    assert (code, verdict["verdict"]) == (1, "Failed"), said
    assert broken in [each["statement"] for each in verdict["failed"]], said


def test_the_same_drill_without_a_bug_is_green(tmp_path: Path) -> None:
    """So that red means the bug, and not the drill."""
    code, verdict, said = run(tmp_path, "exchange-band-jump", "entry-outside")
    assert (code, verdict["verdict"], verdict["failed"]) == (0, "Passed", []), said
