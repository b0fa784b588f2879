"""What meets the outside without a cluster: facts, permissions, settings, schemas, the plugin's text, probes."""

import io
import json
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from session_operator.__main__ import main as operator_main
from session_operator.app.schemas import profile_schema, profile_validator
from session_operator.app.settings import read_settings
from session_operator.domain.facts import read_pod, read_secret
from session_operator.domain.money import as_rupees, grouped
from session_operator.domain.profiles import ProfileSource, read_profile
from session_operator.domain.requests import Verb, read_request
from session_operator.errors import SettingsError
from session_operator.kinds import WATCHED
from session_operator.kubectl import main as plugin_main
from session_operator.permissions import SESSION_RULES, as_yaml
from session_operator.plugin import describe
from tests.unit.operator.builders import pod_body, secret_body, session_body

ROOT = Path(__file__).parents[3]


def test_the_page_of_permissions_is_the_list() -> None:
    """Chart, documentation and operator agree on one list."""
    page = (ROOT / "docs" / "reference" / "operator-rbac.md").read_text()
    assert f"```yaml\n{as_yaml()}```" in page


def test_the_operator_may_read_whatever_it_watches() -> None:
    """A watch that is forbidden would end the operator."""
    for kind in WATCHED:
        rules = [rule for rule in SESSION_RULES if kind.group in rule["apiGroups"] and kind.plural in rule["resources"]]
        assert {"list", "watch"} <= set.union(*(set(rule["verbs"]) for rule in rules)), kind.name


def test_the_packaged_schema_is_the_traders() -> None:
    """`configs/schema/profile.schema.json` is generated from the trader's model; the operator packages a copy."""
    assert profile_schema() == json.loads((ROOT / "configs" / "schema" / "profile.schema.json").read_text())


@pytest.mark.parametrize("name", ["paper", "canary-live", "full-live"])
def test_the_shipped_profiles_are_valid(name: str) -> None:
    """What the chart installs is accepted."""
    profiles = {path.name: path.read_text() for path in (ROOT / "configs").glob("*.yaml")}
    found = read_profile(name, profiles, ProfileSource("trading/profiles", profile_validator()))
    assert isinstance(found, dict), found


def test_a_secret_with_an_empty_value_lacks_the_key() -> None:
    """An empty password is none."""
    facts = read_secret(secret_body("db", {"url": "postgresql://h/d", "empty": ""}))
    assert facts.keys == {"url"}
    assert facts.url_scheme == "postgresql"


@pytest.mark.parametrize("data", [{"url": "%%%"}, {"url": "/w=="}, {"url": "eA=="}, {}])
def test_a_url_that_is_none_has_no_scheme(data: dict[str, str]) -> None:
    """Neither does what is no text."""
    assert read_secret({"metadata": {"name": "db"}, "data": data}).url_scheme == ""


def pod(**status: Any) -> dict[str, Any]:
    """A pod with a status."""
    return pod_body("index-trader-0") | {"status": status}


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (
            {"containerStatuses": [{"state": {"waiting": {"reason": "ErrImagePull", "message": "no such image"}}}]},
            "ErrImagePull: no such image",
        ),
        (
            {
                "containerStatuses": [
                    {
                        "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}},
                        "lastState": {"terminated": {"exitCode": 2, "message": "line\nunknown strategy foo\n"}},
                    }
                ]
            },
            "CrashLoopBackOff: unknown strategy foo",
        ),
        (
            {
                "containerStatuses": [
                    {"state": {"running": {}}, "lastState": {"terminated": {"reason": "OOMKilled", "exitCode": 137}}}
                ]
            },
            "OOMKilled (exit code 137)",
        ),
        (
            {"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3"}]},
            "Unschedulable: 0/3",
        ),
        ({"containerStatuses": [{"state": {"waiting": {"reason": "ContainerCreating"}}}]}, ""),
        ({}, ""),
    ],
)
def test_what_ails_a_pod_is_said_in_one_line(status: dict[str, Any], words: str) -> None:
    """The trader's own last words come first."""
    assert read_pod(pod(**status)).problem == words


@given(st.integers(min_value=-(10**15), max_value=10**15))
def test_rupees_are_exact(paise: int) -> None:
    """No paisa is lost or made, and grouping changes no digit."""
    text = as_rupees(paise)
    assert int(text.replace(".", "")) == paise
    assert grouped(text).replace(",", "") == text


@pytest.mark.parametrize(
    ("rupees", "text"),
    [("1234567.50", "12,34,567.50"), ("-100000.00", "-1,00,000.00"), ("999.00", "999.00"), ("0.05", "0.05")],
)
def test_rupees_are_grouped_as_in_india(rupees: str, text: str) -> None:
    """Lakh and crore."""
    assert grouped(rupees) == text


def test_settings_name_the_variable_that_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names each, with its value."""
    monkeypatch.delenv("OPERATOR_TRADER_IMAGE", raising=False)
    monkeypatch.setenv("OPERATOR_LOG_LEVEL", "LOUD")
    with pytest.raises(SettingsError, match=r"OPERATOR_TRADER_IMAGE.*OPERATOR_LOG_LEVEL.*was 'LOUD'"):
        read_settings()


def test_a_wrong_environment_ends_with_code_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """Starting again would not help."""
    monkeypatch.delenv("OPERATOR_TRADER_IMAGE", raising=False)
    result = CliRunner().invoke(operator_main, ["run"])
    assert result.exit_code == 2
    assert "OPERATOR_TRADER_IMAGE" in result.output


def test_namespaces_are_comma_separated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty means the whole cluster."""
    monkeypatch.setenv("OPERATOR_TRADER_IMAGE", "trader:1")
    monkeypatch.setenv("OPERATOR_NAMESPACES", "desk, other,")
    assert read_settings().namespaces == ("desk", "other")
    monkeypatch.setenv("OPERATOR_NAMESPACES", "")
    assert read_settings().namespaces == ()


STATUS = {
    "phase": "Halted",
    "leader": {"holder": "index-trader-0", "identity": "x", "epoch": 7, "since": "2026-11-23T09:15:00Z"},
    "config": {"stable": "abc", "profile": "paper"},
    "report": {
        "openPositions": 1,
        "workingOrders": 2,
        "heatRupees": "12345.00",
        "dayProfitRupees": "-50.50",
        "netLiquidationRupees": "1000000.00",
    },
    "kill": {"id": "k-1", "reason": "drill", "by": "me"},
    "conditions": [{"type": "Ready", "status": "True", "reason": "SessionReady", "message": "both ready"}],
}


def shown(body: dict[str, Any]) -> str:
    """What the plugin prints."""
    console = Console(file=io.StringIO(), width=200)
    console.print(describe(body))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_plugin_shows_what_goes_on() -> None:
    """Leader, money and kill, in words."""
    text = shown(session_body(status=STATUS))
    for words in ("desk/index", "Halted", "index-trader-0, epoch 7", "₹12,345.00", "₹-50.50", "kill k-1 by me: drill"):
        assert words in text


PROOFS: dict[str, Any] = {
    "gates": {"configHash": "a" * 64, "missing": ["drill dual-runner failed on 2026-11-23: an order twice"]},
    "drills": [
        {
            "name": "dual-runner",
            "configHash": "a" * 64,
            "verdict": "Failed",
            "tradingDate": "2026-11-23",
            "seconds": 130,
        }
        | {"reason": "an order twice"},
        {"name": "dual-runner", "configHash": "b" * 64, "verdict": "Passed", "tradingDate": "2026-11-20"},
    ],
    "runs": [{"job": "index-drill-1", "kind": "Drill", "name": "exchange-band-jump", "tradingDate": "2026-11-23"}],
    "burnIn": {"cleanDays": 2, "earnedDays": 2, "days": [{"date": "2026-11-20", "judgement": "Clean"}]},
    "postClose": {"date": "2026-11-20", "verdict": "Passed", "archive": "index/2026-11-20", "claim": "desk-archive"},
}


def test_the_plugin_shows_what_was_proved() -> None:
    """Gates, the drills of the limits that are judged, what runs, burn-in and the sealed day."""
    proofs = {**PROOFS, "runs": [{**PROOFS["runs"][0], "since": "now", "configHash": "a" * 64}]}
    text = " ".join(shown(session_body(status={**STATUS, **proofs})).split())
    assert "gates closed drill dual-runner failed on 2026-11-23: an order twice" in text
    assert "drill dual-runner Failed 2026-11-23, 130 s: an order twice" in text
    assert "2026-11-20, 0 s" not in text
    assert (
        "drill exchange-band-jump runs 2026-11-23, configuration aaaaaaaaaa, Job index-drill-1, due since now" in text
    )
    assert "burn-in 2 clean last 2026-11-20, clean; 2 earned" in text
    assert "post-close Passed 2026-11-20: index/2026-11-20 on desk-archive" in text


ROLLOUT = {
    "revision": "0123456789",
    "phase": "Paused",
    "reason": "Inconclusive",
    "stage": "canary",
    "step": 1,
    "steps": 2,
    "attempt": 1,
    "message": "stage canary has no answer",
    "marketSeconds": 5400,
    "soakFromSeconds": 600,
    "orders": 4,
    "analysis": [{"slo": "OrderAck", "outcome": "Inconclusive", "message": "4 of 5 samples"}],
}


def test_the_plugin_shows_where_a_rollout_stands() -> None:
    """Stage, what was traded, and each check with its figures."""
    config = {"stable": "abc", "candidate": "def", "stage": "canary", "profile": "canary-live"}
    text = shown(session_body(status=STATUS | {"config": config, "rollout": ROLLOUT}))
    for words in (
        "canary-live in stage canary, stable abc, wanted def",
        "0123456789 Paused (Inconclusive), stage canary (1 of 2), 1 h 20 min traded, 4 orders",
        "stage canary has no answer",
        "4 of 5 samples",
    ):
        assert words in text


def test_the_plugin_shows_a_session_that_nobody_has_looked_at() -> None:
    """Nothing is there yet."""
    assert "nobody" in shown(session_body())


@pytest.fixture
def kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kubectl that answers from a file and writes down what it was asked."""
    program = tmp_path / "kubectl"
    program.write_text(
        f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\n'
        f'case "$*" in *" get "*|get*) cat {tmp_path}/answer 2>/dev/null || {{ echo \'E1123 noise\' >&2; '
        "echo 'Error from server (NotFound): tradingsessions.tradeops.dev \"x\" not found' >&2; exit 1; };; esac\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return tmp_path


def test_killing_writes_the_spec_and_clears_an_old_release(kubectl: Path) -> None:
    """One patch."""
    (kubectl / "answer").write_text(json.dumps(session_body()))
    result = CliRunner().invoke(plugin_main, ["-n", "desk", "kill", "index", "--reason", "drill", "--wait", "0"])
    assert result.exit_code == 0, result.output
    asked = (kubectl / "asked").read_text()
    assert "--namespace=desk patch tradingsessions.tradeops.dev index --type merge" in asked
    assert '{"spec": {"killSwitch": {"engaged": true, "reason": "drill", "release": ""}}}' in asked


def test_releasing_names_the_kill_that_stands(kubectl: Path) -> None:
    """The id of status goes into the spec."""
    (kubectl / "answer").write_text(json.dumps(session_body(status=STATUS)))
    result = CliRunner().invoke(plugin_main, ["release", "index", "--wait", "0"])
    assert result.exit_code == 0, result.output
    assert '"release": "k-1"' in (kubectl / "asked").read_text()


def test_a_request_names_the_configuration_that_was_seen(kubectl: Path) -> None:
    """So that it never touches a newer one."""
    (kubectl / "answer").write_text(json.dumps(session_body(status={"rollout": ROLLOUT})))
    result = CliRunner().invoke(plugin_main, ["promote", "index", "--wait", "0"])
    assert result.exit_code == 0, result.output
    (line,) = [each for each in (kubectl / "asked").read_text().splitlines() if "patch" in each]
    annotations = json.loads(line.partition(" -p ")[2])["metadata"]["annotations"]
    request = read_request(annotations["tradeops.dev/rollout-request"])
    assert request is not None
    assert (request.verb, request.revision) == (Verb.PROMOTE, "0123456789")


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"id": "1"}', '{"id": 1, "verb": "dance", "revision": "r"}'])
def test_a_request_that_cannot_be_read_asks_for_nothing(text: str) -> None:
    """Anybody may write an annotation."""
    assert read_request(text) is None


@pytest.mark.parametrize(
    ("verb", "phase"),
    [("promote", "Complete"), ("pause", "Paused"), ("resume", "Progressing"), ("abort", "RolledBack")],
)
def test_a_verb_that_makes_no_sense_now_is_refused(kubectl: Path, verb: str, phase: str) -> None:
    """With what would make sense."""
    (kubectl / "answer").write_text(json.dumps(session_body(status={"rollout": ROLLOUT | {"phase": phase}})))
    result = CliRunner().invoke(plugin_main, [verb, "index"])
    assert result.exit_code == 2
    assert f"{verb} needs a rollout that is" in result.output
    assert phase in result.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["promote", "index"], "no rollout"),
        (["kill", "index"], "--reason"),
        (["kill", "index", "--reason", " "], "must say why"),
        (["release", "index"], "nothing to release"),
        (["status"], "NAME"),
    ],
)
def test_bad_input_ends_with_code_two(kubectl: Path, arguments: list[str], words: str) -> None:
    """And says what would be right."""
    (kubectl / "answer").write_text(json.dumps(session_body()))
    result = CliRunner().invoke(plugin_main, arguments)
    assert result.exit_code == 2
    assert words in result.output


def test_a_session_that_is_not_there_ends_with_code_two(kubectl: Path) -> None:
    """In kubectl's words, without its log lines."""
    result = CliRunner().invoke(plugin_main, ["status", "x"])
    assert result.exit_code == 2
    assert "NotFound" in result.output
    assert "noise" not in result.output
    assert (kubectl / "asked").exists()


def test_the_rules_are_written_without_anchors() -> None:
    """People read the page."""
    assert "&id" not in as_yaml()
    assert len(list(yaml.safe_load_all(as_yaml()))) == 2
