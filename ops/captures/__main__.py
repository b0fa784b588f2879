"""Runs `python -m ops.captures day | status`. Exit codes: 0 made, 1 something did not come about."""

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import click

from ops.captures import dashboards, day
from ops.captures.browsers import browser
from ops.captures.rollouts import in_canary
from ops.clients.kubectl import ROOT, Kubectl, KubectlError
from ops.clients.session import Waited
from ops.cluster.console import answer, say
from ops.dashboards import first_hour

IMAGES: Final = ROOT / "docs" / "images"
LONGEST_BYTES: Final = 200_000
"""What a page of documentation may ask of a reader's line."""
FOOTER: Final = (
    "ops/dashboards/first-hour.json over a real Prometheus {prometheus} that scraped a trader by hand on kitesim at a market minute"
    " a second; laid out by ops/captures, not by Grafana"
)


@click.group()
def main() -> None:
    """Make the README's pictures."""


@main.command("day")
@click.option("--seconds", default=day.DAY_SECONDS, show_default=True, help="Of machine time, a market minute each.")
def capture_day(seconds: float) -> None:
    """A trading day by hand: its report and its dashboard, as a browser shows them."""
    with tempfile.TemporaryDirectory(prefix="captures-") as scratch:
        folder = Path(scratch)
        say(f"a trading day takes {seconds:.0f} s")
        sealed, answers = day.run(folder, seconds)
        asyncio.run(_pictures(folder, sealed / "report.html", answers))


@main.command()
@click.option("--namespace", default="trading-week", show_default=True)
@click.option("--kubeconfig", type=click.Path(path_type=Path), help="Default: of the stand.")
@click.option("--wait", "seconds", default=1800.0, show_default=True, help="For a session in its canary.")
def status(namespace: str, kubeconfig: Path | None, seconds: float) -> None:
    """`kubectl tsn status` of a session in mid-canary, on the stand: `make trading-week` has one on its Thursday."""
    stand = Kubectl(namespace, kubeconfig) if kubeconfig is not None else Kubectl(namespace)
    answer(in_canary(stand, seconds))


async def _pictures(folder: Path, report: Path, answers: dict[str, Any]) -> None:
    page = folder / "dashboard.html"
    footer = FOOTER.format(prometheus=answers["prometheus"])
    page.write_text(dashboards.page(first_hour.dashboard(), answers, footer), encoding="utf-8")
    async with browser(folder) as tab:
        _write(IMAGES / "report.webp", await tab.picture(report.as_uri(), width=960, scale=1))
        _write(IMAGES / "dashboard.webp", await tab.picture(page.as_uri(), width=1340, scale=1))


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    say(f"wrote {path.relative_to(ROOT)}, {len(content):,} bytes")
    if len(content) > LONGEST_BYTES:
        raise day.DayError(f"{path.name} should have at most {LONGEST_BYTES:,} bytes, was {len(content):,}")


if __name__ == "__main__":
    try:
        main(standalone_mode=False)
    except click.ClickException as wrong:
        wrong.show()
        sys.exit(wrong.exit_code)
    except (day.DayError, Waited, KubectlError, AssertionError) as failure:
        say(f"captures: {failure}")
        sys.exit(1)
