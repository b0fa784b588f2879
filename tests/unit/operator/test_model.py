"""Rules that span fields hold in the operator too, and say field, value and what would be right."""

from typing import Any

import pytest

from session_operator.domain.sessions import read_session
from session_operator.rules import seconds_of
from tests.unit.operator.builders import session_body, spec


def refused(body: dict[str, Any]) -> str:
    """Read a session whose spec is wrong and return the words about it."""
    found = read_session(session_body(spec=body))
    assert found.spec is None
    return found.spec_error


def test_the_builder_is_valid() -> None:
    """The spec that the other tests change is a good one."""
    assert read_session(session_body()).spec_error == ""


@pytest.mark.parametrize(
    ("times", "word"),
    [
        ({"durationSeconds": 12}, "durationSeconds must be greater than"),
        ({"durationSeconds": 20, "renewDeadlineSeconds": 2, "retryPeriodSeconds": 2}, "1.2 times"),
        ({"durationSeconds": 20, "renewDeadlineSeconds": 6, "retryPeriodSeconds": 5}, "1.2 times"),
        ({"retryPeriodSeconds": 0}, "spec.trader.lease.retryPeriodSeconds"),
    ],
)
def test_bad_lease_arithmetic_is_refused(times: dict[str, int], word: str) -> None:
    """Two leaders could send at once, or one lost renewal would end a leadership."""
    assert word in refused(spec(trader={"lease": times}))


@pytest.mark.parametrize(("duration", "is_good"), [(12, False), (13, True)])
def test_the_margin_of_a_lease_is_two_seconds_and_a_retry(duration: int, is_good: bool) -> None:
    """With a deadline of 8 and a retry of 2, 13 is the first good duration."""
    found = read_session(session_body(spec=spec(trader={"lease": {"durationSeconds": duration}})))
    assert (found.spec is not None) is is_good


def test_a_refusal_names_the_value() -> None:
    """The reader sees what he wrote."""
    assert "was 'Papr'" in refused(spec(mode="Papr"))
    assert "spec.mode" in refused(spec(mode="Papr"))


def test_an_unknown_field_is_refused_and_not_ignored() -> None:
    """What is not finished is not accepted."""
    assert "spec.gate" in refused(spec(gate={}))


def test_kitesim_needs_urls_and_kite_forbids_them() -> None:
    """A simulator has an address; the broker's is built in."""
    broker = spec()["account"]["broker"]
    without = {key: value for key, value in broker.items() if key not in {"url", "streamURL"}}
    assert "required with type Kitesim" in refused(spec(account={"id": "AB1234", "broker": without}))
    kite = spec(account={"id": "AB1234", "broker": broker | {"type": "Kite"}}, calendar={"exchange": "NFO"})
    assert "must be absent with type Kite" in refused(kite)


def with_broker(**parts: Any) -> dict[str, Any]:
    """A spec whose broker says more."""
    return spec(account={"id": "AB1234", "broker": spec()["account"]["broker"] | parts})


EGRESS = {"registeredAddresses": ["203.0.113.7", "2001:db8::7"], "checkURL": "https://address.desk.example/"}


def test_a_broker_s_optional_parts_are_read() -> None:
    """A program that prints the token, the registered addresses, a proxy."""
    body = with_broker(tokenCommand=["/bin/token"], egress=EGRESS | {"proxyURL": "http://egress.trading:3128"})
    assert read_session(session_body(spec=body)).spec_error == ""


@pytest.mark.parametrize(
    ("parts", "word"),
    [
        ({"tokenCommand": []}, "tokenCommand"),
        ({"tokenCommand": "token --print"}, "tokenCommand"),
        ({"egress": {}}, "registeredAddresses"),
        ({"egress": EGRESS | {"registeredAddresses": []}}, "registeredAddresses"),
        ({"egress": EGRESS | {"registeredAddresses": ["203.0.113.256"]}}, "registeredAddresses"),
        ({"egress": EGRESS | {"registeredAddresses": ["desk.example"]}}, "registeredAddresses"),
        ({"egress": EGRESS | {"registeredAddresses": ["203.0.113.7"] * 2}}, "each address once"),
        ({"egress": EGRESS | {"registeredAddresses": ["203.0.113.7", "203.0.113.8", "203.0.113.9"]}}, "at most 2"),
        ({"egress": EGRESS | {"checkURL": "address.desk.example"}}, "checkURL"),
        ({"egress": EGRESS | {"proxyURL": "http://user:secret@egress:3128"}}, "proxyURL"),
        ({"egress": EGRESS | {"proxyURL": "socks5://egress:1080"}}, "proxyURL"),
    ],
)
def test_a_broker_s_parts_that_cannot_be_meant_are_refused(parts: dict[str, Any], word: str) -> None:
    """By name; a credential in a URL would stand in the resource for everybody to read."""
    assert word in refused(with_broker(**parts))


@pytest.mark.parametrize("exchange", ["NFO", "NSE"])
def test_a_session_follows_the_hours_of_derivatives_or_of_equities(exchange: str) -> None:
    """Both calendars are the trader's."""
    assert read_session(session_body(spec=spec(calendar={"exchange": exchange}))).spec_error == ""


def test_a_real_exchange_has_hours() -> None:
    """AlwaysOpen is for simulations."""
    broker = {"type": "Kite", "credentialsSecretRef": {"name": "kite"}}
    assert "AlwaysOpen" in refused(spec(account={"id": "AB1234", "broker": broker}))


def test_a_kill_is_not_engaged_and_released_at_once() -> None:
    """Releasing needs engaged: false."""
    assert "release must be empty" in refused(spec(killSwitch={"engaged": True, "release": "k-1"}))


def test_a_session_without_strategies_or_stages_is_refused() -> None:
    """Lists have their bounds."""
    assert "spec.strategies" in refused(spec(strategies=[]))
    assert "spec.config.stages" in refused(spec(config={"stages": []}))


FULL = {"name": "full", "profile": "paper"}


@pytest.mark.parametrize(
    ("config", "word"),
    [
        ({"stages": [FULL, FULL | {"name": "other"}]}, "name each profile once"),
        ({"stages": [FULL | {"analysis": [{"slo": "OrderAck"}]}]}, "minimumMarketTime is required"),
        ({"stages": [FULL | {"minimumSamples": {"orders": 5}}]}, "minimumMarketTime is required"),
        ({"stages": [FULL | {"minimumMarketTime": "1 hour"}]}, "minimumMarketTime"),
        ({"stages": [FULL | {"minimumMarketTime": ""}]}, "minimumMarketTime"),
        ({"stages": [FULL | {"minimumMarketTime": "1h", "analysis": [{"slo": "Luck"}]}]}, "slo"),
        ({"stages": [FULL], "onFailure": "Ignore"}, "onFailure"),
        ({"stages": [FULL | {"approval": "Sometimes"}]}, "approval"),
    ],
)
def test_a_rollout_that_cannot_be_judged_is_refused(config: dict[str, Any], word: str) -> None:
    """Nothing is accepted and ignored."""
    assert word in refused(spec(config=config))


@pytest.mark.parametrize(("text", "seconds"), [("1h", 3600), ("90m", 5400), ("1h30m", 5400), ("45s", 45)])
def test_a_duration_is_hours_minutes_and_seconds(text: str, seconds: int) -> None:
    """As Go writes them, without fractions."""
    assert seconds_of(text) == seconds


def test_the_account_of_an_unreadable_spec_is_still_known() -> None:
    """Its traders may run: the account counts as taken."""
    assert read_session(session_body(spec=spec(mode="Papr"))).account == "AB1234"
    assert read_session(session_body(spec={"account": 3})).account is None
