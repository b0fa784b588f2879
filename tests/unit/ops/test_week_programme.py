"""Tests of the trading week's programme: some days may be walked alone, and what that leaves out is said."""

import datetime as dt
import hashlib

import yaml

from ops.clients.kubectl import ROOT
from ops.week.programme import DAYS, date_of, programme
from session_operator.domain.configs import build_revision
from session_operator.gates import DrillName

DRILL = DrillName.EXCHANGE_BAND_JUMP.value


def test_none_chosen_is_the_whole_week() -> None:
    """Three burn-in days, canary, full; and nothing to confess."""
    whole = programme((), [DRILL])
    assert whole.days == DAYS
    assert whole.gates()["burnInDays"] == 3
    assert [each["profile"] for each in whole.stages()] == ["canary-live", "full-live"]
    assert list(whole.confessions()) == []


def test_days_are_walked_in_the_week_s_order_and_once() -> None:
    """However they were named."""
    some = programme(["Friday", "Tuesday", "Friday"], [DRILL])
    assert some.days == ("Tuesday", "Friday")
    assert some.first_date == date_of("Tuesday") == dt.date(2026, 12, 8)


def test_friday_alone_asks_for_what_it_can_have_and_says_so() -> None:
    """Without burn-in days in the walk no gate asks for them; without a canary the limits are full at once."""
    alone = programme(["Friday"], [DRILL])
    assert alone.gates()["burnInDays"] == 0
    assert [each["name"] for each in alone.stages()] == ["full"]
    left_out, burn_in, canary = alone.confessions()
    assert "Monday, Tuesday, Wednesday, Thursday" in left_out
    assert "0 burn-in days, not 3" in burn_in
    assert "no canary" in canary


def test_limits_are_told_by_the_name_of_their_profile() -> None:
    """And what is none of the week's by the beginning of its hash."""
    week = programme((), [DRILL])
    other = hashlib.sha256(b"other").hexdigest()
    assert week.limits_of(other) == other[:10]
    profile = yaml.safe_load((ROOT / "configs" / "full_live.yaml").read_text())
    assert week.limits_of(build_revision(profile).hash) == "full-live"
