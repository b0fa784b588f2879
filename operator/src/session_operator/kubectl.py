"""`kubectl tsn`: look at a session, steer its rollout, run its drills, seal its day, kill it, release a kill.

A plugin is started by kubectl and so asks kubectl for everything: contexts, credentials of any kind and proxies are as
the user knows them. Exit codes: 2 for bad input, 1 when the cluster refuses or cannot be reached.
"""

import json
import re
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import click
from rich.console import Console

from session_operator.domain.names import ANNOTATION_JOB_REQUEST, ANNOTATION_REQUEST, GROUP, PLURAL
from session_operator.domain.requests import JobRequest, Request, Verb, write_job_request, write_request
from session_operator.domain.trading_days import is_readable
from session_operator.gates import DrillName
from session_operator.plugin import describe
from session_operator.proofs import RunKind

RESOURCE = f"{PLURAL}.{GROUP}"
POLL_SECONDS = 0.3
TAKEN_SECONDS = 30.0
# kubectl's own log lines (`E1123 03:28:18.877085 …`) repeat what its last line says.
KLOG = re.compile(r"^[EWIF]\d{4} ")
Session = dict[str, Any]


class BadInput(click.ClickException):  # click's own naming: ClickException, BadParameter
    """What the user asked for cannot be; exit code 2."""

    exit_code = 2


class Kubectl:
    """kubectl, with the flags that the user gave to the plugin."""

    def __init__(self, flags: Sequence[str]) -> None:
        program = shutil.which("kubectl")
        if program is None:
            raise click.ClickException("kubectl is not in the PATH; the plugin reaches the cluster through it")
        self._command = [program, *flags]

    def run(self, *arguments: str) -> str:
        """Run kubectl and return what it printed."""
        done = subprocess.run(  # noqa: S603  # the program found above, arguments as a list, no shell
            [*self._command, *arguments], capture_output=True, text=True, check=False, timeout=60
        )
        if done.returncode == 0:
            return done.stdout
        lines = [line for line in done.stderr.splitlines() if line.strip() and not KLOG.match(line)]
        words = "\n".join(lines) or f"kubectl ended with code {done.returncode}"
        if "NotFound" in words or "is invalid" in words or "doesn't have a resource type" in words:
            raise BadInput(words)
        raise click.ClickException(words)

    def session(self, name: str) -> Session:
        """Read one session."""
        found: Session = json.loads(self.run("get", RESOURCE, name, "-o", "json"))
        return found

    def patch(self, name: str, kill_switch: dict[str, Any]) -> None:
        """Change the kill switch of one session."""
        body = json.dumps({"spec": {"killSwitch": kill_switch}})
        self.run("patch", RESOURCE, name, "--type", "merge", "-p", body)

    def annotate(self, name: str, annotation: str, value: str) -> None:
        """Write one annotation of a session."""
        body = json.dumps({"metadata": {"annotations": {annotation: value}}})
        self.run("patch", RESOURCE, name, "--type", "merge", "-p", body)

    def user(self) -> str:
        """Who the API server takes the user for; empty if it does not say."""
        try:
            found = json.loads(self.run("auth", "whoami", "-o", "json"))
            return str(found["status"]["userInfo"]["username"])
        except (click.ClickException, ValueError, KeyError):
            return ""

    def wait(self, name: str, seconds: float, is_done: Callable[[Session], bool]) -> Session | None:
        """Read the session until that holds; None if it does not in time."""
        end = time.monotonic() + seconds
        while True:
            found = self.session(name)
            if is_done(found):
                return found
            if time.monotonic() >= end:
                return None
            time.sleep(POLL_SECONDS)


def _kill_of(session: Session) -> dict[str, Any]:
    found: dict[str, Any] = (session.get("status") or {}).get("kill") or {}
    return found


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-n", "--namespace", help="Namespace of the session; default: that of the context.")
@click.option("--context", "context_name", help="Context of the kubeconfig.")
@click.option("--kubeconfig", type=click.Path(exists=True, dir_okay=False), help="Path of a kubeconfig.")
@click.pass_context
def main(context: click.Context, namespace: str | None, context_name: str | None, kubeconfig: str | None) -> None:
    """Look at trading sessions, steer their rollouts, kill them, release kills."""
    given = {"--namespace": namespace, "--context": context_name, "--kubeconfig": kubeconfig}
    context.obj = [f"{flag}={value}" for flag, value in given.items() if value]


def _kubectl(context: click.Context, namespace: str | None) -> Kubectl:
    flags = [*context.obj, *([f"--namespace={namespace}"] if namespace else [])]
    return Kubectl(flags)


in_namespace = click.option("-n", "--namespace", help="Namespace of the session; default: that of the context.")


@main.command()
@click.argument("name")
@in_namespace
@click.pass_context
def status(context: click.Context, name: str, namespace: str | None) -> None:
    """Show what a session does: leader, configuration, positions, conditions."""
    Console(highlight=False, soft_wrap=True).print(describe(_kubectl(context, namespace).session(name)))


@main.command()
@click.argument("name")
@click.option("--reason", required=True, help="Why; stands in the journal, in status and in the event.")
@click.option("--wait", "seconds", type=click.FloatRange(0), default=30.0, show_default=True, help="Wait until flat.")
@in_namespace
@click.pass_context
def kill(context: click.Context, name: str, reason: str, seconds: float, namespace: str | None) -> None:
    """Cancel everything, go flat and stay so until released."""
    if not reason.strip():
        raise BadInput("--reason must say why, was empty")
    kubectl = _kubectl(context, namespace)
    standing = _kill_of(kubectl.session(name))
    kubectl.patch(name, {"engaged": True, "reason": reason, "release": ""})
    if standing:
        click.echo(f"kill {standing['id']} stands already ({standing.get('reason') or 'no reason given'})")
    else:
        click.echo(f"kill engaged on {name}")
    if seconds == 0:
        return
    flat = kubectl.wait(name, seconds, lambda found: bool(_kill_of(found).get("flatAt")))
    if flat is None:
        raise click.ClickException(
            f"{name} did not report to be flat within {seconds:g} s; see: kubectl tsn status {name}"
        )
    click.echo(f"flat at {_kill_of(flat)['flatAt']} (kill {_kill_of(flat)['id']})")


@main.command()
@click.argument("name")
@click.option("--wait", "seconds", type=click.FloatRange(0), default=30.0, show_default=True, help="Wait until lifted.")
@in_namespace
@click.pass_context
def release(context: click.Context, name: str, seconds: float, namespace: str | None) -> None:
    """Lift the kill that stands."""
    kubectl = _kubectl(context, namespace)
    standing = _kill_of(kubectl.session(name))
    if not standing:
        raise BadInput(f"{name} has no kill that stands: there is nothing to release")
    kubectl.patch(name, {"engaged": False, "reason": "", "release": standing["id"]})
    click.echo(f"release of kill {standing['id']} asked for")
    if seconds and kubectl.wait(name, seconds, lambda found: _kill_of(found).get("id") != standing["id"]) is None:
        raise click.ClickException(
            f"kill {standing['id']} still stands after {seconds:g} s; see: kubectl tsn status {name}"
        )


def _steering(verb: Verb, words: str) -> None:
    """Make the command of one verb: an annotation that names the configuration which the user saw."""

    @main.command(verb.value, help=words)
    @click.argument("name")
    @click.option("--wait", "seconds", type=click.FloatRange(0), default=30.0, show_default=True, help="Wait for it.")
    @in_namespace
    @click.pass_context
    def command(context: click.Context, name: str, seconds: float, namespace: str | None) -> None:
        kubectl = _kubectl(context, namespace)
        rollout = _rollout_of(kubectl.session(name))
        phase = rollout.get("phase", "no rollout")
        if phase not in POSSIBLE[verb]:
            raise BadInput(f"{verb.value} needs a rollout that is {' or '.join(POSSIBLE[verb])}; {name}: {phase}")
        request = Request(secrets.token_hex(8), verb, rollout["revision"], kubectl.user())
        kubectl.annotate(name, ANNOTATION_REQUEST, write_request(request))
        click.echo(f"{verb.value} of configuration {request.revision} asked for")
        if seconds == 0:
            return

        def is_done(session: Session) -> bool:
            return _rollout_of(session).get("handledRequest") == request.id

        done = kubectl.wait(name, seconds, is_done)
        if done is None:
            raise click.ClickException(f"the operator did not take it within {seconds:g} s; is it running?")
        after = _rollout_of(done)
        click.echo(f"{after['phase']} ({after['reason']}), stage {after['stage']}: {after.get('message', '')}")


@main.command()
@click.argument("name")
@click.argument("drills", nargs=-1, type=click.Choice([each.value for each in DrillName]))
@click.option(
    "--wait", "seconds", type=click.FloatRange(0), default=0.0, show_default=True, help="Wait until they end."
)
@in_namespace
@click.pass_context
def drill(context: click.Context, name: str, drills: tuple[str, ...], seconds: float, namespace: str | None) -> None:
    """Run these drills now with the limits that the leader trades by; without any, those that the gates ask for.

    Limits of stages to come whose drills did not pass are tried again, too.
    Exit code 1 when one did not pass within the time to wait.
    """
    kubectl = _kubectl(context, namespace)
    kubectl.session(name)
    request = JobRequest(secrets.token_hex(8), RunKind.DRILL, drills=drills, by=kubectl.user())
    ended = _ask_for_jobs(kubectl, name, request, seconds)
    jobs = {run["job"] for run in ended[0]}
    found = [each for each in (ended[1].get("status") or {}).get("drills", []) if each["job"] in jobs]
    _say([(f"drill {each['name']}", each) for each in found], len(jobs), seconds)


@main.command("post-close")
@click.argument("name")
@click.option("--date", default="", metavar="YYYY-MM-DD", help="The trading date; default: the leader's.")
@click.option("--wait", "seconds", type=click.FloatRange(0), default=0.0, show_default=True, help="Wait until sealed.")
@in_namespace
@click.pass_context
def post_close(context: click.Context, name: str, date: str, seconds: float, namespace: str | None) -> None:
    """Seal a trading day now: the leader's, or one before it. A day that is sealed already is verified.

    Exit code 1 when it did not succeed within the time to wait.
    """
    kubectl = _kubectl(context, namespace)
    today = ((kubectl.session(name).get("status") or {}).get("tradingDay") or {}).get("date", "")
    if date and not (is_readable(date) and date <= today):
        raise BadInput(f"--date must be a trading date such as {today or '2026-11-23'}, not after it, was {date!r}")
    request = JobRequest(secrets.token_hex(8), RunKind.POST_CLOSE, date=date, by=kubectl.user())
    runs, after = _ask_for_jobs(kubectl, name, request, seconds)
    sealed = (after.get("status") or {}).get("postClose") or {}
    is_ours = sealed.get("job") in {run["job"] for run in runs}
    _say([(f"post-close of {sealed['date']}", sealed)] if is_ours else [], 1, seconds)


def _ask_for_jobs(
    kubectl: Kubectl, name: str, request: JobRequest, seconds: float
) -> tuple[list[dict[str, Any]], Session]:
    """Ask, wait until the operator took it, and then until its Jobs have ended; the runs, and the session in the end."""
    kubectl.annotate(name, ANNOTATION_JOB_REQUEST, write_job_request(request))
    taken = kubectl.wait(name, TAKEN_SECONDS, lambda found: _status_of(found).get("handledJobRequest") == request.id)
    if taken is None:
        why = "is it running, and does a leader tell the trading day?"
        raise click.ClickException(f"the operator did not take it within {TAKEN_SECONDS:g} s: {why}")
    runs = [run for run in _status_of(taken).get("runs", []) if run.get("request") == request.id]
    for run in runs:
        what = f"drill {run['name']}" if run["kind"] == RunKind.DRILL else "post-close"
        click.echo(f"{what} of {run['tradingDate']}: Job {run['job']}")
    if not runs:
        click.echo("it is under way already")
    if seconds == 0:
        return runs, taken
    jobs = {run["job"] for run in runs}

    def has_ended(found: Session) -> bool:
        return not jobs & {run["job"] for run in _status_of(found).get("runs", [])}

    return runs, kubectl.wait(name, seconds, has_ended) or kubectl.session(name)


def _say(ended: list[tuple[str, dict[str, Any]]], count: int, seconds: float) -> None:
    """Tell how they ended; what did not pass, or has not ended, is an error to whoever waited."""
    for what, each in ended:
        click.echo(f"{what}: {each['verdict']}{': ' + each['reason'] if each.get('reason') else ''}")
    if seconds and len(ended) < count:
        raise click.ClickException(f"{count - len(ended)} of {count} did not end within {seconds:g} s")
    if any(each["verdict"] != "Passed" for _, each in ended):
        raise click.ClickException("not passed")


def _status_of(session: Session) -> dict[str, Any]:
    found: dict[str, Any] = session.get("status") or {}
    return found


def _rollout_of(session: Session) -> dict[str, Any]:
    found: dict[str, Any] = (session.get("status") or {}).get("rollout") or {}
    return found


POSSIBLE = {
    Verb.PROMOTE: ("Progressing", "Paused"),
    Verb.ABORT: ("Progressing", "Paused", "Halted"),
    Verb.PAUSE: ("Progressing",),
    Verb.RESUME: ("Paused", "Halted", "RolledBack"),
}
_steering(Verb.PROMOTE, "Let the configuration go on to its next stage now, whatever its analysis says.")
_steering(Verb.ABORT, "Go back to the stable configuration; with none yet, take no new risk.")
_steering(Verb.PAUSE, "Stay in this stage until resumed; a failed analysis still rolls back.")
_steering(Verb.RESUME, "Go on after a pause, or try again what failed or was aborted.")


if __name__ == "__main__":
    sys.exit(main())
