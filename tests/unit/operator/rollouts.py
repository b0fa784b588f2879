"""A desk whose configuration passes through stages: how the tests of rollouts ask, and what happens meanwhile."""

import dataclasses
from typing import Any

import yaml

from session_operator.domain.configs import build_revision
from session_operator.domain.decide import decide
from session_operator.domain.names import ANNOTATION_EPOCH
from session_operator.domain.observed import Child, Observed
from session_operator.domain.reports import Figures, KillFigures
from session_operator.domain.requests import Request, Verb, write_request
from tests.unit.operator.builders import PROFILE, TERMS, observed, session, spec
from tests.unit.operator.deciding import answer, performed, running, settled

FULL = PROFILE.replace("name: paper", "name: full-live")
CANARY = PROFILE.replace("name: paper", "name: canary-live").replace("0.005", "0.0025")
PROFILES = {"canary_live.yaml": CANARY, "full_live.yaml": FULL, "paper.yaml": PROFILE}
CHECKS = ("OrderAck", "Duplicates", "Orphans", "KillFlatten")
LEASE = Child("Lease", "account-ab1234")


def stages(**canary: Any) -> dict[str, Any]:
    """Canary, then full."""
    given: dict[str, Any] = {
        "name": "canary",
        "profile": "canary-live",
        "minimumMarketTime": "1h",
        "minimumSamples": {"orders": 5},
        "analysis": [{"slo": check} for check in CHECKS],
    }
    wanted = {key: value for key, value in (given | canary).items() if value is not None}
    return {"stages": [wanted, {"name": "full", "profile": "full-live"}]}


def wanting(seen: Observed, config: dict[str, Any]) -> Observed:
    """The desk applies another configuration."""
    changed = dataclasses.replace(session(spec=spec(config=config)), status=seen.session.status)
    return dataclasses.replace(seen, session=changed, profiles=PROFILES)


def new_desk(config: dict[str, Any] | None = None) -> Observed:
    """A session that never had a stable configuration; the pair runs, with epoch 7."""
    start = observed(session=session(spec=spec(config=config or stages())), profiles=PROFILES)
    return settled(running(start))


def old_desk(config: dict[str, Any] | None = None) -> Observed:
    """A session that trades with a stable configuration, and is asked for stages now."""
    start = observed(profiles=PROFILES)
    return settled(wanting(settled(running(start)), config or stages()))


def leader_of(seen: Observed) -> str:
    """The pod that leads."""
    return next(pod for pod, report in seen.reports.items() if report.is_leader)


def measured(seen: Observed, **fields: Any) -> Observed:
    """Time passes, orders are sent: the leader's figures are these now; by default all is well."""
    pod = leader_of(seen)
    report = seen.reports[pod]
    given: dict[str, Any] = {
        "config": report.in_force,
        "epoch": report.epoch,
        "run": report.run,
        "market_seconds": 3600,
        "orders": 8,
        "acknowledged": 8,
        "acknowledgement_p95_ms": 212,
        "duplicates": 0,
        "orphans": 0,
    }
    return heard(seen, pod, figures=Figures(**(given | fields)))


def drilled(seen: Observed, slowest_ms: int = 1200, trading_date: str = "2026-11-23") -> Observed:
    """The day's kill drill."""
    return heard(seen, leader_of(seen), kills=KillFigures(trading_date, 1, slowest_ms))


def heard(seen: Observed, pod: str, **fields: Any) -> Observed:
    """A trader says something else."""
    return dataclasses.replace(seen, reports={**seen.reports, pod: dataclasses.replace(seen.reports[pod], **fields)})


def asked(seen: Observed, verb: str, revision: str = "", number: str = "1") -> Observed:
    """Somebody writes a request."""
    wanted = revision or rollout(seen)["revision"]
    text = write_request(Request(f"request-{verb}-{number}", Verb(verb), wanted, "desk"))
    return dataclasses.replace(seen, session=dataclasses.replace(seen.session, request=text))


def succeeded(seen: Observed, epoch: int = 8) -> Observed:
    """The other pod leads now, with what it would begin with; the one that led stands by."""
    old = leader_of(seen)
    new = next(pod for pod in seen.reports if pod != old)
    reports = {
        old: answer(old, in_force=seen.reports[new].in_force),
        new: answer(new, in_force=seen.reports[new].in_force, is_leader=True, epoch=epoch),
    }
    lease = dict(seen.children[LEASE])
    annotations = lease["metadata"]["annotations"] | {ANNOTATION_EPOCH: str(epoch)}
    lease["metadata"] = lease["metadata"] | {"annotations": annotations}
    lease["spec"] = lease["spec"] | {"holderIdentity": f"{new}_uid_other"}
    return dataclasses.replace(seen, reports=reports, children={**seen.children, LEASE: lease})


def later(seen: Observed, now: str) -> Observed:
    """The world once the operator has looked at that moment."""
    return performed(seen, decide(seen, TERMS, now))


def rollout(seen: Observed) -> dict[str, Any]:
    """What status tells of the rollout."""
    found: dict[str, Any] = seen.session.status["rollout"]
    return found


def config(seen: Observed) -> dict[str, Any]:
    """What status tells of configurations."""
    found: dict[str, Any] = seen.session.status["config"]
    return found


def where(seen: Observed) -> tuple[str, str, str]:
    """Phase, reason and stage."""
    found = rollout(seen)
    return found["phase"], found["reason"], found["stage"]


def is_live_allowed(seen: Observed) -> bool:
    """What the traders read."""
    (found,) = [each for each in seen.session.status["conditions"] if each["type"] == "LiveAllowed"]
    return bool(found["status"] == "True")


def runs(seen: Observed, pod: str) -> str:
    """The profile that a pod runs."""
    names = {build_revision(yaml.safe_load(text)).hash: name for name, text in PROFILES.items()}
    return names.get(seen.reports[pod].in_force, "?")
