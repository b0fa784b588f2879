"""Walks the week: `python -m ops.week`; exit code 0 only if all of it held."""

import datetime as dt
import sys

import click
from rich.table import Table

from ops.clients.kubectl import KubectlError
from ops.clients.session import Waited, wait_for
from ops.cluster.errors import ClusterError
from ops.demo.story import Story
from ops.deploying import DeployError, bring_up_cluster, build_images, install_chart
from ops.week.days import DayRow, Week
from ops.week.programme import CANARY_DAY, DAYS, FULL_DAY, Programme, date_of, programme
from ops.week.stage import archive_listing, stage
from session_operator.gates import DrillName

DRILLS = [each.value for each in DrillName]


def tell(story: Story, chosen: Programme) -> None:
    """The week, day by day."""
    story.chapter("The stand")
    bring_up_cluster()
    build_images()
    with story.step("helm upgrade --install trading charts/trading-session-operator"):
        install_chart()
    with stage(chosen) as made:
        week = Week(story, made, chosen)
        story.chapter(f"A TradingSession on paper, account {made.account}")
        story.tell(
            f"Live asks for {len(chosen.burn_in)} clean days on paper, and for {', '.join(chosen.drills)} with each stage's limits."
        )
        confess(story, chosen)
        with story.step("two traders start, one leads"):
            week.apply()
            wait_for("a leader", made.session.leadership, 180)
        for number, day in enumerate(chosen.burn_in, 1):
            story.chapter(f"{day}: burn-in day {number}, on paper")
            burn_in_day(week, day, is_last=number == len(chosen.burn_in))
        if CANARY_DAY in chosen.days:
            story.chapter(f"{CANARY_DAY}: Live, from canary to full")
            canary_day(week)
        if FULL_DAY in chosen.days:
            story.chapter(f"{FULL_DAY}: full; a warm restart, and a kill")
            full_day(week)
        story.chapter("The week")
        story.show(table(week.rows))
        for line in archive_listing().splitlines():
            story.tell(line)
        confess(story, chosen)


def confess(story: Story, chosen: Programme) -> None:
    """Say what was left out."""
    for each in chosen.confessions():
        story.tell(f"[yellow]{each}[/yellow]")


def burn_in_day(week: Week, day: str, *, is_last: bool) -> None:
    """A day on paper; on the last one the leader is killed at noon."""
    week.morning(date_of(day), "paper")
    week.open_market()
    week.trade_until(dt.time(12, 0), "the morning, until noon")
    if is_last:
        week.restart_leader()
    week.trade_until(dt.time(15, 0), "the afternoon, until 15:00")
    week.evening()


def canary_day(week: Week) -> None:
    """The first day with the account: small, judged, then full."""
    week.apply(mode="Live")
    week.morning(date_of(CANARY_DAY), "canary, then full")
    week.is_allowed_live()
    week.open_market()
    week.await_promotion(dt.time(14, 0))
    week.trade_until(dt.time(15, 0), "the afternoon, until 15:00")
    week.evening()


def full_day(week: Week) -> None:
    """A day with the full limits, on which things are broken."""
    week.apply(mode="Live")
    week.morning(date_of(FULL_DAY), "full")
    week.is_allowed_live()
    week.trades_by("full-live")
    week.open_market()
    week.trade_until(dt.time(10, 30), "the first hour")
    week.restart_leader()
    week.kill("the week's kill", dt.time(14, 0))
    week.trade_until(dt.time(15, 0), "the afternoon after the kill, until 15:00")
    week.evening()


def table(rows: list[DayRow]) -> Table:
    """One line a day."""
    shown = Table("day", "traded", "orders", "fills", "burn-in", "post-close", "archive", box=None, header_style="bold")
    for row in rows:
        shown.add_row(
            f"{row.date:%a} {row.date}",
            row.traded,
            str(row.orders),
            str(row.fills),
            row.judgement,
            row.post_close,
            row.archive,
        )
    return shown


@click.command()
@click.option("--drill", "drills", multiple=True, default=[*DRILLS], show_default=True, type=click.Choice(DRILLS))
@click.option("--day", "days", multiple=True, default=[*DAYS], show_default=True, type=click.Choice(DAYS))
def main(drills: tuple[str, ...], days: tuple[str, ...]) -> None:
    """Walk the week, or only some days of it. Errors become the story's end, and its exit code."""
    story = Story()
    try:
        tell(story, programme(days, drills))
    except (DeployError, KubectlError, ClusterError, Waited, ValueError) as error:
        story.broken.append(str(error))
    except KeyboardInterrupt:
        story.broken.append("stopped by Ctrl-C")
    sys.exit(story.end())


main()
