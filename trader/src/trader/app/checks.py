"""The checks of `trader preflight`, each a question to one part of the world; what they find is words for a person."""

import datetime as dt
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from functools import cache, partial
from importlib.resources import files
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final, Protocol

import httpx

from trader.adapters.desk_messages import AppriseDesk
from trader.adapters.kite.paper import PaperBroker
from trader.adapters.kite.rest import INDIA, KiteRest
from trader.adapters.pod_images import PodImage, PodsAway
from trader.adapters.sql.migrating import newest
from trader.adapters.sql.store import SqlStore
from trader.app.day_checks import calendar_finding, charges_finding, freeze_finding, instruments_finding
from trader.app.preflight import Check, Finding
from trader.app.settings import BrokerAddress, Pod, Settings
from trader.app.sharing import Sharing
from trader.domain.charges import ChargeTable
from trader.engine.ports import Clock, Refused, StoreAway, TokenDead, Unknown

TOKEN_LINE: Final = "broker token"  # noqa: S105 - a line of the list
OLDEST_CLOCK_SECONDS: Final = 5.0
LARGEST_SKEW_SECONDS: Final = 2.0
"""`Date` counts whole seconds, and a reply may take one."""
EGRESS_SECONDS: Final = 3.0


class Images(Protocol):
    """Tells which image each pod of the session runs."""

    async def images(self) -> Mapping[str, PodImage]:
        """Raises `PodsAway`."""
        ...


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
    broker: KiteRest | PaperBroker,
    store: SqlStore,
    clock: Clock,
    clock_age: Callable[[], float],
    sharing: Sharing,
    charges: ChargeTable,
    images: Images | None,
) -> list[Check]:
    """The list, in the order in which a person wants to read it."""
    session = settings.session
    is_kite = session.broker.type == "Kite"

    def today() -> dt.date:
        return dt.datetime.fromtimestamp(clock.market_time() / 1e9, INDIA).date()

    return [
        Check(TOKEN_LINE, partial(_token, broker)),
        Check("egress address", partial(egress_finding, session.broker), arming_only=True),
        Check("clock", _at_once(lambda: _skew(broker, clock_age, is_kite))),
        Check("instrument master", _at_once(lambda: instruments_finding(broker.instruments_on, today()))),
        Check("freeze quantities", _at_once(lambda: freeze_finding(today(), is_kite))),
        Check("charges", _at_once(lambda: charges_finding(charges, settings.profile.instruments, today(), is_kite))),
        Check("calendar", _at_once(lambda: calendar_finding(session.calendar.exchange, today()))),
        Check("database", partial(_database, store), arming_only=True),
        Check("Redis", _at_once(lambda: _redis(sharing)), arming_only=True),
        Check("notifications", partial(notifications_finding, settings.notifications), arming_only=True),
        Check("same configuration and code on all pods", _at_once(lambda: _pods(sharing, settings)), arming_only=True),
        Check("same image on all pods", partial(image_finding, images, settings.pod), arming_only=True),
    ]


def _at_once(find: Callable[[], Finding]) -> Callable[[], Awaitable[Finding]]:
    """A question whose answer is here already."""

    async def ask() -> Finding:
        return find()

    return ask


async def _token(broker: KiteRest | PaperBroker) -> Finding:
    try:
        await broker.warm()
    except TokenDead as refusal:
        return Finding(passed=False, detail=f"not accepted: {refusal}")
    except Refused as refusal:
        return Finding(passed=False, detail=f"the broker does not take our requests: {refusal}", is_certain=False)
    except Unknown as doubt:
        return Finding(passed=False, detail=f"the broker does not answer: {doubt}", is_certain=False)
    return Finding(passed=True, detail="accepted by the broker")


def _skew(broker: KiteRest | PaperBroker, clock_age: Callable[[], float], is_kite: bool) -> Finding:
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
    others = {name: each for name, each in sharing.pods().items() if name != settings.pod.name}
    wrong = [
        f"{name} runs configuration {found[0][:10]} and code {found[1]}"
        for name, found in others.items()
        if found != mine
    ]
    told = f"configuration {mine[0][:10]}, code {mine[1]}, {len(others) + 1} pods seen"
    return Finding(not wrong, told if not wrong else f"here {mine[0][:10]} and {mine[1]}; {'; '.join(wrong)}")


async def image_finding(images: Images | None, pod: Pod) -> Finding:
    """One image digest runs the session, as one configuration does; a tag may mean another image tomorrow."""
    if images is None:
        return Finding(passed=True, detail="not in a cluster")
    try:
        found = await images.images()
    except PodsAway as away:
        return Finding(passed=False, detail=f"unknown: {away}", is_certain=False)
    mine = found.get(pod.name)
    if mine is None or mine.uid != pod.uid:
        return Finding(passed=False, detail=f"{pod.name} is another pod by now: this one must not trade")
    digests = {name: each.digest for name, each in found.items() if each.digest}
    if not mine.digest:
        return Finding(passed=False, detail=f"the kubelet has not told the image of {pod.name} yet", is_certain=False)
    wrong = [f"{name} runs {digest[:19]}" for name, digest in digests.items() if digest != mine.digest]
    told = f"{mine.digest[:19]} on {', '.join(digests)}"
    return Finding(not wrong, told if not wrong else f"{pod.name} runs {mine.digest[:19]}; {'; '.join(wrong)}")


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
