"""What happens on each day of the week. Everything told is read from the product's own surfaces; the exchange's log judges."""

import datetime as dt
import os
import subprocess
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from ops.clients.kubectl import ROOT
from ops.clients.session import wait_for
from ops.demo.story import Story
from ops.judging.checkers import Interval, flat_since, judge, longest_unprotected_seconds
from ops.judging.history import changes, of_account, ours
from ops.week.market import CLOSES, DUSK, OPENING, OPENS, RANGE_ENDS, MarketClock, at
from ops.week.programme import Programme
from ops.week.stage import Stage, archived_manifest, manifest

TRADER = ROOT / ".venv" / "bin" / "trader"
# Three drills with the limits of two stages, one after the other.
DRILLS_SECONDS = 2400.0
POST_CLOSE_SECONDS = 240.0
# `handover_crash_s` and `kill_flat_p95_s` of the architecture.
HAND_OVER_LIMIT = 4.0
KILL_LIMIT = 2.0
TRADING = ("LIVE", "PAPER")
LEADING = (*TRADING, "RECOVERING", "REDUCING", "HALTED", "CLOSED")
Log = list[Mapping[str, Any]]


@dataclass(slots=True)
class DayRow:
    """A line of the week's last table."""

    date: dt.date
    traded: str
    orders: int = 0
    fills: int = 0
    judgement: str = ""
    post_close: str = ""
    archive: str = ""


class Week:
    """The story's hands: the stage, its clock, and what has been told so far."""

    def __init__(self, story: Story, stage: Stage, programme: Programme) -> None:
        self.story = story
        self._programme = programme
        self.stage = stage
        self.session = stage.session
        self.clock = MarketClock(stage.exchange)
        self.rows: list[DayRow] = []
        self._seen = 0
        self._leaderless: list[Interval] = []
        self._told: set[str] = set()

    def apply(self, **spec: Any) -> None:
        """Apply the manifest, with some fields of the spec changed."""
        wanted = manifest(self.stage.account, self._programme)
        wanted["spec"] |= spec
        self.stage.kubectl.apply(yaml.safe_dump(wanted))

    def morning(self, day: dt.date, traded: str) -> None:
        """Before the market opens: the day is known, drills have passed, the preflight list is green."""
        self.rows.append(DayRow(day, traded))
        self._seen = len(self.stage.exchange.read_log())
        self._leaderless = []
        self.clock.jump(at(day, dt.time(8, 50)))
        with self.story.step(f"{day:%A} {day}: the operator knows the day"):
            wait_for("the trading day in status", lambda: self._day() == day.isoformat() or None, 240)
        with self.story.step("each drill that is due has run, a Job with the limits of a stage"):
            wait_for("the end of the drills", self._drills_ended, DRILLS_SECONDS)
        self.clock.jump(at(day, dt.time(9, 5)))
        with self.story.step("trader preflight: no red line"):
            wait_for("a green preflight", self._preflight, 120)

    def _day(self) -> str:
        return str((self.session.status().get("tradingDay") or {}).get("date", ""))

    def _drills_ended(self) -> bool | None:
        """Each verdict is told as it comes: one of them takes minutes."""
        self._tell_drills()
        status = self.session.status()
        waiting = [f"{run['name']} with {run['configHash'][:10]}" for run in status.get("runs", [])]
        due = still_due(status.get("gates"))
        if waiting or due:
            raise ValueError("; ".join(waiting or due))
        return True

    def _tell_drills(self) -> None:
        for each in self._drills_of_today():
            if each["job"] not in self._told:
                self._told.add(each["job"])
                what = f"{each['name']} with the limits of {self._programme.limits_of(each['configHash'])}"
                broken = [] if each["verdict"] == "Passed" else [f"{each['verdict']}: {each.get('reason')}"]
                self.story.verdict(what, broken, f"passed, {each['seconds']} s")

    def _drills_of_today(self) -> list[dict[str, Any]]:
        drills = self.session.status().get("drills", [])
        return [each for each in drills if each["tradingDate"] == self.rows[-1].date.isoformat()]

    def _preflight(self) -> bool | None:
        leader = self.session.leads(states=LEADING)
        if leader is None:
            raise ValueError("nobody leads")
        with self.stage.kubectl.port_forward(f"pod/{leader.pod}", 8080) as url:
            environment = {**os.environ, "TRADER_API_TOKEN": self.session.token()}
            done = subprocess.run(
                [TRADER, "preflight", "--url", url],
                capture_output=True,
                text=True,
                timeout=30,
                check=False,
                env=environment,
            )
        if done.returncode != 0:
            raise ValueError(done.stdout.strip() or done.stderr.strip())
        return True

    def open_market(self) -> None:
        """Be there just before the opening, for a quick walk could overshoot it; then slowly through the opening range."""
        row = self.rows[-1]
        with self.story.step("the market opens; the opening range is seen whole"):
            self.clock.jump(at(row.date, OPENS) - dt.timedelta(minutes=1))
            self.clock.walk(at(row.date, RANGE_ENDS), speed=OPENING)

    def trade_until(self, time_of_day: dt.time, what: str) -> None:
        """Walk on."""
        row = self.rows[-1]
        with self.story.step(what):
            self.clock.walk(at(row.date, time_of_day))
        orders = ours(self.log())
        self.story.tell(f"{len(orders)} orders so far today; {self.standing()}")

    def log(self) -> Log:
        """What the exchange logged of the account, and of its paper account, today."""
        entries = self.stage.exchange.read_log()[self._seen :]
        real = self.stage.account
        both = [*of_account(entries, f"{real}paper"), *of_account(entries, real)]
        return sorted(both, key=lambda entry: int(entry["sequence"]))

    def standing(self) -> str:
        """Where the session stands, in the words of its status."""
        status = self.session.status()
        leader, config = status.get("leader") or {}, status.get("config") or {}
        who = f"{leader.get('holder')} leads with epoch {leader.get('epoch')}"
        return f"{status.get('phase')}, {who} and the limits of {config.get('profile')}"

    def is_allowed_live(self) -> None:
        """Nothing is missing any more."""
        with self.story.step("the gates are satisfied, and Live is allowed"):
            wait_for("LiveAllowed", lambda: self.session.condition("LiveAllowed").get("status") == "True" or None, 120)

    def await_promotion(self, by: dt.time) -> None:
        """Walk until the rollout has passed its last stage: the limits loosen once nothing is open."""
        row = self.rows[-1]

        def rollout() -> dict[str, Any]:
            found: dict[str, Any] = self.session.status().get("rollout") or {}
            return found

        with self.story.step(f"the canary is judged by its own report, and promoted, by {by:%H:%M}"):
            if not self.clock.walk(at(row.date, by), lambda: rollout().get("phase") == "Complete"):
                raise ValueError(f"not by {by:%H:%M}: {rollout().get('phase')}: {rollout().get('message')}")

    def trades_by(self, profile: str) -> None:
        """The leader's own word for the limits in force; a new leadership calls them stable, not by their stage."""

        def there() -> bool | None:
            config = self.session.status().get("config") or {}
            if config.get("profile") != profile:
                raise ValueError(f"stage {config.get('stage')}, profile {config.get('profile')}")
            return True

        with self.story.step(f"the leader trades by the limits of {profile}"):
            wait_for(f"the profile {profile}", there, 60)

    def restart_leader(self) -> None:
        """kill -9 of the leader's process with whatever it holds; the standby goes on."""
        leader = self.session.wait_for_leader("a leader", 60, states=TRADING)
        begin = time.time_ns()
        pod = f"pod/{leader.pod}"
        # The engine's own process, beside its supervisor: it holds the Lease.
        self.stage.kubectl.run("exec", pod, "--", "python", "-c", _KILL_ENGINE)
        successor = self.session.wait_for_leader("a leader with a higher epoch", 60, leader.epoch, LEADING)
        self._leaderless.append(Interval(begin, time.time_ns()))
        self.story.within(
            f"kill -9 of {leader.pod}; {successor.pod} leads with epoch {successor.epoch}",
            (time.time_ns() - begin) / 1e9,
            HAND_OVER_LIMIT,
        )
        again = self.session.wait_for_leader("a leader that trades again", 90, leader.epoch, TRADING)
        took = (time.time_ns() - begin) / 1e9
        self.story.tell(f"a warm restart: the broker's book reconciled twice, {again.trading_state} after {took:.2f} s")

    def kill(self, reason: str, by: dt.time) -> None:
        """The kill switch with a position open; flat by the exchange's log, halted, released by id."""
        row = self.rows[-1]
        if not self.clock.walk(at(row.date, by), self._holds):
            raise ValueError(f"no position stood by {by:%H:%M}: there was nothing to cut")
        held = [f"{each['quantity']} {each['tradingsymbol']}" for each in self._positions() if each["quantity"]]
        self.story.tell(f"{', '.join(held)} held when the kill switch of the session is engaged")
        asked = time.time_ns()
        self.session.patch({"killSwitch": {"engaged": True, "reason": reason, "release": ""}})
        flat = wait_for("a flat account", lambda: flat_since(self.log(), asked), 30)
        self.story.within("flat by the exchange's log after the kill was asked for", (flat - asked) / 1e9, KILL_LIMIT)
        self.session.wait_for_leader("HALTED", 30, states=("HALTED",))
        standing = wait_for("the kill in status", self._flat_kill, 30)
        self.story.tell(f"kill {standing['id']}: {standing['reason']}, flat at {standing['flatAt']}")
        with self.story.step("released by its id; it may trade again"):
            self.session.patch({"killSwitch": {"engaged": False, "reason": "", "release": standing["id"]}})
            self.session.wait_for_leader("LIVE", 90, states=TRADING)
        self.session.patch({"killSwitch": {"release": ""}})

    def _holds(self) -> bool:
        last = [course[-1] for course in changes(self.log()).values() if course]
        return any(0 < each.filled_entry - each.filled_exit <= sum(each.working_exits.values()) for each in last)

    def _flat_kill(self) -> dict[str, str] | None:
        standing: dict[str, str] = self.session.status().get("kill") or {}
        return standing if standing.get("flatAt") else None

    def evening(self) -> None:
        """Square-off, close, post-close; then the exchange's log is judged."""
        row = self.rows[-1]
        with self.story.step("square-off and close"):
            self.clock.walk(at(row.date, CLOSES) + dt.timedelta(minutes=10), speed=DUSK)
            self.session.wait_for_leader("CLOSED", 60, states=("CLOSED",))
        with self.story.step("post-close: the day is sealed, its snapshot restored and compared"):
            sealed = wait_for("the day's post-close", self._sealed, POST_CLOSE_SECONDS)
        row.post_close, row.archive = sealed["result"], str(sealed.get("archive") or "")
        self._tell_drills()
        self._judge_archive(row)
        burn_in = self.session.status().get("burnIn") or {}
        today: dict[str, str] = next(
            (each for each in burn_in.get("days", []) if each["date"] == row.date.isoformat()), {}
        )
        row.judgement = " ".join(filter(None, (today.get("judgement"), today.get("reason"))))
        self._judge(row)

    def _sealed(self) -> dict[str, Any] | None:
        found: dict[str, Any] = self.session.status().get("postClose") or {}
        if found.get("date") != self.rows[-1].date.isoformat():
            return None
        if found["verdict"] != "Passed":
            raise ValueError(f"{found['verdict']}: {found.get('reason')}")
        return found

    def _judge_archive(self, row: DayRow) -> None:
        """The archive tells of the drills: those of its day, and those by which the day's limits were judged."""
        kept = archived_manifest(row.archive)["drills"]
        told = {(each["job"], each["verdict"]) for each in kept}
        violations = [
            f"{each['name']}, {each['verdict']}: not in {row.archive}"
            for each in self._drills_of_today()
            if (each["job"], each["verdict"]) not in told
        ]
        if self._programme.drills and not kept:
            violations.append(f"{row.archive} tells of no drill")
        self.story.verdict("the archive tells of the drills", violations, ", ".join(sorted(verdicts(kept))))

    def _judge(self, row: DayRow) -> None:
        log, until = self.log(), self.stage.exchange.now_ns()
        row.orders = len(ours(log))
        row.fills = sum(entry["kind"] == "trade" for entry in log)
        self.story.verdict(
            "it traded", [] if row.orders else ["the exchange's log has no order of ours"], f"{row.orders} orders"
        )
        held = {"no position without its stop": f"longest without {longest_unprotected_seconds(log, until):.2f} s"}
        for promise, violations in judge(log, until, self._leaderless).items():
            self.story.verdict(promise, violations, held.get(promise, ""))
        open_now = [each for each in self._positions() if each["quantity"]]
        self.story.verdict("flat overnight", [str(each) for each in open_now], "no position in the exchange's book")

    def _positions(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for user in (self.stage.account, f"{self.stage.account}paper"):
            if user in self.stage.exchange.get("/sim/state")["users"]:
                found += self.stage.exchange.get(f"/sim/state?user_id={user}")["positions"]["net"]
        return found


def still_due(gates: Mapping[str, Any] | None) -> list[str]:
    """What has yet to run, in the words of the session's gates; what failed is run again on the next day, and is not waited for.

    What is empty is absent from a status: gates that are judged and miss nothing have no list.
    """
    if not gates:
        return ["the gates are not judged yet"]
    return [each for each in gates.get("missing", []) if "has not passed" in each or "is not known" in each]


def verdicts(drills: Sequence[Mapping[str, Any]]) -> list[str]:
    """Each verdict that there is, and how often: `6 passed`."""
    counted = Counter(str(each["verdict"]).lower() for each in drills)
    return [f"{count} {verdict}" for verdict, count in counted.items()]


_KILL_ENGINE = """
import os, pathlib, signal
for folder in pathlib.Path('/proc').glob('[0-9]*'):
    words = (folder / 'cmdline').read_bytes().split(b'\\0')
    if b'run' in words and int(folder.name) != 1 and int(folder.name) != os.getpid():
        os.kill(int(folder.name), signal.SIGKILL)
        break
else:
    raise SystemExit('no engine runs')
"""
