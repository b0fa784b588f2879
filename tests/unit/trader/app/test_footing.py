"""Real or on paper: what is open comes first, what is wanted second; and the engine hears what its footing is wanted for."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from tests.component.trader.orders import bracket, closed, day
from tests.unit.trader.app.pictures import SNAPSHOT, VIEW
from tests.unit.trader.app.test_paper import KITESIM, settings
from trader.app import footing
from trader.app.footing import DeskWatch, Footing
from trader.app.wiring import Stores, plan
from trader.domain.records import Record
from trader.domain.values import AccountId, TradingState
from trader.engine.ports import KillSwitch, StoreAway, Unknown, Wishes
from trader.engine.settings import Snapshot

SWITCH = KillSwitch("6f1c", 1, engaged=False, reason="", release="")
LIVE, PAPER = (Wishes(live=live, suspended=False, kill_switch=SWITCH) for live in (True, False))
OPEN, FLAT = (day("2026-11-23"), bracket()), (day("2026-11-23"), bracket(), closed())


@dataclass
class Journal:
    """A store, as far as it replays."""

    records: tuple[Record, ...] = ()
    is_away: bool = False

    async def replay(self, account: AccountId) -> tuple[Record, ...]:
        assert account == "AB1234", "both journals are asked for by the account's own name"
        if self.is_away:
            raise StoreAway("no answer")
        return self.records


@dataclass
class Watch:
    """A TradingSession by hand."""

    said: list[Wishes] = field(default_factory=list)
    closed: threading.Event = field(default_factory=threading.Event)

    def watch(self, heard: Callable[[Wishes], None], stopped: Callable[[], bool]) -> None:
        for each in self.said:
            heard(each)
        self.closed.wait(5)

    def close(self) -> None:
        self.closed.set()


@pytest.fixture
def decide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Footing]:
    """A process whose desk wants this, with these journals."""
    for name in ("FIRST_WISH_SECONDS", "LOOK_SECONDS", "SETTLE_SECONDS"):
        monkeypatch.setattr(footing, name, 0.02)
    made = replace(settings(KITESIM), emergency_directory=tmp_path)

    def make(wanted: Wishes | None, real: Any = (), paper: Any = (), *, is_away: bool = False) -> Footing:
        desk = DeskWatch(Watch())
        if wanted is not None:
            desk._heard(wanted)
        stores = Stores(Journal(real, is_away), Journal(paper, is_away))  # type: ignore[arg-type]
        return Footing(plan(made), stores, desk)

    return make


@pytest.mark.parametrize(
    ("wanted", "real", "paper", "on_paper"),
    [
        (LIVE, (), (), False),
        (PAPER, (), (), True),
        (None, (), (), False),
        (LIVE, (), OPEN, True),
        (None, (), OPEN, True),
        (LIVE, FLAT, FLAT, False),
        (PAPER, FLAT, FLAT, True),
        (PAPER, OPEN, (), False),
        (PAPER, OPEN, OPEN, False),
        (LIVE, OPEN, OPEN, False),
    ],
)
async def test_a_boot_goes_where_something_is_open_and_real_comes_first(
    decide: Callable[..., Footing], wanted: Wishes | None, real: Any, paper: Any, on_paper: bool
) -> None:
    """A real position is never left to a process that looks at paper; one on paper is closed on paper."""
    assert await decide(wanted, real, paper).choose() is on_paper


async def test_nobody_leads_on_paper_over_a_real_position(decide: Callable[..., Footing]) -> None:
    """Asked with the Lease in hand; what cannot be known counts as open. Then this process trades for real."""
    await decide(PAPER).may_lead_on_paper()
    refused = decide(PAPER, OPEN)
    with pytest.raises(Unknown, match="something is open for real"):
        await refused.may_lead_on_paper()
    async with asyncio.timeout(5):
        assert "open for real" in await refused.until_it_changes(lambda: SNAPSHOT, on_paper=True)
    with pytest.raises(Unknown, match="not known"):
        await decide(PAPER, is_away=True).may_lead_on_paper()


def leading(**fields: Any) -> Snapshot:
    """A leader that shows this."""
    rest: dict[str, Any] = {"positions": (), "brackets": (), "working_orders": 0, "in_doubt_orders": 0, "is_flat": True}
    view = replace(VIEW, **({"trading_state": TradingState.PAPER} | rest | fields))
    return replace(SNAPSHOT, view=view)


@pytest.mark.parametrize(
    ("now", "changes"),
    [
        (leading(), True),
        (leading(is_flat=False), False),
        (leading(working_orders=1), False),
        (leading(in_doubt_orders=1), False),
        (leading(brackets=VIEW.brackets), False),
        (leading(trading_state=TradingState.REDUCING), False),
        (leading(trading_state=TradingState.HALTED), False),
        (replace(SNAPSHOT, is_leader=False, view=None), True),
    ],
)
@pytest.mark.parametrize("on_paper", [True, False])
async def test_a_footing_changes_only_when_it_is_flat_by_the_book(
    decide: Callable[..., Footing], now: Snapshot, changes: bool, on_paper: bool
) -> None:
    """Of a leader the exchange's book proves it; a standby goes by the journal. A kill holds it where it is."""
    waiting = decide(LIVE if on_paper else PAPER).until_it_changes(lambda: now, on_paper=on_paper)
    try:
        async with asyncio.timeout(0.4):
            assert "live trading is" in await waiting
            assert changes
    except TimeoutError:
        assert not changes


async def test_a_standby_waits_for_the_journal_and_for_the_database(decide: Callable[..., Footing]) -> None:
    """Open in the journal, or not to be known: it stays where a leader may need it."""
    standby = replace(SNAPSHOT, is_leader=False, view=None)
    for desk in (decide(PAPER, OPEN), decide(PAPER, is_away=True)):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await desk.until_it_changes(lambda: standby, on_paper=False)


async def test_an_engine_on_paper_is_wanted_when_the_account_is_not() -> None:
    """Everything else of a wish is the same on both; a new engine hears what is, and each change."""
    source = Watch([PAPER, replace(LIVE, suspended=True)])
    desk = DeskWatch(source)
    desk.start()
    try:
        assert await desk.first(2) is not None
        heard: dict[bool, list[Wishes]] = {True: [], False: []}
        for on_paper, found in heard.items():
            watch = desk.for_engine(on_paper=on_paper)
            thread = threading.Thread(target=watch.watch, args=(found.append, lambda: False))
            thread.start()
            await asyncio.sleep(0.1)
            watch.close()
            await asyncio.to_thread(thread.join, 5)
            assert not thread.is_alive()
        assert (heard[False][-1].live, heard[True][-1].live) == (True, False)
        assert heard[True][-1].suspended
    finally:
        desk.close()
