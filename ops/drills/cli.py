"""`python -m ops.drills list | run NAME`. Exit codes: 0 passed, 1 a promise broke, 2 it could not be run."""

import datetime as dt
import hashlib
import json
import platform
import signal
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
import yaml
from rich.console import Console

from ops.drills import reports
from ops.drills.catalogue import DRILLS, NAMED, chosen
from ops.drills.framework import Drill, DrillVerdict, Outcome, Variant, VariantVerdict, run_variant, workspace
from ops.drills.stand import Stand
from trader.app.documents import ConfigInvalid, load
from trader.app.profiles import Profile

EXIT = {Outcome.PASSED: 0, Outcome.FAILED: 1, Outcome.ERROR: 2}
BAD_INPUT = 2
PROFILE = Path(__file__).resolve().parents[2] / "configs" / "paper.yaml"
FILE = click.Path(path_type=Path)


@click.group()
def main() -> None:
    """Break the product on purpose, and let the exchange's log judge."""


@main.command("list")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def list_drills(*, as_json: bool) -> None:
    """Name drills, variants, and what each proves."""
    if as_json:
        rows = [
            {
                "name": each.name,
                "promise": each.promise,
                "variants": [{"name": one.name, "story": one.story} for one in each.variants],
            }
            for each in DRILLS
        ]
        click.echo(json.dumps(rows, indent=2))
        return
    for each in DRILLS:
        click.echo(f"{each.name}: {each.promise}")
        for one in each.variants:
            click.echo(f"  {one.name:34} {one.story}")


@main.command()
@click.argument("name")
@click.option("--variant", "variants", multiple=True, help="Only this one; may stand several times.")
@click.option("--profile", "profile_file", type=FILE, default=PROFILE, help="Limits of the traders.")
@click.option("--config-hash", default="", help="Stands in the verdict; default: the SHA-256 of the profile.")
@click.option("--seed", default=1, show_default=True, help="Of the market.")
@click.option("--json", "json_file", type=FILE, help="The verdict: an object, or a list for `all`.")
@click.option("--junit", "junit_file", type=FILE, help="The same for CI.")
@click.option(
    "--termination-log", "termination_file", type=FILE, help="The verdict in at most 4,096 bytes; one drill only."
)
@click.option("--keep", type=FILE, help="Where logs, journals and exchange logs stay.")
def run(  # noqa: PLR0917 - one for each option
    name: str,
    variants: tuple[str, ...],
    profile_file: Path,
    config_hash: str,
    seed: int,
    json_file: Path | None,
    junit_file: Path | None,
    termination_file: Path | None,
    keep: Path | None,
) -> None:
    """Run a drill, or `all`."""
    # A Job's deadline sends SIGTERM: what was started is ended like after any other error.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(EXIT[Outcome.ERROR]))
    try:
        plan = [(drill, drill.chosen(variants)) for drill in chosen(name)]
    except KeyError as error:
        known = ", ".join([*(each.name for each in DRILLS), "all"])
        click.echo(f"drills: there is no {error} in {name}; drills are {known}; `list` names their variants", err=True)
        sys.exit(BAD_INPUT)
    try:
        profile = load(profile_file, Profile)
    except ConfigInvalid as error:
        click.echo("\n".join(f"drills: --profile: {problem}" for problem in error.problems), err=True)
        sys.exit(BAD_INPUT)
    config_hash = config_hash or hashlib.sha256(profile_file.read_bytes()).hexdigest()
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
    document: dict[str, Any] = yaml.safe_load(profile.model_dump_json())
    with tempfile.TemporaryDirectory(prefix="drill-") as made:
        root = keep or Path(made)
        verdicts = [
            _run_drill(console, drill, chosen_ones, document, config_hash, seed, root) for drill, chosen_ones in plan
        ]
    reports.show(console, verdicts)
    if json_file is not None:
        rows = [reports.as_json(each) for each in verdicts]
        reports.write(json_file, json.dumps(rows[0] if name != "all" else rows, indent=2) + "\n")
    if junit_file is not None:
        reports.write(junit_file, reports.as_junit(verdicts))
    if termination_file is not None:
        reports.write(termination_file, reports.for_termination(verdicts[0]))
    codes = [EXIT[each.outcome] for each in verdicts]
    sys.exit(1 if 1 in codes else max(codes))


def _run_drill(  # noqa: PLR0917 - what a run consists of
    console: Console,
    drill: Drill,
    variants: tuple[Variant, ...],
    profile: dict[str, Any],
    config_hash: str,
    seed: int,
    root: Path,
) -> DrillVerdict:
    started_at = dt.datetime.now(dt.UTC)
    found: list[VariantVerdict] = []
    for number, variant in enumerate(variants, 1):
        console.print(f"{drill.name} {number}/{len(variants)} [bold]{variant.name}[/]: {variant.story}")
        folder = workspace(root, drill.name, variant.name)
        found.append(run_variant(variant, lambda count, folder=folder: Stand(folder, profile, seed, count)))  # type: ignore[misc]
        verdict = found[-1]
        console.print(f"  {verdict.outcome.value.lower()} after {verdict.seconds:.0f} s {verdict.reason}", markup=False)
    return DrillVerdict(
        name=drill.name,
        started_at=started_at,
        ended_at=dt.datetime.now(dt.UTC),
        seed=seed,
        config_hash=config_hash,
        versions=_versions(),
        variants=tuple(found),
    )


def _versions() -> dict[str, str]:
    return {
        "trader": version("trading-session-trader"),
        "kitesim": version("kitesim"),
        "python": platform.python_version(),
    }


__all__ = ["NAMED", "main"]
