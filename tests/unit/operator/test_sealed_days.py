"""Sealed days and burn-in: what is sealed when, which days are clean, and what they open."""

import dataclasses
import itertools
import json
from typing import Any

import pytest

from session_operator.domain.observed import JobPod, Observed
from tests.unit.operator.builders import TERMS
from tests.unit.operator.deciding import look, settled
from tests.unit.operator.proving import (
    DRILLS,
    NSE,
    asked_for,
    at_market,
    concluded,
    drill,
    ended,
    gate,
    gated_desk,
    jobs,
    proved,
    respecified,
    runs,
    verdict_of,
)
from tests.unit.operator.rollouts import is_live_allowed

SEAL: dict[str, Any] = {"postClose": {}, "calendar": NSE}


def test_a_day_is_sealed_once_the_market_has_closed() -> None:
    """Once; its verdict is kept, and the condition says what becomes of the archive."""
    seen = gated_desk({}, **SEAL)
    assert runs(seen) == []
    seen = settled(at_market(seen, "CLOSED"))
    assert [(each["kind"], each["tradingDate"]) for each in runs(seen)] == [("PostClose", "2026-11-23")]
    seen = settled(ended(seen))
    assert gate(seen, "PostCloseSucceeded")[:2] == ("True", "NotKept")
    assert seen.session.status["postClose"]["date"] == "2026-11-23"
    assert runs(seen) == []
    assert look(at_market(seen, "CLOSED")).actions == ()


def test_a_day_whose_close_nobody_saw_is_sealed_on_the_next() -> None:
    """The operator may have been away in the evening."""
    seen = settled(at_market(gated_desk({}, **SEAL), "BEFORE", "2026-11-24"))
    assert [each["tradingDate"] for each in runs(seen)] == ["2026-11-23"]


def test_a_holiday_is_not_sealed() -> None:
    """Its phase is CLOSED from midnight on."""
    seen = settled(ended(settled(at_market(gated_desk({}, **SEAL), "CLOSED"))))
    assert runs(settled(at_market(seen, "CLOSED", "2026-11-24"))) == []


def test_who_may_read_logs_has_no_secret_and_who_has_secrets_has_no_token() -> None:
    """One pod, two containers: the token is for two logs and a quarter of an hour, and never beside the broker's."""
    (job,) = jobs(settled(at_market(gated_desk({}, **SEAL), "CLOSED")))
    pod = job["spec"]["template"]["spec"]
    assert (pod["serviceAccountName"], pod["automountServiceAccountToken"]) == ("index-post-close", False)
    (token,) = [each for each in pod["volumes"] if "serviceAccountToken" in json.dumps(each)]
    assert token["projected"]["sources"][0]["serviceAccountToken"]["expirationSeconds"] == 900
    secrets = {each["name"] for each in pod["volumes"] if "secret" in each}
    (seals,), (reads,) = pod["containers"], pod["initContainers"]
    assert {each["name"] for each in reads["volumeMounts"]} == {"logs", token["name"]}
    mounted = {each["name"] for each in seals["volumeMounts"]}
    assert (secrets <= mounted, token["name"] in mounted) == (True, False)
    assert reads["command"] == ["python", "-m", "ops.postclose", "logs"]
    assert "index-trader-0 --pod index-trader-1" in " ".join(reads["args"])
    (logs,) = [each["mountPath"] for each in seals["volumeMounts"] if each["name"] == "logs"]
    assert seals["args"][seals["args"].index("--logs") + 1] == logs
    assert reads["securityContext"] == seals["securityContext"]


def test_the_seal_is_given_the_day_s_verdicts_and_what_its_limits_were_judged_by() -> None:
    """As a file that stands in the Job itself: what was known when it was made, and nothing to clean up."""
    seen = proved(gated_desk(**SEAL))
    seen = settled(at_market(seen, "CLOSED"))
    (job,) = [each for each in jobs(seen) if "post-close" in each["metadata"]["name"]]
    template = job["spec"]["template"]
    told = json.loads(template["metadata"]["annotations"]["tradeops.dev/drills"])
    assert [(each["name"], each["verdict"], each["tradingDate"]) for each in told] == [
        (name, "Passed", "2026-11-23") for name in DRILLS
    ]
    (volume,) = [each for each in template["spec"]["volumes"] if "downwardAPI" in each]
    (item,) = volume["downwardAPI"]["items"]
    assert item["fieldRef"]["fieldPath"] == "metadata.annotations['tradeops.dev/drills']"
    (container,) = template["spec"]["containers"]
    (folder,) = [each["mountPath"] for each in container["volumeMounts"] if each["name"] == volume["name"]]
    assert container["args"][container["args"].index("--drills") + 1] == f"{folder}/{item['path']}"


def test_a_verdict_of_another_day_and_of_other_limits_is_not_told() -> None:
    """Nor is one kept from the day that it held for: limits that nobody traded by prove nothing of the day."""
    seen = proved(gated_desk(**SEAL))
    stranger = dict(drill(seen, DRILLS[0])) | {"configHash": "5" * 64, "tradingDate": "2026-11-20"}
    status = {**seen.session.status, "drills": [*seen.session.status["drills"], stranger]}
    seen = dataclasses.replace(seen, session=dataclasses.replace(seen.session, status=status))
    seen = settled(at_market(seen, "CLOSED"))
    (job,) = [each for each in jobs(seen) if "post-close" in each["metadata"]["name"]]
    told = json.loads(job["spec"]["template"]["metadata"]["annotations"]["tradeops.dev/drills"])
    assert len(told) == len(DRILLS)
    assert "2026-11-20" not in str(told)


@pytest.mark.parametrize("image", [TERMS.trader_image, f"{TERMS.trader_image}@sha256:old"])
def test_the_seal_names_what_the_pods_were_started_from(image: str) -> None:
    """By digest: a tag may be pushed anew."""
    seen = gated_desk({}, **SEAL, trader={"image": image})
    pods = tuple(dataclasses.replace(pod, image_digest="sha256:5a") for pod in seen.pods)
    (job,) = jobs(settled(at_market(dataclasses.replace(seen, pods=pods), "CLOSED")))
    arguments = job["spec"]["template"]["spec"]["containers"][0]["args"]
    images = [after for before, after in itertools.pairwise(arguments) if before == "--image"]
    assert images == [f"{TERMS.trader_image}@sha256:5a"]


def test_an_exchange_that_never_closes_is_sealed_when_asked() -> None:
    """The day that its market clock shows, or one before it; never one ahead."""
    seen = gated_desk({}, postClose={})
    assert runs(settled(at_market(seen, "OPEN", "2026-11-24"))) == []
    assert runs(settled(asked_for(seen, "PostClose", date="2026-11-24"))) == []
    seen = settled(asked_for(seen, "PostClose"))
    assert [each["tradingDate"] for each in runs(seen)] == ["2026-11-23"]


def test_a_post_close_is_tried_again_and_its_last_words_count() -> None:
    """A try that could not be run is no verdict while the Job goes on."""
    seen = settled(at_market(gated_desk({}, **SEAL), "CLOSED"))
    run = runs(seen)[0]
    words = json.dumps(verdict_of(run, "Error", reason="the database does not answer"))
    first = JobPod("a", run["job"], has_ended=True, exit_code=2, message=words, ended_at="2026-11-23T09:00:00Z")
    trying = dataclasses.replace(seen, job_pods=(first,))
    assert look(trying).actions == ()
    given_up = settled(concluded(trying, "Failed", "BackoffLimitExceeded"))
    assert gate(given_up, "PostCloseSucceeded") == ("False", "Error", "2026-11-23: the database does not answer")
    assert gate(settled(ended(trying)), "PostCloseSucceeded")[0] == "True"


def test_the_claim_that_keeps_a_day_is_named() -> None:
    """Where to look for it."""
    archive = {"postClose": {"archive": {"persistentVolumeClaim": "desk-archive"}, "retention": "30d"}}
    seen = settled(at_market(gated_desk({}, **(SEAL | archive)), "CLOSED"))
    (job,) = jobs(seen)
    pod = job["spec"]["template"]["spec"]
    assert {"name": "archive", "persistentVolumeClaim": {"claimName": "desk-archive"}} in pod["volumes"]
    assert pod["containers"][0]["args"][-3:] == ["--lasting", "--keep-days", "30"]
    seen = settled(ended(seen))
    assert gate(seen, "PostCloseSucceeded")[2].endswith("index/2026-11-23 on desk-archive")


def test_without_a_claim_nobody_forgets_for_it() -> None:
    """An archive in an emptyDir is gone with its Job; whom to tell is mounted as it is for a trader."""
    told = {"notifications": {"secretRef": {"name": "desk-notifications"}}}
    (job,) = jobs(settled(at_market(gated_desk({}, **(SEAL | told)), "CLOSED")))
    pod = job["spec"]["template"]["spec"]
    assert "--lasting" not in pod["containers"][0]["args"]
    (volume,) = [each for each in pod["volumes"] if each["name"] == "notifications"]
    assert volume["secret"]["optional"] is True
    mounts = {each["name"]: each["mountPath"] for each in pod["containers"][0]["volumeMounts"]}
    assert mounts["notifications"] == "/etc/trader/notifications"


# --- burn-in ---


def burning(gates: dict[str, Any] | None = None, **parts: Any) -> Observed:
    """A desk that must burn in for two days."""
    return gated_desk({"burnInDays": 2} if gates is None else gates, **(SEAL | parts))


def day_over(seen: Observed, date: str, verdict: str = "Passed", **day: Any) -> Observed:
    """A trading day passes and is sealed."""
    seen = settled(at_market(seen, "OPEN", date))
    seen = settled(at_market(seen, "CLOSED", date))
    given = {"orders": 12, "riskKills": 0, "unplanned": 0, "openPositions": 0} | day
    return settled(ended(seen, verdict, day=given))


def test_clean_days_in_a_row_open_the_gate() -> None:
    """And what was earned once stays earned: the drills guard each day."""
    seen = burning()
    assert gate(seen)[2] == "0 of 2 burn-in days"
    seen = day_over(seen, "2026-11-23")
    assert gate(seen)[2] == "1 of 2 burn-in days"
    assert not is_live_allowed(seen)
    seen = day_over(seen, "2026-11-24")
    assert is_live_allowed(seen)
    seen = day_over(seen, "2026-11-25", riskKills=1)
    assert seen.session.status["burnIn"]["cleanDays"] == 0
    assert is_live_allowed(seen)


@pytest.mark.parametrize(
    "day", [{"riskKills": 1}, {"unplanned": 2}, {"openPositions": 1}], ids=lambda day: next(iter(day))
)
def test_an_unclean_day_ends_the_row(day: dict[str, Any]) -> None:
    """Each reason is named."""
    seen = day_over(day_over(burning(), "2026-11-23"), "2026-11-24", **day)
    assert gate(seen)[2] == "0 of 2 burn-in days"
    assert seen.session.status["burnIn"]["days"][-1]["judgement"] == "Unclean"
    assert gate(day_over(seen, "2026-11-25"))[2] == "1 of 2 burn-in days"


def test_a_day_without_an_order_proves_nothing_and_ends_nothing() -> None:
    """Zero of nothing is no proof."""
    seen = day_over(day_over(burning(), "2026-11-23"), "2026-11-24", orders=0)
    assert gate(seen)[2] == "1 of 2 burn-in days"
    assert is_live_allowed(day_over(seen, "2026-11-25"))


def test_a_seal_that_failed_makes_the_day_unclean_until_it_is_made_good() -> None:
    """A person asks for it again."""
    seen = day_over(day_over(burning(), "2026-11-23"), "2026-11-24", "Failed")
    assert gate(seen)[2] == "0 of 2 burn-in days"
    seen = settled(ended(settled(asked_for(seen, "PostClose", date="2026-11-24"))))
    assert is_live_allowed(seen)


def test_what_a_leader_reported_stays_whatever_the_seal_says() -> None:
    """Its figures end with its leadership; the day's blemish does not."""
    seen = burning()
    pod = next(name for name, report in seen.reports.items() if report.is_leader)
    report = seen.reports[pod]
    assert report.figures is not None
    bad = dataclasses.replace(report, figures=dataclasses.replace(report.figures, duplicates=1))
    seen = settled(dataclasses.replace(seen, reports={**seen.reports, pod: bad}))
    seen = settled(dataclasses.replace(seen, reports={**seen.reports, pod: report}))
    seen = day_over(seen, "2026-11-23")
    (day,) = seen.session.status["burnIn"]["days"]
    assert (day["judgement"], day["reason"]) == ("Unclean", "1 orders accepted twice")


def test_the_day_on_which_limits_loosen_counts_for_neither() -> None:
    """It was begun under others: its seal comes after the change, and must not be their first clean day."""
    tight = {"stages": [{"name": "full", "profile": "canary-live"}]}
    seen = settled(at_market(settled(at_market(burning(config=tight), "OPEN", "2026-11-23")), "CLOSED", "2026-11-23"))
    loose = {"stages": [{"name": "full", "profile": "full-live"}]}
    seen = settled(respecified(seen, config=loose, gates={"burnInDays": 2}, **SEAL))
    seen = settled(ended(seen))
    assert gate(seen)[2] == "0 of 2 burn-in days"
    assert gate(day_over(seen, "2026-11-24"))[2] == "1 of 2 burn-in days"


def test_a_looser_configuration_begins_its_burn_in_anew() -> None:
    """A tighter one keeps what was earned."""
    seen = day_over(burning(config={"stages": [{"name": "full", "profile": "canary-live"}]}), "2026-11-23")
    gates: dict[str, Any] = {"gates": {"burnInDays": 2}, **SEAL}
    looser = settled(respecified(seen, config={"stages": [{"name": "full", "profile": "full-live"}]}, **gates))
    assert gate(looser)[2] == "0 of 2 burn-in days"
    again = day_over(looser, "2026-11-24")
    tighter = settled(respecified(again, config={"stages": [{"name": "full", "profile": "canary-live"}]}, **gates))
    assert gate(tighter)[2] == "1 of 2 burn-in days"
