"""The checks of `trader preflight`, each a question to one part of the world; what they find is words for a person."""

import datetime as dt
import hashlib
import time
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

import httpx

from trader.adapters.desk_messages import AppriseDesk
from trader.adapters.kite.rest import INDIA, KiteRest
from trader.adapters.sql.migrating import newest
from trader.adapters.sql.store import SqlStore
from trader.app.preflight import Check, Finding
from trader.app.settings import BrokerAddress, Settings
from trader.app.sharing import Sharing
from trader.app.tables import calendar_years, freeze_checked_on
from trader.engine.ports import Clock, Refused, StoreAway, TokenDead, Unknown

TOKEN_LINE: Final = "broker token"  # noqa: S105 - a line of the list
OLDEST_CLOCK_SECONDS: Final = 5.0
LARGEST_SKEW_SECONDS: Final = 2.0
"""`Date` counts whole seconds, and a reply may take one."""
EGRESS_SECONDS: Final = 3.0


@cache
def code_digest() -> str:
    """Names the code that really runs: all of this package's files."""
    digest = hashlib.sha256()
    root = files("trader")
    for path in sorted(_sources(root), key=str):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _sources(folder: Any) -> list[Any]:
    found: list[Any] = []
    for each in folder.iterdir():
        if each.is_dir() and each.name != "__pycache__":
            found.extend(_sources(each))
        elif each.name.endswith((".py", ".yaml", ".html")):
            found.append(each)
    return found


def make_checks(
    settings: Settings,
    *,
    broker: KiteRest,
    store: SqlStore,
    clock: Clock,
    clock_age: Callable[[], float],
    sharing: Sharing,
) -> list[Check]:
    """The list, in the order in which a person wants to read it."""
    is_kite = settings.session.broker.type == "Kite"

    def today() -> dt.date:
        return dt.datetime.fromtimestamp(clock.market_time() / 1e9, INDIA).date()

    async def token() -> Finding:
        return await _token(broker)

    async def skew() -> Finding:
        return _skew(broker, clock_age, is_kite)

    async def instruments() -> Finding:
        return _instruments(broker, today())

    async def freeze() -> Finding:
        return _freeze(today(), is_kite)

    async def trading_days() -> Finding:
        return _calendar(settings.session.calendar.exchange, today())

    async def database() -> Finding:
        return await _database(store)

    async def redis() -> Finding:
        return _redis(sharing)

    async def egress() -> Finding:
        return await egress_finding(settings.session.broker)

    async def notifications() -> Finding:
        return await notifications_finding(settings.notifications)

    async def pods() -> Finding:
        return _pods(sharing, settings)

    return [
        Check(TOKEN_LINE, token),
        Check("egress address", egress, arming_only=True),
        Check("clock", skew),
        Check("instrument master", instruments),
        Check("freeze quantities", freeze),
        Check("calendar", trading_days),
        Check("database", database, arming_only=True),
        Check("Redis", redis, arming_only=True),
        Check("notifications", notifications, arming_only=True),
        Check("same configuration and code on all pods", pods, arming_only=True),
    ]


async def _token(broker: KiteRest) -> Finding:
    try:
        await broker.warm()
    except TokenDead as refusal:
        return Finding(passed=False, detail=f"not accepted: {refusal}")
    except Refused as refusal:
        return Finding(passed=False, detail=f"the broker does not take our requests: {refusal}", is_certain=False)
    except Unknown as doubt:
        return Finding(passed=False, detail=f"the broker does not answer: {doubt}", is_certain=False)
    return Finding(passed=True, detail="accepted by the broker")


def _skew(broker: KiteRest, clock_age: Callable[[], float], is_kite: bool) -> Finding:
    if not is_kite:
        age = clock_age()
        passed = age <= OLDEST_CLOCK_SECONDS
        return Finding(passed, f"the simulator's clock was last heard {age:.1f} s ago", is_certain=False)
    skew = broker.clock_skew()
    if skew is None:
        return Finding(passed=False, detail="the broker has told no time yet", is_certain=False)
    return Finding(
        abs(skew) <= LARGEST_SKEW_SECONDS, f"{skew:+.1f} s from the broker's, at most {LARGEST_SKEW_SECONDS:g} s"
    )


def _instruments(broker: KiteRest, today: dt.date) -> Finding:
    loaded = broker.instruments_on
    if loaded is None:
        return Finding(passed=False, detail="not loaded yet", is_certain=False)
    return Finding(loaded == today, f"of {loaded}" if loaded == today else f"of {loaded}, the day is {today}")


def _freeze(today: dt.date, is_kite: bool) -> Finding:
    checked = freeze_checked_on()
    if not is_kite:
        return Finding(passed=True, detail=f"as of {checked}; the simulator's own hold there")
    if checked >= today:
        return Finding(passed=True, detail=f"as of {checked}")
    return Finding(
        passed=False,
        detail=f"as of {checked}, older than {today}: check NSE's circulars, and put a freeze_quantities.yaml "
        f"with `checked: {today}` into the folder that TRADER_TABLES names",
    )


def _calendar(exchange: str, today: dt.date) -> Finding:
    if exchange == "AlwaysOpen":
        return Finding(passed=True, detail="always open")
    years = calendar_years(exchange)
    passed = today.year in years
    told = f"holidays of {', '.join(map(str, sorted(years))) or 'no year'}"
    return Finding(passed, told if passed else f"{told}; none of {today.year} is known")


async def _database(store: SqlStore) -> Finding:
    try:
        health = await store.health()
    except StoreAway as away:
        return Finding(passed=False, detail=f"does not answer: {away}", is_certain=False)
    problems = []
    if health.revision != newest():
        problems.append(f"its schema is {health.revision or 'empty'}, head is {newest()}")
    if health.is_standby:
        problems.append("it is a standby: it takes no writes")
    if health.synchronous_commit in {"off", "local"}:
        problems.append(f"synchronous_commit is {health.synchronous_commit}: a commit may be lost")
    if health.asynchronous_standbys:
        names = ", ".join(health.asynchronous_standbys)
        problems.append(f"asynchronous standbys may be promoted without our last commits: {names}")
    return Finding(not problems, "; ".join(problems) or f"schema {health.revision}, commits are durable")


def _redis(sharing: Sharing) -> Finding:
    if not sharing.is_configured:
        return Finding(passed=True, detail="none is configured: the order budget is this process's own")
    age = sharing.answered_ago()
    if age is None or age > OLDEST_CLOCK_SECONDS:
        return Finding(
            passed=False, detail="does not answer: the account's order budget is not shared", is_certain=False
        )
    return Finding(passed=True, detail="answers")


async def notifications_finding(folder: Path) -> Finding:
    """A session that names whom to tell must be able to tell them; one that names nobody may trade unheard."""
    desk = AppriseDesk(folder / "urls")
    if not desk.is_wanted:
        return Finding(passed=True, detail="nobody is told: the session names no Secret of notifications")
    if not desk.services:
        return Finding(passed=False, detail="the Secret of notifications.secretRef has no URL in its key urls")
    if unusable := await desk.unusable():
        return Finding(passed=False, detail=f"cannot be used: {', '.join(unusable)}")
    return Finding(passed=True, detail=f"{desk.services} to be told")


def _pods(sharing: Sharing, settings: Settings) -> Finding:
    mine = sharing.mine() or (settings.session.config.hash, code_digest())
    others = {name: each for name, each in sharing.pods(time.time()).items() if name != settings.pod.name}
    wrong = [
        f"{name} runs configuration {found[0][:10]} and code {found[1]}"
        for name, found in others.items()
        if found != mine
    ]
    told = f"configuration {mine[0][:10]}, code {mine[1]}, {len(others) + 1} pods seen"
    return Finding(not wrong, told if not wrong else f"here {mine[0][:10]} and {mine[1]}; {'; '.join(wrong)}")


async def egress_finding(broker: BrokerAddress) -> Finding:
    """Kite takes orders from two registered addresses only (kite.trade/forum/discussion/15912)."""
    egress = broker.egress
    if egress is None:
        if broker.type == "Kitesim":
            return Finding(passed=True, detail="a simulator asks for none")
        return Finding(passed=True, detail="not checked: account.broker.egress names no addresses")
    try:
        async with httpx.AsyncClient(timeout=EGRESS_SECONDS, trust_env=False, proxy=egress.proxy_url) as http:
            told = (await http.get(egress.check_url)).raise_for_status().text.strip()
    except httpx.HTTPError as error:
        return Finding(
            passed=False, detail=f"unknown: {egress.check_url}: {error or type(error).__name__}", is_certain=False
        )
    try:
        seen = ip_address(told)
    except ValueError:
        return Finding(passed=False, detail=f"unknown: {egress.check_url} answers no address: {told[:60]!r}")
    allowed = ", ".join(map(str, egress.registered_addresses))
    if seen in egress.registered_addresses:
        return Finding(passed=True, detail=f"{seen} is registered")
    return Finding(passed=False, detail=f"{seen} is not registered; registered are {allowed}")
