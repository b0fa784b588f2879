"""What survives a crash without a database."""

from pathlib import Path

import pytest

from tests.component.trader.orders import bracket, cancel, place
from trader.domain.values import Epoch, KillReason, Leg, MarketTime
from trader.engine.emergency import BATCHES, Batch, EmergencyJournal
from trader.engine.ports import KillRow
from trader.engine.records import RecordUnreadable

STOP = place(1, leg=Leg.STOP)
FIRST = Batch(Epoch(1), 7, (bracket(),), (STOP, cancel(STOP)))
SECOND = Batch(Epoch(1), 8, (), (STOP,))


def test_what_was_written_is_read_by_the_next_process(tmp_path: Path) -> None:
    """In order, kills beside batches, until each is cleared."""
    journal = EmergencyJournal(tmp_path / "emergency")
    assert (journal.batches(), journal.kills()) == ((), ())
    kill = KillRow("kill-1", KillReason.MANUAL, "enough", "tester", MarketTime(1))
    journal.write(FIRST)
    journal.write_kill(kill)
    journal.write(SECOND)

    after = EmergencyJournal(tmp_path / "emergency")
    assert (after.batches(), after.kills()) == ((FIRST, SECOND), (kill,))
    after.clear_batches()
    assert (after.batches(), after.kills()) == ((), (kill,))
    after.clear_kills()
    after.clear_kills()
    assert after.kills() == ()


@pytest.mark.parametrize("cut", [1, 2, 40])
def test_a_line_torn_by_a_crash_never_happened_and_harms_no_other(tmp_path: Path, cut: int) -> None:
    """Its write did not return, so its orders were not sent; the next line is whole."""
    journal = EmergencyJournal(tmp_path)
    journal.write(FIRST)
    journal.write(SECOND)
    path = tmp_path / BATCHES
    path.write_bytes(path.read_bytes()[:-cut])
    journal.write(SECOND)

    expected = (FIRST, SECOND, SECOND) if cut == 1 else (FIRST, SECOND)
    assert journal.batches() == expected


def test_a_later_release_s_line_is_an_error_not_a_gap(tmp_path: Path) -> None:
    """A whole line that cannot be understood stops the boot: somebody has to look."""
    (tmp_path / BATCHES).write_text('{"epoch": 1, "batch": 1, "records": [["Unheard", "{}"]], "orders": []}\n')

    with pytest.raises(RecordUnreadable):
        EmergencyJournal(tmp_path).batches()


def test_what_a_later_leader_overtook_is_kept_for_people(tmp_path: Path) -> None:
    """Set aside, it is not adopted, and not lost."""
    journal = EmergencyJournal(tmp_path)
    journal.set_batches_aside(Epoch(3))
    journal.write(FIRST)
    journal.set_batches_aside(Epoch(3))

    assert journal.batches() == ()
    assert [path.name for path in tmp_path.iterdir()] == ["overtaken-before-3.jsonl"]


def test_what_was_done_on_paper_is_kept_apart_and_a_kill_is_not(tmp_path: Path) -> None:
    """A real leader adopts no batch of paper; a kill holds on either."""
    real, paper = EmergencyJournal(tmp_path), EmergencyJournal(tmp_path, on_paper=True)
    paper.write(Batch(Epoch(3), 1, (), ()))
    assert (real.batches(), len(paper.batches())) == ((), 1)
    kill = KillRow("kill-1", KillReason.MANUAL, "enough", "tester", MarketTime(7))
    paper.write_kill(kill)
    assert real.kills() == (kill,)
