"""`POST /v1/signals`: checked, recorded, answered by what became of it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.unit.trader.app.test_http import StubProcess, Trail
from trader.app.access import Action, TokenFile
from trader.app.http import make_application
from trader.domain.effects import SignalJudged
from trader.domain.events import EntrySignal
from trader.domain.values import GuardCode, IntentId, Paise, Side, SignalVerdict

BODY: dict[str, Any] = {
    "key": "desk-1",
    "instrument": "NFO:NIFTY26DECFUT",
    "side": "BUY",
    "stopPricePaise": 2_396_000,
    "targetPricePaise": 2_408_000,
}


@dataclass
class Engine:
    """Answers signals as it is told."""

    verdict: SignalVerdict = SignalVerdict.ENTERED
    code: GuardCode | None = None
    taken: list[tuple[str, EntrySignal]] = field(default_factory=list)

    async def take_signal(self, strategy: str, signal: EntrySignal) -> SignalJudged:
        self.taken.append((strategy, signal))
        return SignalJudged("signal-1", self.verdict, IntentId("ABCDEFGH"), self.code, "why" if self.code else "")


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[tuple[Engine, StubProcess, httpx.AsyncClient]]:
    """An engine, its process, and a client with the right token."""
    (tmp_path / "api_token").write_text("right\n")
    engine = Engine()
    process = StubProcess(engine=engine)  # type: ignore[arg-type]
    application = make_application(process, TokenFile(tmp_path / "api_token"))  # type: ignore[arg-type]
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(application),
        base_url="http://trader",
        headers={"Authorization": "Bearer right"},
    ) as client:
        yield engine, process, client


Desk = tuple[Engine, StubProcess, httpx.AsyncClient]


async def test_a_signal_is_recorded_and_handed_over(desk: Desk) -> None:
    """In the domain's words, after it stands in the audit trail."""
    engine, process, client = desk
    answer = await client.post("/v1/signals", json=BODY)
    assert answer.status_code == 202
    assert answer.json() == {"verdict": "ENTERED", "intent": "ABCDEFGH", "code": None, "detail": ""}
    ((strategy, signal),) = engine.taken
    assert (strategy, signal.key, signal.side, signal.entry_price) == ("signal-intake", "desk-1", Side.BUY, None)
    assert (signal.stop_price, signal.target_price) == (Paise(2_396_000), Paise(2_408_000))
    (entry,) = process.store.entries
    assert (entry.action, entry.detail) == ("signal", "signal-intake desk-1: BUY NFO:NIFTY26DECFUT")


@pytest.mark.parametrize(
    ("verdict", "code", "status"),
    [
        (SignalVerdict.KNOWN, None, 200),
        (SignalVerdict.DENIED, GuardCode.HEAT, 409),
        (SignalVerdict.DENIED, GuardCode.NOT_LEADER, 503),
    ],
)
async def test_each_verdict_has_its_status(
    desk: Desk, verdict: SignalVerdict, code: GuardCode | None, status: int
) -> None:
    """A retry of what entered is a success; a denial says which guard; elsewhere somebody else leads."""
    desk[0].verdict, desk[0].code = verdict, code
    answer = await desk[2].post("/v1/signals", json=BODY)
    assert (answer.status_code, answer.json()["code"]) == (status, code.value if code else None)


@pytest.mark.parametrize(
    "change",
    [
        {"key": ""},
        {"key": "a#2"},
        {"side": "HOLD"},
        {"stopPricePaise": 2_396_000.0},
        {"stopPricePaise": "2396000"},
        {"targetPricePaise": 0},
        {"instrument": "NIFTY"},
        {"quantity": 65},
    ],
    ids=str,
)
async def test_a_signal_that_is_none_reaches_nobody(desk: Desk, change: dict[str, Any]) -> None:
    """422 names the field; how much to trade is no field of a signal."""
    answer = await desk[2].post("/v1/signals", json={**BODY, **change})
    assert answer.status_code == 422
    assert next(iter(change)) in answer.text
    assert desk[0].taken == []


async def test_without_token_or_record_nothing_is_entered(desk: Desk, tmp_path: Path) -> None:
    """Like every change it needs a proved caller and a place in the audit trail."""
    engine, process, client = desk
    assert (await client.post("/v1/signals", json=BODY, headers={"Authorization": "Bearer no"})).status_code == 401
    process.store = Trail(is_away=True)
    assert (await client.post("/v1/signals", json=BODY)).status_code == 503
    process.engine = None
    assert (await client.post("/v1/signals", json=BODY)).status_code == 503
    assert engine.taken == []
    assert Action.SIGNAL.verb == "create"
