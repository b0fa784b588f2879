"""Operator and trader import nothing of each other; here both read the same bytes."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from session_operator.domain import names
from session_operator.domain.decide import decide
from session_operator.domain.leadership import read_leadership
from session_operator.status import Status
from tests.unit.operator.builders import NOW, TERMS, observed, session, spec
from tests.unit.operator.deciding import applied
from trader.app.documents import parse
from trader.app.profiles import Profile, risk_profile
from trader.app.settings import CREDENTIALS, DATABASE, REDIS, SessionFile
from trader.domain.calendars import AlwaysOpen
from trader.domain.engine import step
from trader.domain.events import KillEngaged, StandingChanged
from trader.domain.state import EngineSettings, initial_state
from trader.domain.values import SECOND, AccountId, Epoch, KillReason, MachineTime, MarketTime, Standing
from trader.domain.views import view
from trader.engine.reporting import annotations

ROOT = Path(__file__).parents[2]


def config_map(**changes: Any) -> dict[str, str]:
    """The data of the ConfigMap that the operator would make."""
    manifests = applied(decide(observed(session=session(spec=spec(**changes))), TERMS, NOW))
    (data,) = [dict(each["data"]) for each in manifests if each["kind"] == "ConfigMap"]
    return data


def test_the_trader_reads_every_session_file_that_the_operator_writes() -> None:
    """Field by field, with the trader's strict model: nothing unknown, nothing missing."""
    data = config_map()

    file = parse(data["session.yaml"], "session.yaml", SessionFile)
    profile = parse(data["profile.yaml"], "profile.yaml", Profile)

    assert (file.account.id, file.lease.name) == ("AB1234", names.lease_name("AB1234"))
    assert risk_profile(profile).per_trade_risk_ppm > 0


@pytest.mark.parametrize(
    "path",
    [ROOT / "configs" / name for name in ("paper.yaml", "canary_live.yaml", "full_live.yaml")],
    ids=lambda path: path.name,
)
def test_every_profile_that_we_ship_passes_both_sides(path: Path) -> None:
    """The operator judges by the schema, the trader by its model."""
    read = risk_profile(parse(path.read_text(), path.name, Profile))

    assert read.name
    assert yaml.safe_load(path.read_text())["per_trade_risk"] * 1_000_000 == pytest.approx(read.per_trade_risk_ppm)


def test_the_operator_judges_profiles_by_the_trader_s_own_schema() -> None:
    """The packaged copy is the generated file, byte for byte."""
    generated = ROOT / "configs/schema/profile.schema.json"
    packaged = ROOT / "operator/src/session_operator/schema/profile.schema.json"

    assert packaged.read_bytes() == generated.read_bytes()


def test_the_traders_look_for_secrets_where_the_operator_mounts_them() -> None:
    """Three folders, named on both sides."""
    assert (
        str(CREDENTIALS),
        str(DATABASE),
        str(REDIS),
    ) == (names.MOUNT_CREDENTIALS, names.MOUNT_DATABASE, names.MOUNT_REDIS)


def test_the_operator_reads_what_a_leader_writes_on_the_lease() -> None:
    """Epoch, state, kill and numbers, from a real engine state."""
    at, market = MachineTime(SECOND), MarketTime(1_795_400_000 * SECOND)
    state = initial_state(EngineSettings(AccountId("AB1234"), AlwaysOpen()))
    state, _ = step(state, StandingChanged(at, market, Standing.LEADER, Epoch(7)))
    state, _ = step(state, KillEngaged(at, market, "kill-1", KillReason.MANUAL, "a drill", "desk"))
    written = annotations(Epoch(7), view(state), lambda market_time: market_time)
    lease = {
        "metadata": {"name": "account-ab1234", "annotations": written},
        "spec": {"holderIdentity": "index-trader-0_uid_nonce", "leaseDurationSeconds": 15},
    }

    seen = read_leadership(lease, observed(), Status(), NOW)

    assert seen.leader is not None
    assert (seen.leader.holder, seen.leader.epoch, seen.trading_state) == ("index-trader-0", 7, "HALTED")
    assert seen.kill is not None
    assert (seen.kill.id, seen.kill.reason, seen.kill.by) == ("kill-1", "manual: a drill", "desk")
    assert seen.report is not None
    assert seen.report.open_positions == 0


def test_a_new_holder_shows_nothing_of_its_predecessor() -> None:
    """Between the win and the epoch the annotations are there, and empty."""
    lease = {
        "metadata": {"name": "account-ab1234", "annotations": annotations(Epoch(0), None, lambda at: at)},
        "spec": {"holderIdentity": "index-trader-1_uid_nonce", "leaseDurationSeconds": 15},
    }

    seen = read_leadership(lease, observed(), Status(), NOW)

    assert seen.leader is not None
    assert (seen.leader.epoch, seen.trading_state, seen.report) == (None, None, None)
