"""The official clients of other languages, as their registries deliver them, against this exchange.

They need node and npm, go, java and mvn, and the registries of their languages, so they are no part of `make test`:
`make clients` runs them. What these clients do differently on the wire is in
tests/component/kitesim/test_other_clients.py, which needs nothing.
"""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.component.kitesim.conftest import Exchange

pytestmark = pytest.mark.timeout(400)
HERE = Path(__file__).parent
README = HERE.parents[1] / "kitesim" / "README.md"
MOST_SECONDS = 300


@pytest.fixture
def exchange() -> Iterator[Exchange]:
    """Return a kitesim without rate limits."""
    made = Exchange(funds=50_000_000, limits={"enabled": False})
    yield made
    made.stop()


def run(command: list[str], where: Path) -> str:
    """Run a program and return what it said; a missing one fails the test, it is never skipped."""
    if shutil.which(command[0]) is None:
        pytest.fail(f"this test needs {command[0]} on the PATH")
    done = subprocess.run(command, cwd=where, capture_output=True, text=True, timeout=MOST_SECONDS, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def test_javascript_starts_as_the_readme_says(exchange: Exchange, tmp_path: Path) -> None:
    """The README's own lines, with the official package: money, ticks, and an order whose update comes back."""
    (block,) = re.findall(r"```javascript\n(.*?)```", README.read_text(), re.DOTALL)
    program = block.replace("http://127.0.0.1:8080", exchange.url).replace("ws://127.0.0.1:8080", exchange.stream_url)
    assert program != block
    (tmp_path / "start.mjs").write_text(program + (HERE / "javascript" / "rest.mjs").read_text())
    (tmp_path / "package.json").write_text('{"private": true, "dependencies": {"kiteconnect": "5.3.0"}}')
    run(["npm", "install", "--no-audit", "--no-fund", "--silent"], tmp_path)
    assert "javascript: held" in run(["node", "start.mjs"], tmp_path)


def test_go(exchange: Exchange) -> None:
    """Sessions, market data, orders, portfolio, triggers, calculators and the ticker of gokiteconnect."""
    assert "go: held" in run(["go", "run", ".", exchange.url], HERE / "go")


def test_java(exchange: Exchange, tmp_path: Path) -> None:
    """The same of javakiteconnect; its addresses are constants, which reflection sets, its code is as published."""
    classpath = tmp_path / "classpath"
    run(["mvn", "-q", "-B", "dependency:build-classpath", f"-Dmdep.outputFile={classpath}"], HERE / "java")
    assert "java: held" in run(["java", "-cp", classpath.read_text().strip(), "Main.java", exchange.url], HERE / "java")
