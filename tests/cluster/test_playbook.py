"""Every command of the first hour's playbook does what the page says, in the page's order."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ops.clients.kubectl import ROOT
from tests.cluster.desks import Desk

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

PAGE = ROOT / "ops" / "FIRST_HOUR_LIVE_PLAYBOOK.md"
COMMAND_SECONDS = 180


def commands() -> list[str]:
    """Every line of every block of shell commands."""
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.strip()]


def test_every_command_of_the_playbook_works(desk: Desk, tmp_path: Path) -> None:
    """On a session of this test's own; the kubeconfig is a copy, for the page changes its namespace."""
    kubectl = desk.session.kubectl
    shutil.copy(kubectl.kubeconfig, tmp_path / "kubeconfig")
    plugins = Path(sys.executable).parent
    (tmp_path / "kubectl").symlink_to(kubectl.program)
    environment = {
        **os.environ,
        "KUBECONFIG": str(tmp_path / "kubeconfig"),
        "PATH": f"{tmp_path}:{plugins}:{os.environ['PATH']}",
    }
    desk.wait_for_position()
    seen: dict[str, str] = {}
    for line in commands():
        if line.startswith("make "):
            continue  # the same targets have tests of their own, and take no session
        ours = line.replace("index-intraday", desk.session.name).replace("ab1234", desk.account.lower())
        done = subprocess.run(
            ["bash", "-ec", ours], env=environment, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        seen[line] = done.stdout
    assert "flat at" in seen['kubectl tsn kill index-intraday --reason "first hour: not as expected"']
    assert desk.session.status().get("kill") is None
    desk.judge()


def test_the_playbook_s_make_targets_exist() -> None:
    """`make -n` knows them."""
    targets = [line.removeprefix("make ") for line in commands() if line.startswith("make ")]
    assert targets
    for target in targets:
        subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, timeout=60, check=True)
