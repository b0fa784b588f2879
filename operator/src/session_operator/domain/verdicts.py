"""How a Job ended, from its conditions and from what its pods left as their last words (docs/seams.md §7 and §8).

A pod without a readable verdict is an Error: nothing was shown, and so nothing is believed.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from session_operator.domain.adoption import Ownership, classify
from session_operator.domain.observed import Child, JobPod, Observed
from session_operator.domain.sessions import Manifest
from session_operator.proofs import Run, RunKind, Verdict

PATIENCE_SECONDS = 90.0
"""How long a Job that ended waits for its pod to be seen: each kind has a watch of its own, and is listed each minute."""
LONGEST_REASON = 600
SCHEMAS = {RunKind.DRILL: "tradeops.dev/drill/v1", RunKind.POST_CLOSE: "tradeops.dev/post-close/v1"}


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended."""

    verdict: Verdict
    reason: str
    seconds: int = 0
    said: Mapping[str, Any] = field(default_factory=dict)
    """The whole verdict, where there was a readable one."""


def ending_of(run: Run, observed: Observed, now: str) -> Ending | None:
    """How a run ended; None while it has not, or its Job does not exist."""
    live = observed.children.get(Child("Job", run.job))
    if live is None:
        return None
    if classify(live, observed.session) is Ownership.FOREIGN:
        return Ending(Verdict.ERROR, f"Job {run.job} exists and was not made by this operator; remove it")
    pods = [pod for pod in observed.job_pods if pod.job == run.job]
    ended = sorted((pod for pod in pods if pod.has_ended), key=lambda pod: pod.ended_at)
    words = [_read(run, pod) for pod in ended]
    # One that passed settles it; a drill is tried once; of several tries of a post-close the last one speaks for them.
    passed = [each for each in words if each.verdict is Verdict.PASSED]
    settled = passed or (words if run.kind is RunKind.DRILL or has_ended(live) else [])
    if settled:
        return settled[-1]
    return _without_words(live, pods, now) if has_ended(live) else None


def _without_words(live: Manifest, pods: Sequence[JobPod], now: str) -> Ending | None:
    """A Job that ended, and no pod that did: it was ended by its deadline, or its pod is yet to be seen, or gone."""
    kind, text = _failure(live) or ("Complete", "")
    if kind == "DeadlineExceeded":
        waits = "; ".join(pod.problem for pod in pods if pod.problem)
        return Ending(Verdict.ERROR, f"it did not end within its deadline{f' ({waits})' if waits else ''}")
    if _age_seconds(live, now) < PATIENCE_SECONDS:
        return None
    why = f"{kind}: {text}" if text else kind
    return Ending(Verdict.ERROR, f"its Job ended ({why}), and its pod is gone with its verdict"[:LONGEST_REASON])


def has_ended(live: Manifest) -> bool:
    """Whether a Job has come to an end, good or bad."""
    return _is_complete(live) or _failure(live) is not None


def _read(run: Run, pod: JobPod) -> Ending:
    """Read a pod's last words, and hold them against what was asked."""
    said = _parse(pod.message)
    if said is None or said.get("schema") != SCHEMAS[run.kind]:
        words = pod.message.strip().splitlines()[-1:] or [pod.problem]
        text = f"{pod.name} ended with exit code {pod.exit_code} and no readable verdict: {words[0]}"
        return Ending(Verdict.ERROR, text[:LONGEST_REASON])
    asked = (run.name, run.config_hash) if run.kind is RunKind.DRILL else (run.trading_date,)
    found = (said.get("name"), said.get("configHash")) if run.kind is RunKind.DRILL else (said.get("date"),)
    if asked != found:
        text = f"its verdict is of {' '.join(map(str, found))}, asked was {' '.join(asked)}"
        return Ending(Verdict.ERROR, text[:LONGEST_REASON])
    seconds = said.get("seconds")
    took = int(seconds) if isinstance(seconds, int | float) and seconds >= 0 else 0
    reason = str(said.get("reason") or "")[:LONGEST_REASON]
    return Ending(_verdict(run, said, pod), reason, took, said)


def _verdict(run: Run, said: Mapping[str, Any], pod: JobPod) -> Verdict:
    if said.get("passed") is True and pod.exit_code == 0:
        return Verdict.PASSED
    if run.kind is RunKind.DRILL:
        return Verdict.FAILED if said.get("verdict") == "Failed" else Verdict.ERROR
    return Verdict.FAILED if pod.exit_code == 1 else Verdict.ERROR


def _parse(text: str) -> Mapping[str, Any] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _conditions(live: Manifest) -> Sequence[Mapping[str, Any]]:
    found: Sequence[Mapping[str, Any]] = (live.get("status") or {}).get("conditions") or ()
    return [each for each in found if each.get("status") == "True"]


def _is_complete(live: Manifest) -> bool:
    return any(each.get("type") == "Complete" for each in _conditions(live))


def _failure(live: Manifest) -> tuple[str, str] | None:
    for each in _conditions(live):
        if each.get("type") == "Failed":
            return str(each.get("reason") or "Failed"), str(each.get("message") or "")
    return None


def _age_seconds(live: Manifest, now: str) -> float:
    """How long ago it ended, by the API server's clock and ours; what cannot be read is long ago."""
    try:
        moments = [datetime.fromisoformat(str(each["lastTransitionTime"])) for each in _conditions(live)]
        return (datetime.fromisoformat(now) - max(moments)).total_seconds()
    except (KeyError, ValueError):
        return PATIENCE_SECONDS
