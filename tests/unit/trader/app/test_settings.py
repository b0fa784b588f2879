"""What the operator mounts is read strictly, and what is missing is said in words."""

import hashlib
from pathlib import Path

import pytest

from trader.app.documents import ConfigInvalid, load
from trader.app.settings import SessionFile, cluster_settings

SESSION = """
session: {name: index-intraday, namespace: desk, uid: 6f1c}
account: {id: AB1234, foreign: Refuse}
broker: {type: Kitesim, url: "http://kitesim.trading:8080", streamURL: "ws://kitesim.trading:8080"}
lease: {name: account-ab1234, durationSeconds: 15, renewDeadlineSeconds: 8, retryPeriodSeconds: 2}
calendar: {exchange: AlwaysOpen, timezone: Asia/Kolkata}
strategies: [{name: opening-range-breakout, parameters: {range_minutes: 5}}]
"""


@pytest.fixture
def pod(monkeypatch: pytest.MonkeyPatch) -> None:
    """The downward API."""
    for name in ("POD_NAME", "POD_UID", "POD_NAMESPACE", "NODE_NAME"):
        monkeypatch.setenv(name, name.lower())


def written(directory: Path, text: str) -> Path:
    """A session file."""
    path = directory / "session.yaml"
    path.write_text(text)
    return path


def test_the_seams_example_is_read(tmp_path: Path, pod: None) -> None:
    """docs/seams.md §2, word for word."""
    profile = tmp_path / "profile.yaml"
    profile.write_bytes(Path("configs/paper.yaml").read_bytes())
    (tmp_path / "stage.yaml").write_text("{stage: canary, awaitsPromotion: true}")
    settings = cluster_settings(written(tmp_path, SESSION), profile, "0.0.0.0", 8080)
    assert settings.session.config.hash == hashlib.sha256(profile.read_bytes()).hexdigest()
    assert (settings.session.config.stage, settings.awaits_promotion) == ("canary", True)
    assert settings.session.broker.stream_url == "ws://kitesim.trading:8080"
    assert settings.session.lease.times().renew_deadline == 8_000_000_000
    assert settings.pod.uid == "pod_uid"


@pytest.mark.parametrize(
    ("found", "instead", "problem"),
    [
        ("foreign: Refuse", "foreign: Maybe", "account.foreign"),
        ("durationSeconds: 15", "durationSeconds: 9", "durationSeconds must exceed renewDeadlineSeconds"),
        ("type: Kitesim, url", "type: Kite, url", "type Kite takes no url"),
        ("exchange: AlwaysOpen", "exchange: NYSE", "calendar.exchange"),
        ("parameters: {range_minutes: 5}", "parameter: 5", "strategies[0].parameter: is no field"),
        ("http://kitesim.trading:8080", "http://kitesim.trading:8080/path", "broker.url"),
    ],
)
def test_a_wrong_field_is_named(tmp_path: Path, found: str, instead: str, problem: str) -> None:
    """One line, with the path of the field."""
    with pytest.raises(ConfigInvalid, match=problem.replace("[", r"\[")):
        load(written(tmp_path, SESSION.replace(found, instead)), SessionFile)


def test_all_problems_come_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Session, profile and environment are looked at together."""
    monkeypatch.delenv("POD_NAME", raising=False)
    with pytest.raises(ConfigInvalid) as caught:
        cluster_settings(tmp_path / "absent.yaml", tmp_path / "absent too.yaml", "0.0.0.0", 8080)
    assert len(caught.value.problems) >= 3
