"""The first process of a run by hand and its spare: real processes, real signals.

The engine here is a few lines of Python that say which process they run in; what the spare loads is a line, too.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytestmark = [pytest.mark.component, pytest.mark.timeout(60)]

PROGRAM = """
import os, signal, sys, time
from pathlib import Path
from trader.app import supervising

folder, after, engine = Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3]

def load():
    (folder / "loaded").open("a").write(f"{os.getpid()}\\n")

supervising.supervise_with_spare(load, after)
with (folder / "engines").open("a") as engines:
    engines.write(f"{os.getpid()}\\n")
exec(engine)
"""
TRADES = "while True: time.sleep(1)"
AT_ONCE, NEVER = "0", "1000"


class Supervised:
    """A supervising process and what it has started."""

    def __init__(self, folder: Path, engine: str, spare_after: str) -> None:
        self.folder = folder
        command = [sys.executable, "-c", PROGRAM, str(folder), spare_after, engine]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)

    def engines(self, count: int) -> list[int]:
        """The processes that became the engine, once there are so many."""
        return self._numbers("engines", count)

    def spares(self, count: int) -> list[int]:
        """The processes that loaded and wait, once there are so many."""
        found = self._numbers("loaded", count)
        until(lambda: comm(found[-1]) == "trader-spare")
        return found

    def end(self) -> tuple[int, str]:
        """Its exit code, and what it said."""
        said = self.process.communicate(timeout=30)[1]
        return self.process.returncode, said

    def _numbers(self, name: str, count: int) -> list[int]:
        file = self.folder / name
        until(lambda: file.exists() and len(file.read_text().splitlines()) >= count)
        return list(map(int, file.read_text().split()))


def comm(number: int) -> str:
    """What a process is called."""
    return Path(f"/proc/{number}/comm").read_text().strip()


def is_gone(number: int) -> bool:
    """Whether a process has ended: whoever inherits it may not have waited for it yet."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] in {"Z", "X"}
    except (FileNotFoundError, ProcessLookupError):
        return True


def until(holds: Callable[[], bool]) -> None:
    """Other processes tell nobody."""
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline, "did not happen within 30 s"
        time.sleep(0.01)


Start = Callable[[str, str], Supervised]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts one; nothing of it is left behind."""
    started: list[Supervised] = []

    def one(engine: str, spare_after: str) -> Supervised:
        started.append(Supervised(tmp_path, engine, spare_after))
        return started[-1]

    yield one
    for each in started:
        if each.process.poll() is None:
            os.killpg(each.process.pid, signal.SIGKILL)
        each.process.wait()
        assert each.process.stderr is not None
        each.process.stderr.close()


def test_the_spare_is_the_next_engine(start: Start) -> None:
    """The process that had loaded already, not one that begins to; and another spare follows it."""
    supervised = start(TRADES, AT_ONCE)
    (spare,) = supervised.spares(1)
    (first,) = supervised.engines(1)
    assert comm(first) == "trader-engine"
    os.kill(first, signal.SIGKILL)
    assert supervised.engines(2) == [first, spare]
    assert comm(spare) == "trader-engine"
    assert len(supervised.spares(2)) == 2


def test_a_spare_never_runs_beside_the_engine(start: Start) -> None:
    """It waits for as long as the engine lives, and has begun nothing."""
    supervised = start(TRADES, AT_ONCE)
    supervised.spares(1)
    time.sleep(0.5)
    assert len(supervised.engines(1)) == 1


def test_the_old_engine_was_waited_for_before_the_spare_goes(start: Start) -> None:
    """Not even a zombie of it is left when the next one begins: one engine at a time."""
    engine = "before = (folder / 'engines').read_text().split()[:-1]\n"
    engine += "left = [each for each in before if Path('/proc', each).exists()]\n"
    engine += "(folder / f'before-{len(before)}').write_text(str(left))\n"
    supervised = start(engine + TRADES, AT_ONCE)
    supervised.spares(1)
    os.kill(supervised.engines(1)[0], signal.SIGKILL)
    left = supervised.folder / "before-1"
    until(lambda: left.exists() and left.read_text() == "[]")


def test_without_a_spare_the_engine_is_started_anew(start: Start) -> None:
    """A crash so early that there is none yet costs the start, not the run."""
    supervised = start(TRADES, NEVER)
    os.kill(supervised.engines(1)[0], signal.SIGKILL)
    assert len(set(supervised.engines(2))) == 2
    supervised.process.send_signal(signal.SIGTERM)
    assert "crashed by SIGKILL: starting it anew" in supervised.end()[1]


def test_a_spare_that_died_is_missed_by_nobody(start: Start) -> None:
    """The engine goes on; its crash starts another one."""
    supervised = start(TRADES, AT_ONCE)
    (spare,) = supervised.spares(1)
    os.kill(spare, signal.SIGKILL)
    until(lambda: not Path(f"/proc/{spare}").exists())
    (first,) = supervised.engines(1)
    assert not is_gone(first)
    os.kill(first, signal.SIGKILL)
    assert spare not in supervised.engines(2)


def test_nothing_outlives_the_supervising_process(start: Start) -> None:
    """SIGKILL to it ends engine and spare: whoever kills what he has started has killed the trader."""
    supervised = start(TRADES, AT_ONCE)
    children = [*supervised.engines(1), *supervised.spares(1)]
    supervised.process.kill()
    supervised.process.wait()
    until(lambda: all(map(is_gone, children)))


@pytest.mark.parametrize("spare_after", [AT_ONCE, NEVER])
@pytest.mark.parametrize("code", [0, 2, 130])
def test_an_orderly_end_is_the_end_of_all(start: Start, code: int, spare_after: str) -> None:
    """With the engine's exit code, no word, and no process left."""
    supervised = start(f"while not (folder / 'end').exists(): time.sleep(0.01)\nsys.exit({code})", spare_after)
    children = supervised.engines(1) + (supervised.spares(1) if spare_after == AT_ONCE else [])
    (supervised.folder / "end").touch()
    assert supervised.end() == (code, "")
    assert all(map(is_gone, children))
    assert len(supervised.engines(1)) == 1


def test_an_engine_that_crashes_again_and_again_ends_the_run(start: Start) -> None:
    """Two starts more within a minute, then its code and one message."""
    code, said = start("sys.exit(70)", NEVER).end()
    assert code == 70
    assert said.splitlines()[-1] == (
        "trader: the engine crashed 3 times within a minute, the last time with exit code 70: giving up"
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_are_the_engine_s(start: Start, number: signal.Signals) -> None:
    """Its answer is awaited, and is the answer of the whole."""
    engine = f"signal.signal({number.value}, lambda *_: sys.exit(0))\n(folder / 'ready').touch()\n" + TRADES
    supervised = start(engine, AT_ONCE)
    spares = supervised.spares(1)
    until((supervised.folder / "ready").exists)
    supervised.process.send_signal(number)
    assert supervised.end() == (0, "")
    assert all(map(is_gone, spares))


def test_an_engine_that_crashes_while_it_stops_is_not_followed(start: Start) -> None:
    """Whoever asked for the end gets it, with the code that it had."""
    engine = "signal.signal(signal.SIGTERM, lambda *_: sys.exit(70))\n(folder / 'ready').touch()\n" + TRADES
    supervised = start(engine, AT_ONCE)
    supervised.spares(1)
    until((supervised.folder / "ready").exists)
    supervised.process.send_signal(signal.SIGTERM)
    assert supervised.end()[0] == 70
    assert len(supervised.engines(1)) == 1


def test_a_child_whose_parent_died_in_between_ends(tmp_path: Path) -> None:
    """The kernel tells only of deaths after it was asked to: a child that has another parent by then ends by itself."""
    program = """
import sys
from pathlib import Path
from trader.app.children import Children

children = Children()
children._parent += 1
child = children.start()
if child is None:
    Path(sys.argv[1]).touch()
    sys.exit(0)
while (code := children.code_of(child)) is None:
    children.next()
sys.exit(code)
"""
    lived_on = tmp_path / "lived-on"
    ended = subprocess.run([sys.executable, "-c", program, str(lived_on)], timeout=30, check=False)
    assert (ended.returncode, lived_on.exists()) == (128 + signal.SIGKILL, False)
