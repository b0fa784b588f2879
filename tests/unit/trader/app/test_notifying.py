"""The desk hears what matters, once, soon, and never so much that it stops listening."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from tests.unit.trader.app.pictures import BRACKET, SNAPSHOT, VIEW
from trader.adapters.desk_messages import DeskAway
from trader.app import notifying
from trader.app.notifying import MESSAGES_A_MINUTE, QUEUED_AT_MOST, Notice, Notifier, Picture, news
from trader.domain.values import Epoch, KillReason, MarketTime, Paise, TradingState
from trader.engine.ports import KillRow
from trader.engine.settings import Snapshot

KILL = KillRow("kill-1", KillReason.MANUAL, "too much", "api meera", MarketTime(5))


def at(hour: int, minute: int, day: int = 20_780) -> MarketTime:
    """A moment of a day in India."""
    return MarketTime(((day * 24 + hour) * 60 + minute) * 60 * 10**9 - notifying._INDIA)


MORNING = at(10, 0)


def picture(snapshot: Snapshot = SNAPSHOT, market_time: MarketTime = MORNING, token: str = "") -> Picture:
    return Picture(snapshot, market_time, is_trading_day=True, token_problem=token, red=())


def titles(before: Picture | None, after: Picture) -> list[str]:
    return [each.title for each in news(before, after)]


def test_what_stays_as_it_is_is_no_news() -> None:
    """Nor is anything that a standby sees: its leader tells."""
    assert news(picture(), picture()) == ()
    assert news(None, picture(replace(SNAPSHOT, is_leader=False, kill=KILL))) == ()


def test_a_leader_a_kill_and_flat_are_told() -> None:
    """Who leads; who killed and why, urgently; when it is flat; that it is over."""
    assert titles(None, picture()) == ["new leader"]
    assert titles(picture(), picture(replace(SNAPSHOT, epoch=Epoch(8)))) == ["new leader"]
    killed = picture(replace(SNAPSHOT, kill=KILL, view=replace(VIEW, kill=None)))
    (notice,) = news(picture(), killed)
    assert (notice.title, notice.text, notice.is_urgent) == ("KILL", "kill-1 by api meera: manual, too much", True)
    assert titles(killed, picture()) == ["kill released"]
    assert "KILL" in titles(None, killed), "a leader that begins under a kill says so"


def test_fills_are_told_as_holdings() -> None:
    """What is held now, by instrument; partly, wholly, gone."""
    partly = replace(VIEW, brackets=(replace(BRACKET, held=30),))
    gone = replace(VIEW, brackets=())
    said = [
        each.text
        for before, after in ((gone, partly), (partly, VIEW), (VIEW, gone))
        for each in news(picture(replace(SNAPSHOT, view=before)), picture(replace(SNAPSHOT, view=after)))
    ]
    assert said == [
        "NFO:NIFTY26DECFUT BUY: holds 30",
        "NFO:NIFTY26DECFUT BUY: holds 65",
        "NFO:NIFTY26DECFUT BUY: closed, was 65",
    ]


def test_the_day_s_end_brings_its_result() -> None:
    """Profit, orders, and whether it is flat."""
    closed = replace(VIEW, trading_state=TradingState.CLOSED, is_flat=True, day_profit=Paise(1_234_56))
    told = news(picture(), picture(replace(SNAPSHOT, view=closed)))
    assert [each.title for each in told] == ["CLOSED", "day 2026-11-23"]
    assert "profit 1,234.56 rupees, 2 orders" in told[1].text


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (at(8, 0), at(8, 29), []),
        (at(8, 29), at(8, 30), ["no broker token"]),
        (at(8, 30), at(8, 31), []),
        (at(15, 0), at(8, 45, day=20_781), ["no broker token"]),
    ],
)
def test_a_missing_token_is_told_at_half_past_eight(before: MarketTime, after: MarketTime, expected: list[str]) -> None:
    """Once a day, and not in the middle of the night; the message says what to do."""
    told = news(picture(market_time=before, token="not accepted"), picture(market_time=after, token="not accepted"))
    assert [each.title for each in told] == expected
    assert all("log in on the session's login page" in each.text for each in told)


def test_a_gate_that_turns_red_is_named() -> None:
    """Each red line once."""
    red = replace(picture(), red=("Redis", "calendar"))
    (notice,) = news(replace(picture(), red=("Redis",)), red)
    assert notice == Notice("preflight", "red: calendar")
    assert news(red, red) == ()


@dataclass
class FakeDesk:
    """Takes messages, or is away for some."""

    away: int = 0
    messages: list[tuple[str, str]] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, title: str, text: str) -> None:
        if self.away:
            self.away -= 1
            raise DeskAway("not taken by: tgram")
        self.messages.append((title, text))
        self.arrived.set()


Start = Callable[[FakeDesk], Notifier]


@pytest.fixture
async def start(monkeypatch: pytest.MonkeyPatch) -> Start:
    monkeypatch.setattr(notifying, "GATHER_SECONDS", 0.01)
    monkeypatch.setattr(notifying, "RETRY_SECONDS", 0.01)

    def begin(desk: FakeDesk) -> Notifier:
        notifier = Notifier(desk, "index", lambda: 0.0)
        asyncio.get_running_loop().create_task(notifier.run())
        return notifier

    return begin


async def test_notices_of_one_moment_are_one_message(start: Start) -> None:
    """Five fills are one buzz; a desk that does not answer is tried again."""
    desk = FakeDesk(away=2)
    notifier = start(desk)
    for number in range(5):
        notifier.tell(Notice("fill", f"holds {number}"))
    await asyncio.wait_for(desk.arrived.wait(), 5)
    assert desk.messages == [("index: fill", "\n".join(f"fill: holds {number}" for number in range(5)))]


async def test_a_flood_is_bounded_and_a_kill_still_gets_through(start: Start) -> None:
    """A few messages a minute; what is more is counted; what is urgent is never dropped for what is not."""
    desk = FakeDesk()
    notifier = start(desk)
    for _ in range(MESSAGES_A_MINUTE):
        desk.arrived.clear()
        notifier.tell(Notice("fill", "one"))
        await asyncio.wait_for(desk.arrived.wait(), 5)
    for number in range(QUEUED_AT_MOST * 2):
        notifier.tell(Notice("fill", f"number {number}"))
    await asyncio.sleep(0.1)
    assert len(desk.messages) == MESSAGES_A_MINUTE
    desk.arrived.clear()
    notifier.tell(Notice("KILL", "kill-1", is_urgent=True))
    await asyncio.wait_for(desk.arrived.wait(), 5)
    title, text = desk.messages[-1]
    assert title == "index: KILL"
    assert text.endswith(f"KILL: kill-1\nand {QUEUED_AT_MOST + 1} more")
