"""Walks the week: `python -m ops.week`; exit code 0 only if all of it held."""

import datetime as dt
import sys
from collections.abc import Sequence

import click
from rich.table import Table

from ops.clients.kubectl import KubectlError
from ops.clients.session import Waited, wait_for
from ops.cluster.errors import ClusterError
from ops.demo.story import Story
from ops.deploying import DeployError, bring_up_cluster, build_images, install_chart
from ops.week.days import DayRow, Week
from ops.week.market import MONDAY
from ops.week.stage import archive_listing, stage
from session_operator.gates import DrillName

DRILLS = [each.value for each in DrillName]


def tell(story: Story, drills: Sequence[str]) -> None:
    """The week, day by day."""
    story.chapter("The stand")
    bring_up_cluster()
    build_images()
    with story.step("helm upgrade --install trading charts/trading-session-operator"):
        install_chart()
    with stage() as made:
        week = Week(story, made, drills)
        days = [MONDAY + dt.timedelta(number) for number in range(5)]
        story.chapter(f"A TradingSession on paper, account {made.account}: three burn-in days")
        with story.step("two traders start, one leads"):
            week.apply()
            wait_for("a leader", made.session.leadership, 180)
        for number, day in enumerate(days[:3], 1):
            story.chapter(f"{day:%A}: burn-in day {number}, on paper")
            week.morning(day, "paper")
            week.open_market()
            week.trade_until(dt.time(12, 0), "the morning")
            if number == 3:
                week.restart_leader()
            week.trade_until(dt.time(15, 0), "the afternoon")
            week.evening()
        story.chapter(f"{days[3]:%A}: Live, from canary to full")
        week.apply(mode="Live")
        week.morning(days[3], "canary, then full")
        with story.step("the gates are satisfied, and Live is allowed"):
            wait_for("LiveAllowed", lambda: made.session.condition("LiveAllowed").get("status") == "True" or None, 120)
        week.open_market()
        week.await_promotion(dt.time(14, 0))
        week.trade_until(dt.time(15, 0), "the afternoon")
        week.evening()
        story.chapter(f"{days[4]:%A}: full; a warm restart, and a kill")
        week.morning(days[4], "full")
        week.trades_by("full-live")
        week.open_market()
        week.trade_until(dt.time(10, 30), "the morning")
        week.restart_leader()
        week.kill("the week's kill", dt.time(15, 0))
        week.evening()
        story.chapter("The week")
        story.show(table(week.rows))
        for line in archive_listing().splitlines():
            story.tell(line)


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
def main(drills: tuple[str, ...]) -> None:
    """Walk the week. Errors become the story's end, and its exit code."""
    story = Story()
    try:
        tell(story, drills)
    except (DeployError, KubectlError, ClusterError, Waited, ValueError) as error:
        story.broken.append(str(error))
    except KeyboardInterrupt:
        story.broken.append("stopped by Ctrl-C")
    sys.exit(story.end())


main()
