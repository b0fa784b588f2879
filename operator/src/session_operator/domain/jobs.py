"""The Jobs: a drill in isolation, and the post-close (docs/seams.md §7 and §8 say what each is told).

A drill has neither token nor Secret, and nothing but loopback to talk to: it runs the traders' own image against a simulator of
its own. What the post-close may do stands with it (`sealing`).
"""

from collections.abc import Iterator, Sequence

from session_operator.domain.actions import Action, Apply, Delete
from session_operator.domain.adoption import Ownership, classify
from session_operator.domain.desired import Built
from session_operator.domain.job_manifests import PROFILE, TERMINATION_LOG, Work, container, manifest_of, read_only
from session_operator.domain.names import (
    LABEL_CONFIG,
    LABEL_DRILL,
    MOUNT_SESSION,
    MOUNT_TEMPORARY,
    config_name,
)
from session_operator.domain.observed import Child, Observed
from session_operator.domain.sealing import Material, build_post_close
from session_operator.domain.sessions import Session
from session_operator.domain.verdicts import has_ended
from session_operator.model import Spec
from session_operator.proofs import Run, RunKind


def job_actions(
    observed: Observed, before: Sequence[Run], runs: Sequence[Run], material: Material | None
) -> Iterator[Action]:
    """Make the Job of the first run, and end Jobs that nobody waits for.

    `before` are the runs that the standing status tells of: only what stands there is begun.
    """
    spec = observed.session.spec
    if runs and runs[0] in before and spec is not None and material is not None:
        run = runs[0]
        # A Job that exists is never applied again: its template is immutable.
        if Child("Job", run.job) not in observed.children:
            yield Apply(build_job(observed.session, spec, run, material), is_new=True)
    # A pod that has ended was read, or will be: its Job ends by itself, and stays for whoever wants its log.
    awaited = {each.job for each in (*runs, *before)} | {pod.job for pod in observed.job_pods if pod.has_ended}
    for child, live in observed.children.items():
        is_idle = child.kind == "Job" and child.name not in awaited and not has_ended(live)
        if is_idle and classify(live, observed.session) is Ownership.OURS:
            yield Delete("Job", child.name, live["metadata"]["uid"])


def build_job(session: Session, spec: Spec, run: Run, material: Material) -> Built:
    """Make the Job of a run."""
    if run.kind is RunKind.DRILL:
        return _drill(session, run)
    return build_post_close(session, spec, run, material)


def _drill(session: Session, run: Run) -> Built:
    arguments = ["--profile", PROFILE, "--config-hash", run.config_hash, "--termination-log", TERMINATION_LOG]
    work = container(run.image, ["python", "-m", "ops.drills", "run", run.name], arguments, cpu="1", memory="768Mi")
    work["volumeMounts"] = [read_only("session", MOUNT_SESSION), {"name": "temporary", "mountPath": MOUNT_TEMPORARY}]
    volumes = [
        {"name": "session", "configMap": {"name": config_name(session.name, run.config_hash)}},
        {"name": "temporary", "emptyDir": {}},
    ]
    marks = {LABEL_DRILL: run.name, LABEL_CONFIG: run.config_hash[:10]}
    return manifest_of(
        session,
        run,
        Work(component="drill", container=work, volumes=volumes, retries={"backoffLimit": 0}, labels=marks),
    )
