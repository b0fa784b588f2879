"""The operator's orders and the trader's answers are the same bytes: a real engine behind a real API takes and reports them."""

import asyncio
from collections.abc import Callable

import httpx

from session_operator.adapters.traders import order_body, unacknowledged
from session_operator.domain.actions import Configure
from session_operator.domain.configs import build_revision
from session_operator.domain.reports import TraderReport, read_report
from tests.unit.trader.app.test_configuring import Story, told  # noqa: F401  # a fixture
from tests.unit.trader.engine.process import Process

PROFILE = {
    "name": "canary-live",
    "per_trade_risk": 0.0025,
    "max_heat": 0.01,
    "max_daily_loss": 0.01,
    "instruments": {"underlyings": ["NIFTY"], "kinds": ["FUT"]},
    "order_rate": {"per_second": 5, "per_minute": 200, "per_day": 1000},
    "heartbeats": {"market_data_seconds": 5, "order_stream_seconds": 5},
}


async def read(client: httpx.AsyncClient) -> TraderReport:
    """The trader's report, as the operator reads it."""
    found = read_report((await client.get("/v1/report")).json())
    assert found is not None
    return found


def test_a_leader_takes_what_the_operator_sends_and_reports_it_back(told: Callable[[Story], None]) -> None:  # noqa: F811
    """Hash, epoch and run go there and come back; the hash is computed on both sides."""

    async def story(process: Process, client: httpx.AsyncClient) -> None:
        running = await process.lead()
        await asyncio.sleep(2)
        before = await read(client)
        assert (before.pod, before.is_leader, before.epoch, before.run) == ("trader-0", True, 1, "")
        revision = build_revision(PROFILE)
        order = Configure(
            "trader-0",
            "",
            before.epoch,
            before.in_force,
            "canary",
            "r/canary/1",
            False,
            revision.hash,
            revision.profile_yaml,
        )
        answer = await client.post("/v1/config", json=order_body(order))
        assert answer.status_code == 200, answer.text
        assert unacknowledged(answer.json(), order) == ""
        await asyncio.sleep(0.3)
        after = await read(client)
        assert (after.in_force, after.run, after.waiting) == (revision.hash, "r/canary/1", "")
        running.cancel()

    told(story)


def test_a_standby_takes_the_stable_configuration_from_the_operator(told: Callable[[Story], None]) -> None:  # noqa: F811
    """With epoch 0, which is what it reports."""

    async def story(process: Process, client: httpx.AsyncClient) -> None:
        running = asyncio.ensure_future(process.engine.run())
        await asyncio.sleep(1)
        before = await read(client)
        assert (before.is_leader, before.epoch, before.in_force, before.figures) == (False, 0, "hash", None)
        revision = build_revision(PROFILE)
        order = Configure(
            "trader-0", "", 0, before.in_force, "stable", "s/stable", True, revision.hash, revision.profile_yaml
        )
        answer = await client.post("/v1/config", json=order_body(order))
        assert unacknowledged(answer.json(), order) == ""
        after = await read(client)
        assert (after.in_force, after.run) == (revision.hash, "s/stable")
        running.cancel()

    told(story)
