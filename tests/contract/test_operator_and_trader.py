"""Operator and trader import nothing of each other; here both read the same bytes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from session_operator.domain import names
from session_operator.domain.configs import build_plan
from session_operator.domain.decide import decide
from session_operator.domain.leadership import read_leadership
from session_operator.domain.observed import SecretFacts
from session_operator.domain.sessions import read_session
from session_operator.model import Exchange
from session_operator.permissions import trader_rules
from session_operator.status import Status
from tests.unit.operator.builders import FACTS, NOW, PROFILE, TERMS, observed, session, session_body, spec
from tests.unit.operator.deciding import applied
from trader.adapters.kubernetes_pods import peers_of
from trader.app.documents import parse
from trader.app.in_cluster import REPLICAS
from trader.app.profiles import Profile, risk_profile
from trader.app.settings import CREDENTIALS, DATABASE, NOTIFICATIONS, REDIS, Settings, cluster_settings
from trader.domain.calendars import AlwaysOpen
from trader.domain.engine import step
from trader.domain.events import KillEngaged, StandingChanged
from trader.domain.state import EngineSettings, initial_state
from trader.domain.values import SECOND, AccountId, Epoch, KillReason, MachineTime, MarketTime, Standing
from trader.domain.views import view
from trader.engine.reporting import annotations

ROOT = Path(__file__).parents[2]


@pytest.fixture
def mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Settings]:
    """What a pod of a session reads from the files that the operator mounts for it."""
    for name in ("POD_NAME", "POD_UID", "POD_NAMESPACE", "NODE_NAME"):
        monkeypatch.setenv(name, name.lower())

    def read(secrets: Any = FACTS, **changes: Any) -> Settings:
        manifests = applied(decide(observed(session=session(spec=spec(**changes)), secrets=secrets), TERMS, NOW))
        (workload,) = [each for each in manifests if each["kind"] == "StatefulSet"]
        pod = workload["spec"]["template"]["spec"]
        (volume,) = [each for each in pod["volumes"] if each["name"] == "session"]
        sources = [source["configMap"]["name"] for source in volume["projected"]["sources"]]
        for each in manifests:
            if each["kind"] == "ConfigMap" and each["metadata"]["name"] in sources:
                for name, text in each["data"].items():
                    (tmp_path / name).write_text(text)
        return cluster_settings(tmp_path / "session.yaml", tmp_path / "profile.yaml", "0.0.0.0", 8080)

    return read


def test_the_trader_reads_every_file_that_the_operator_mounts(mounted: Callable[..., Settings]) -> None:
    """Field by field, with the trader's strict models: nothing unknown, nothing missing."""
    settings = mounted()

    file = settings.session
    assert (file.account.id, file.lease.name) == ("AB1234", names.lease_name("AB1234"))
    assert risk_profile(settings.profile).per_trade_risk_ppm > 0
    assert not settings.awaits_promotion


def test_both_sides_name_a_configuration_alike(mounted: Callable[..., Settings]) -> None:
    """By the bytes of its profile."""
    found = read_session(session_body()).spec
    assert found is not None
    plan = build_plan(found, {"paper": yaml.safe_load(PROFILE)})

    assert mounted().session.config.hash == plan.final.revision.hash


def test_with_a_stage_to_pass_a_pod_waits_for_the_operator_s_word(mounted: Callable[..., Settings]) -> None:
    """Nothing is stable yet: it boots on the first stage, and takes no new risk with it by itself."""
    canary = {"name": "canary", "profile": "canary-live", "minimumMarketTime": "1h"}

    settings = mounted(config={"stages": [canary, {"name": "full", "profile": "paper"}]})

    assert (settings.session.config.profile, settings.awaits_promotion) == ("canary-live", True)


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
    """Four folders, named on both sides."""
    looked_for = (CREDENTIALS, DATABASE, REDIS, NOTIFICATIONS)
    mounted_at = (names.MOUNT_CREDENTIALS, names.MOUNT_DATABASE, names.MOUNT_REDIS, names.MOUNT_NOTIFICATIONS)
    assert tuple(map(str, looked_for)) == mounted_at


def test_the_trader_reads_what_the_spec_says_of_the_way_to_the_broker(mounted: Callable[..., Settings]) -> None:
    """The program that prints the token, the registered addresses, who tells ours, the proxy: each as it stands in the spec."""
    account = spec()["account"]
    egress = {
        "registeredAddresses": ["203.0.113.7", "2001:db8::7"],
        "checkURL": "https://address.desk.example/",
        "proxyURL": "http://egress.trading:3128",
    }
    broker = account["broker"] | {"tokenCommand": ["vault", "read", "kite"], "egress": egress}
    credentials = {"kitesim-credentials": SecretFacts(frozenset({"api_key"}))}

    read = mounted(secrets=FACTS | credentials, account=account | {"broker": broker}).session.broker

    assert read.token_command == ("vault", "read", "kite")
    assert read.egress is not None
    assert [str(each) for each in read.egress.registered_addresses] == egress["registeredAddresses"]
    assert (read.egress.check_url, read.proxy) == (egress["checkURL"], egress["proxyURL"])


def test_without_them_the_trader_has_none(mounted: Callable[..., Settings]) -> None:
    """What the spec leaves out is not in the file."""
    read = mounted().session.broker

    assert (read.token_command, read.egress, read.proxy) == (None, None, None)


@pytest.mark.parametrize("exchange", [each.value for each in Exchange])
def test_both_sides_know_the_same_calendars(mounted: Callable[..., Settings], exchange: str) -> None:
    """Whatever the CRD takes, the trader trades by."""
    assert mounted(calendar={"exchange": exchange}).session.calendar.exchange == exchange


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


def test_the_traders_ask_for_the_pods_that_they_may_read() -> None:
    """Both of the pair, by the names that the StatefulSet gives them."""
    (rule,) = [each for each in trader_rules("index", "account-ab1234", "kite") if each["resources"] == ["pods"]]

    assert rule["resourceNames"] == list(peers_of(f"{names.trader_name('index')}-1", REPLICAS))
